//! The server's side of RFC 6455, pure: the handshake and frames as bytes. Called by the shell; never touches a socket or a clock.
//!
//! Extensions are not offered, compression among them: a message of a thousand bytes is a thousand bytes in memory.
mod close;
mod decode;
mod encode;
mod handshake;
mod mask;
mod utf8;

#[cfg(test)]
mod autobahn;

pub use close::{CloseReason, Fault};
pub use decode::{Decoder, Event};
pub use encode::{close_frame, frame, masked_frame, Opcode};
pub use handshake::{accept_key, Upgrade, UpgradeError};
pub use mask::unmask;
pub use roomful_hub::Kind;
pub use utf8::Utf8;

/// Largest message by default, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;
