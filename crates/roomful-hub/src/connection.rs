//! One connection as the hub knows it. Kept by [`crate::Hub`]; never holds a socket.
use crate::command::{Speech, Who};

/// Where it stands.
pub(crate) enum State {
    /// Python has been asked whether it may come in.
    Opened,
    /// It is in.
    Accepted(Talker),
}

/// An accepted connection.
pub(crate) struct Talker {
    pub speech: Speech,
    #[expect(dead_code, reason = "read by channels")]
    pub who: Who,
}
