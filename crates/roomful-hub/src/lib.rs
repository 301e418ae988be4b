//! Channels, sans-IO: who is in them, what is said, who missed what, and how fast anybody may talk.
//!
//! One [`Hub`] lives on the door's thread with all its connections. Called by `roomful-door`, which owns sockets and clocks, and by
//! tests with a virtual clock: `hub.handle(input, now_ms, &mut sink)`. Never touches a socket, a clock, a thread or PyO3.
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

mod asks;
pub mod backlog;
mod channel;
pub mod command;
pub mod config;
mod connection;
mod dialect;
pub mod event;
pub mod fuzz;
mod history;
mod hub;
mod ids;
pub mod json;
pub mod message;
mod rate;
mod rules;
pub mod sink;

pub use backlog::{Backlog, Verdict};
pub use command::Command;
pub use config::Config;
pub use event::Event;
pub use hub::{Hub, Input};
pub use message::{ConnectionId, Head, Kind, Message};
pub use sink::{Acceptance, OnSlow, Sink};
