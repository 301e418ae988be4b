//! Lost packets: reading a NACK, and deciding when to send one (RFC 4585 §6.2.1).
use crate::rtp::u16_at;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The sequence numbers that the pairs of a NACK name.
pub fn sequences(pairs: &[u8]) -> impl Iterator<Item = u16> + '_ {
    pairs.chunks_exact(4).flat_map(|pair| {
        let first = u16_at(pair, 0).unwrap_or(0);
        let mask = u16_at(pair, 2).unwrap_or(0);
        std::iter::once(first).chain(
            (0..16u16)
                .filter(move |bit| mask >> bit & 1 == 1)
                .map(move |bit| first.wrapping_add(bit + 1)),
        )
    })
}

/// Most packets of one stream that are missed at once; more is an outage, which a key frame mends better.
const MAX_MISSING: usize = 300;
/// Requests for one packet before it is given up.
const MAX_TRIES: u8 = 8;
/// Packets that merely changed places come within so long.
const REORDERED: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug)]
struct Missing {
    index: u64,
    tries: u8,
    due: Instant,
    asked: Option<Instant>,
}

/// What is missing of one stream, and when to ask for it again.
#[derive(Clone, Debug, Default)]
pub struct NackGenerator {
    missing: VecDeque<Missing>,
    highest: Option<u64>,
}

impl NackGenerator {
    /// A packet came (by itself or by RTX). Returns `false` when too much was lost to be asked for: ask for a key frame.
    #[inline]
    pub fn on_packet(&mut self, index: u64, now: Instant) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(index);
            return true;
        };
        if index <= highest {
            if let Ok(at) = self.missing.binary_search_by_key(&index, |m| m.index) {
                self.missing.remove(at);
            }
            return true;
        }
        self.highest = Some(index);
        let gap = (index - highest - 1) as usize;
        if gap + self.missing.len() > MAX_MISSING {
            self.missing.clear();
            return false;
        }
        let due = now + REORDERED;
        self.missing.extend((highest + 1..index).map(|index| Missing {
            index,
            tries: 0,
            due,
            asked: None,
        }));
        true
    }

    /// Whether a packet was asked for and has not come: what comes now is an answer.
    #[inline]
    pub fn is_answer(&self, index: u64) -> bool {
        let at = self.missing.binary_search_by_key(&index, |m| m.index).ok();
        at.and_then(|at| self.missing.get(at))
            .is_some_and(|m| m.tries > 0)
    }

    /// How long an answer took that is about to be given to [`on_packet`](Self::on_packet): a round trip, when it was asked for once.
    pub fn answered_within(&self, index: u64, now: Instant) -> Option<Duration> {
        let at = self.missing.binary_search_by_key(&index, |m| m.index).ok()?;
        let missing = self.missing.get(at).filter(|m| m.tries == 1)?;
        Some(now.saturating_duration_since(missing.asked?))
    }

    /// When [`take`](Self::take) has something to say.
    pub fn due(&self) -> Option<Instant> {
        self.missing.iter().map(|m| m.due).min()
    }

    /// Writes the sequence numbers to ask for now into `out`. Returns `false` when something was given up.
    pub fn take(&mut self, now: Instant, round_trip: Duration, out: &mut Vec<u16>) -> bool {
        let wait = round_trip.clamp(Duration::from_millis(20), Duration::from_millis(400))
            + Duration::from_millis(10);
        for missing in self.missing.iter_mut().filter(|m| m.due <= now) {
            out.push(missing.index as u16);
            missing.tries += 1;
            missing.asked = Some(now);
            missing.due = now + wait;
        }
        let before = self.missing.len();
        self.missing.retain(|m| m.tries < MAX_TRIES);
        before == self.missing.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_asked_for_until_it_is_filled_or_given_up() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut nack = NackGenerator::default();
        for index in [65_534, 65_535, 65_539] {
            assert!(nack.on_packet(index, at(0)));
        }
        let mut out = vec![];
        assert!(nack.take(at(0), Duration::from_millis(30), &mut out));
        assert_eq!(out, [], "reordered packets get a moment");
        assert!(nack.take(at(6), Duration::from_millis(30), &mut out));
        assert_eq!(out, [0, 1, 2]);
        let trip = nack.answered_within(65_537, at(36));
        assert_eq!(trip, Some(Duration::from_millis(30)));
        nack.on_packet(65_537, at(7));
        out.clear();
        nack.take(at(47), Duration::from_millis(30), &mut out);
        assert_eq!(out, [0, 2]);
        // Asked for twice: nobody knows which of the two was answered.
        assert_eq!(nack.answered_within(65_538, at(50)), None);
        assert_eq!(nack.answered_within(65_537, at(50)), None);
        let mut gave_up = false;
        for n in 1..20 {
            gave_up |= !nack.take(at(47 + 100 * n), Duration::from_millis(30), &mut out);
        }
        assert!(gave_up);
        assert_eq!(nack.due(), None);
    }

    #[test]
    fn an_outage_asks_for_a_key_frame() {
        let now = Instant::now();
        let mut nack = NackGenerator::default();
        nack.on_packet(1, now);
        assert!(!nack.on_packet(1 + MAX_MISSING as u64 + 2, now));
        assert_eq!(nack.due(), None);
    }
}
