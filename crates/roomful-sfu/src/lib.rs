//! The media router, sans-IO: who publishes, who watches, and every packet between them.
//!
//! One [`Router`] lives on one media thread with its rooms. Called by `roomful-engine`, which owns sockets and clocks; by tests
//! with a virtual clock. Never touches a socket, a clock, a thread or PyO3.
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

mod allocator;
mod bitrates;
mod budget;
mod bwe;
pub mod command;
mod connection;
pub mod data;
mod downstream;
pub mod egress;
pub mod event;
mod feedback;
mod forward;
mod layers;
mod loudest;
mod media;
mod moving;
mod negotiation;
mod newcomer;
mod outbound;
mod patience;
mod rates;
mod repair;
mod rewrite;
mod ring;
mod room;
pub mod router;
mod select;
mod silent;
mod slab;
mod speaker;
mod subscribe;
mod subscriber;
mod track;

pub use router::{Router, RouterConfig};
