//! The nouns that every part of the hub shares: a connection's number, what it asked for at first, and a whole message.
use bytes::Bytes;

/// A connection's number. The shell that holds the connection makes it and never uses it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// This bit is set in numbers that Python makes, for connections that live in somebody else's server.
    pub const FOREIGN: u64 = 1 << 62;

    /// Whether what is delivered goes to Python rather than to a socket.
    pub fn is_foreign(self) -> bool {
        self.0 & Self::FOREIGN != 0
    }
}

/// RFC 6455 §5.6
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8; whoever makes a message has checked it.
    Text,
    /// Anything.
    Binary,
}

/// A whole message: fragments joined, mask removed. A clone shares the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Text or binary.
    pub kind: Kind,
    /// Without any framing.
    pub payload: Bytes,
}

impl Message {
    /// A text message.
    pub fn text(payload: impl Into<Bytes>) -> Self {
        Self {
            kind: Kind::Text,
            payload: payload.into(),
        }
    }

    /// A binary message.
    pub fn binary(payload: impl Into<Bytes>) -> Self {
        Self {
            kind: Kind::Binary,
            payload: payload.into(),
        }
    }
}

/// What a connection's first request said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// As it was sent, without the query.
    pub path: String,
    /// What followed `?`, without it.
    pub query: String,
    /// In order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Address of the other side, `192.0.2.1` or `2001:db8::1`.
    pub peer: String,
    /// Whether it came by TLS.
    pub secure: bool,
}
