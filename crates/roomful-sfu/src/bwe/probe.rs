//! Probes: for a moment padding brings what is sent to a rate above the estimate, and what arrives of that moment tells whether the
//! path carries it.

const LASTS_US: i64 = 160_000;
/// Behind the end of a probe and a round trip, the last feedback is in.
const SETTLES_US: i64 = 150_000;
/// Times the estimate: after one that went well, and after one that did not.
const BOLD: f64 = 2.0;
const TIMID: f64 = 1.5;
/// After a probe that went well; after one that did not, times the power of two of how many did not.
const NEXT_US: i64 = 100_000;
const AGAIN_US: i64 = 1_000_000;
const MOST_AGAIN_US: i64 = 4_000_000;
/// Of the rate at which a full path delivered.
const USED: f64 = 0.95;

#[derive(Clone, Copy, Debug, Default)]
struct Cluster {
    rate: f64,
    from: i64,
    /// Bytes, all kinds.
    sent: usize,
    sent_last: i64,
    /// The first burst: when it was sent, and its last arrival. It sets the clock and is not counted.
    first: Option<(i64, i64)>,
    arrived: usize,
    arrived_last: i64,
    acked_last: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Prober {
    open: Option<Cluster>,
    number: u8,
    next_at: i64,
    failed: u32,
}

impl Prober {
    /// A datagram leaves. Returns the probe that it belongs to, 0 for none.
    #[inline]
    pub fn on_sent(&mut self, at: i64, size: usize) -> u8 {
        match &mut self.open {
            Some(cluster) if at <= cluster.from + LASTS_US => {
                cluster.sent += size;
                cluster.sent_last = at;
                self.number
            }
            _ => 0,
        }
    }

    pub fn on_arrived(&mut self, number: u8, sent: i64, arrival: i64, size: usize) {
        let Some(cluster) = self.open.as_mut().filter(|_| number == self.number) else {
            return;
        };
        match &mut cluster.first {
            None => cluster.first = Some((sent, arrival)),
            Some((first, last)) if sent <= *first => *last = (*last).max(arrival),
            Some(_) => {
                cluster.arrived += size;
                cluster.arrived_last = cluster.arrived_last.max(arrival);
                cluster.acked_last = cluster.acked_last.max(sent);
            }
        }
    }

    /// Whether one was begun and is not judged.
    pub fn runs(&self) -> bool {
        self.open.is_some()
    }

    /// Bytes to send beside what was sent: begins a probe when one is due and up to `most` bits a second are of use.
    pub fn padding(&mut self, at: i64, estimate: f64, most: f64) -> usize {
        let cluster = match &mut self.open {
            Some(cluster) => cluster,
            None => {
                if at < self.next_at || most <= estimate * 1.05 {
                    return 0;
                }
                self.number = self.number.wrapping_add(1).max(1);
                let factor = if self.failed == 0 { BOLD } else { TIMID };
                self.open.insert(Cluster {
                    rate: (estimate * factor).min(most),
                    from: at,
                    ..Cluster::default()
                })
            }
        };
        if at > cluster.from + LASTS_US {
            return 0;
        }
        // One step ahead: what is due now is what belongs to the time until the next call.
        let due = cluster.rate * ((at - cluster.from + 20_000) as f64 / 1e6) / 8.0;
        (due as usize).saturating_sub(cluster.sent)
    }

    /// Once a probe is over: `Some(Some(rate))` when the path carries `rate`, `Some(None)` when it told nothing.
    pub fn judge(&mut self, at: i64, trip: i64) -> Option<Option<f64>> {
        let cluster = self.open?;
        if at < cluster.from + LASTS_US + trip + SETTLES_US {
            return None;
        }
        self.open = None;
        let result = measure(&cluster);
        let full = result.is_none_or(|(rate, carried)| !carried && rate > 0.0);
        self.failed = if full { self.failed + 1 } else { 0 };
        self.next_at = at
            + if full {
                (AGAIN_US << self.failed.saturating_sub(1).min(4)).min(MOST_AGAIN_US)
            } else {
                NEXT_US
            };
        Some(result.map(|(rate, carried)| if carried { rate } else { rate * USED }))
    }

    /// The path was full: no probe for a while, and none that runs counts.
    pub fn put_off(&mut self, at: i64) {
        if self.open.take().is_some() {
            self.failed += 1;
        }
        self.next_at = self.next_at.max(at + AGAIN_US);
    }
}

/// The rate at which a probe arrived, and whether that is the rate at which it was sent.
fn measure(cluster: &Cluster) -> Option<(f64, bool)> {
    let (sent_first, arrived_first) = cluster.first?;
    let arriving = cluster.arrived_last - arrived_first;
    let sending = cluster.acked_last - sent_first;
    // Most of it has to have come, over most of its time.
    if arriving < LASTS_US / 2 || sending < LASTS_US / 2 {
        return None;
    }
    let rate = |over: i64| cluster.arrived as f64 * 8e6 / over as f64;
    let carried = rate(arriving) >= 0.9 * rate(sending);
    Some((rate(arriving).min(rate(sending)), carried))
}
