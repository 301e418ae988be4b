//! The last packets of one stream, decrypted once. Forwarding reads them, and so does retransmission; nothing is copied per
//! subscriber before it is sealed.
use roomful_rtc::codec::dependency::{rewrite, Frame};
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
    /// What its dependency descriptor says, as soon as the structure that explains it is known.
    pub frame: Option<Frame>,
    /// It has a dependency descriptor.
    pub told_dependencies: bool,
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

/// What a subscriber shall read in a dependency descriptor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retold {
    /// Added to frame numbers.
    pub number_shift: u16,
    /// Targets that are being sent, when that is less than what the publisher sends.
    pub mask: Option<u32>,
}

/// Longest dependency descriptor that is rewritten; an extension block has no room for more.
const DESCRIPTOR: usize = 160;

impl Slot {
    /// Keeps an extension value for the subscribers.
    pub fn pass(&mut self, extension: Extension, value: &[u8]) {
        let at = PASSED.iter().position(|known| *known == extension);
        if let (Some(at), Ok(length)) = (at, u8::try_from(value.len())) {
            self.passed.extend_from_slice(&[at as u8, length]);
            self.passed.extend_from_slice(value);
            self.told_dependencies |= extension == Extension::DependencyDescriptor;
        }
    }

    /// The kept value of an extension.
    pub fn passed(&self, extension: Extension) -> Option<&[u8]> {
        let mut rest = self.passed.as_slice();
        while let [kind, length, tail @ ..] = rest {
            let (value, tail) = tail.split_at_checked(usize::from(*length))?;
            if PASSED.get(usize::from(*kind)) == Some(&extension) {
                return Some(value);
            }
            rest = tail;
        }
        None
    }

    /// Writes the kept extensions with a subscriber's ids.
    #[inline]
    pub fn write_extensions(&self, ids: &ExtensionMap, retold: &Retold, block: &mut Block) {
        let mut rest = self.passed.as_slice();
        while let [kind, length, tail @ ..] = rest {
            let Some((value, tail)) = tail.split_at_checked(usize::from(*length)) else {
                return;
            };
            rest = tail;
            let Some(extension) = PASSED.get(usize::from(*kind)) else {
                continue;
            };
            let Some(id) = ids.id(*extension) else {
                continue;
            };
            match &self.frame {
                Some(frame) if *extension == Extension::DependencyDescriptor => {
                    let number = frame.number.wrapping_add(retold.number_shift);
                    let mut out = [0u8; DESCRIPTOR];
                    let length = rewrite(value, frame, number, retold.mask, &mut out);
                    block.push(id, length.and_then(|length| out.get(..length)).unwrap_or(value));
                }
                _ => block.push(id, value),
            }
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
        slot.frame = None;
        slot.told_dependencies = false;
        Some(slot)
    }

    /// A kept packet, to be looked at again.
    #[inline]
    pub fn get_mut(&mut self, index: u64) -> Option<&mut Slot> {
        self.slots
            .get_mut((index % self.capacity as u64) as usize)
            .filter(|slot| slot.used && slot.index == index)
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
        slot.write_extensions(&ids, &Retold::default(), &mut block);
        assert_eq!(block.bytes(), [0xbe, 0xde, 0, 1, 0x90, 0x85, 0, 0]);
    }
}
