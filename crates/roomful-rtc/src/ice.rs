//! Connecting: one ICE agent (RFC 8445) behind our own face. The only file that knows the `is` crate.
//!
//! Called by `transport`. Never touches a socket; a server is an ICE-lite agent (RFC 8445 §2.5), `roomful.rtc` a full one.
use crate::sdp::candidate::CandidateKind;
use crate::transport::{Path, Protocol};
use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceConnectionState, IceCreds};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Username fragment and password (RFC 8445 §5.3). Randomness is the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// At least 4 characters.
    pub ufrag: String,
    /// At least 22 characters.
    pub pwd: String,
}

#[derive(Debug)]
struct Hmac;

impl is::Sha1HmacProvider for Hmac {
    fn sha1_hmac(&self, key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
        use aws_lc_rs::hmac;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
        let mut context = hmac::Context::with_key(&key);
        for part in payloads {
            context.update(part);
        }
        let mut out = [0u8; 20];
        out.copy_from_slice(context.sign().as_ref().get(..20).unwrap_or(&[0; 20]));
        out
    }
}

/// What the agent tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IceEvent {
    /// Send here from now on.
    Nominated(Path),
    /// Nothing heard for a while.
    Disconnected,
    /// Heard again.
    Connected,
}

/// A candidate of the peer's, as its description or a trickled line tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCandidate {
    /// Groups those of one kind, base and server.
    pub foundation: String,
    /// Where checks go.
    pub address: SocketAddr,
    /// Its place among the peer's (RFC 8445 §5.1.2).
    pub priority: u32,
    /// Host, reflexive or relayed.
    pub kind: CandidateKind,
}

/// A candidate of ours besides the addresses that an agent begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalCandidate {
    /// What a STUN server sees of `base`.
    Reflexive {
        /// As seen.
        address: SocketAddr,
        /// A host address of ours.
        base: SocketAddr,
    },
    /// Lent by a TURN server; packets that come to it and leave from it have it as their local address.
    Relayed {
        /// Lent.
        address: SocketAddr,
        /// The host address that the server is asked from.
        base: SocketAddr,
    },
}

/// A full agent's time between two checks (Ta, RFC 8445 §14.2: at least 5 ms). Local calls come up in two or three of them.
const PACE: Duration = Duration::from_millis(10);
/// First repetition of a check of a full agent (RFC 8445 §14.3 asks for 500 ms where many streams share a path; there is one here).
const FIRST_REPEAT: Duration = Duration::from_millis(250);
/// Candidates of the peer's that are taken between two restarts.
const MAX_CANDIDATES: usize = 64;

/// Addresses of one peer between two restarts. `is` keeps each for good; who holds the password could send from every port there is.
const MAX_REMOTES: usize = 64;

/// One agent.
pub struct Ice {
    agent: IceAgent,
    /// Where valid checks came from.
    remotes: Vec<(SocketAddr, Protocol)>,
    locals: Vec<(SocketAddr, Protocol)>,
    lite: bool,
    /// How many candidates of the peer's were taken.
    told: usize,
}

/// The local fragment that a STUN binding request is addressed to, for finding its transport (RFC 8445 §7.3).
pub fn addressed_ufrag(packet: &[u8]) -> Option<String> {
    let message = StunMessage::parse(packet).ok()?;
    if !message.is_binding_request() {
        return None;
    }
    message.split_username().map(|(local, _)| local.to_owned())
}

fn creds(c: &Credentials) -> IceCreds {
    IceCreds {
        ufrag: c.ufrag.clone(),
        pass: c.pwd.clone(),
    }
}

fn proto(protocol: Protocol) -> is::Protocol {
    match protocol {
        Protocol::Udp => is::Protocol::Udp,
        Protocol::Tcp => is::Protocol::Tcp,
    }
}

impl Ice {
    /// An agent with these local addresses. `lite` answers checks only; otherwise it sends them, `controlling` or not.
    pub fn new(
        local: &Credentials,
        addresses: &[(SocketAddr, Protocol)],
        lite: bool,
        controlling: bool,
    ) -> Self {
        static HMAC: Hmac = Hmac;
        let mut agent = IceAgent::with_hmac(creds(local), &HMAC);
        agent.set_ice_lite(lite);
        agent.set_controlling(controlling);
        if !lite {
            agent.set_timing_advance(PACE);
            agent.set_initial_stun_rto(FIRST_REPEAT);
        }
        for (address, protocol) in addresses {
            if let Ok(candidate) = host(*address, *protocol) {
                agent.add_local_candidate(candidate);
            }
        }
        Self {
            agent,
            remotes: vec![],
            locals: addresses.to_vec(),
            lite,
            told: 0,
        }
    }

    /// Ours.
    pub fn local(&self) -> Credentials {
        let c = self.agent.local_credentials();
        Credentials {
            ufrag: c.ufrag.clone(),
            pwd: c.pass.clone(),
        }
    }

    /// Theirs, once known.
    pub fn remote_ufrag(&self) -> Option<&str> {
        self.agent.remote_credentials().map(|c| c.ufrag.as_str())
    }

