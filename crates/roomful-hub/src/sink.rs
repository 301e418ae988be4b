//! What the hub asks of its shell. Implemented by the door, and by tests; the hub calls it while it handles an input, so an
//! implementation never calls the hub back: what happens meanwhile comes as a later input.
use crate::event::Event;
use crate::message::{ConnectionId, Message};

/// What becomes of a message for a connection whose backlog is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSlow {
    /// The connection is closed (1013).
    Close,
    /// The connection goes without this message.
    Skip,
}

/// How a handshake is answered with 101, and what holds for the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// One of those the client offered.
    pub subprotocol: Option<String>,
    /// Bytes of the longest message that is taken; None for the shell's own limit.
    pub max_message: Option<usize>,
    /// Bytes that may wait for it; None for the shell's own limit.
    pub max_backlog: Option<usize>,
}

/// Where outputs go.
pub trait Sink {
    /// One message for many: each of `to` but `except`. The message is framed once.
    fn deliver(&mut self, to: &[ConnectionId], except: Option<ConnectionId>, message: &Message, slow: OnSlow);

    /// Answer the handshake with 101. Deliveries follow.
    fn accept(&mut self, connection: ConnectionId, how: &Acceptance);

    /// Answer the handshake with an HTTP status, then close. No `Gone` is awaited.
    fn refuse(&mut self, connection: ConnectionId, status: u16, headers: &[(String, String)], body: &[u8]);

    /// Send a close frame after what waits, and close. `Gone` follows in any case.
    fn close(&mut self, connection: ConnectionId, code: u16, reason: &str);

    /// Something for Python, in order.
    fn event(&mut self, event: Event);
}
