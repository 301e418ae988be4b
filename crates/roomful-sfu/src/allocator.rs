//! Shares what a path carries among the videos of one subscriber: who gets which layer, who is paused, and what padding asks the
//! path for more.
//!
//! Called every 100 ms, and for padding every 20 ms. While there is no estimate (`bwe`) nothing is held back. [`share`] decides and
//! is pure; what it decides is [`Held`] of a subscription, which narrows the target that `layers` chose. Sound is never held back.
use crate::downstream::Downstream;
use crate::layers::{self, Target};
use crate::select::Aim;
use crate::track::{Stream, Track};
use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// What is raised has to fit with this to spare; what is sent already stays until it exceeds its share by as much as the second.
const RAISE: f64 = 1.12;
const KEEP: f64 = 0.95;
/// The first of all is sent although it does not fit, down to this part of it.
const FIRST: f64 = 0.5;
/// After layers were raised, and after they were lowered, nothing is raised for so long.
const SETTLE: Duration = Duration::from_millis(1_500);
const CAUTION: Duration = Duration::from_secs(2);
/// What was raised and comes down within this was raised too early: caution doubles, up to
const EARLY: Duration = Duration::from_secs(8);
const MOST_CAUTION: Duration = Duration::from_secs(16);

/// What was wanted once counts for so long.
const REMEMBERED: Duration = Duration::from_secs(30);

/// What may be sent of a video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Held {
    /// All that is wanted.
    #[default]
    Free,
    /// At most this.
    At(Target),
    /// Nothing.
    Paused,
}

impl Held {
    /// What is left of a chosen target.
    pub fn narrow(self, chosen: Target, track: &Track, now: Instant) -> Option<Target> {
        let most = match self {
            Held::Free => return Some(chosen),
            Held::Paused => return None,
            Held::At(most) => most,
        };
        let aim = Aim {
            spatial: chosen.aim.spatial.min(most.aim.spatial),
            temporal: chosen.aim.temporal.min(most.aim.temporal),
        };
        if most.stream == chosen.stream {
            return Some(Target { aim, ..chosen });
        }
        let (held, wanted) = (track.streams.get(most.stream), track.streams.get(chosen.stream));
        let lower = held.zip(wanted).is_some_and(|(held, wanted)| {
            held.codec_at == wanted.codec_at && held.quality < wanted.quality && held.is_alive(now)
        });
        Some(if lower { most } else { chosen })
    }
}

/// A way to send a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub target: Target,
    pub bps: u64,
}

/// A video that is wanted.
#[derive(Clone, Debug)]
pub struct Wish {
    /// By rising bitrate; at least one.
    pub ways: Vec<Way>,
    /// Larger is served first: what its viewer said, screen and speaker, visible pixels.
    pub rank: (u32, u8, u32),
    /// Of `ways`, the one that is sent; `None` while it is paused.
    pub sent: Option<usize>,
}

/// Which way each is sent, `None` for paused. `raise` allows more than is sent.
pub fn share(budget: u64, raise: bool, wishes: &[Wish]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|at| wishes.get(*at).map(|w| Reverse(w.rank)));
    let mut left = budget as f64;
    let mut given = vec![None; wishes.len()];
    let bps = |wish: &Wish, way: usize| wish.ways.get(way).map_or(f64::INFINITY, |w| w.bps as f64);
    // The lowest way of each, in order.
    for (place, at) in order.iter().copied().enumerate() {
        let Some(wish) = wishes.get(at) else { continue };
        let lowest = bps(wish, 0);
        let counted = match (wish.sent, place) {
            (_, 0) => lowest * FIRST * if wish.sent.is_some() { 1.0 } else { RAISE },
            (Some(_), _) => lowest * KEEP,
            (None, _) => lowest * RAISE,
        };
        if counted <= left && (wish.sent.is_some() || raise || place == 0) {
            if let Some(slot) = given.get_mut(at) {
                *slot = Some(0);
            }
            left = (left - lowest).max(0.0);
        }
    }
    // Then upwards: screens and speakers as far as it goes, and what is left in turns.
    for tier in order.chunk_by(|a, b| {
        let of = |at: &usize| wishes.get(*at).map(|w| (w.rank.0, w.rank.1));
        of(a) == of(b)
    }) {
        let mut raised = true;
        while std::mem::take(&mut raised) {
            for at in tier {
                let (Some(wish), Some(Some(now))) = (wishes.get(*at), given.get_mut(*at)) else {
                    continue;
                };
                let more = wish.sent.is_none_or(|sent| *now + 1 > sent);
                if *now + 1 >= wish.ways.len() || (more && !raise) {
                    continue;
                }
                let (has, next) = (bps(wish, *now), bps(wish, *now + 1));
                let counted = next * if more { RAISE } else { KEEP };
                if counted - has <= left {
                    left = (left - (next - has)).max(0.0);
                    *now += 1;
                    raised = true;
                }
            }
        }
    }
    given
}

