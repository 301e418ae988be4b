//! One data channel between a program's thread and the peer's: what waits to be sent, and how much waits to be read.
//!
//! The program puts messages in and takes counts out without waiting for the peer's thread; `peer` moves them on. Bounded both ways.
use bytes::Bytes;
use roomful_rtc::sctp::{SendError, MAX_MESSAGE};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What may wait to be sent on one channel, bytes (as in Chromium).
pub const MAX_WAITING: usize = 16 << 20;
/// Counted for each message besides its bytes, so that empty ones are bounded too.
pub const OVERHEAD: usize = 64;
/// What may wait to be read before the peer is held back, bytes.
pub const MAX_UNREAD: usize = 8 << 20;

/// Who waits until it may send more is told when what waits falls to this, bytes, and again when it falls to nothing.
pub const DRAINED: usize = 512 << 10;

/// What falling of `buffered` passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fell {
    /// The program's threshold.
    pub low: bool,
    /// [`DRAINED`], or nothing is left.
    pub mark: bool,
}

/// A message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Bytes, or text.
    pub binary: bool,
    /// All of it.
    pub data: Bytes,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Outgoing>,
    /// With overheads.
    cost: usize,
}

/// See the module.
#[derive(Default)]
pub struct Pipe {
    waiting: Mutex<Waiting>,
    /// Bytes that were put in and have not arrived.
    buffered: AtomicUsize,
    low: AtomicUsize,
    /// Bytes and overheads of messages that were told and not taken.
    unread: AtomicUsize,
    /// The program wants no messages now.
    paused: AtomicBool,
    /// It takes no messages: not open yet counts as open, for they wait.
    closed: AtomicBool,
    /// Largest message that the peer takes.
    limit: AtomicUsize,
    /// Somebody was told that there is work.
    marked: AtomicBool,
}

impl Pipe {
    /// Empty.
    pub fn new() -> Self {
        let pipe = Self::default();
        pipe.limit.store(MAX_MESSAGE as usize, Ordering::Relaxed);
        pipe
    }

    /// Puts a message in.
    pub fn put(&self, message: Outgoing) -> Result<(), SendError> {
        let length = message.data.len();
        if self.closed.load(Ordering::Acquire) {
            return Err(SendError::NotOpen);
        }
        if length > self.limit.load(Ordering::Relaxed) {
            return Err(SendError::TooLarge);
        }
        let mut waiting = self.lock();
        // A message that would be too large on its own must still be possible on an empty channel.
        if waiting.cost + length + OVERHEAD > MAX_WAITING
            || self.buffered.load(Ordering::Relaxed) + length > MAX_WAITING
        {
            return Err(SendError::Backpressure);
        }
        waiting.cost += length + OVERHEAD;
        self.buffered.fetch_add(length, Ordering::AcqRel);
        waiting.messages.push_back(message);
        Ok(())
    }

    /// Takes messages of together about `budget` bytes, at least one if there is any.
    pub fn take(&self, mut budget: usize, out: &mut Vec<Outgoing>) {
        let mut waiting = self.lock();
        while budget > 0 {
            let Some(message) = waiting.messages.pop_front() else {
                return;
            };
            let cost = message.data.len() + OVERHEAD;
            waiting.cost = waiting.cost.saturating_sub(cost);
            budget = budget.saturating_sub(cost);
            out.push(message);
        }
    }

    /// Puts the first message back.
    pub fn put_back(&self, messages: impl DoubleEndedIterator<Item = Outgoing>) {
        let mut waiting = self.lock();
        for message in messages.rev() {
            waiting.cost += message.data.len() + OVERHEAD;
            waiting.messages.push_front(message);
        }
    }

    /// Whether messages wait that the peer's thread has not taken.
    pub fn has_waiting(&self) -> bool {
        !self.lock().messages.is_empty()
    }

    /// Bytes that have not arrived: W3C's `bufferedAmount`.
    pub fn buffered(&self) -> usize {
        self.buffered.load(Ordering::Acquire)
    }

