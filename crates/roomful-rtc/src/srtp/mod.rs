//! SRTP and SRTCP (RFC 3711, RFC 7714) with keys from DTLS (RFC 5764). Unaudited.
//!
//! Called by the router for each packet; writes in place into the caller's buffer and allocates nothing per packet.
//! Never decides what to send, and never hands out a packet that was not authenticated.
mod cipher;
mod keys;
mod receiver;
mod replay;
mod sender;

pub use keys::{SrtpKeys, SrtpProfile};
pub use receiver::SrtpReceiver;
pub use sender::SrtpSender;

use thiserror::Error;

/// Why a packet was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SrtpError {
    /// Not RTP or RTCP, or shorter than its tag.
    #[error("malformed packet")]
    Malformed,
    /// The tag does not match.
    #[error("authentication failed")]
    Authentication,
    /// Seen before, or too old to know.
    #[error("replayed packet")]
    Replayed,
    /// RTCP that is not encrypted.
    #[error("unencrypted RTCP")]
    Unencrypted,
    /// Keying material of the wrong length.
    #[error("bad keying material")]
    Keys,
    /// All indices of a key were used: only new keys help (RFC 3711 §9.2).
    #[error("keys used up")]
    Exhausted,
}
