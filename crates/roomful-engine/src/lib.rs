//! The media shell: threads, sockets and clocks around the sans-IO router.
//!
//! Called by the Python binding. One thread has one UDP socket for each address, its ICE-TCP connections and its rooms; orders
//! come in through a bounded queue, news go out through an [`Outbox`]. Never decides anything about media.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod addresses;
mod config;
mod engine;
mod outbox;
mod outgoing;
mod placement;
pub mod socket;
mod tcp;
pub mod turn;
pub mod wake;
mod worker;

pub use config::{Config, EngineError};
pub use engine::Engine;
