//! Finding candidates (RFC 8445 §5.1.1): host addresses are given, STUN servers are asked what they see, TURN servers to lend. Sans-IO.
//!
//! Called by `peer`, which also hands it every packet that comes from a server.
use crate::entropy::Entropy;
use crate::relay::{Received, Relay, RelayState};
use roomful_rtc::ice::LocalCandidate;
use roomful_turn::attribute as kind;
use roomful_turn::message::{method, Class, Message, Writer};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Questions at once; more servers than this help nobody.
const MAX_ASKED: usize = 32;
const FIRST_REPEAT: Duration = Duration::from_millis(300);
const MAX_TRIES: u32 = 5;

/// A STUN or TURN server, its name resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where, over UDP.
    pub address: SocketAddr,
    /// User and password make it a TURN server.
    pub credentials: Option<(String, String)>,
}

/// From, to, what.
pub type Datagram = (SocketAddr, SocketAddr, Vec<u8>);

struct Question {
    server: SocketAddr,
    base: SocketAddr,
    transaction: [u8; 12],
    tries: u32,
    next: Instant,
}

/// See the module.
pub struct Gather {
    questions: Vec<Question>,
    relays: Vec<Relay>,
    /// Relays whose candidate was told.
    told: Vec<bool>,
    found: VecDeque<LocalCandidate>,
    outbox: VecDeque<Datagram>,
    entropy: Entropy,
}

impl Gather {
    /// Asks each server from each of our addresses of its family. Loopback is asked only from loopback.
    pub fn new(servers: &[Server], bases: &[SocketAddr], entropy: Entropy, now: Instant) -> Self {
        let mut gather = Self {
            questions: vec![],
            relays: vec![],
            told: vec![],
            found: VecDeque::new(),
            outbox: VecDeque::new(),
            entropy,
        };
        for server in servers {
            for base in bases {
                let same = server.address.is_ipv4() == base.is_ipv4();
                let reaches = server.address.ip().is_loopback() || !base.ip().is_loopback();
                if same && reaches && gather.questions.len() + gather.relays.len() < MAX_ASKED {
                    gather.ask(server, *base, now);
                }
            }
        }
        gather
    }

    fn ask(&mut self, server: &Server, base: SocketAddr, now: Instant) {
        if let Some(credentials) = server.credentials.clone() {
            let relay = Relay::new(server.address, base, credentials, self.entropy.clone(), now);
            self.relays.push(relay);
            self.told.push(false);
            return;
        }
        let mut transaction = [0; 12];
        self.entropy.fill(&mut transaction);
        self.questions.push(Question {
            server: server.address,
            base,
            transaction,
            tries: 0,
            next: now,
        });
    }

    /// Nothing is asked any more.
    pub fn is_done(&self) -> bool {
        self.questions.is_empty() && self.relays.iter().all(|r| r.state() != RelayState::Asking)
    }

    /// Whether packets from there are this module's.
    pub fn knows(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let asked = self
            .questions
            .iter()
            .any(|q| q.server == remote && q.base == local);
        asked
            || self
                .relays
                .iter()
                .any(|r| r.server() == remote && r.base() == local)
    }

    /// A packet from a server: what came through a relay is given back as (the address that was lent, who sent it, what).
    pub fn handle<'a>(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        packet: &'a [u8],
        now: Instant,
    ) -> Option<(SocketAddr, SocketAddr, &'a [u8])> {
        if let Ok(message) = Message::read(packet) {
            if message.method == method::BINDING && message.class != Class::Request {
                self.answered(local, remote, &message);
                return None;
            }
        }
        let relay = self
            .relays
            .iter_mut()
            .find(|r| r.server() == remote && r.base() == local)?;
        let received = relay.handle(packet, now);
        let lent = relay.state();
        self.look();
        match (received, lent) {
            (Received::Data(peer, data), RelayState::Lent(address, _)) => Some((address, peer, data)),
            _ => None,
        }
    }

    fn answered(&mut self, local: SocketAddr, remote: SocketAddr, message: &Message<'_>) {
        let fits =
            |q: &Question| q.transaction == message.transaction && q.server == remote && q.base == local;
        let Some(at) = self.questions.iter().position(fits) else {
            return;
        };
        self.questions.swap_remove(at);
        if message.class == Class::Success {
            if let Some(address) = message.xor_address(kind::XOR_MAPPED_ADDRESS) {
                self.saw(address, local);
            }
        }
    }

    fn saw(&mut self, address: SocketAddr, base: SocketAddr) {
        if address != base && address.is_ipv4() == base.is_ipv4() {
            self.found.push_back(LocalCandidate::Reflexive { address, base });
        }
    }

    /// Tells of relays that came about.
    fn look(&mut self) {
        for at in 0..self.relays.len() {
            let (Some(relay), Some(told)) = (self.relays.get(at), self.told.get_mut(at)) else {
                continue;
            };
            if let (RelayState::Lent(address, mapped), false) = (relay.state(), *told) {
                *told = true;
                let base = relay.base();
                self.found.push_back(LocalCandidate::Relayed { address, base });
                if let Some(mapped) = mapped {
                    self.saw(mapped, base);
                }
            }
        }
    }

    /// Whether this is an address that was lent.
    pub fn is_lent(&self, address: SocketAddr) -> bool {
        self.relays
            .iter()
            .any(|r| matches!(r.state(), RelayState::Lent(lent, _) if lent == address))
    }

    /// Sends through the relay that lent `local`.
    pub fn send(&mut self, local: SocketAddr, remote: SocketAddr, packet: &[u8], now: Instant) {
        let relay = self
            .relays
            .iter_mut()
            .find(|r| matches!(r.state(), RelayState::Lent(lent, _) if lent == local));
        if let Some(relay) = relay {
            relay.send(remote, packet, now);
        }
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        for question in &mut self.questions {
            if question.next > now || question.tries >= MAX_TRIES {
                continue;
            }
            let mut bytes = vec![];
            Writer::new(&mut bytes, method::BINDING, Class::Request, question.transaction).fingerprint();
            self.outbox.push_back((question.base, question.server, bytes));
            question.next = now + FIRST_REPEAT * 2u32.pow(question.tries);
            question.tries += 1;
        }
        self.questions.retain(|q| q.tries < MAX_TRIES || q.next > now);
        for relay in &mut self.relays {
            relay.handle_timeout(now);
        }
    }

    /// When time matters next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let asked = self.questions.iter().map(|q| q.next);
        asked
            .chain(self.relays.iter().filter_map(Relay::poll_timeout))
            .min()
    }

    /// A candidate that was found.
    pub fn poll_found(&mut self) -> Option<LocalCandidate> {
        self.found.pop_front()
    }

    /// A datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Datagram> {
        if let Some(out) = self.outbox.pop_front() {
            return Some(out);
        }
        self.relays.iter_mut().find_map(|relay| {
            let bytes = relay.poll_transmit()?;
            Some((relay.base(), relay.server(), bytes))
        })
    }

    /// Gives back what was lent.
    pub fn close(&mut self) {
        self.questions.clear();
        for relay in &mut self.relays {
            relay.close();
        }
    }
}
