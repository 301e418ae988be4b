//! STUN (RFC 8489) and TURN (RFC 8656) servers without a socket, a clock or a thread: `roomful-engine` feeds packets and time, and
//! does what comes out. Datagram relaying over UDP, asked for over UDP, TCP or TLS; no TCP relay, no mobility.
//!
//! `message` reads and writes STUN, `credentials` and `nonce` say who may, `filter` to where, `quota` and `limits` how much,
//! `allocation` holds what a client has, `server` decides, `framing` cuts streams into messages.
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

pub mod allocation;
pub mod attribute;
pub mod config;
pub mod credentials;
pub mod filter;
pub mod framing;
pub mod fuzz;
pub mod limits;
pub mod message;
pub mod nonce;
pub mod quota;
pub mod server;
