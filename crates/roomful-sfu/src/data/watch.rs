//! Which packets are told to Python as they come: those of watched topics, and what follows in a stream that one of them opened.
//!
//! Called by the relay before it holds or sends a packet; knows neither rooms nor channels.
use super::envelope::Address;
use crate::slab::Key;
use std::collections::{HashMap, VecDeque};

/// Open streams of one sender that are followed; the oldest is let go for a new one.
const MAX_STREAMS: usize = 64;

/// What is watched, by room, and the streams that are open, by sender.
#[derive(Debug, Default)]
pub struct Watches {
    topics: HashMap<Key, Vec<String>>,
    streams: HashMap<Key, VecDeque<String>>,
}

impl Watches {
    /// These topics of a room, in place of those before.
    pub fn set(&mut self, room: Key, topics: Vec<String>) {
        if topics.is_empty() {
            self.topics.remove(&room);
        } else {
            self.topics.insert(room, topics);
        }
    }

    /// Whether a packet is watched. Remembers the stream that it opens, and forgets the one that it ends.
    pub fn sees(&mut self, room: Key, sender: Key, address: &Address) -> bool {
        if !address.topic.is_empty() {
            let chosen = self
                .topics
                .get(&room)
                .is_some_and(|topics| topics.contains(&address.topic));
            if chosen && !address.stream.is_empty() {
                let streams = self.streams.entry(sender).or_default();
                if streams.len() >= MAX_STREAMS {
                    streams.pop_front();
                }
                streams.push_back(address.stream.clone());
            }
            return chosen;
        }
        if address.stream.is_empty() {
            return false;
        }
        let Some(streams) = self.streams.get_mut(&sender) else {
            return false;
        };
        let Some(at) = streams.iter().position(|stream| *stream == address.stream) else {
            return false;
        };
        if address.ends {
            streams.remove(at);
        }
        true
    }

    /// Somebody left.
    pub fn forget_sender(&mut self, sender: Key) {
        self.streams.remove(&sender);
    }

    /// A room ended.
    pub fn forget_room(&mut self, room: Key) {
        self.topics.remove(&room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(topic: &str, stream: &str, ends: bool) -> Address {
        Address {
            topic: topic.to_owned(),
            stream: stream.to_owned(),
            ends,
            ..Address::default()
        }
    }

    #[test]
    fn a_stream_is_followed_from_its_header_to_its_trailer() {
        let mut watches = Watches::default();
        watches.set(1, vec!["chat".to_owned()]);
        assert!(watches.sees(1, 7, &address("chat", "s", false)));
        assert!(watches.sees(1, 7, &address("", "s", false)));
        assert!(!watches.sees(1, 8, &address("", "s", false)), "another sender's");
        assert!(!watches.sees(1, 7, &address("", "t", false)), "another stream");
        assert!(watches.sees(1, 7, &address("", "s", true)));
        assert!(!watches.sees(1, 7, &address("", "s", false)), "it has ended");
    }

    #[test]
    fn other_topics_and_rooms_are_not_told() {
        let mut watches = Watches::default();
        watches.set(1, vec!["chat".to_owned()]);
        assert!(!watches.sees(1, 7, &address("game", "s", false)));
        assert!(!watches.sees(1, 7, &address("", "s", false)));
        assert!(!watches.sees(2, 7, &address("chat", "", false)));
        assert!(!watches.sees(1, 7, &address("", "", false)));
        watches.set(1, vec![]);
        assert!(!watches.sees(1, 7, &address("chat", "", false)));
        assert!(watches.streams.is_empty() && watches.topics.is_empty());
    }

    #[test]
    fn streams_that_never_end_are_bounded_and_go_with_their_sender() {
        let mut watches = Watches::default();
        watches.set(1, vec!["chat".to_owned()]);
        for n in 0..1000 {
            assert!(watches.sees(1, 7, &address("chat", &n.to_string(), false)));
        }
        assert_eq!(watches.streams[&7].len(), MAX_STREAMS);
        watches.forget_sender(7);
        watches.forget_room(1);
        assert!(watches.streams.is_empty() && watches.topics.is_empty());
    }
}
