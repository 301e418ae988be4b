//! Session descriptions (RFC 8866) as WebRTC uses them: JSEP (RFC 9429), BUNDLE (RFC 8843), ICE (RFC 8839), DTLS (RFC 8842),
//! SCTP (RFC 8841), simulcast (RFC 8853).
//!
//! `parse` reads what the other side wrote. `answer` and `offer` write ours through one writer: `answer` for a client that
//! always offers (single transport, publishers, WHIP, WHEP), `offer` with `read_answer` for subscriber transports.
//! Called by the router. Pure: no id is made here, no state is kept, no other module of this crate is used.
//!
//! State is the caller's, keyed by mid. One transport only: sections outside the BUNDLE group are always rejected.
mod attribute;
pub mod candidate;
pub mod codec;
mod codec_attribute;
pub mod extension;
pub mod fmtp;
mod fuzz;
pub mod model;
pub mod negotiate;
pub mod offer;
pub mod parse;
mod write;

pub use extension::ExtMap;
pub use fuzz::fuzz_sdp;
pub use model::*;
pub use negotiate::{answer, AnswerError, Decision, LocalParameters, MediaDecision, Outgoing};
pub use offer::{offer, read_answer, AnsweredSection, OfferedMedia, OfferedSection};
pub use parse::{parse, Limits, SdpError};

/// Most candidates that are kept of one description.
pub const MAX_CANDIDATES: usize = 64;
