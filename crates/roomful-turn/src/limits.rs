//! How often a stranger is answered, and how fast an allocation may send: token buckets. Those of strangers lie in a table of fixed size,
//! so that no flood of addresses makes it grow; two that fall on the same place share it. Called by `server`.
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

/// Tokens per second, and how many may be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// 0: no limit.
    pub per_s: u32,
    /// At once.
    pub burst: u32,
}

/// One bucket: full at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// Thousandths of tokens that are missing.
    missing: u64,
    seen_ms: u64,
}

impl Bucket {
    /// Takes `tokens`, or none when there are not so many.
    pub fn take(&mut self, tokens: u32, rate: Rate, now_ms: u64) -> bool {
        if rate.per_s == 0 {
            return true;
        }
        let refilled = now_ms
            .saturating_sub(self.seen_ms)
            .saturating_mul(u64::from(rate.per_s));
        self.missing = self.missing.saturating_sub(refilled);
        self.seen_ms = now_ms;
        let wanted = self.missing + u64::from(tokens) * 1_000;
        let fits = wanted <= u64::from(rate.burst) * 1_000;
        if fits {
            self.missing = wanted;
        }
        fits
    }
}

const PLACES: usize = 1 << 14;

/// Buckets by address; an IPv6 network of 64 bits counts as one.
pub struct Strangers {
    buckets: Vec<Bucket>,
    rate: Rate,
    key: u64,
}

impl Strangers {
    /// `key`: random, so that nobody can choose addresses that share a place with a victim's.
    pub fn new(rate: Rate, key: u64) -> Self {
        Self {
            buckets: vec![Bucket::default(); PLACES],
            rate,
            key,
        }
    }

    /// Whether this address may have one more answer.
    pub fn take(&mut self, address: IpAddr, now_ms: u64) -> bool {
        let network = match address.to_canonical() {
            IpAddr::V4(ip) => u128::from(u32::from(ip)),
            IpAddr::V6(ip) => u128::from(ip) >> 64 << 64,
        };
        let mut hasher = FxHasher::default();
        (self.key, network, self.key.rotate_left(32)).hash(&mut hasher);
        let place = (hasher.finish() >> 20) as usize % PLACES;
        let rate = self.rate;
        self.buckets
            .get_mut(place)
            .is_some_and(|bucket| bucket.take(1, rate, now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let rate = Rate { per_s: 10, burst: 3 };
        let mut bucket = Bucket::default();
        let taken: Vec<bool> = [0, 0, 0, 0, 50, 100, 100, 10_000]
            .iter()
            .map(|now| bucket.take(1, rate, 1_000 + now))
            .collect();
        assert_eq!(taken, [true, true, true, false, false, true, false, true]);
        assert!(bucket.take(5, Rate { per_s: 0, burst: 0 }, 0));
    }

    #[test]
    fn one_flood_does_not_silence_another_address() {
        let mut strangers = Strangers::new(Rate { per_s: 1, burst: 5 }, 77);
        let (loud, quiet) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let answered = (0..1_000).filter(|_| strangers.take(loud, 5)).count();
        assert_eq!(answered, 5);
        assert!(strangers.take(quiet, 5));
        let network: Vec<IpAddr> = (0..1_000u16)
            .map(|n| std::net::Ipv6Addr::new(0x2600, 0, 0, 1, 0, 0, 0, n).into())
            .collect();
        assert_eq!(
            network.iter().filter(|ip| strangers.take(**ip, 5)).count(),
            5,
            "a /64 is one"
        );
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate(per_s in 1u32..100, burst in 1u32..100, steps in prop::collection::vec((0u64..500, 1u32..5), 1..100)) {
            let (mut bucket, mut now, mut taken) = (Bucket::default(), 0, 0u64);
            for (wait, tokens) in steps {
                now += wait;
                if bucket.take(tokens, Rate { per_s, burst }, now) {
                    taken += u64::from(tokens);
                }
                prop_assert!(taken * 1_000 <= u64::from(burst) * 1_000 + now * u64::from(per_s));
            }
        }
    }
}