    /// Sets theirs.
    pub fn set_remote(&mut self, remote: &Credentials) {
        self.agent.set_remote_credentials(creds(remote));
    }

    /// A candidate of theirs. A lite agent needs none.
    pub fn add_remote_candidate(&mut self, address: SocketAddr, protocol: Protocol) {
        if let (false, Ok(candidate)) = (self.lite, host(address, protocol)) {
            self.agent.add_remote_candidate(candidate);
        }
    }

    /// As [`add_remote_candidate`](Self::add_remote_candidate), with all that is known of it.
    pub fn add_remote(&mut self, candidate: &RemoteCandidate) {
        if self.lite || self.told >= MAX_CANDIDATES {
            return;
        }
        self.told += 1;
        let kind = match candidate.kind {
            CandidateKind::Host => is::CandidateKind::Host,
            CandidateKind::ServerReflexive => is::CandidateKind::ServerReflexive,
            CandidateKind::PeerReflexive => is::CandidateKind::PeerReflexive,
            CandidateKind::Relay => is::CandidateKind::Relayed,
        };
        let foundation = candidate.foundation.clone();
        self.agent.add_remote_candidate(Candidate::from_parts(
            foundation,
            1,
            is::Protocol::Udp,
            candidate.priority,
            candidate.address,
            kind,
            None,
            None,
            None,
        ));
    }

    /// A candidate of ours that was found later. UDP.
    pub fn add_local(&mut self, candidate: LocalCandidate) {
        let (made, address) = match candidate {
            LocalCandidate::Reflexive { address, base } => {
                (Candidate::server_reflexive(address, base, "udp"), None)
            }
            LocalCandidate::Relayed { address, base } => {
                (Candidate::relayed(address, base, "udp"), Some(address))
            }
        };
        if let Ok(made) = made {
            self.agent.add_local_candidate(made);
            self.locals.extend(address.map(|a| (a, Protocol::Udp)));
        }
    }

    /// New credentials on both sides (RFC 8445 §9); addresses stay.
    pub fn restart(&mut self, local: &Credentials, remote: Option<&Credentials>) {
        self.agent.ice_restart(creds(local), true);
        self.remotes.clear();
        self.told = 0;
        if let Some(remote) = remote {
            self.agent.set_remote_credentials(creds(remote));
        }
    }

    /// A STUN packet. Returns whether its integrity check passed, which proves the path.
    pub fn handle(&mut self, path: &Path, packet: &[u8], now: Instant) -> bool {
        let Ok(message) = StunMessage::parse(packet) else {
            return false;
        };
        let remote = (path.remote, path.protocol);
        let known = self.remotes.contains(&remote);
        if !known && self.remotes.len() >= MAX_REMOTES {
            return false;
        }
        let taken = self.agent.handle_packet(
            now,
            StunPacket {
                proto: proto(path.protocol),
                source: path.remote,
                destination: path.local,
                message,
            },
        );
        if taken {
            self.agent.handle_timeout(now);
            if !known {
                self.remotes.push(remote);
            }
        }
        taken
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
    }

    /// When time matters next.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let next = self.agent.poll_timeout()?;
        // A lite agent sends no checks: it only has to notice silence, and once a second is enough for that.
        Some(if self.lite {
            next.max(now + Duration::from_secs(1))
        } else {
            next
        })
    }

    /// A packet to send.
    pub fn poll_transmit(&mut self) -> Option<(Path, Vec<u8>)> {
        let transmit = self.agent.poll_transmit()?;
        let protocol = if transmit.proto == is::Protocol::Udp {
            Protocol::Udp
        } else {
            Protocol::Tcp
        };
        let path = Path {
            local: transmit.source,
            remote: transmit.destination,
            protocol,
        };
        Some((path, transmit.contents.to_vec()))
    }

    /// Something to know.
    pub fn poll_event(&mut self) -> Option<IceEvent> {
        loop {
            match self.agent.poll_event()? {
                IceAgentEvent::NominatedSend {
                    proto,
                    source,
                    destination,
                } => {
                    let protocol = if proto == is::Protocol::Udp {
                        Protocol::Udp
                    } else {
                        Protocol::Tcp
                    };
                    return Some(IceEvent::Nominated(Path {
                        local: source,
                        remote: destination,
                        protocol,
                    }));
                }
                IceAgentEvent::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                    return Some(IceEvent::Disconnected);
                }
                IceAgentEvent::IceConnectionStateChange(
                    IceConnectionState::Connected | IceConnectionState::Completed,
                ) => return Some(IceEvent::Connected),
                _ => {}
            }
        }
    }

    /// Whether a packet may come in at this address: `is` drops what was not sent to exactly a local candidate.
    pub fn has_local(&self, address: SocketAddr, protocol: Protocol) -> bool {
        self.locals
            .iter()
            .any(|(known, p)| *known == address && *p == protocol)
    }
}

fn host(address: SocketAddr, protocol: Protocol) -> Result<Candidate, is::IceError> {
    match protocol {
        Protocol::Udp => Candidate::host(address, "udp"),
        Protocol::Tcp => Candidate::host(address, "tcp"),
    }
}
