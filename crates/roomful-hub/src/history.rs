//! The last messages of a channel, by count, bytes and age. Offsets have no gaps: what is here is exactly what came after some
//! offset, up to the last, or it is said that something is lost. Owned by a channel.
use crate::command::Rules;
use crate::dialect;
use crate::ids::Id;
use crate::message::Message;
use std::collections::VecDeque;

/// What an entry takes besides its bytes: itself, and a buffer that is longer than what is in it.
const UPKEEP: usize = 256;

pub(crate) struct Entry {
    pub offset: u64,
    pub from: Option<Id>,
    /// As relay members got it.
    pub frame: Message,
    at_ms: u64,
    length: usize,
}

impl Entry {
    /// What was said, without the frame.
    pub fn data(&self) -> Message {
        dialect::data_in(&self.frame, self.length)
    }
}

#[derive(Default)]
pub(crate) struct History {
    entries: VecDeque<Entry>,
    bytes: usize,
    last: u64,
}

impl History {
    /// Of the last message; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Bytes of all entries, with their upkeep.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The next message: `frame` says its offset, `last() + 1`, and holds `length` bytes of data. `room` is what all histories
    /// together may still take.
    pub fn push(
        &mut self,
        frame: Message,
        from: Option<Id>,
        length: usize,
        room: usize,
        rules: &Rules,
        now_ms: u64,
    ) {
        self.last += 1;
        let size = frame.payload.len() + UPKEEP;
        let most = rules.history_bytes.min(self.bytes.saturating_add(room));
        if rules.history == 0 || size > most {
            // A gap would be worse than nothing.
            self.clear();
            return;
        }
        self.trim(rules.history - 1, most - size);
        self.bytes += size;
        self.entries.push_back(Entry {
            offset: self.last,
            from,
            frame,
            at_ms: now_ms,
            length,
        });
        self.expire(rules.history_ms, now_ms);
    }

    /// Keeps the latest so many, of so many bytes.
    pub fn trim(&mut self, count: usize, bytes: usize) {
        while self.entries.len() > count || self.bytes > bytes {
            self.drop_first();
        }
    }

    /// Drops what is older than that.
    pub fn expire(&mut self, age_ms: u64, now_ms: u64) {
        while self
            .entries
            .front()
            .is_some_and(|first| first.at_ms.saturating_add(age_ms) < now_ms)
        {
            self.drop_first();
        }
    }

    /// Everything after an offset; None when some of it is lost, or has never been.
    pub fn since(&self, offset: u64) -> Option<impl ExactSizeIterator<Item = &Entry>> {
        let missed = usize::try_from(self.last.checked_sub(offset)?).ok()?;
        let skipped = self.entries.len().checked_sub(missed)?;
        Some(self.entries.range(skipped..))
    }

    /// Of what is kept and came after an offset, the latest so many.
    pub fn latest(&self, after: u64, limit: u64) -> impl ExactSizeIterator<Item = &Entry> {
        let wanted = self.last.saturating_sub(after).min(limit);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        self.entries.range(self.entries.len().saturating_sub(wanted)..)
    }

    fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.bytes = 0;
    }

    fn drop_first(&mut self) {
        match self.entries.pop_front() {
            Some(first) => self.bytes -= first.frame.payload.len() + UPKEEP,
            None => self.bytes = 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(history: usize, history_bytes: usize, history_ms: u64) -> Rules {
        Rules {
            history,
            history_bytes,
            history_ms,
            ..Rules::default()
        }
    }

    fn offsets<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u64> {
        entries.map(|entry| entry.offset).collect()
    }

    fn push(history: &mut History, size: usize, rules: &Rules, now_ms: u64) {
        let frame = Message::binary(vec![0; size]);
        history.push(frame, None, size, usize::MAX, rules, now_ms);
    }

    #[test]
    fn keeps_the_last() {
        let (mut history, rules) = (History::default(), rules(3, 100 + 3 * UPKEEP, 1000));
        for now in 0..5 {
            push(&mut history, 10, &rules, now);
        }
        assert_eq!(offsets(history.since(2).unwrap()), [3, 4, 5]);
        assert!(history.since(1).is_none());
        assert!(history.since(6).is_none(), "has never been");
        assert!(offsets(history.since(5).unwrap()).is_empty());
        assert_eq!(offsets(history.latest(0, 2)), [4, 5]);
        assert_eq!(offsets(history.latest(4, 9)), [5]);
        assert!(offsets(history.latest(9, 9)).is_empty());
        history.expire(1000, 1003);
        assert_eq!(offsets(history.latest(0, 9)), [4, 5]);
        push(&mut history, 101 + 2 * UPKEEP, &rules, 6);
        assert!(
            history.is_empty() && history.bytes() == 0,
            "too long to keep, so nothing is"
        );
        assert!(history.since(5).is_none());
        assert!(offsets(history.since(6).unwrap()).is_empty());
    }

    proptest! {
        #[test]
        fn bounded_and_without_gaps(
            count in 0usize..6,
            bytes in 0usize..1500,
            room in 0usize..1500,
            steps in proptest::collection::vec((1usize..120, 0u64..40), 1..80),
        ) {
            let (mut history, rules) = (History::default(), rules(count, bytes, 100));
            let mut now = 0;
            let mut all = vec![];
            for (size, wait) in steps {
                now += wait;
                let left = room.saturating_sub(history.bytes());
                history.push(Message::binary(vec![0; size]), None, size, left, &rules, now);
                all.push(now);
                let kept = offsets(history.latest(0, u64::MAX));
                prop_assert!(kept.len() <= count && history.bytes() <= bytes.min(room));
                let expected: Vec<u64> = (history.last() + 1 - kept.len() as u64..=history.last()).collect();
                prop_assert_eq!(&kept, &expected);
                for offset in &kept {
                    prop_assert!(all[*offset as usize - 1] + 100 >= now);
                }
                for since in 0..=history.last() + 1 {
                    if let Some(missed) = history.since(since) {
                        prop_assert_eq!(offsets(missed), (since + 1..=history.last()).collect::<Vec<_>>());
                    }
                }
            }
        }
    }
}
