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
    /// Bytes of padding it is sent with, once that was decided: what goes out under one number is always the same.
    filling: Option<u8>,
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

/// Bytes of a transport-wide number and a section's name in an extension block.
const NAMED: usize = 5;
/// Most padding that makes packets equal. Encoders cut a frame into parts that differ by a byte; a message more to the kernel
/// costs more than a few bytes.
const MOST_FILLING: usize = 8;

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

    /// Bytes of padding it is sent with.
    #[inline]
    pub fn filling(&self) -> u8 {
        self.filling.unwrap_or(0)
    }

    /// Bytes behind the fixed header for a subscriber who takes all extensions.
    fn length(&self) -> usize {
        let (mut body, mut long, mut rest) = (0, 0, self.passed.as_slice());
        while let [_, length, tail @ ..] = rest {
            let length = usize::from(*length);
            body += 1 + length;
            long |= usize::from(length > 16);
            rest = tail.get(length..).unwrap_or(&[]);
        }
        (body + NAMED + long).next_multiple_of(4) + self.payload.len()
    }

    /// Writes the kept extensions with a subscriber's ids; `delayed` leaves out the publisher's bounds of the delay.
    #[inline]
    pub fn write_extensions(&self, ids: &ExtensionMap, retold: &Retold, delayed: bool, block: &mut Block) {
        let mut rest = self.passed.as_slice();
        while let [kind, length, tail @ ..] = rest {
            let Some((value, tail)) = tail.split_at_checked(usize::from(*length)) else {
                return;
            };
            rest = tail;
            let Some(extension) = PASSED.get(usize::from(*kind)) else {
                continue;
            };
            if delayed && *extension == Extension::PlayoutDelay {
                continue;
            }
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
        slot.filling = None;
        Some(slot)
    }

    /// Decides on the padding of packets that will leave together, in this order: with equal sizes they are one message to the
    /// kernel, and only the last of such may be shorter.
    pub fn even(&mut self, mut run: impl Iterator<Item = u64> + Clone) {
        let mut group = run.clone();
        // Packets in the open group, the least and the most bytes of one.
        let (mut count, mut least, mut most) = (0, usize::MAX, 0);
        while let Some(length) = run.next().map(|index| self.get(index).map_or(0, Slot::length)) {
            let fits = most.max(length) - least.min(length) <= MOST_FILLING;
            if count > 0 && !fits {
                // A shorter one ends the message.
                let ends = length < most;
                self.fill(group.by_ref().take(count + usize::from(ends)), most);
                (count, least, most) = (0, usize::MAX, 0);
                if ends {
                    continue;
                }
            }
            (count, least, most) = (count + 1, least.min(length), most.max(length));
        }
        self.fill(group, most);
    }

    /// Fills packets up to `most`, all but the last.
    fn fill(&mut self, group: impl Iterator<Item = u64>, most: usize) {
        let mut group = group.peekable();
        while let Some(index) = group.next() {
            let followed = group.peek().is_some();
            if let Some(slot) = self.get_mut(index) {
                let missing = most.saturating_sub(slot.length()).min(MOST_FILLING);
                slot.filling
                    .get_or_insert(if followed { missing as u8 } else { 0 });
            }
        }
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
    use proptest::prelude::*;

    #[test]
    fn duplicates_and_stale_packets_are_refused() {
        let mut ring = Ring::new(8);
        ring.insert(3).unwrap().payload.extend([1]);
        assert!(ring.insert(3).is_none());
        assert_eq!(ring.get(3).unwrap().payload, [1]);
        assert!(ring.insert(11).is_some());
        assert!(ring.insert(3).is_none() && ring.get(3).is_none());
    }

    /// Fillings of packets with these payloads.
    fn evened(lengths: &[usize]) -> Vec<u8> {
        let mut ring = Ring::new(64);
        for (index, length) in lengths.iter().enumerate() {
            ring.insert(index as u64).unwrap().payload.resize(*length, 1);
        }
        let run = 0..lengths.len() as u64;
        ring.even(run.clone());
        run.map(|index| ring.get(index).unwrap().filling()).collect()
    }

    #[test]
    fn packets_of_about_one_size_become_equal() {
        assert_eq!(evened(&[1155, 1155, 1156, 1156]), [1, 1, 0, 0]);
        // The last may be shorter, by whatever it is.
        assert_eq!(evened(&[1014, 1015, 1014, 999]), [1, 0, 1, 0]);
        assert_eq!(evened(&[700, 705, 300, 300, 302]), [5, 0, 0, 2, 0]);
        assert_eq!(evened(&[300, 1000, 1001, 1000]), [0, 1, 0, 0]);
        assert_eq!(evened(&[50]), [0]);
        assert!(evened(&[]).is_empty());
    }

    #[test]
    fn what_is_sent_again_is_filled_as_it_was() {
        let mut ring = Ring::new(8);
        for (index, length) in [(0, 99), (1, 100), (2, 103)] {
            ring.insert(index).unwrap().payload.resize(length, 1);
        }
        ring.even(0..2);
        ring.even(0..3);
        let fillings: Vec<u8> = (0..3).map(|index| ring.get(index).unwrap().filling()).collect();
        assert_eq!(fillings, [1, 0, 0]);
    }

    proptest! {
        #[test]
        fn filling_stays_small_and_makes_longer_runs(lengths in proptest::collection::vec(80usize..110, 1..40)) {
            let filled = evened(&lengths);
            prop_assert!(filled.iter().all(|count| usize::from(*count) <= MOST_FILLING));
            let sizes: Vec<usize> = lengths.iter().zip(&filled).map(|(l, f)| l + usize::from(*f)).collect();
            prop_assert!(messages(&sizes) <= messages(&lengths));
        }
    }

    /// How many messages to the kernel packets of these sizes make.
    fn messages(sizes: &[usize]) -> usize {
        let (mut count, mut open) = (0, None);
        for size in sizes {
            match open {
                Some(segment) if *size == segment => {}
                Some(segment) if *size < segment => open = None,
                _ => (count, open) = (count + 1, Some(*size)),
            }
        }
        count
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
        slot.write_extensions(&ids, &Retold::default(), false, &mut block);
        assert_eq!(block.bytes(), [0xbe, 0xde, 0, 1, 0x90, 0x85, 0, 0]);
    }
}
