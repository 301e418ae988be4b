//! The last packets of one stream, decrypted once. Forwarding reads them, and so does retransmission; nothing is copied per
//! subscriber before it is sealed.
use roomful_rtc::codec::PacketInfo;
use roomful_rtc::rtp::extension::{Block, Extension, ExtensionMap};

/// One packet.
#[derive(Debug, Default)]
pub struct Slot {
    used: bool,
    index: u64,
    /// In the publisher's clock.
    pub timestamp: u32,
    /// End of a frame.
    pub marker: bool,
    /// What is known of the payload.
    pub info: PacketInfo,
    /// Opus or RED, by the publisher's payload type.
    pub red: bool,
    /// Without padding and RTX header.
    pub payload: Vec<u8>,
    /// Extensions that travel on: kind, length, value, one behind the other.
    passed: Vec<u8>,
}

/// Extensions that are handed from publisher to subscriber as they are.
pub const PASSED: [Extension; 5] = [
    Extension::AudioLevel,
    Extension::DependencyDescriptor,
    Extension::AbsCaptureTime,
    Extension::VideoOrientation,
    Extension::PlayoutDelay,
];

impl Slot {
    /// Keeps an extension value for the subscribers.
    pub fn pass(&mut self, extension: Extension, value: &[u8]) {
        let at = PASSED.iter().position(|known| *known == extension);
        if let (Some(at), Ok(length)) = (at, u8::try_from(value.len())) {
            self.passed.extend_from_slice(&[at as u8, length]);
            self.passed.extend_from_slice(value);
        }
    }

    /// Writes the kept extensions with a subscriber's ids.
    #[inline]
    pub fn write_extensions(&self, ids: &ExtensionMap, block: &mut Block) {
        let mut rest = self.passed.as_slice();
        while let [kind, length, tail @ ..] = rest {
            let Some((value, tail)) = tail.split_at_checked(usize::from(*length)) else {
                return;
            };
            if let Some(id) = PASSED.get(usize::from(*kind)).and_then(|e| ids.id(*e)) {
                block.push(id, value);
            }
            rest = tail;
        }
    }
}

/// Slots by sequence number.
#[derive(Debug)]
pub struct Ring {
    slots: Vec<Slot>,
    capacity: usize,
}

impl Ring {
    /// `capacity` packets are kept; memory grows with what really comes.
    pub fn new(capacity: usize) -> Self {
        Self {
            slots: Vec::new(),
            capacity,
        }
    }

    /// The slot of a new packet, emptied; `None` when this packet was kept already (a duplicate), or is so old that a newer
    /// one has its place.
    #[inline]
    pub fn insert(&mut self, index: u64) -> Option<&mut Slot> {
        let at = (index % self.capacity as u64) as usize;
        if at >= self.slots.len() {
            self.slots
                .resize_with((at + 1).next_power_of_two().min(self.capacity), Slot::default);
        }
        let slot = self.slots.get_mut(at)?;
        if slot.used && slot.index >= index {
            return None;
        }
        slot.used = true;
        slot.index = index;
        slot.payload.clear();
        slot.passed.clear();
        Some(slot)
    }

    /// A kept packet.
    #[inline]
    pub fn get(&self, index: u64) -> Option<&Slot> {
        self.slots
            .get((index % self.capacity as u64) as usize)
            .filter(|slot| slot.used && slot.index == index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_and_stale_packets_are_refused() {
        let mut ring = Ring::new(8);
        ring.insert(3).unwrap().payload.extend([1]);
        assert!(ring.insert(3).is_none());
        assert_eq!(ring.get(3).unwrap().payload, [1]);
        assert!(ring.insert(11).is_some());
        assert!(ring.insert(3).is_none() && ring.get(3).is_none());
    }

    #[test]
    fn extensions_travel_under_the_subscribers_ids() {
        let mut slot = Slot::default();
        slot.pass(Extension::AudioLevel, &[0x85]);
        slot.pass(Extension::VideoOrientation, &[1]);
        slot.pass(Extension::Mid, b"0");
        let mut ids = ExtensionMap::default();
        ids.set(Extension::AudioLevel, 9);
        let mut block = Block::default();
        slot.write_extensions(&ids, &mut block);
        assert_eq!(block.bytes(), [0xbe, 0xde, 0, 1, 0x90, 0x85, 0, 0]);
    }
}