    /// So many bytes arrived.
    pub fn sent(&self, bytes: usize) -> Fell {
        if bytes == 0 {
            return Fell::default();
        }
        let before = self.buffered.fetch_sub(bytes, Ordering::AcqRel);
        let after = before.saturating_sub(bytes);
        let to = |mark: usize| before > mark && after <= mark;
        Fell {
            low: to(self.low.load(Ordering::Relaxed)),
            mark: to(DRAINED) || to(0),
        }
    }

    /// W3C's `bufferedAmountLowThreshold`, bytes.
    pub fn low(&self) -> usize {
        self.low.load(Ordering::Relaxed)
    }

    /// Sets it.
    pub fn set_low(&self, bytes: usize) {
        self.low.store(bytes, Ordering::Relaxed);
    }

    /// Largest message that the peer takes, bytes.
    pub fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// A message was told to the program.
    pub fn told(&self, length: usize) {
        self.unread.fetch_add(length + OVERHEAD, Ordering::AcqRel);
    }

    /// The program took messages of so many bytes. Returns whether the peer was held back and need not be any more.
    pub fn taken(&self, count: usize, bytes: usize) -> bool {
        let cost = bytes + count * OVERHEAD;
        let before = self.unread.fetch_sub(cost, Ordering::AcqRel);
        before > MAX_UNREAD && before.saturating_sub(cost) <= MAX_UNREAD
    }

    /// Whether messages should be read.
    pub fn reads(&self) -> bool {
        !self.paused.load(Ordering::Acquire) && self.unread.load(Ordering::Acquire) <= MAX_UNREAD
    }

    /// The program wants messages, or none for now.
    pub fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
    }

    /// Takes no more messages.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether it does not.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Marks that there is work. Returns whether that was news.
    pub fn mark(&self) -> bool {
        !self.marked.swap(true, Ordering::AcqRel)
    }

    /// The work is looked at now.
    pub fn unmark(&self) {
        self.marked.store(false, Ordering::Release);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Outgoing {
        Outgoing {
            binary: true,
            data: Bytes::from(vec![0; length]),
        }
    }

    #[test]
    fn what_waits_is_bounded() {
        let pipe = Pipe::new();
        let mut taken = 0;
        while pipe.put(message(MAX_MESSAGE as usize)).is_ok() {
            taken += 1;
        }
        assert_eq!(pipe.put(message(0)), Ok(()));
        assert!((60..=64).contains(&taken), "{taken}");
        let empty = Pipe::new();
        let count = (0..).take_while(|_| empty.put(message(0)).is_ok()).count();
        assert!(count <= MAX_WAITING / OVERHEAD);
        assert_eq!(
            pipe.put(message(MAX_MESSAGE as usize + 1)),
            Err(SendError::TooLarge)
        );
        pipe.close();
        assert_eq!(pipe.put(message(1)), Err(SendError::NotOpen));
    }

    #[test]
    fn the_threshold_is_told_once() {
        let pipe = Pipe::new();
        pipe.set_low(150);
        for _ in 0..3 {
            pipe.put(message(100)).unwrap();
        }
        assert_eq!(pipe.buffered(), 300);
        let fell = [pipe.sent(100), pipe.sent(100), pipe.sent(100)];
        assert_eq!(
            fell.map(|f| (f.low, f.mark)),
            [(false, false), (true, false), (false, true)]
        );
        assert_eq!(pipe.buffered(), 0);
    }

    #[test]
    fn a_reader_that_is_slow_holds_the_peer_back() {
        let pipe = Pipe::new();
        while pipe.reads() {
            pipe.told(1 << 20);
        }
        assert!(!pipe.taken(0, 0));
        assert!(pipe.taken(2, 2 << 20));
        assert!(pipe.reads());
        pipe.set_paused(true);
        assert!(!pipe.reads());
    }

    #[test]
    fn order_is_kept_when_some_are_put_back() {
        let pipe = Pipe::new();
        for length in 1..=4 {
            pipe.put(message(length)).unwrap();
        }
        let mut out = vec![];
        pipe.take(OVERHEAD * 2, &mut out);
        pipe.put_back(out.drain(1..));
        pipe.take(usize::MAX, &mut out);
        let lengths: Vec<usize> = out.iter().map(|m| m.data.len()).collect();
        assert_eq!(lengths, [1, 2, 3, 4]);
        assert!(!pipe.has_waiting());
    }
}
