//! The languages that clients of channels speak: bytes to what is [`Said`], and what is [`Told`] to bytes. One file each; none
//! knows a connection or a channel. Called by the hub for each message.
mod muaz;
mod relay;

use crate::command::Speech;
use crate::ids::Id;
use crate::message::Message;
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;

/// Where a client stopped listening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    pub epoch: String,
    pub offset: u64,
}

/// What a client says in a channel. `id` is the client's own number for it: who gives one gets an answer with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    Join {
        id: Option<u64>,
        channel: Cow<'a, str>,
        info: Option<Bytes>,
        since: Option<Since>,
    },
    Leave {
        id: Option<u64>,
        channel: Cow<'a, str>,
    },
    /// To all members, or to one.
    Publish {
        id: Option<u64>,
        channel: Cow<'a, str>,
        to: Option<Cow<'a, str>>,
        data: Message,
    },
    /// To a member, or to the server.
    Request {
        id: u64,
        channel: Cow<'a, str>,
        to: Option<Cow<'a, str>>,
        data: Message,
    },
    /// To a request with that number; Err for a refusal in the member's words.
    Reply {
        request: u64,
        data: Result<Message, Cow<'a, str>>,
    },
    Presence {
        id: Option<u64>,
        channel: Cow<'a, str>,
    },
    History {
        id: Option<u64>,
        channel: Cow<'a, str>,
        after: u64,
        limit: u64,
    },
    /// Whether anybody is there.
    Exists {
        channel: Cow<'a, str>,
    },
    Ping,
}

/// A message that says nothing in its dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    /// The client's number for it, where that much was understood.
    pub id: Option<u64>,
    /// For people.
    pub reason: &'static str,
}

/// A channel's name, with and without JSON's quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub text: Arc<str>,
    pub json: Box<[u8]>,
}

impl Name {
    pub fn new(text: &str) -> Self {
        let mut json = Vec::with_capacity(text.len() + 2);
        crate::json::quote(&mut json, text);
        Self {
            text: text.into(),
            json: json.into(),
        }
    }
}

/// Whether a joiner got everything it had missed: so many messages follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    pub recovered: bool,
    pub missed: usize,
}

/// What a client is told. Members are JSON objects, ready made by [`member`].
#[derive(Clone, Debug)]
pub enum Told<'a> {
    Welcome {
        you: Id,
        max_message: usize,
    },
    Joined {
        id: Option<u64>,
        channel: &'a Name,
        /// None where nobody is told who is there.
        members: Option<&'a [&'a [Bytes]]>,
        /// None without a history.
        at: Option<(Id, u64)>,
        /// None where none was asked for.
        recovery: Option<Recovery>,
    },
    Message {
        channel: &'a Name,
        /// None for the server.
        from: Option<Id>,
        /// The receiver, when it is meant for nobody else.
        to: Option<Id>,
        offset: Option<u64>,
        data: &'a Message,
    },
    MemberJoined {
        channel: &'a Name,
        member: &'a [u8],
    },
    MemberLeft {
        channel: &'a Name,
        member: Id,
    },
    /// Put out by the server.
    Left {
        channel: &'a Name,
        code: &'a str,
        reason: &'a str,
    },
    Ok {
        id: u64,
        offset: Option<u64>,
    },
    Error {
        id: Option<u64>,
        channel: Option<&'a str>,
        code: &'a str,
        reason: &'a str,
    },
    Request {
        request: u64,
        channel: &'a Name,
        from: Id,
        data: &'a Message,
    },
    Reply {
        id: u64,
        data: &'a Message,
    },
    Presence {
        id: Option<u64>,
        channel: &'a Name,
        members: &'a [&'a [Bytes]],
    },
    /// So many messages follow.
    History {
        id: Option<u64>,
        channel: &'a Name,
        at: Option<(Id, u64)>,
        count: usize,
    },
    Exists(bool),
    Pong,
}

/// `{"id":…,"identity":…,"info":…}`
pub fn member(id: Id, identity: Option<&str>, info: Option<&[u8]>) -> Bytes {
    let mut out = Vec::with_capacity(64 + info.map_or(0, <[u8]>::len));
    out.extend(b"{\"id\":\"");
    out.extend(id.as_str().as_bytes());
    out.push(b'"');
    if let Some(identity) = identity {
        out.extend(b",\"identity\":");
        crate::json::quote(&mut out, identity);
    }
    if let Some(info) = info {
        out.extend(b",\"info\":");
        out.extend(info);
    }
    out.push(b'}');
    out.into()
}

/// Reads a message. Never called for connections whose messages are nobody's but Python's.
pub fn read(speech: Speech, message: &Message) -> Result<Said<'_>, Unclear> {
    match speech {
        Speech::Relay => relay::read(message),
        Speech::Muaz => muaz::read(message),
        Speech::Raw | Speech::Echo => Err(Unclear {
            id: None,
            reason: "this connection speaks to the server only",
        }),
    }
}

/// Writes what a client is told; None where its dialect has no words for it.
pub fn write(speech: Speech, told: &Told<'_>) -> Option<Message> {
    match (speech, told) {
        (Speech::Relay, told) => relay::write(told),
        (Speech::Muaz, told) => muaz::write(told),
        (Speech::Raw, Told::Message { data, .. }) => Some((*data).clone()),
        (Speech::Raw | Speech::Echo, _) => None,
    }
}

/// Where the data lie in a message that [`write`] made for relay: at its end, but for the closing brace of a text.
pub fn data_in(frame: &Message, length: usize) -> Message {
    let end = frame.payload.len() - usize::from(frame.kind == crate::Kind::Text && !frame.payload.is_empty());
    Message {
        kind: frame.kind,
        payload: frame.payload.slice(end.saturating_sub(length)..end),
    }
}
