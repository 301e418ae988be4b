//! The last reliable packets of a sender: duplicates are seen, and somebody who was away gets what was missed.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

const MAX_PACKETS: usize = 1024;
const MAX_BYTES: usize = 2 << 20;
/// As long as a client may take to come back.
const MAX_AGE: Duration = Duration::from_secs(30);

/// One kept packet.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The sender's count.
    pub sequence: u32,
    /// As it was delivered.
    pub packet: Arc<[u8]>,
    /// Identities and ids it was for; empty for everybody.
    pub to: Arc<[String]>,
    at: Instant,
}

/// A sender's kept packets.
#[derive(Debug, Default)]
pub struct Replay {
    kept: VecDeque<Kept>,
    bytes: usize,
    highest: u32,
}

impl Replay {
    /// Whether a numbered packet is new. Reliable channels are ordered, so a smaller number is a duplicate.
    pub fn is_new(&mut self, sequence: u32) -> bool {
        if sequence == 0 {
            return true;
        }
        let new = sequence > self.highest;
        if new {
            self.highest = sequence;
        }
        new
    }

    /// Keeps a packet that was delivered.
    pub fn keep(&mut self, sequence: u32, packet: Arc<[u8]>, to: Arc<[String]>, now: Instant) {
        if sequence == 0 {
            return;
        }
        self.bytes += packet.len();
        self.kept.push_back(Kept {
            sequence,
            packet,
            to,
            at: now,
        });
        while self.kept.len() > MAX_PACKETS
            || self.bytes > MAX_BYTES
            || self
                .kept
                .front()
                .is_some_and(|k| now.saturating_duration_since(k.at) > MAX_AGE)
        {
            let Some(old) = self.kept.pop_front() else { return };
            self.bytes -= old.packet.len();
        }
    }

    /// What came after `last`.
    pub fn since(&self, last: u32) -> impl Iterator<Item = &Kept> {
        self.kept.iter().filter(move |k| k.sequence > last)
    }

    /// Forgets what was kept, and goes on counting.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }

    /// The highest count seen.
    pub fn highest(&self) -> u32 {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_kept_within_bounds() {
        let now = Instant::now();
        let mut replay = Replay::default();
        for n in 1..=2000u32 {
            assert!(replay.is_new(n) && !replay.is_new(n));
            replay.keep(n, Arc::from(&b"x"[..]), Arc::from(vec![]), now);
        }
        assert_eq!(
            replay.since(1990).map(|k| k.sequence).collect::<Vec<_>>(),
            (1991..=2000).collect::<Vec<_>>()
        );
        assert_eq!(replay.since(0).count(), MAX_PACKETS);
        replay.keep(2001, Arc::from(vec![0u8; MAX_BYTES]), Arc::from(vec![]), now);
        assert_eq!(replay.since(0).count(), 1);
        replay.keep(2002, Arc::from(&b"x"[..]), Arc::from(vec![]), now + MAX_AGE * 2);
        assert_eq!(replay.since(0).count(), 1);
        assert!(replay.is_new(2002));
        replay.clear();
        assert_eq!(
            (replay.since(0).count(), replay.is_new(2002), replay.is_new(2003)),
            (0, false, true)
        );
    }
}