/// The ways to send what `chosen` says, lowest first.
pub fn ways(chosen: Target, down: &Downstream, track: &Track, now: Instant) -> Vec<Way> {
    let Some(top) = track.streams.get(chosen.stream) else {
        return vec![];
    };
    let fits = |s: &Stream| s.codec_at == top.codec_at && down.payload(s.codec).is_some();
    let mut streams: Vec<(usize, &Stream)> = track
        .streams
        .iter()
        .enumerate()
        .filter(|(at, s)| *at == chosen.stream || (fits(s) && s.is_alive(now) && s.quality < top.quality))
        .collect();
    streams.sort_by_key(|(at, s)| (s.quality, *at == chosen.stream));
    let mut ways: Vec<Way> = vec![];
    let mut add = |stream: usize, spatial: u8, temporal: u8, bps: u64| {
        let target = Target {
            stream,
            aim: Aim { spatial, temporal },
        };
        // What costs no less than the next better way is no way.
        while ways.last().is_some_and(|way| way.bps >= bps) {
            ways.pop();
        }
        ways.push(Way { target, bps });
    };
    for (n, (at, stream)) in streams.iter().enumerate() {
        let aim = if *at == chosen.stream {
            chosen.aim
        } else {
            Aim {
                spatial: stream.top_spatial,
                temporal: chosen.aim.temporal,
            }
        };
        // Layers of one stream are ways where there is one stream only; fewer pictures are the last resort.
        let lowest = if streams.len() == 1 { 0 } else { aim.spatial };
        if n == 0 {
            for temporal in 0..stream.bitrates.top_temporal().min(aim.temporal) {
                if let Some(bps) = stream.bitrates.up_to(lowest, temporal) {
                    add(*at, lowest, temporal, bps);
                }
            }
        }
        for spatial in lowest..=aim.spatial {
            let measured = stream.bitrates.up_to(spatial, aim.temporal);
            let bps = measured.unwrap_or_else(|| announced(track, stream));
            add(*at, spatial, aim.temporal, bps);
        }
    }
    ways
}

/// Before a stream was measured, what its publisher said of it counts, and else what is usual.
fn announced(track: &Track, stream: &Stream) -> u64 {
    let layer = track.spec.layers.iter().find(|l| l.quality == stream.quality);
    match layer.map_or(0, |l| l.bitrate_bps) {
        0 => [150_000, 500_000, 1_500_000]
            .get(usize::from(stream.quality))
            .copied()
            .unwrap_or(500_000),
        said => said.into(),
    }
}

/// What one connection was given last.
#[derive(Clone, Copy, Debug)]
pub struct Allocation {
    raise_at: Option<Instant>,
    raised_at: Option<Instant>,
    caution: Duration,
    wanted_at: Option<Instant>,
    /// Bits a second of all that is wanted.
    pub wanted_bps: u64,
    /// Some video is sent in less than is wanted.
    pub lowered: bool,
    /// Some video is paused.
    pub paused: bool,
}

impl Default for Allocation {
    fn default() -> Self {
        Self {
            raise_at: None,
            raised_at: None,
            caution: CAUTION,
            wanted_at: None,
            wanted_bps: 0,
            lowered: false,
            paused: false,
        }
    }
}

impl Allocation {
    /// Whether more may be sent than is sent.
    pub fn may_raise(&self, now: Instant) -> bool {
        self.raise_at.is_none_or(|at| now >= at)
    }

    /// All that is wanted costs `bps` now. A publisher that is short of time leaves its best layer out for a while: what was wanted
    /// before counts until it has not come for long.
    pub fn want(&mut self, bps: u64, now: Instant) {
        let stale = self
            .wanted_at
            .is_none_or(|at| now.saturating_duration_since(at) > REMEMBERED);
        if bps >= self.wanted_bps || stale {
            self.wanted_bps = bps;
            self.wanted_at = Some(now);
        }
    }

    /// What to share: a layer that was raised begins with a key frame, which fills any queue, and is not taken back for that.
    pub fn budget(&self, estimate: u64, sent: u64, now: Instant) -> u64 {
        let since = |at: Instant| now.saturating_duration_since(at);
        let settles = self.raised_at.is_some_and(|at| since(at) < SETTLE);
        if settles && estimate as f64 >= sent as f64 * FIRST {
            estimate.max(sent)
        } else {
            estimate
        }
    }

