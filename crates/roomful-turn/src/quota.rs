//! How many allocations somebody may have: counted by user, by address, in all. Called by `server`.
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// Bounds; 0 stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// In all.
    pub total: usize,
    /// Of one user: the name behind the time.
    pub per_user: usize,
    /// Of one address. A whole school may sit behind one.
    pub per_address: usize,
}

/// What there is. Entries go with the last allocation, so the maps are no larger than the number of allocations.
#[derive(Debug, Default)]
pub struct Counts {
    total: usize,
    users: FxHashMap<String, usize>,
    addresses: FxHashMap<IpAddr, usize>,
}

impl Counts {
    /// Counts one more, unless a bound forbids it.
    pub fn take(&mut self, quotas: &Quotas, user: &str, address: IpAddr) -> bool {
        let within = |count: usize, bound: usize| bound == 0 || count < bound;
        let fits = within(self.total, quotas.total)
            && within(self.users.get(user).copied().unwrap_or_default(), quotas.per_user)
            && within(
                self.addresses.get(&address).copied().unwrap_or_default(),
                quotas.per_address,
            );
        if fits {
            self.total += 1;
            *self.users.entry(user.to_owned()).or_default() += 1;
            *self.addresses.entry(address).or_default() += 1;
        }
        fits
    }

    /// Counts one less.
    pub fn give_back(&mut self, user: &str, address: IpAddr) {
        self.total = self.total.saturating_sub(1);
        if let Some(count) = self.users.get_mut(user) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.users.remove(user);
            }
        }
        if let Some(count) = self.addresses.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }

    /// In all.
    pub fn total(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_counts_and_nothing_is_left_over() {
        let quotas = Quotas {
            total: 4,
            per_user: 2,
            per_address: 3,
        };
        let [here, there]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let mut counts = Counts::default();
        assert!(counts.take(&quotas, "ada", here) && counts.take(&quotas, "ada", here));
        assert!(!counts.take(&quotas, "ada", there), "user");
        assert!(counts.take(&quotas, "bob", here));
        assert!(!counts.take(&quotas, "cyd", here), "address");
        assert!(counts.take(&quotas, "cyd", there));
        assert!(!counts.take(&quotas, "dan", there), "total");
        for (user, address) in [("ada", here), ("ada", here), ("bob", here), ("cyd", there)] {
            counts.give_back(user, address);
        }
        assert_eq!(
            (counts.total(), counts.users.len(), counts.addresses.len()),
            (0, 0, 0)
        );
    }
}
