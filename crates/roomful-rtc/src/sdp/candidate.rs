//! ICE candidates as text (RFC 8839 §5.1): ours are made here, theirs are read here. Called by the shell and the router.
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// How a candidate is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// RFC 6544: framed over TCP.
    Tcp,
}

/// `tcptype` (RFC 6544 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpType {
    /// Connects; its port says nothing.
    Active,
    /// Listens.
    Passive,
    /// Simultaneous open.
    SimultaneousOpen,
}

/// `typ` (RFC 8445 §5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    /// An address of the host's own.
    Host,
    /// As seen by a STUN server.
    ServerReflexive,
    /// Learned from a check.
    PeerReflexive,
    /// Of a TURN server.
    Relay,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A number.
    Ip(IpAddr),
    /// A name, mostly of mDNS (`….local`).
    Name(String),
}

/// A candidate that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Up to 32 characters.
    pub foundation: String,
    /// 1 is RTP, 2 is RTCP.
    pub component: u16,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// 1 … 2³¹−1.
    pub priority: u32,
    /// Where.
    pub address: Address,
    /// And which port.
    pub port: u16,
    /// Type.
    pub kind: CandidateKind,
    /// TCP only.
    pub tcp_type: Option<TcpType>,
    /// `ufrag`, when it is named.
    pub ufrag: Option<String>,
}

/// Why a text is no candidate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("candidate: expected {expected}, found {found:?}")]
pub struct CandidateError {
    /// What should stand there.
    pub expected: &'static str,
    /// What stood there, shortened.
    pub found: String,
}

/// Longest text that is looked at, bytes.
const MAX_LENGTH: usize = 1024;
/// Type preference of UDP host candidates (RFC 8445 §5.1.2.2).
const UDP_HOST: u32 = 126;
/// Of what a STUN server sees.
const REFLEXIVE: u32 = 100;
/// Of relayed ones.
const RELAY: u32 = 0;
/// And of TCP ones, below all UDP (RFC 6544 §4.2).
const TCP_HOST: u32 = 90;
/// Direction preference of passive host candidates (RFC 6544 §4.2).
const TCP_PASSIVE: u32 = 4;

/// Value of `a=candidate` for an address of ours, component 1. TCP ones are passive. `preference` orders candidates of one
/// protocol, 65,535 first (for TCP its upper 13 bits count).
pub fn host(protocol: Protocol, address: SocketAddr, preference: u16) -> String {
    let mut out = String::with_capacity(96);
    let (ip, port) = (address.ip(), address.port());
    let priority = host_priority(protocol, preference);
    let foundation = foundation(protocol, ip);
    let (word, tail) = match protocol {
        Protocol::Udp => ("udp", ""),
        Protocol::Tcp => ("tcp", " tcptype passive"),
    };
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "candidate:{foundation} 1 {word} {priority} {ip} {port} typ host{tail}"
    );
    out
}

/// Value of `a=candidate` for a UDP address that a server told us of: reflexive or relayed. The related address is withheld, as
/// browsers do (RFC 8839 §5.1).
pub fn found(kind: CandidateKind, address: SocketAddr, preference: u16) -> String {
    let (preferred, word) = match kind {
        CandidateKind::Relay => (RELAY, "relay"),
        CandidateKind::ServerReflexive | CandidateKind::PeerReflexive | CandidateKind::Host => {
            (REFLEXIVE, "srflx")
        }
    };
    let (ip, port) = (address.ip(), address.port());
    let priority = (preferred << 24) | (u32::from(preference) << 8) | 255;
    let foundation = foundation(Protocol::Udp, ip) ^ preferred;
    let related = if ip.is_ipv4() { "0.0.0.0" } else { "::" };
    format!("candidate:{foundation} 1 udp {priority} {ip} {port} typ {word} raddr {related} rport 0")
}

/// Priority of a host candidate for component 1 (RFC 8445 §5.1.2.1, RFC 6544 §4.2).
pub fn host_priority(protocol: Protocol, preference: u16) -> u32 {
    let (kind, local) = match protocol {
        Protocol::Udp => (UDP_HOST, u32::from(preference)),
        Protocol::Tcp => (TCP_HOST, (TCP_PASSIVE << 13) | (u32::from(preference) >> 3)),
    };
    (kind << 24) | (local << 8) | 255
}

/// Equal for candidates of one address and protocol (RFC 8445 §5.1.1.3): FNV-1a over both.
fn foundation(protocol: Protocol, ip: IpAddr) -> u32 {
    let fold = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let seed = fold(0x811c_9dc5, u8::from(protocol == Protocol::Tcp));
    match ip {
        IpAddr::V4(ip) => ip.octets().into_iter().fold(seed, fold),
        IpAddr::V6(ip) => ip.octets().into_iter().fold(seed, fold),
    }
}

/// Reads a candidate with or without `a=` and `candidate:` in front.
pub fn parse(text: &str) -> Result<Candidate, CandidateError> {
    let text = text.trim();
    if text.len() > MAX_LENGTH {
        return Err(wrong("at most 1024 bytes", text));
    }
    let text = text.strip_prefix("a=").unwrap_or(text);
    let text = text.strip_prefix("candidate:").unwrap_or(text);
    let mut words = text.split_ascii_whitespace();
    let foundation = words
        .next()
        .filter(|word| word.len() <= 32)
        .ok_or(wrong("a foundation", text))?;
    let component = number(words.next(), "a component number")?;
    let protocol = match words.next() {
        Some(word) if word.eq_ignore_ascii_case("udp") => Protocol::Udp,
        Some(word) if word.eq_ignore_ascii_case("tcp") => Protocol::Tcp,
        other => return Err(wrong("udp or tcp", other.unwrap_or(""))),
    };
    let priority = number(words.next(), "a priority")?;
    let address = words
        .next()
        .filter(|word| word.len() <= 255)
        .ok_or(wrong("an address", text))?;
    let address = address
        .parse()
        .map_or_else(|_| Address::Name(address.to_owned()), Address::Ip);
    let port = number(words.next(), "a port")?;
    if words.next() != Some("typ") {
        return Err(wrong("typ", text));
    }
    let kind = match words.next() {
        Some("host") => CandidateKind::Host,
        Some("srflx") => CandidateKind::ServerReflexive,
        Some("prflx") => CandidateKind::PeerReflexive,
        Some("relay") => CandidateKind::Relay,
        other => return Err(wrong("host, srflx, prflx or relay", other.unwrap_or(""))),
    };
    let (mut tcp_type, mut ufrag) = (None, None);
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        match key {
            "tcptype" => tcp_type = Some(tcp_type_of(value)?),
            "ufrag" => ufrag = Some(value.to_owned()),
            _ => {}
        }
    }
    let foundation = foundation.to_owned();
    Ok(Candidate {
        foundation,
        component,
        protocol,
        priority,
        address,
        port,
        kind,
        tcp_type,
        ufrag,
    })
}

fn tcp_type_of(word: &str) -> Result<TcpType, CandidateError> {
    match word {
        "active" => Ok(TcpType::Active),
        "passive" => Ok(TcpType::Passive),
        "so" => Ok(TcpType::SimultaneousOpen),
        other => Err(wrong("active, passive or so", other)),
    }
}

fn number<T: std::str::FromStr>(word: Option<&str>, expected: &'static str) -> Result<T, CandidateError> {
    let word = word.unwrap_or("");
    word.parse().map_err(|_| wrong(expected, word))
}

fn wrong(expected: &'static str, found: &str) -> CandidateError {
    CandidateError {
        expected,
        found: found.chars().take(40).collect(),
    }
}
