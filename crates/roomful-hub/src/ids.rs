//! Ids that members and epochs go by: eleven letters and digits, made from a number and the hub's seed, and read back without a map.
use crate::message::ConnectionId;
use std::fmt;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Text of an id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id([u8; 11]);

impl Id {
    fn from_number(mut number: u64) -> Self {
        let mut text = [b'0'; 11];
        for place in text.iter_mut().rev() {
            *place = LETTERS.get((number % 62) as usize).copied().unwrap_or(b'0');
            number /= 62;
        }
        Self(text)
    }

    fn number(text: &str) -> Option<u64> {
        if text.len() != 11 {
            return None;
        }
        text.bytes().try_fold(0u64, |sum, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'Z' => byte - b'A' + 10,
                b'a'..=b'z' => byte - b'a' + 36,
                _ => return None,
            };
            sum.checked_mul(62)?.checked_add(u64::from(digit))
        })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes ids. Those of one maker never meet; those of makers with other seeds hardly ever.
#[derive(Clone, Copy)]
pub(crate) struct Ids {
    seed: u64,
}

impl Ids {
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Of a connection.
    pub fn of(self, connection: ConnectionId) -> Id {
        Id::from_number(self.mix(connection.0, [0, 1, 2, 3]))
    }

    /// The connection that goes by an id; any number where nobody does.
    pub fn connection(self, id: &str) -> Option<ConnectionId> {
        let mixed = Id::number(id)?;
        // The halves change places at each end, so that the same rounds in reverse undo it.
        Some(ConnectionId(
            self.mix(mixed.rotate_left(32), [3, 2, 1, 0]).rotate_left(32),
        ))
    }

    /// Of the nth channel that began.
    pub fn epoch(self, nth: u64) -> Id {
        Id::from_number(self.mix(nth, [4, 5, 6, 7]))
    }

    /// A Feistel network: a permutation of all u64 whatever the round function does. No secret hangs on it.
    fn mix(self, number: u64, rounds: [u64; 4]) -> u64 {
        let (mut left, mut right) = ((number >> 32) as u32, number as u32);
        for round in rounds {
            (left, right) = (right, left ^ self.round(round, right));
        }
        u64::from(left) << 32 | u64::from(right)
    }

    /// SplitMix64's finaliser (Steele, Lea, Flood 2014) of seed, round and half.
    fn round(self, round: u64, half: u32) -> u32 {
        let mut x = self
            .seed
            .wrapping_add((round << 32 | u64::from(half)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 16) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_look_unlike_each_other() {
        let ids = Ids::new(1);
        let two = [ids.of(ConnectionId(1)), ids.of(ConnectionId(2))];
        let same = two[0].0.iter().zip(&two[1].0).filter(|(a, b)| a == b).count();
        assert!(same < 6, "{two:?}");
        assert_ne!(ids.epoch(1), ids.of(ConnectionId(1)));
        assert_ne!(ids.of(ConnectionId(1)), Ids::new(2).of(ConnectionId(1)));
    }

    #[test]
    fn what_is_no_id() {
        let ids = Ids::new(7);
        for bad in ["", "abc", "zzzzzzzzzzz", "0000000000-", "000000000000"] {
            assert_eq!(ids.connection(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_connection(seed in any::<u64>(), number in any::<u64>()) {
            let ids = Ids::new(seed);
            prop_assert_eq!(ids.connection(ids.of(ConnectionId(number)).as_str()), Some(ConnectionId(number)));
        }
    }
}
