//! What Python asks of the hub. `hub.pyi` lists the same; the binding converts.
use crate::config::Rate;
use crate::message::{ConnectionId, Message};
use crate::sink::{Acceptance, OnSlow};
use bytes::Bytes;

/// How a connection's messages are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// Whole messages go to Python.
    Raw,
    /// Roomful's JSON protocol (docs/reference/relay.md).
    Relay,
    /// Muaz Khan's websocket-over-nodejs.
    Muaz,
    /// Every message comes back as it is: for tests of clients, proxies and this server.
    Echo,
}

/// Who a connection is, for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Shown in presence; the server vouches for it.
    pub identity: Option<String>,
    /// JSON, shown in presence where a join brings none of its own.
    pub info: Option<Bytes>,
    /// None for the configured one.
    pub rate: Option<Rate>,
}

/// What holds in channels whose name matches a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Messages that are kept; 0 for none.
    pub history: usize,
    /// Bytes that are kept at most, each message counted with 256 more for its upkeep; over 512 KiB counts as that.
    pub history_bytes: usize,
    /// How long they are kept.
    pub history_ms: u64,
    /// Whether members hear who comes and goes, and may ask who is there.
    pub presence: bool,
    /// Whether members may publish, or only Python.
    pub publish: bool,
    /// Whether Python is asked about each message of a member.
    pub on_message: bool,
    /// Whether Python is asked about requests to the server.
    pub on_request: bool,
    /// Of all members together.
    pub rate: Rate,
    /// More are refused with `channel_full`.
    pub max_members: usize,
    /// What becomes of messages for members that read too slowly.
    pub slow: OnSlow,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            history: 0,
            history_bytes: 512 << 10,
            history_ms: 300_000,
            presence: true,
            publish: true,
            on_message: false,
            on_request: false,
            rate: Rate::default(),
            max_members: 1_000,
            slow: OnSlow::Close,
        }
    }
}

/// Python's word on something that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it happens.
    pub allow: bool,
    /// What the client is told when not. A message refused with an empty code is dropped without a word.
    pub code: String,
    /// Words for people.
    pub reason: String,
    /// In place of the message; the reply to a request.
    pub message: Option<Message>,
    /// In place of the member's info (JSON).
    pub info: Option<Bytes>,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Let an opened connection in.
    Accept {
        /// Which.
        connection: ConnectionId,
        /// How it is understood.
        speech: Speech,
        /// Who it is.
        who: Who,
        /// For the shell.
        how: Acceptance,
    },
    /// Let connections to this path in without asking; `opened` tells that they are in. The longest path that fits counts.
    AcceptRule {
        /// A whole path, or the start of one where it ends in `/`.
        path: String,
        /// How connections are understood; None removes the rule.
        speech: Option<Speech>,
        /// For the shell.
        how: Acceptance,
    },
    /// Answer an opened connection with an HTTP status.
    Refuse {
        /// Which.
        connection: ConnectionId,
        /// 400…599
        status: u16,
        /// In order.
        headers: Vec<(String, String)>,
        /// With its own content-type in `headers`.
        body: Bytes,
    },
    /// One message, whole, for many connections.
    Send {
        /// Which.
        to: Vec<ConnectionId>,
        /// As it is.
        message: Message,
        /// For those that read too slowly.
        slow: OnSlow,
    },
    /// Close a connection.
    Close {
        /// Which.
        connection: ConnectionId,
        /// RFC 6455 §7.4
        code: u16,
        /// At most 123 bytes arrive.
        reason: String,
    },
    /// A connection that lives in somebody else's server is open, and accepted.
    OpenForeign {
        /// With [`ConnectionId::FOREIGN`] set.
        connection: ConnectionId,
        /// How it is understood.
        speech: Speech,
        /// Who it is.
        who: Who,
    },
    /// It said something.
    Feed {
        /// Which.
        connection: ConnectionId,
        /// A whole message.
        message: Message,
    },
    /// It is gone.
    Gone {
        /// Which.
        connection: ConnectionId,
        /// As the other side closed it.
        code: u16,
    },
    /// Answers `join_asked`, `message_asked` or `request_asked`.
    Decide {
        /// Its number.
        ask: u64,
        /// What is decided.
        decision: Decision,
    },
    /// Put a connection into a channel without asking.
    Join {
        /// Which.
        connection: ConnectionId,
        /// Name of the channel.
        channel: String,
        /// JSON.
        info: Option<Bytes>,
    },
    /// Put a connection out of a channel; it is told why.
    Leave {
        /// Which.
        connection: ConnectionId,
        /// Name of the channel.
        channel: String,
        /// Stable.
        code: String,
        /// Words for people.
        reason: String,
    },
    /// A message from the server.
    Publish {
        /// Name of the channel.
        channel: String,
        /// Text is JSON.
        message: Message,
        /// Goes without.
        except: Option<ConnectionId>,
        /// Only these members, and into no history; None for all.
        to: Option<Vec<ConnectionId>>,
    },
    /// What holds in channels that match; the first pattern that matches counts.
    ChannelRules {
        /// `*` stands for any characters, `?` for one.
        pattern: String,
        /// None removes the pattern.
        rules: Option<Rules>,
    },
    /// Asks for the event `history`.
    History {
        /// Comes back.
        request: u64,
        /// Name of the channel.
        channel: String,
        /// Only what came later.
        after: u64,
        /// The latest so many.
        limit: usize,
    },
    /// Asks for the event `presence`.
    Presence {
        /// Comes back.
        request: u64,
        /// Name of the channel.
        channel: String,
    },
    /// Asks for the event `stats`.
    Stats {
        /// Comes back.
        request: u64,
    },
}
