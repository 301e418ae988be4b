//! The front door: what listens for browsers and SDKs, speaks TLS and WebSocket, keeps the hub, and hands plain HTTP on.
//!
//! `websocket`, `head`, `entry` and `proxy` are pure: bytes in, decisions out. [`Door`] is the shell: one thread that owns the hub and
//! all connections. Called by roomful-py; never decides what a channel is told.
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

mod config;
mod connection;
mod door;
pub mod entry;
mod floor;
pub mod fuzz;
pub mod head;
mod outbox;
mod output;
pub mod proxy;
mod shell;
mod splice;
mod stream;
mod tls;
mod turns;
pub mod websocket;

pub use config::{Config, DoorError};
pub use door::{Door, Kind};