    /// Something was raised, or lowered.
    pub fn changed(&mut self, raised: bool, lowered: bool, now: Instant) {
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        if lowered {
            self.caution = match since(self.raised_at) {
                Some(passed) if passed < EARLY => (self.caution * 2).min(MOST_CAUTION),
                _ => CAUTION,
            };
            self.raised_at = None;
            self.raise_at = Some(now + self.caution);
        } else if raised {
            self.raised_at = Some(now);
            self.raise_at = Some(now + SETTLE);
        }
    }
}

/// Layers and pause as `layers` and `held` have it.
pub fn target(down: &Downstream, track: &Track, now: Instant) -> Option<Target> {
    let chosen = layers::choose(down, track, now)?;
    down.held.narrow(chosen, track, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(tier: u8, bitrates: &[u64], sent: Option<usize>) -> Wish {
        let way = |(n, bps): (usize, &u64)| Way {
            target: Target {
                stream: n,
                aim: Aim {
                    spatial: 0,
                    temporal: 7,
                },
            },
            bps: *bps,
        };
        Wish {
            ways: bitrates.iter().enumerate().map(way).collect(),
            rank: (0, tier, 0),
            sent,
        }
    }

    const CAMERA: [u64; 3] = [150, 500, 1_500];

    #[test]
    fn the_best_way_that_fits_is_taken() {
        for (budget, way) in [(2_000, 2), (1_000, 1), (500, 1), (400, 0), (150, 0), (80, 0)] {
            let given = share(budget, true, &[wish(1, &CAMERA, Some(2))]);
            assert_eq!(given, [Some(way)], "{budget}");
        }
        assert_eq!(share(60, true, &[wish(1, &CAMERA, Some(2))]), [None]);
    }

    #[test]
    fn what_is_sent_stays_and_more_needs_room_and_leave() {
        let at = |budget, raise, sent| share(budget, raise, &[wish(1, &CAMERA, Some(sent))]);
        assert_eq!(at(510, true, 0), [Some(0)]);
        assert_eq!(at(510, true, 1), [Some(1)]);
        assert_eq!(at(570, true, 0), [Some(1)]);
        assert_eq!(at(9_000, false, 0), [Some(0)]);
        assert_eq!(at(9_000, false, 2), [Some(2)]);
    }

    #[test]
    fn a_screen_comes_first_and_everybody_is_seen_before_somebody_is_seen_well() {
        let wishes = [
            wish(1, &CAMERA, Some(0)),
            wish(3, &[400, 1_200], Some(0)),
            wish(1, &CAMERA, Some(0)),
        ];
        assert_eq!(share(1_900, true, &wishes), [Some(0), Some(1), Some(0)]);
        assert_eq!(share(750, true, &wishes), [Some(0), Some(0), Some(0)]);
        assert_eq!(share(560, true, &wishes), [Some(0), Some(0), None]);
        assert_eq!(share(300, true, &wishes), [None, Some(0), None]);
        let given = share(5_000, true, &wishes);
        assert_eq!(given, [Some(2), Some(1), Some(2)]);
    }

    #[test]
    fn a_paused_video_comes_back_only_with_room_and_leave() {
        let wishes = [wish(2, &CAMERA, Some(0)), wish(1, &CAMERA, None)];
        assert_eq!(share(310, true, &wishes), [Some(0), None]);
        assert_eq!(share(330, true, &wishes), [Some(0), Some(0)]);
        assert_eq!(share(330, false, &wishes), [Some(0), None]);
    }

    #[test]
    fn raising_too_early_makes_cautious() {
        let mut allocation = Allocation::default();
        let mut now = Instant::now();
        assert!(allocation.may_raise(now));
        for caution in [4, 8, 16, 16] {
            allocation.changed(true, false, now);
            now += Duration::from_secs(2);
            assert!(allocation.may_raise(now));
            allocation.changed(false, true, now);
            assert!(!allocation.may_raise(now + Duration::from_secs(caution) - SETTLE));
            now += Duration::from_secs(caution);
            assert!(allocation.may_raise(now));
        }
        allocation.changed(true, false, now);
        let settled = now + SETTLE;
        let budgets = [(700, now), (400, now), (700, settled)];
        let budgets = budgets.map(|(estimate, at)| allocation.budget(estimate, 1_000, at));
        assert_eq!(budgets, [1_000, 400, 700]);
        now += EARLY;
        allocation.changed(false, true, now);
        assert!(allocation.may_raise(now + CAUTION));
    }
}
