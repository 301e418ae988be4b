//! What an engine is started with, and why it did not start.
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;

/// Settings of an engine.
#[derive(Clone, Debug)]
pub struct Config {
    /// IP addresses to bind; an unspecified one (`0.0.0.0`, `::`) stands for all addresses of the machine.
    pub addresses: Vec<IpAddr>,
    /// IP addresses that clients are told; empty for those that are bound.
    pub announced: Vec<IpAddr>,
    /// The first thread's; thread n has `udp_port + n`. 0 for any free ones.
    pub udp_port: u16,
    /// ICE-TCP (RFC 6544), `None` for none; 0 for any free one.
    pub tcp_port: Option<u16>,
    /// Each has its rooms.
    pub threads: usize,
    /// May be published, lower case, first choice first.
    pub codecs: Vec<String>,
    /// Of one participant.
    pub max_tracks: usize,
    /// Of one participant.
    pub max_subscriptions: usize,
    /// Plain `recvfrom` and `sendto` in place of batches and GSO.
    pub portable: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addresses: vec![IpAddr::from([0, 0, 0, 0])],
            announced: vec![],
            udp_port: 0,
            tcp_port: None,
            threads: 1,
            codecs: ["opus", "red", "vp8", "h264", "vp9", "av1", "h265", "pcmu", "pcma"]
                .map(str::to_owned)
                .to_vec(),
            max_tracks: 64,
            max_subscriptions: 1024,
            portable: !cfg!(target_os = "linux"),
        }
    }
}

/// Why an engine did not start, or is dead.
#[derive(Debug, Error)]
pub enum EngineError {
    /// A setting makes no sense.
    #[error("{0}")]
    Config(String),
    /// Somebody else has the port.
    #[error("{protocol} port {address} is taken")]
    PortTaken {
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// Which.
        address: SocketAddr,
    },
    /// The system refused something.
    #[error("{0}")]
    Os(String),
    /// A media thread has too many orders waiting; later it may take them.
    #[error("a media thread is {0} orders behind")]
    Overloaded(usize),
    /// Its thread ended.
    #[error("the media engine is dead")]
    Dead,
}

impl EngineError {
    /// Stable: `config`, `port_taken`, `os`, `overloaded`, `engine_dead`.
    pub fn code(&self) -> &'static str {
        match self {
            EngineError::Config(_) => "config",
            EngineError::PortTaken { .. } => "port_taken",
            EngineError::Os(_) => "os",
            EngineError::Overloaded(_) => "overloaded",
            EngineError::Dead => "engine_dead",
        }
    }
}
