//! How long a receiver shall hold pictures back, so that what was lost on the way comes in time to be shown.
//!
//! A browser that only receives learns no round trip and does not wait for what it asks for again: at a round trip of 100 ms each lost
//! packet stops its picture. The router knows both ways' round trips and losses, and says how long waiting pays by the playout-delay
//! extension. Sound that belongs to the pictures is held back with them by the browser, and gains the same time. Called by `feedback`
//! every 100 ms; `forward` writes what is said into each packet. Without loss nothing is said.
use crate::router::Router;
use crate::slab::Key;
use std::time::{Duration, Instant};

/// Loss below this is not worth a delay.
const NOTICED: f32 = 0.005;
/// A packet is worth waiting for until so few are still missing.
const MISSED: f32 = 0.002;
/// Beyond the round trip of one round: what is lost is noticed by the next picture, and asked for by a clock.
const NOTICE: Duration = Duration::from_millis(50);
/// Browsers that know no round trip ask again after this.
const ASKED_AGAIN: Duration = Duration::from_millis(110);
/// Nobody talks with more of a delay.
const MOST: Duration = Duration::from_millis(400);
/// Pictures are shown sooner again when that was possible for so long.
const CALM: Duration = Duration::from_secs(8);
/// The extension counts in this (webrtc.org playout-delay).
const UNIT_MS: u128 = 10;
/// Its upper bound: what browsers have without it.
const UPPER: u32 = 1_000;

/// Loss, and round trip, of a way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way {
    pub loss: f32,
    pub trip: Duration,
}

/// What one way is worth to wait; `answered` is the share of answers that get lost.
fn worth(way: Way, answered: f32) -> Duration {
    if way.loss < NOTICED {
        return Duration::ZERO;
    }
    let again = way.trip.max(ASKED_AGAIN);
    let (mut missing, mut wait) = (way.loss * answered, way.trip + NOTICE);
    while missing > MISSED && wait < MOST {
        missing *= answered;
        wait += again;
    }
    wait
}

/// How long to hold pictures back that come from the publisher by `up` and go on by `down`, answers twice where `twice`.
pub fn wait(up: Way, down: Way, twice: bool) -> Duration {
    let answered = if twice { down.loss * down.loss } else { down.loss };
    (worth(up, up.loss) + worth(down, answered)).min(MOST)
}

/// The extension's value: bounds of 12 bits each.
fn told(wait: Duration) -> [u8; 3] {
    let both = ((wait.as_millis() / UNIT_MS) as u32) << 12 | UPPER;
    let [_, a, b, c] = both.to_be_bytes();
    [a, b, c]
}

impl Router {
    /// Says anew what changed.
    pub(crate) fn be_patient(&mut self, now: Instant) {
        for at in 0..self.busy.len() {
            let Some(key) = self.busy.get(at).copied() else {
                break;
            };
            if self.tracks.get(key).is_some_and(|track| track.is_video()) {
                self.be_patient_with(key, now);
            }
        }
    }

    fn be_patient_with(&mut self, key: Key, now: Instant) {
        let Some(track) = self.tracks.get(key) else { return };
        let way = |key: Option<Key>, here: bool| {
            let connection = self.connections.get(key?)?;
            let loss = if here {
                connection.loss_here()
            } else {
                connection.loss_there()
            };
            Some((loss, connection.round_trip))
        };
        let Some((loss, trip)) = way(track.connection, true) else {
            return;
        };
        let up = Way { loss, trip };
        for down_key in &track.subscribers {
            let Some(down) = self.downs.get(*down_key) else {
                continue;
            };
            let Some((loss, trip)) = way(down.connection, false) else {
                continue;
            };
            if up.loss < NOTICED && loss < NOTICED && down.patience.is_none() {
                continue;
            }
            let twice = loss >= crate::repair::TWICE;
            let wanted = wait(up, Way { loss, trip }, twice);
            let Some(down) = self.downs.get_mut(*down_key) else {
                continue;
            };
            if wanted >= down.waits {
                // Small steps are nobody's gain: each moves the picture.
                down.calm_since = now;
                if wanted < down.waits + NOTICE / 2 && !down.waits.is_zero() {
                    continue;
                }
            } else if now.saturating_duration_since(down.calm_since) < CALM {
                continue;
            }
            (down.waits, down.calm_since) = (wanted, now);
            down.patience = Some(told(wanted));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(loss: f32, trip_ms: u64) -> Way {
        let trip = Duration::from_millis(trip_ms);
        Way { loss, trip }
    }

    #[test]
    fn waiting_is_worth_what_loss_and_round_trip_say() {
        let none = way(0.0, 300);
        assert_eq!(wait(none, none, false), Duration::ZERO);
        let ms = |down, twice| wait(none, down, twice).as_millis();
        assert_eq!(ms(way(0.02, 100), false), 150);
        assert_eq!(ms(way(0.05, 100), false), 260);
        assert_eq!(ms(way(0.2, 100), true), 260);
        assert_eq!(ms(way(0.2, 100), false), 370);
        assert!(ms(way(0.05, 20), false) < ms(way(0.05, 100), false));
        // Both ways add up, and no sum is longer than a conversation bears.
        assert_eq!(wait(way(0.02, 60), way(0.02, 100), false).as_millis(), 260);
        assert_eq!(wait(way(0.3, 400), way(0.3, 400), false), MOST);
    }

    #[test]
    fn the_extension_has_both_bounds() {
        assert_eq!(told(Duration::from_millis(260)), [0x01, 0xa3, 0xe8]);
        assert_eq!(told(Duration::ZERO), [0x00, 0x03, 0xe8]);
    }
}
