//! The front door: what listens for browsers and SDKs, speaks TLS and WebSocket, and hands plain HTTP on.
//!
//! `websocket` and `head` are pure: bytes in, decisions out.
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

pub mod fuzz;
pub mod head;
pub mod websocket;
