//! Packets that wait for Python's answer, and what belongs behind them.
//!
//! A stream's header that is held keeps its chunks and its trailer behind it, in order; a header that is dropped takes them along.
//! Bounded by count and bytes: what has waited longest is given back to go on undecided rather than being lost. Called by the
//! relay; knows neither rooms nor channels.
use crate::slab::Key;
use std::collections::{HashMap, VecDeque};

/// Packets that wait at most, those behind a header counted.
const MAX_COUNT: usize = 1000;
/// Bytes that wait at most.
const MAX_BYTES: usize = 8 << 20;
/// Dropped streams that are remembered until their trailer.
const MAX_DROPPED: usize = 256;

/// What can be held.
pub trait Item {
    /// Whose it is.
    fn sender(&self) -> Key;
    /// Id of the stream that it is part of; empty for none.
    fn stream(&self) -> &str;
    /// Last of its stream.
    fn ends(&self) -> bool;
    /// Bytes.
    fn size(&self) -> usize;
}

type Stream = (Key, String);

#[derive(Debug)]
struct Entry<T> {
    first: T,
    behind: Vec<T>,
}

#[derive(Debug)]
enum Fate {
    Waits(u64),
    Dropped,
}

/// What becomes of a packet that was not chosen for holding.
#[derive(Debug, PartialEq, Eq)]
pub enum Follow<T> {
    /// Nothing of its stream waits: it goes on. The packets before it, if any, go first: they waited too long.
    Pass(T),
    /// It waits behind its header. These waited too long and go on.
    Waits(Vec<T>),
    /// Its header was dropped, and so is it.
    Dropped,
}

/// All that waits.
#[derive(Debug)]
pub struct Holds<T> {
    last: u64,
    entries: HashMap<u64, Entry<T>>,
    order: VecDeque<u64>,
    streams: HashMap<Stream, Fate>,
    dropped: VecDeque<Stream>,
    count: usize,
    bytes: usize,
}

impl<T> Default for Holds<T> {
    fn default() -> Self {
        Holds {
            last: 0,
            entries: HashMap::new(),
            order: VecDeque::new(),
            streams: HashMap::new(),
            dropped: VecDeque::new(),
            count: 0,
            bytes: 0,
        }
    }
}

impl<T: Item> Holds<T> {
    /// Holds a packet: its number, and what waited too long, in the order in which it came.
    pub fn hold(&mut self, item: T) -> (u64, Vec<T>) {
        let out = self.make_room(item.size());
        self.last += 1;
        let number = self.last;
        self.count += 1;
        self.bytes += item.size();
        if !item.stream().is_empty() && !item.ends() {
            let stream = (item.sender(), item.stream().to_owned());
            self.streams.insert(stream, Fate::Waits(number));
        }
        let behind = Vec::new();
        self.entries.insert(number, Entry { first: item, behind });
        self.order.push_back(number);
        (number, out)
    }

    /// Asks whether a packet has to wait behind, or goes the way of, the header of its stream.
    pub fn follow(&mut self, item: T) -> Follow<T> {
        if self.streams.is_empty() || item.stream().is_empty() {
            return Follow::Pass(item);
        }
        let stream = (item.sender(), item.stream().to_owned());
        let number = match self.streams.get(&stream) {
            None => return Follow::Pass(item),
            Some(Fate::Dropped) => {
                if item.ends() {
                    self.streams.remove(&stream);
                    self.dropped.retain(|other| *other != stream);
                }
                return Follow::Dropped;
            }
            Some(Fate::Waits(number)) => *number,
        };
        let out = self.make_room(item.size());
        let Some(entry) = self.entries.get_mut(&number) else {
            // Its header was among what waited too long: it goes right after.
            let mut out = out;
            out.push(item);
            return Follow::Waits(out);
        };
        self.count += 1;
        self.bytes += item.size();
        entry.behind.push(item);
        Follow::Waits(out)
    }

    /// Takes a packet out with all that waits behind it.
    pub fn release(&mut self, number: u64) -> Option<(T, Vec<T>)> {
        let entry = self.take(number)?;
        self.order.retain(|other| *other != number);
        self.free(number, &entry.first);
        Some((entry.first, entry.behind))
    }

