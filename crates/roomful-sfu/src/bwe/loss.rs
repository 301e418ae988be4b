//! The share of packets that got lost, and how much of that the rate is to blame for (after draft-ietf-rmcat-gcc-02 §6).

/// Judged when so many packets were told of, and so long after the last time.
const PACKETS: u32 = 20;
const EVERY_US: i64 = 400_000;
/// Beyond this the rate is lowered (§6).
const TOO_MUCH: f64 = 0.1;
/// Loss that stays through so many judgements whatever the rate is the path's own (a radio, not a queue), and lowering the rate
/// would not end it.
const LASTING: usize = 8;
/// The least of eight draws lies so many deviations under their mean.
const LEAST_OF_EIGHT: f64 = 1.4;
/// A path that loses more by itself is no path.
const MOST_OWN: f64 = 0.5;

/// See the module.
#[derive(Debug, Default)]
pub struct Loss {
    total: u32,
    lost: u32,
    judged_at: i64,
    recent: [f64; LASTING],
    count: usize,
    smoothed: Option<f64>,
}

impl Loss {
    #[inline]
    pub fn on_packet(&mut self, lost: bool) {
        self.total += 1;
        self.lost += u32::from(lost);
    }

    /// What got lost lately, but for what a full queue lost; `None` while too little is known.
    pub fn share(&self) -> Option<f64> {
        self.smoothed
    }

    /// What the path loses whatever the rate is; 0 until that is sure.
    pub fn own(&self) -> f64 {
        if self.count < LASTING {
            return 0.0;
        }
        self.recent.iter().copied().fold(MOST_OWN, f64::min)
    }

    /// The share that is too much, when it is. What a full queue loses (`queued`) ends with the queue, and is not told as the path's.
    pub fn judge(&mut self, at: i64, queued: bool) -> Option<f64> {
        if self.total < PACKETS || at - self.judged_at < EVERY_US {
            return None;
        }
        let share = f64::from(self.lost) / f64::from(self.total);
        // What chance may add to a few packets is not blamed on the rate.
        let chance = (share * (1.0 - share) / f64::from(self.total)).sqrt();
        (self.total, self.lost, self.judged_at) = (0, 0, at);
        // Loss that begins is believed at once, loss that ended after a while.
        let told = if queued {
            share.min(self.smoothed.unwrap_or(0.0))
        } else {
            share
        };
        self.smoothed = Some(self.smoothed.map_or(told, |smoothed| {
            smoothed + (told - smoothed) * if told > smoothed { 0.4 } else { 0.1 }
        }));
        let own = self.own();
        if let Some(slot) = self.recent.get_mut(self.count % LASTING) {
            *slot = share + LEAST_OF_EIGHT * chance;
        }
        self.count += 1;
        Some(share - own - chance).filter(|blamed| *blamed > TOO_MUCH)
    }
}
