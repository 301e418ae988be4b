//! A token bucket: how fast somebody may talk. One for each connection and each channel; time is an argument.
use crate::config::Rate;

/// Counts in thousandths of a token, so that slow rates fill evenly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    level: u64,
    filled_ms: u64,
}

impl Bucket {
    /// Full.
    pub fn new(rate: Rate, now_ms: u64) -> Self {
        Self {
            rate,
            level: u64::from(rate.burst.max(1)) * 1000,
            filled_ms: now_ms,
        }
    }

    /// Changes the measure; what is there stays, up to the new burst.
    pub fn change(&mut self, rate: Rate) {
        self.rate = rate;
        self.level = self.level.min(u64::from(rate.burst.max(1)) * 1000);
    }

    /// Takes so many tokens; false, and none taken, when there are fewer. More than the burst is as much as the burst.
    pub fn take(&mut self, tokens: u32, now_ms: u64) -> bool {
        if self.rate.per_second == 0 {
            return true;
        }
        let most = u64::from(self.rate.burst.max(1)) * 1000;
        let passed = now_ms.saturating_sub(self.filled_ms);
        self.filled_ms = self.filled_ms.max(now_ms);
        self.level = most.min(
            self.level
                .saturating_add(passed.saturating_mul(u64::from(self.rate.per_second))),
        );
        let wanted = most.min(u64::from(tokens) * 1000);
        let enough = self.level >= wanted;
        if enough {
            self.level -= wanted;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(per_second: u32, burst: u32) -> Rate {
        Rate { per_second, burst }
    }

    #[test]
    fn bursts_then_flows() {
        let mut bucket = Bucket::new(rate(10, 3), 0);
        let taken = (0..5).filter(|_| bucket.take(1, 0)).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(1, 99));
        assert!(bucket.take(1, 100));
        assert!(!bucket.take(1, 100));
        assert!(bucket.take(10, 10_000), "more than the burst is the burst");
        assert!(!bucket.take(1, 10_000));
        assert!(
            (0..1000).all(|_| Bucket::new(rate(0, 0), 0).take(1, 0)),
            "no limit"
        );
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_flow(
            per_second in 1u32..1000,
            burst in 1u32..100,
            steps in proptest::collection::vec((0u64..300, 1u32..5), 1..200),
        ) {
            let mut bucket = Bucket::new(rate(per_second, burst), 0);
            let (mut now, mut taken) = (0, 0u64);
            for (wait, tokens) in steps {
                now += wait;
                let tokens = tokens.min(burst);
                if bucket.take(tokens, now) {
                    taken += u64::from(tokens);
                }
            }
            prop_assert!(taken * 1000 <= u64::from(burst) * 1000 + now * u64::from(per_second));
        }
    }
}
