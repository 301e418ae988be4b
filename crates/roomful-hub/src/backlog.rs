//! What waits for a connection that reads more slowly than it is told things. Embedded by shells, one for each connection.
use crate::sink::OnSlow;

/// Bytes that wait unless something else is configured (1 MiB).
pub const LIMIT: usize = 1 << 20;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is counted: queue it.
    Queue,
    /// It is not counted: forget it.
    Skip,
    /// Forget it, and everything that waits: close the connection (1013).
    Close,
}

/// A count of queued bytes against a limit.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    queued: u32,
    limit: u32,
    told: bool,
}

impl Default for Backlog {
    fn default() -> Self {
        Self::new(LIMIT)
    }
}

impl Backlog {
    /// Empty, of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            queued: 0,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            told: false,
        }
    }

    /// A message of so many bytes wants to wait. One that comes when nothing waits is taken, however long it is.
    pub fn offer(&mut self, bytes: usize, slow: OnSlow) -> Verdict {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let after = self.queued.saturating_add(bytes);
        if self.queued == 0 || after <= self.limit {
            self.queued = after;
            return Verdict::Queue;
        }
        match slow {
            OnSlow::Close => Verdict::Close,
            OnSlow::Skip => Verdict::Skip,
        }
    }

    /// So many bytes went out.
    pub fn wrote(&mut self, bytes: usize) {
        self.queued = self
            .queued
            .saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// Bytes that wait.
    pub fn queued(&self) -> usize {
        self.queued as usize
    }

    /// True once each time that more than a quarter of the limit waits: whoever feeds this connection should pause.
    pub fn became_slow(&mut self) -> bool {
        let slow = !self.told && self.queued > self.limit / 4;
        self.told |= slow;
        slow
    }

    /// True once after [`Self::became_slow`], when almost everything has gone out.
    pub fn became_writable(&mut self) -> bool {
        let writable = self.told && self.queued <= self.limit / 16;
        self.told &= !writable;
        writable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slow_readers_are_closed_or_skipped() {
        let mut backlog = Backlog::new(1000);
        assert_eq!(backlog.offer(900, OnSlow::Close), Verdict::Queue);
        assert_eq!(backlog.offer(101, OnSlow::Skip), Verdict::Skip);
        assert_eq!(backlog.offer(101, OnSlow::Close), Verdict::Close);
        assert_eq!(backlog.offer(100, OnSlow::Close), Verdict::Queue);
        backlog.wrote(1000);
        assert_eq!(
            backlog.offer(5000, OnSlow::Close),
            Verdict::Queue,
            "an idle reader takes any length"
        );
        assert_eq!(backlog.offer(1, OnSlow::Skip), Verdict::Skip);
    }

    #[test]
    fn slow_and_writable_are_told_in_turn() {
        let mut backlog = Backlog::new(1600);
        assert!(!backlog.became_writable(), "never was slow");
        backlog.offer(500, OnSlow::Close);
        assert!(backlog.became_slow());
        assert!(!backlog.became_slow(), "told once");
        backlog.wrote(300);
        assert!(!backlog.became_writable());
        backlog.wrote(100);
        assert!(backlog.became_writable());
        assert!(!backlog.became_writable(), "told once");
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_and_one_message(
            limit in 1usize..5000,
            steps in proptest::collection::vec((0usize..3000, 0usize..3000), 0..200),
        ) {
            let mut backlog = Backlog::new(limit);
            for (offered, wrote) in steps {
                let before = backlog.queued();
                match backlog.offer(offered, OnSlow::Skip) {
                    Verdict::Queue => prop_assert_eq!(backlog.queued(), before + offered),
                    _ => prop_assert_eq!(backlog.queued(), before),
                }
                prop_assert!(backlog.queued() <= limit.max(offered).max(before));
                backlog.wrote(wrote);
            }
        }
    }
}
