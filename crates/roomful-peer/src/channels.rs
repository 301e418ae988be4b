//! The data channels of one peer: numbers, states, and moving messages between pipes and SCTP. Pure but for the pipes.
//!
//! Called by `peer`. Keeps SCTP's own queue shallow, which it searches; what a program sends ahead waits in the pipe.
use crate::event::{ChannelKey, PeerEvent};
use crate::pipe::{Pipe, MAX_UNREAD, OVERHEAD};
use roomful_rtc::dcep::ChannelOptions;
use roomful_rtc::sctp::{ChannelId, SendError};
use roomful_rtc::transport::Transport;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// What SCTP has of one channel, in flight and before: 40 Mbit/s at a round trip of 200 ms.
const IN_SCTP: usize = 1 << 20;
/// It is filled up again from here.
const REFILL: usize = IN_SCTP - IN_SCTP / 4;
/// Messages of a few bytes cost SCTP as much as large ones: each counts as this many bytes at least.
const LEAST: usize = 512;
/// Channels of one peer, those that are not open yet included.
pub const MAX_CHANNELS: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// SCTP is not up.
    Waiting,
    Open,
    /// Closes when the pipe is empty.
    Draining,
    /// The peer has been told.
    Closing,
}

struct Channel {
    options: ChannelOptions,
    id: Option<ChannelId>,
    negotiated: bool,
    stage: Stage,
    pipe: Arc<Pipe>,
    /// Bytes that SCTP has.
    given: usize,
    /// Messages in `given`'s batch that were small, as extra cost.
    small: usize,
    reading: bool,
}

/// See the module.
#[derive(Default)]
pub struct Channels {
    all: FxHashMap<ChannelKey, Channel>,
    by_id: FxHashMap<ChannelId, ChannelKey>,
    next: ChannelKey,
    ready: bool,
    limit: Option<usize>,
}