    /// Forgets a packet, what waits behind it, and what is yet to come of its stream. False when there is no such number.
    pub fn discard(&mut self, number: u64) -> bool {
        let Some((first, behind)) = self.release(number) else {
            return false;
        };
        let over = first.ends() || behind.iter().any(Item::ends);
        if first.stream().is_empty() || over {
            return true;
        }
        let stream = (first.sender(), first.stream().to_owned());
        if self.dropped.len() >= MAX_DROPPED {
            if let Some(oldest) = self.dropped.pop_front() {
                self.streams.remove(&oldest);
            }
        }
        self.dropped.push_back(stream.clone());
        self.streams.insert(stream, Fate::Dropped);
        true
    }

    /// Forgets all of a sender.
    pub fn forget(&mut self, sender: Key) {
        let gone: Vec<u64> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.first.sender() == sender)
            .map(|(n, _)| *n)
            .collect();
        for number in gone {
            self.release(number);
        }
        self.streams.retain(|(who, _), _| *who != sender);
        self.dropped.retain(|(who, _)| *who != sender);
    }

    /// Lets the oldest go until one more of that size fits.
    fn make_room(&mut self, size: usize) -> Vec<T> {
        let mut out = Vec::new();
        while self.count >= MAX_COUNT || self.bytes.saturating_add(size) > MAX_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(entry) = self.take(oldest) {
                self.free(oldest, &entry.first);
                out.push(entry.first);
                out.extend(entry.behind);
            }
        }
        out
    }

    fn take(&mut self, number: u64) -> Option<Entry<T>> {
        let entry = self.entries.remove(&number)?;
        let size = entry
            .behind
            .iter()
            .map(Item::size)
            .sum::<usize>()
            .saturating_add(entry.first.size());
        self.bytes = self.bytes.saturating_sub(size);
        self.count = self.count.saturating_sub(entry.behind.len().saturating_add(1));
        Some(entry)
    }

    fn free(&mut self, number: u64, first: &T) {
        if first.stream().is_empty() {
            return;
        }
        let stream = (first.sender(), first.stream().to_owned());
        if matches!(self.streams.get(&stream), Some(Fate::Waits(waits)) if *waits == number) {
            self.streams.remove(&stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Packet {
        sender: Key,
        stream: &'static str,
        ends: bool,
        tag: u32,
    }

    impl Item for Packet {
        fn sender(&self) -> Key {
            self.sender
        }
        fn stream(&self) -> &str {
            self.stream
        }
        fn ends(&self) -> bool {
            self.ends
        }
        fn size(&self) -> usize {
            1000
        }
    }

    fn keys() -> [Key; 2] {
        [3, 4]
    }

    fn packet(sender: Key, stream: &'static str, tag: u32) -> Packet {
        Packet {
            sender,
            stream,
            ends: false,
            tag,
        }
    }

    #[test]
    fn chunks_wait_behind_their_header() {
        let [ada, bob] = keys();
        let mut holds = Holds::default();
        let (number, _) = holds.hold(packet(ada, "s", 1));
        assert_eq!(holds.follow(packet(ada, "s", 2)), Follow::Waits(vec![]));
        assert_eq!(
            holds.follow(packet(bob, "s", 3)),
            Follow::Pass(packet(bob, "s", 3))
        );
        assert_eq!(
            holds.follow(packet(ada, "t", 4)),
            Follow::Pass(packet(ada, "t", 4))
        );
        assert_eq!(
            holds.release(number),
            Some((packet(ada, "s", 1), vec![packet(ada, "s", 2)]))
        );
        assert_eq!(
            holds.follow(packet(ada, "s", 5)),
            Follow::Pass(packet(ada, "s", 5))
        );
        assert_eq!((holds.count, holds.bytes, holds.release(number)), (0, 0, None));
    }

    #[test]
    fn what_follows_a_dropped_header_is_dropped_until_its_trailer() {
        let [ada, _] = keys();
        let mut holds = Holds::default();
        let (number, _) = holds.hold(packet(ada, "s", 1));
        assert!(holds.discard(number) && !holds.discard(number));
        assert_eq!(holds.follow(packet(ada, "s", 2)), Follow::Dropped);
        assert_eq!(
            holds.follow(Packet {
                ends: true,
                ..packet(ada, "s", 3)
            }),
            Follow::Dropped
        );
        assert_eq!(
            holds.follow(packet(ada, "s", 4)),
            Follow::Pass(packet(ada, "s", 4))
        );
    }

    #[test]
    fn a_packet_without_a_stream_leaves_nothing_behind() {
        let [ada, _] = keys();
        let mut holds = Holds::default();
        let (number, _) = holds.hold(packet(ada, "", 1));
        assert!(holds.discard(number));
        assert!(holds.streams.is_empty() && holds.dropped.is_empty());
    }

    #[test]
    fn a_sender_who_leaves_takes_everything_along() {
        let [ada, bob] = keys();
        let mut holds = Holds::default();
        let (first, _) = holds.hold(packet(ada, "s", 1));
        let (second, _) = holds.hold(packet(bob, "s", 2));
        let (dropped, _) = holds.hold(packet(ada, "t", 3));
        assert!(holds.discard(dropped));
        holds.forget(ada);
        assert_eq!(holds.release(first), None);
        assert_eq!(holds.release(second).unwrap().0.tag, 2);
        assert!(holds.streams.is_empty() && holds.dropped.is_empty());
    }

    #[test]
    fn what_waited_longest_goes_on_when_there_is_no_room() {
        let [ada, _] = keys();
        let mut holds = Holds::default();
        let mut late = vec![];
        let (header, _) = holds.hold(packet(ada, "s", 0));
        assert_eq!(holds.follow(packet(ada, "s", 1)), Follow::Waits(vec![]));
        for tag in 2..1100 {
            late.extend(holds.hold(packet(ada, "", tag)).1);
        }
        assert_eq!(holds.count, MAX_COUNT);
        assert!(late.iter().map(|p| p.tag).eq(0..100));
        assert_eq!(holds.release(header), None);
        assert_eq!(
            holds.follow(packet(ada, "s", 1)),
            Follow::Pass(packet(ada, "s", 1))
        );
    }

    #[test]
    fn a_stream_that_is_too_long_goes_on_with_its_header() {
        let [ada, _] = keys();
        let mut holds = Holds::default();
        holds.hold(packet(ada, "s", 0));
        for tag in 1..1000 {
            assert_eq!(holds.follow(packet(ada, "s", tag)), Follow::Waits(vec![]));
        }
        let Follow::Waits(late) = holds.follow(packet(ada, "s", 1000)) else {
            panic!()
        };
        assert!(late.iter().map(|p| p.tag).eq(0..=1000));
        assert_eq!((holds.count, holds.bytes, holds.streams.len()), (0, 0, 0));
    }

    proptest! {
        /// Whatever Python does, no sender's packets of one stream change places, none comes twice, and bounds hold.
        #[test]
        fn order_is_kept_within_bounds(steps in prop::collection::vec((0..4u8, 0..3usize, any::<u64>()), 1..3000)) {
            let [ada, _] = keys();
            let names = ["a", "b", ""];
            let mut holds = Holds::default();
            let mut out: Vec<Packet> = vec![];
            let mut held: Vec<u64> = vec![];
            for (tag, (what, stream, pick)) in (0u32..).zip(steps) {
                let item = packet(ada, names[stream], tag);
                match what {
                    0 if !holds.streams.contains_key(&(ada, names[stream].to_owned())) => {
                        let (number, over) = holds.hold(item);
                        held.push(number);
                        out.extend(over);
                    }
                    0 | 1 => match holds.follow(item) {
                        Follow::Pass(item) => out.push(item),
                        Follow::Waits(over) => out.extend(over),
                        Follow::Dropped => {}
                    },
                    _ if held.is_empty() => {}
                    2 => {
                        let number = held.swap_remove(pick as usize % held.len());
                        if let Some((first, behind)) = holds.release(number) {
                            out.push(first);
                            out.extend(behind);
                        }
                    }
                    _ => {
                        holds.discard(held.swap_remove(pick as usize % held.len()));
                    }
                }
                prop_assert!(holds.count <= MAX_COUNT && holds.bytes <= MAX_BYTES && holds.dropped.len() <= MAX_DROPPED);
                prop_assert_eq!(holds.bytes, holds.count * 1000);
                prop_assert_eq!(holds.order.len(), holds.entries.len());
            }
            for name in ["a", "b"] {
                let tags: Vec<u32> = out.iter().filter(|p| p.stream == name).map(|p| p.tag).collect();
                prop_assert!(tags.windows(2).all(|pair| pair[0] < pair[1]), "{tags:?}");
            }
        }
    }
}
