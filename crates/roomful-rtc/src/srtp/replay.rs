//! A replay window and the estimate of a packet's index (RFC 3711 §3.3.1, §3.3.2).

/// Packets behind the newest that are still told apart.
const WINDOW: u64 = 1024;
const WORDS: usize = (WINDOW / 64) as usize;

/// Which indices were seen, up to [`WINDOW`] behind the highest.
#[derive(Clone, Debug)]
pub struct Replay {
    highest: Option<u64>,
    seen: [u64; WORDS],
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            highest: None,
            seen: [0; WORDS],
        }
    }
}

impl Replay {
    /// The highest authenticated index.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Whether an index may be new.
    #[inline]
    pub fn is_fresh(&self, index: u64) -> bool {
        let Some(highest) = self.highest else { return true };
        if index > highest {
            return true;
        }
        highest - index < WINDOW && !self.bit(index)
    }

    /// Marks an authenticated index.
    #[inline]
    pub fn mark(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {}
            Some(highest) if index - highest < WINDOW => {
                for skipped in highest + 1..=index {
                    self.write(skipped, false);
                }
                self.highest = Some(index);
            }
            _ => {
                self.seen = [0; WORDS];
                self.highest = Some(index);
            }
        }
        self.write(index, true);
    }

    fn bit(&self, index: u64) -> bool {
        self.seen
            .get((index % WINDOW / 64) as usize)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    fn write(&mut self, index: u64, on: bool) {
        if let Some(word) = self.seen.get_mut((index % WINDOW / 64) as usize) {
            *word = *word & !(1 << (index % 64)) | u64::from(on) << (index % 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn nothing_passes_twice(steps in proptest::collection::vec(-1200i64..1500, 1..400)) {
            let (mut replay, mut seen, mut at) = (Replay::default(), HashSet::new(), 100_000u64);
            for step in steps {
                at = at.saturating_add_signed(step);
                if replay.is_fresh(at) {
                    prop_assert!(seen.insert(at));
                    replay.mark(at);
                    prop_assert!(!replay.is_fresh(at));
                }
            }
        }
    }
}
