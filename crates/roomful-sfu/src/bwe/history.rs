//! Datagrams that left, by transport-wide number, until feedback speaks of them.

/// About a second of a busy subscriber; what is older is answered by no feedback that is worth anything.
const KEPT: usize = 1_024;

/// One datagram.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// µs.
    pub at: i64,
    /// µs that it takes to leave a link of the estimated rate, behind all that was sent before.
    pub modelled: u32,
    /// Bytes, lower headers included.
    pub size: u16,
    sequence: u16,
    waits: bool,
    /// The probe it belongs to, 0 for none.
    pub probe: u8,
}

/// A ring of them: made with the first packet, of one size for good.
#[derive(Debug, Default)]
pub struct History {
    ring: Vec<Sent>,
    next: u16,
}

impl History {
    /// The number of the next one.
    #[inline]
    pub fn next(&self) -> u16 {
        self.next
    }

    /// Keeps a datagram under the next number.
    #[inline]
    pub fn push(&mut self, at: i64, size: usize, modelled: u32, probe: u8) {
        if self.ring.is_empty() {
            self.ring.resize(KEPT, Sent::default());
        }
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        if let Some(slot) = self.ring.get_mut(usize::from(sequence) % KEPT) {
            *slot = Sent {
                at,
                modelled,
                size: size.min(usize::from(u16::MAX)) as u16,
                sequence,
                waits: true,
                probe,
            };
        }
    }

    /// Feedback speaks of a number: each counts once.
    #[inline]
    pub fn take(&mut self, sequence: u16) -> Option<Sent> {
        let slot = self.ring.get_mut(usize::from(sequence) % KEPT)?;
        let known = slot.waits && slot.sequence == sequence;
        slot.waits &= !known;
        known.then_some(*slot)
    }
}
