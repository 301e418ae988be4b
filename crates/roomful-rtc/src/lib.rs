//! One WebRTC association, sans-IO.
//!
//! The four stages of a call are four places here: signaling (`sdp`), connecting (`ice`), securing
//! (`dtls`, `srtp`) and communicating (`rtp`, `rtcp`, `sctp`, `dcep`); `transport` ties them together.
//! Called by `roomful-sfu` and by `roomful.rtc`. Never touches a socket, a clock, a thread or PyO3.
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

pub mod codec;
pub mod dcep;
pub mod dtls;
pub mod fuzz;
pub mod ice;
pub mod rtcp;
pub mod rtp;
pub mod sctp;
pub mod sdp;
pub mod srtp;
pub mod transport;
