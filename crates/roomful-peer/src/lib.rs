//! Peer connections for programs: W3C's `RTCPeerConnection` on `roomful-rtc`.
//!
//! Pure are `signaling` (offer and answer), `gather` and `relay` (candidates; a TURN client), `channels`, `media` and `peer` that ties them
//! to a transport: `handle(input, now) → outputs`. `shell` is one thread with the sockets of all peers of a program. Called by the
//! Python binding (`roomful.rtc`) and by Rust programs. Never knows of rooms, the router or the server.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod channels;
pub mod entropy;
mod error;
pub mod event;
pub mod gather;
pub mod media;
pub mod peer;
pub mod pipe;
pub mod relay;
pub mod shell;
pub mod signaling;

pub use error::PeerError;
