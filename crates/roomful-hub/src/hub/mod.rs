//! The hub: every connection, every channel, one entry. This file dispatches; what follows from an input is decided in
//! `connections` (who is let in and goes), `joining` (who is in a channel), `speaking` (what is said there), `asking` (questions and
//! their answers), `orders` (what Python asks for).
mod asking;
mod connections;
mod joining;
mod orders;
mod speaking;
#[cfg(test)]
mod tests;

use crate::asks::Asks;
use crate::channel::Channel;
use crate::command::{Command, Decision, Speech};
use crate::config::Config;
use crate::connection::{State, Talker};
use crate::dialect::{self, Told};
use crate::event::Stats;
use crate::ids::Ids;
use crate::message::{ConnectionId, Head, Message};
use crate::rules::RuleBook;
use crate::sink::{Acceptance, OnSlow, Sink};
use rustc_hash::FxHashMap;
use slab::Slab;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// What happens to a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A WebSocket handshake came in and waits for an answer: `accept` or `refuse`.
    Opened {
        /// New.
        connection: ConnectionId,
        /// Its first request.
        head: Head,
    },
    /// A whole message came in.
    Message {
        /// From an accepted connection.
        connection: ConnectionId,
        /// What.
        message: Message,
    },
    /// A connection is gone, whoever closed it; its id says nothing any more.
    Gone {
        /// Which.
        connection: ConnectionId,
        /// As the other side closed it (RFC 6455 §7.1.5): 1005 without a code, 1006 without a close frame.
        code: u16,
        /// As the other side gave it.
        reason: String,
    },
    /// From Python.
    Command(Command),
    /// Time passed: see [`Hub::next_ms`].
    Tick,
}

/// How often histories are searched for what is too old.
const SWEEP_MS: u64 = 1000;

/// A refusal: a stable code and words for people.
type Refusal = (&'static str, &'static str);

/// See the crate's page.
pub struct Hub {
    config: Config,
    ids: Ids,
    connections: FxHashMap<ConnectionId, State>,
    /// Handshakes that wait for Python, by deadline; answered ones too, until they are the first.
    opened: VecDeque<(u64, ConnectionId)>,
    accept_rules: Vec<(String, Speech, Acceptance)>,
    channels: Slab<Channel>,
    /// Names come from strangers, so this map's hash is keyed.
    names: HashMap<Arc<str>, usize>,
    began: u64,
    book: RuleBook,
    asks: Asks,
    held: FxHashMap<(ConnectionId, usize), VecDeque<speaking::Held>>,
    held_bytes: usize,
    requests: BTreeMap<u64, asking::Request>,
    last_request: u64,
    history_bytes: usize,
    swept_ms: u64,
    stats: Stats,
}

impl Hub {
    /// Without connections and channels.
    pub fn new(config: Config) -> Self {
        Self {
            ids: Ids::new(config.seed),
            connections: FxHashMap::default(),
            opened: VecDeque::new(),
            accept_rules: vec![],
            channels: Slab::new(),
            names: HashMap::new(),
            began: 0,
            book: RuleBook::default(),
            asks: Asks::new(config.max_asks, config.max_ask_bytes),
            held: FxHashMap::default(),
            held_bytes: 0,
            requests: BTreeMap::new(),
            last_request: 0,
            history_bytes: 0,
            swept_ms: 0,
            stats: Stats::default(),
            config,
        }
    }

    /// When a `Tick` is wanted, on the clock of `now_ms`; None while nothing waits.
    pub fn next_ms(&self) -> Option<u64> {
        let sweep = (self.history_bytes > 0).then_some(self.swept_ms + SWEEP_MS);
        let request = self
            .requests
            .first_key_value()
            .map(|(_, waiting)| waiting.deadline_ms);
        let opened = self.opened.front().map(|(deadline, _)| *deadline);
        [opened, self.asks.next_ms(), request, sweep]
            .into_iter()
            .flatten()
            .min()
    }

    /// Everything that follows from one input. `now_ms` never goes back.
    pub fn handle(&mut self, input: Input, now_ms: u64, sink: &mut dyn Sink) {
        match input {
            Input::Message { connection, message } => self.heard(connection, message, now_ms, sink),
            Input::Opened { connection, head } => self.opened(connection, head, now_ms, sink),
            Input::Gone {
                connection,
                code,
                reason,
            } => self.gone(connection, code, reason, sink),
            Input::Command(command) => self.command(command, now_ms, sink),
            Input::Tick => self.tick(now_ms, sink),
        }
    }

    /// Counts, now.
    pub fn stats(&self) -> Stats {
        let accepted = |state: &&State| matches!(state, State::Accepted(_));
        Stats {
            connections: self.connections.values().filter(accepted).count(),
            channels: self.channels.len(),
            asks: self.asks.len(),
            history_bytes: self.history_bytes,
            ..self.stats
        }
    }

    fn tick(&mut self, now_ms: u64, sink: &mut dyn Sink) {
        self.refuse_overdue(now_ms, sink);
        while let Some(ask) = self.asks.overdue(now_ms) {
            let no = Decision {
                code: "no_answer".into(),
                reason: "the server did not decide in time".into(),
                ..Decision::default()
            };
            self.decide(ask, no, now_ms, sink);
        }
        self.fail_overdue(now_ms, sink);
        if self.history_bytes > 0 && now_ms >= self.swept_ms + SWEEP_MS {
            self.sweep(now_ms);
        }
    }

    /// Forgets what histories have kept long enough, and channels that nobody would miss.
    fn sweep(&mut self, now_ms: u64) {
        self.swept_ms = now_ms;
        let mut bytes = 0;
        let names = &mut self.names;
        self.channels.retain(|_, channel| {
            channel.history.expire(channel.rules.history_ms, now_ms);
            bytes += channel.history.bytes();
            let over = channel.is_over();
            if over {
                names.remove(&channel.name.text);
            }
            !over
        });
        self.history_bytes = bytes;
    }

    fn talker(&mut self, connection: ConnectionId) -> Option<&mut Talker> {
        match self.connections.get_mut(&connection) {
            Some(State::Accepted(talker)) if !talker.closing => Some(talker),
            _ => None,
        }
    }

    /// Says something to one connection, where its dialect has words for it; whether it has.
    fn tell(&mut self, connection: ConnectionId, told: &Told<'_>, sink: &mut dyn Sink) -> bool {
        let speech = self.talker(connection).map(|talker| talker.speech);
        let message = speech.and_then(|speech| dialect::write(speech, told));
        if let Some(message) = &message {
            self.stats.delivered += 1;
            sink.deliver(&[connection], None, message, OnSlow::Close);
        }
        message.is_some()
    }

    fn fail(
        &mut self,
        connection: ConnectionId,
        id: Option<u64>,
        channel: &str,
        (code, reason): (&str, &str),
        sink: &mut dyn Sink,
    ) {
        let told = Told::Error {
            id,
            channel: Some(channel),
            code,
            reason,
        };
        self.tell(connection, &told, sink);
    }

    fn ok(&mut self, connection: ConnectionId, id: Option<u64>, offset: Option<u64>, sink: &mut dyn Sink) {
        if let Some(id) = id {
            self.tell(connection, &Told::Ok { id, offset }, sink);
        }
    }
}
