//! Questions that wait for Python, in the order of their deadlines, bounded in number and bytes. Owned by the hub.
use crate::dialect::Since;
use crate::message::{ConnectionId, Message};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) enum About {
    Join {
        channel: String,
        id: Option<u64>,
        info: Option<Bytes>,
        since: Option<Since>,
        /// What the same connection said in that channel meanwhile.
        later: Vec<Message>,
    },
    /// The message itself waits in the queue of its sender and channel.
    Message {
        channel: usize,
    },
    Request {
        channel: Arc<str>,
        id: u64,
    },
}

pub(crate) struct Ask {
    pub connection: ConnectionId,
    pub about: About,
    deadline_ms: u64,
    bytes: usize,
}

pub(crate) struct Asks {
    /// Numbers go up with time and all wait equally long, so this is also the order of deadlines.
    waiting: BTreeMap<u64, Ask>,
    last: u64,
    bytes: usize,
    max: usize,
    max_bytes: usize,
}

impl Asks {
    pub fn new(max: usize, max_bytes: usize) -> Self {
        Self {
            waiting: BTreeMap::new(),
            last: 0,
            bytes: 0,
            max,
            max_bytes,
        }
    }

    /// The number of the question; None when too much waits.
    pub fn add(
        &mut self,
        connection: ConnectionId,
        about: About,
        bytes: usize,
        deadline_ms: u64,
    ) -> Option<u64> {
        if self.waiting.len() >= self.max || self.bytes + bytes > self.max_bytes {
            return None;
        }
        self.last += 1;
        self.bytes += bytes;
        self.waiting.insert(
            self.last,
            Ask {
                connection,
                about,
                deadline_ms,
                bytes,
            },
        );
        Some(self.last)
    }

    pub fn get(&self, ask: u64) -> Option<&Ask> {
        self.waiting.get(&ask)
    }

    /// Lets a message wait with a join; false when too much waits.
    pub fn add_later(&mut self, ask: u64, message: &Message, most: usize) -> bool {
        let size = message.payload.len();
        let Some(waiting) = self.waiting.get_mut(&ask) else {
            return false;
        };
        let About::Join { later, .. } = &mut waiting.about else {
            return false;
        };
        if later.len() >= most || self.bytes + size > self.max_bytes {
            return false;
        }
        later.push(message.clone());
        waiting.bytes += size;
        self.bytes += size;
        true
    }

    pub fn take(&mut self, ask: u64) -> Option<Ask> {
        let taken = self.waiting.remove(&ask)?;
        self.bytes -= taken.bytes;
        Some(taken)
    }

    /// The first whose deadline is over.
    pub fn overdue(&self, now_ms: u64) -> Option<u64> {
        let (ask, waiting) = self.waiting.first_key_value()?;
        (waiting.deadline_ms <= now_ms).then_some(*ask)
    }

    pub fn next_ms(&self) -> Option<u64> {
        self.waiting
            .first_key_value()
            .map(|(_, waiting)| waiting.deadline_ms)
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_and_in_order_of_deadlines() {
        let mut asks = Asks::new(2, 100);
        let of = |channel| About::Message { channel };
        let first = asks.add(ConnectionId(1), of(0), 60, 10).unwrap();
        assert!(asks.add(ConnectionId(1), of(0), 41, 10).is_none(), "bytes");
        let second = asks.add(ConnectionId(1), of(0), 40, 20).unwrap();
        assert!(asks.add(ConnectionId(1), of(0), 0, 20).is_none(), "number");
        assert_eq!(
            (asks.overdue(9), asks.overdue(10), asks.next_ms()),
            (None, Some(first), Some(10))
        );
        assert!(asks.take(first).is_some() && asks.take(first).is_none());
        assert_eq!(asks.overdue(25), Some(second));
        asks.take(second);
        assert_eq!((asks.bytes, asks.len()), (0, 0));
    }

    #[test]
    fn what_waits_with_a_join_is_bounded() {
        let mut asks = Asks::new(2, 100);
        let join = About::Join {
            channel: "c".into(),
            id: None,
            info: None,
            since: None,
            later: vec![],
        };
        let ask = asks.add(ConnectionId(1), join, 10, 10).unwrap();
        let message = Message::binary(vec![0; 40]);
        let taken = [(); 3].map(|()| asks.add_later(ask, &message, 9));
        assert_eq!(taken, [true, true, false], "bytes");
        assert!(!asks.add_later(ask, &Message::binary(vec![]), 2), "number");
        asks.take(ask);
        assert_eq!(asks.bytes, 0);
    }
}
