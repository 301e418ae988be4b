//! What a door is told at its start, and why it may not start.
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Given once. The largest message is the hub's to say.
#[derive(Debug, Clone)]
pub struct Config {
    /// To listen on.
    pub addresses: Vec<IpAddr>,
    /// Without TLS; 0 for any free port, `None` for no listener.
    pub port: Option<u16>,
    /// With TLS.
    pub tls_port: Option<u16>,
    /// PEM, the leaf first. Needed with `tls_port`.
    pub certificate: Option<PathBuf>,
    /// PEM. Needed with `tls_port`.
    pub private_key: Option<PathBuf>,
    /// Unix socket of the HTTP server that gets everything else; `None`: 404.
    pub backend: Option<PathBuf>,
    /// WebSocket requests to these are the hub's. One that ends in `/` stands for all under it.
    pub paths: Vec<String>,
    /// Of those, where browsers of any origin may come, because what they bring says who they are.
    pub open_paths: Vec<String>,
    /// `https://example.org` … that browsers may come from besides the same origin; `*` for any.
    pub origins: Vec<String>,
    /// At once; one that is passed on counts twice, as it has its own to the server behind.
    pub max_connections: usize,
    /// At once, of one IPv4 address or IPv6 /64, loopback apart; 0 for no limit.
    pub max_connections_per_address: usize,
    /// Bytes that may wait for a connection that reads slowly.
    pub max_backlog: usize,
    /// For the TLS handshake and the head of the first request.
    pub head_timeout_ms: u64,
    /// After so long a silence a client is pinged, after as much again it is given up; 0 for never.
    pub ping_ms: u64,
    /// A client that says nothing (pongs are nothing) for so long is closed; 0 for never.
    pub idle_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addresses: vec![],
            port: None,
            tls_port: None,
            certificate: None,
            private_key: None,
            backend: None,
            paths: vec![],
            open_paths: vec![],
            origins: vec![],
            max_connections: 100_000,
            max_connections_per_address: 0,
            max_backlog: roomful_hub::backlog::LIMIT,
            head_timeout_ms: 10_000,
            ping_ms: 20_000,
            idle_ms: 0,
        }
    }
}

/// Why a door does not start, or takes no more orders.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// What it was told does not fit together, or cannot be read.
    #[error("{0}")]
    Config(String),
    /// Somebody else listens there.
    #[error("port {0} is taken")]
    PortTaken(u16),
    /// The system said no.
    #[error("{0}")]
    Os(String),
    /// It was closed, or its thread broke.
    #[error("the hub has ended")]
    Dead,
}

impl DoorError {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::PortTaken(_) => "port_taken",
            Self::Os(_) => "os",
            Self::Dead => "hub_dead",
        }
    }

    pub(crate) fn bind(at: SocketAddr, error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrInUse => Self::PortTaken(at.port()),
            _ => Self::Os(format!("cannot listen on {at}: {error}")),
        }
    }
}

impl From<std::io::Error> for DoorError {
    fn from(error: std::io::Error) -> Self {
        Self::Os(error.to_string())
    }
}
