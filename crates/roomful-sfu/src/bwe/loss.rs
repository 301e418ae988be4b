//! The share of packets that got lost, and how much of that the rate is to blame for (after draft-ietf-rmcat-gcc-02 §6).

/// Judged when so many packets were told of, and so long after the last time.
const PACKETS: u32 = 20;
const EVERY_US: i64 = 400_000;
/// Beyond this the rate is lowered (§6).
const TOO_MUCH: f64 = 0.1;
/// Loss that stays through so many judgements whatever the rate is the path's own (a radio, not a queue), and lowering the rate
/// would not end it.
const LASTING: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub struct Loss {
    total: u32,
    lost: u32,
    judged_at: i64,
    recent: [f64; LASTING],
    count: usize,
}

impl Loss {
    #[inline]
    pub fn on_packet(&mut self, lost: bool) {
        self.total += 1;
        self.lost += u32::from(lost);
    }

    /// The share that is too much, when it is.
    pub fn judge(&mut self, at: i64) -> Option<f64> {
        if self.total < PACKETS || at - self.judged_at < EVERY_US {
            return None;
        }
        let share = f64::from(self.lost) / f64::from(self.total);
        // What chance may add to a few packets is not blamed on the rate.
        let chance = (share * (1.0 - share) / f64::from(self.total)).sqrt();
        (self.total, self.lost, self.judged_at) = (0, 0, at);
        let own = if self.count >= LASTING {
            self.recent.iter().copied().fold(1.0, f64::min)
        } else {
            0.0
        };
        if let Some(slot) = self.recent.get_mut(self.count % LASTING) {
            *slot = share;
        }
        self.count += 1;
        Some(share - own - chance).filter(|blamed| *blamed > TOO_MUCH)
    }
}