impl Channels {
    /// A channel of ours, under a key that the program chose. `id`: agreed on by other means.
    pub fn create(
        &mut self,
        key: ChannelKey,
        options: ChannelOptions,
        id: Option<ChannelId>,
        pipe: Arc<Pipe>,
    ) -> Result<(), &'static str> {
        if self.all.len() >= MAX_CHANNELS {
            return Err("too many channels");
        }
        let taken = |id| self.all.values().any(|c| c.id == Some(id));
        if id.is_some_and(taken) {
            return Err("the id is taken");
        }
        if let Some(limit) = self.limit {
            pipe.set_limit(limit);
        }
        self.all.insert(
            key,
            Channel {
                options,
                negotiated: id.is_some(),
                id,
                stage: Stage::Waiting,
                pipe,
                given: 0,
                small: 0,
                reading: true,
            },
        );
        Ok(())
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Largest message that the peer takes, bytes.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = Some(limit);
        self.all.values().for_each(|c| c.pipe.set_limit(limit));
    }

    /// SCTP is up: opens what waits.
    pub fn on_ready(&mut self, transport: &mut Transport, events: &mut VecDeque<PeerEvent>, now: Instant) {
        self.ready = true;
        let mut keys: Vec<ChannelKey> = self.all.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            self.open(key, transport, events, now);
        }
    }

    /// Opens one that waits, if SCTP is up.
    pub fn open(
        &mut self,
        key: ChannelKey,
        transport: &mut Transport,
        events: &mut VecDeque<PeerEvent>,
        now: Instant,
    ) {
        let Some(channel) = self.all.get_mut(&key) else {
            return;
        };
        if !self.ready || channel.stage != Stage::Waiting {
            return;
        }
        let id = match channel.id {
            Some(id) => transport
                .open_channel_as(id, channel.options.clone(), now)
                .then_some(id),
            None => transport.open_channel(channel.options.clone(), now),
        };
        let Some(id) = id else {
            let why = if channel.negotiated {
                "the id is taken, or there are too many channels"
            } else {
                "there are too many channels"
            };
            self.remove(key, Some(why.to_owned()), events);
            return;
        };
        channel.id = Some(id);
        channel.stage = Stage::Open;
        self.by_id.insert(id, key);
        events.push_back(PeerEvent::Open { key, id });
    }

    /// The peer opened one, or acknowledged ours.
    pub fn on_opened(&mut self, id: ChannelId, options: ChannelOptions, events: &mut VecDeque<PeerEvent>) {
        if self.by_id.contains_key(&id) {
            return;
        }
        // Ours count up from zero, the peer's down from the top: neither asks the other.
        let key = ChannelKey::MAX - self.next;
        self.next += 1;
        let pipe = Arc::new(Pipe::new());
        if let Some(limit) = self.limit {
            pipe.set_limit(limit);
        }
        let channel = Channel {
            options: options.clone(),
            id: Some(id),
            negotiated: false,
            stage: Stage::Open,
            pipe: pipe.clone(),
            given: 0,
            small: 0,
            reading: true,
        };
        self.all.insert(key, channel);
        self.by_id.insert(id, key);
        events.push_back(PeerEvent::Channel {
            key,
            id,
            options,
            pipe,
        });
        events.push_back(PeerEvent::Open { key, id });
    }

    /// A message came.
    pub fn on_message(&self, id: ChannelId, binary: bool, data: Vec<u8>, events: &mut VecDeque<PeerEvent>) {
        let Some((key, channel)) = self
            .by_id
            .get(&id)
            .and_then(|key| Some((*key, self.all.get(key)?)))
        else {
            return;
        };
        if channel.stage != Stage::Open {
            return;
        }
        channel.pipe.told(data.len());
        match events.back_mut() {
            Some(PeerEvent::Messages {
                key: last, messages, ..
            }) if *last == key => {
                messages.push((binary, data));
            }
            _ => events.push_back(PeerEvent::Messages {
                key,
                pipe: channel.pipe.clone(),
                messages: vec![(binary, data)],
            }),
        }
    }

    /// A channel is gone.
    pub fn on_closed(&mut self, id: ChannelId, events: &mut VecDeque<PeerEvent>) {
        if let Some(key) = self.by_id.get(&id).copied() {
            self.remove(key, None, events);
        }
    }

    /// All are gone.
    pub fn close_all(&mut self, reason: Option<&str>, events: &mut VecDeque<PeerEvent>) {
        self.ready = false;
        let mut keys: Vec<ChannelKey> = self.all.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            self.remove(key, reason.map(str::to_owned), events);
        }
    }

    /// The program closes one: what it sent goes out first.
    pub fn close(&mut self, key: ChannelKey, events: &mut VecDeque<PeerEvent>) {
        let Some(channel) = self.all.get_mut(&key) else {
            return;
        };
        channel.pipe.close();
        match channel.stage {
            Stage::Waiting => self.remove(key, None, events),
            Stage::Open => channel.stage = Stage::Draining,
            Stage::Draining | Stage::Closing => {}
        }
    }

    fn remove(&mut self, key: ChannelKey, reason: Option<String>, events: &mut VecDeque<PeerEvent>) {
        if let Some(channel) = self.all.remove(&key) {
            channel.pipe.close();
            if let Some(id) = channel.id {
                self.by_id.remove(&id);
            }
            events.push_back(PeerEvent::Closed(key, reason));
        }
    }

    /// Moves messages to SCTP, tells what arrived, stops and starts reading. Returns whether anything was given to SCTP.
    pub fn pump(
        &mut self,
        transport: &mut Transport,
        events: &mut VecDeque<PeerEvent>,
        now: Instant,
    ) -> bool {
        let mut gave = false;
        let mut batch = vec![];
        for (key, channel) in &mut self.all {
            let Some(id) = channel.id.filter(|_| channel.stage != Stage::Waiting) else {
                continue;
            };
            let left = transport.buffered(id).min(channel.given);
            let arrived = channel.given - left;
            channel.given = left;
            if left == 0 {
                channel.small = 0;
            }
            let mut fell = channel.pipe.sent(arrived);
            if channel.given + channel.small <= REFILL && channel.stage != Stage::Closing {
                channel
                    .pipe
                    .take(IN_SCTP.saturating_sub(channel.given + channel.small), &mut batch);
                let mut messages = batch.drain(..);
                while let Some(message) = messages.next() {
                    match transport.send_data(id, message.binary, &message.data) {
                        Ok(()) => {
                            gave = true;
                            channel.given += message.data.len();
                            channel.small += LEAST.saturating_sub(message.data.len() + OVERHEAD);
                        }
                        Err(SendError::Backpressure) => {
                            channel
                                .pipe
                                .put_back(std::iter::once(message).chain(messages.by_ref()));
                        }
                        // The channel is on its way out: what was sent on it is lost, as everywhere.
                        Err(_) => {
                            let more = channel.pipe.sent(message.data.len());
                            fell.low |= more.low;
                            fell.mark |= more.mark;
                        }
                    }
                }
                if channel.stage == Stage::Draining && !channel.pipe.has_waiting() {
                    channel.stage = Stage::Closing;
                    transport.close_channel(id, now);
                }
            }
            if fell.low || fell.mark {
                events.push_back(PeerEvent::Buffered(*key, fell));
            }
            let reads = channel.pipe.reads();
            if reads != channel.reading {
                channel.reading = reads;
                transport.read_channel(id, reads);
                gave |= reads;
            }
        }
        gave
    }
}

// What is read ahead of a slow program must be more than what comes in one batch.
const _: () = assert!(MAX_UNREAD > 1 << 20);
