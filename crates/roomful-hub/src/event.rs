//! What Python is told. `hub.pyi` lists the same; the binding converts.
use crate::message::{ConnectionId, Head, Message};
use crate::sink::OnSlow;
use bytes::Bytes;
use std::sync::Arc;

/// A member as Python sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its connection.
    pub connection: ConnectionId,
    /// What other members call it.
    pub id: String,
    /// As accepted.
    pub identity: Option<Arc<str>>,
    /// JSON.
    pub info: Option<Bytes>,
}

/// A message that a history kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Counts up from 1.
    pub offset: u64,
    /// Id of the member that said it; None for the server.
    pub from: Option<String>,
    /// What was said.
    pub message: Message,
}

/// Counts, for people and dashboards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Accepted.
    pub connections: usize,
    /// With members or a history.
    pub channels: usize,
    /// Questions that wait for Python.
    pub asks: usize,
    /// Bytes of all histories.
    pub history_bytes: usize,
    /// Messages that came from clients since the start.
    pub received: u64,
    /// Messages for one receiver each that went out since the start.
    pub delivered: u64,
    /// Messages that a limit refused since the start.
    pub refused: u64,
}

/// News.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody asks to be let in: answer with `accept` or `refuse`, unless a rule has let it in already.
    Opened {
        /// New.
        connection: ConnectionId,
        /// Its first request.
        head: Head,
        /// By a rule.
        accepted: bool,
    },
    /// A raw connection said something.
    Message {
        /// Which.
        connection: ConnectionId,
        /// What.
        message: Message,
    },
    /// An accepted connection is gone; or an opened one, before it was answered.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// RFC 6455 §7.4; 1005 and 1006 as in §7.1.5
        code: u16,
        /// As the other side gave it.
        reason: String,
    },
    /// A connection wants into a channel.
    JoinAsked {
        /// For `decide`.
        ask: u64,
        /// Who.
        connection: ConnectionId,
        /// Where.
        channel: Arc<str>,
        /// JSON that it wants to be shown by.
        info: Option<Bytes>,
    },
    /// A member says something where rules ask for Python's word.
    MessageAsked {
        /// For `decide`.
        ask: u64,
        /// Who.
        connection: ConnectionId,
        /// Where.
        channel: Arc<str>,
        /// Meant for this member only.
        to: Option<ConnectionId>,
        /// What.
        message: Message,
    },
    /// A member asks the server.
    RequestAsked {
        /// For `decide`.
        ask: u64,
        /// Who.
        connection: ConnectionId,
        /// Where.
        channel: Arc<str>,
        /// What.
        message: Message,
    },
    /// A connection is in a channel now.
    Joined {
        /// Who.
        connection: ConnectionId,
        /// Where.
        channel: Arc<str>,
        /// What members call it.
        id: String,
    },
    /// A connection is out of a channel.
    Left {
        /// Who.
        connection: ConnectionId,
        /// Where.
        channel: Arc<str>,
    },
    /// More than a quarter of its backlog waits (the shell tells).
    Slow {
        /// Which.
        connection: ConnectionId,
    },
    /// Almost all of its backlog went out, after `slow` (the shell tells).
    Writable {
        /// Which.
        connection: ConnectionId,
    },
    /// For foreign connections.
    Deliver {
        /// Which.
        to: Vec<ConnectionId>,
        /// What.
        message: Message,
        /// For those that read too slowly.
        slow: OnSlow,
    },
    /// A foreign connection is to be closed.
    Close {
        /// Which.
        connection: ConnectionId,
        /// RFC 6455 §7.4
        code: u16,
        /// Words for people.
        reason: String,
    },
    /// Answers the command.
    History {
        /// As asked.
        request: u64,
        /// As asked.
        channel: String,
        /// Empty where there is no such channel, or no history.
        epoch: String,
        /// Of the last message; 0 before the first.
        offset: u64,
        /// In order.
        messages: Vec<Kept>,
    },
    /// Answers the command.
    Presence {
        /// As asked.
        request: u64,
        /// As asked.
        channel: String,
        /// In the order of joining, with gaps filled.
        members: Vec<Member>,
    },
    /// Answers the command.
    Stats {
        /// As asked.
        request: u64,
        /// Counts.
        stats: Stats,
    },
}
