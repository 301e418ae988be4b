//! Back-pressure: who sends much reliable data is not read while somebody it is for has much of it waiting.
//!
//! What is not read closes the sender's window (RFC 9260 §6.2), so that it sends no faster than the slowest receiver takes. Nobody is
//! waited for without end: a receiver that does not catch up within [`PATIENCE`] holds nobody any more, and is let go once
//! `MAX_BUFFERED` waits for it. Who sends little (a chat) is always read. Called by the relay; knows numbers only, neither channels
//! nor packets.
use crate::slab::Key;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// With so many bytes waiting for a receiver, its senders are held.
const HIGH: usize = 1 << 20;
/// And are read again with so few.
const LOW: usize = 512 << 10;
/// How long a receiver may hold a sender: one that takes less than (`HIGH` - `LOW`) / `PATIENCE`, 105 kB a second, does not count.
const PATIENCE: Duration = Duration::from_secs(5);
/// Senders of fewer bytes within [`SPAN`] are not held.
const LITTLE: usize = 64 << 10;
const SPAN: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Sending {
    /// Bytes since then.
    since: Instant,
    bytes: usize,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    at: Instant,
    by: Vec<Key>,
}

/// Who is held, and by whom.
#[derive(Debug, Default)]
pub struct Pressure {
    senders: HashMap<Key, Sending>,
    /// Receivers that were waited for in vain and have not caught up.
    lagging: HashSet<Key>,
}

impl Pressure {
    /// A sender's packet goes on its way.
    pub fn count(&mut self, sender: Key, bytes: usize, now: Instant) {
        let sending = self.senders.entry(sender).or_insert(Sending {
            since: now,
            bytes: 0,
            held: None,
        });
        if now.saturating_duration_since(sending.since) >= SPAN {
            (sending.since, sending.bytes) = (now, 0);
        }
        sending.bytes = sending.bytes.saturating_add(bytes);
    }

    /// So many bytes wait for a receiver of what a sender has just sent. True when the sender is not to be read for now.
    pub fn press(&mut self, sender: Key, receiver: Key, backlog: usize, now: Instant) -> bool {
        if backlog <= HIGH || self.lagging.contains(&receiver) {
            return false;
        }
        let Some(sending) = self.senders.get_mut(&sender) else {
            return false;
        };
        if sending.held.is_none() && sending.bytes <= LITTLE {
            return false;
        }
        let held = sending.held.get_or_insert(Held { at: now, by: vec![] });
        if !held.by.contains(&receiver) {
            held.by.push(receiver);
        }
        true
    }

    /// Whether there is nobody to look after.
    pub fn is_idle(&self) -> bool {
        self.lagging.is_empty() && self.senders.values().all(|s| s.held.is_none())
    }

    /// The sender to be read again now, the one held longest first. One at a time: each may fill its receivers anew.
    pub fn next(&mut self, now: Instant, mut backlog: impl FnMut(Key) -> usize) -> Option<Key> {
        self.lagging.retain(|receiver| backlog(*receiver) > LOW);
        let mut first: Option<(Instant, Key)> = None;
        for (sender, sending) in &self.senders {
            let Some(held) = &sending.held else { continue };
            let patience = now.saturating_duration_since(held.at) < PATIENCE;
            let mut full = held
                .by
                .iter()
                .copied()
                .filter(|receiver| backlog(*receiver) > LOW);
            if patience && full.next().is_some() {
                continue;
            }
            self.lagging.extend(full);
            let this = (held.at, *sender);
            first = Some(first.map_or(this, |other| other.min(this)));
        }
        let (_, sender) = first?;
        if let Some(sending) = self.senders.get_mut(&sender) {
            sending.held = None;
        }
        Some(sender)
    }

    /// Somebody has left: keys are used again.
    pub fn forget(&mut self, key: Key) {
        self.senders.remove(&key);
        self.lagging.remove(&key);
        for held in self.senders.values_mut().filter_map(|s| s.held.as_mut()) {
            held.by.retain(|receiver| *receiver != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Key = 1;
    const BOB: Key = 2;
    const EVE: Key = 3;

    #[test]
    fn a_sender_is_held_until_its_receiver_has_caught_up() {
        let (mut pressure, now) = (Pressure::default(), Instant::now());
        pressure.count(ADA, 2 * LITTLE, now);
        assert!(!pressure.press(ADA, BOB, HIGH, now) && pressure.is_idle());
        assert!(pressure.press(ADA, BOB, HIGH + 1, now) && !pressure.is_idle());
        assert_eq!(pressure.next(now, |_| LOW + 1), None);
        assert_eq!(pressure.next(now, |_| LOW), Some(ADA));
        assert!(pressure.is_idle());
    }

    #[test]
    fn who_sends_little_is_not_held() {
        let (mut pressure, now) = (Pressure::default(), Instant::now());
        pressure.count(ADA, LITTLE, now);
        assert!(!pressure.press(ADA, BOB, HIGH + 1, now));
        pressure.count(ADA, LITTLE, now + SPAN);
        assert!(!pressure.press(ADA, BOB, HIGH + 1, now + SPAN));
        pressure.count(ADA, 1, now + SPAN);
        assert!(pressure.press(ADA, BOB, HIGH + 1, now + SPAN));
    }

    #[test]
    fn nobody_is_waited_for_without_end() {
        let (mut pressure, now) = (Pressure::default(), Instant::now());
        pressure.count(ADA, 2 * LITTLE, now);
        assert!(pressure.press(ADA, BOB, HIGH + 1, now));
        assert_eq!(pressure.next(now + PATIENCE, |_| HIGH), Some(ADA));
        assert!(!pressure.press(ADA, BOB, HIGH + 1, now + PATIENCE));
        assert!(pressure.press(ADA, EVE, HIGH + 1, now + PATIENCE));
        let waiting = |who| if who == BOB { LOW } else { HIGH };
        assert_eq!(pressure.next(now + PATIENCE, waiting), None);
        assert!(pressure.press(ADA, BOB, HIGH + 1, now + PATIENCE));
    }

    #[test]
    fn one_at_a_time_is_read_again_the_longest_held_first() {
        let (mut pressure, now) = (Pressure::default(), Instant::now());
        for (who, late) in [(ADA, 1), (EVE, 0)] {
            let at = now + Duration::from_millis(late);
            pressure.count(who, 2 * LITTLE, at);
            assert!(pressure.press(who, BOB, HIGH + 1, at));
        }
        assert_eq!(pressure.next(now, |_| 0), Some(EVE));
        assert_eq!(pressure.next(now, |_| HIGH), None);
        pressure.forget(BOB);
        assert_eq!(pressure.next(now, |_| HIGH), Some(ADA));
    }
}
