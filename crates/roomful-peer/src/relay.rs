//! A client of one TURN server over UDP (RFC 8656): has an address lent, keeps it, and sends through it. Sans-IO.
//!
//! Called by `gather`. Peers get a channel each, bound when the first packet goes to them; until the server agreed packets travel
//! as Send indications. Never retries a server that refused.
use crate::entropy::Entropy;
use roomful_turn::attribute as kind;
use roomful_turn::credentials::long_term_key;
use roomful_turn::message::{looks_like_stun, method, Class, Keys, Message, Seal, Writer};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Peers of one allocation; a call has a handful of candidates.
const MAX_PEERS: usize = 64;
/// RFC 8489 §6.2.1, and the number of repetitions it leaves after half a minute cut to what a caller waits for.
const FIRST_REPEAT: Duration = Duration::from_millis(300);
const MAX_TRIES: u32 = 6;
/// RFC 8656 §9: permissions last five minutes; a binding renews them.
const RENEW_CHANNEL: Duration = Duration::from_secs(240);
/// First channel number (RFC 8656 §12).
const FIRST_CHANNEL: u16 = 0x4000;
/// Bytes of a channel's header.
const CHANNEL_HEADER: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Allocate,
    Refresh,
    Bind(u16),
}

struct Pending {
    transaction: [u8; 12],
    ask: Ask,
    bytes: Vec<u8>,
    tries: u32,
    next: Instant,
}

struct Far {
    address: SocketAddr,
    bound: bool,
    renew: Instant,
}

/// What a packet from the server was.
pub enum Received<'a> {
    /// The server's business.
    Control,
    /// From a peer, through the address that was lent.
    Data(SocketAddr, &'a [u8]),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// Asked.
    Asking,
    /// Lent: the address, and ours as the server sees it.
    Lent(SocketAddr, Option<SocketAddr>),
    /// Refused, or never answered.
    Failed,
}

/// See the module.
pub struct Relay {
    server: SocketAddr,
    base: SocketAddr,
    username: String,
    password: String,
    realm: String,
    nonce: String,
    keys: Option<Keys>,
    state: RelayState,
    pending: Vec<Pending>,
    peers: Vec<Far>,
    refresh: Option<Instant>,
    outbox: VecDeque<Vec<u8>>,
    entropy: Entropy,
}

impl Relay {
    /// Asks `server` from our address `base`.
    pub fn new(
        server: SocketAddr,
        base: SocketAddr,
        (username, password): (String, String),
        entropy: Entropy,
        now: Instant,
    ) -> Self {
        let mut relay = Self {
            server,
            base,
            username,
            password,
            realm: String::new(),
            nonce: String::new(),
            keys: None,
            state: RelayState::Asking,
            pending: vec![],
            peers: vec![],
            refresh: None,
            outbox: VecDeque::new(),
            entropy,
        };
        relay.ask(Ask::Allocate, now);
        relay
    }

    /// The server.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Where packets for the server leave.
    pub fn base(&self) -> SocketAddr {
        self.base
    }

    /// How far it is.
    pub fn state(&self) -> RelayState {
        self.state
    }

    /// A packet from the server.
    pub fn handle<'a>(&mut self, packet: &'a [u8], now: Instant) -> Received<'a> {
        if let [0x40..=0x4f, ..] = packet {
            return self.channel_data(packet).unwrap_or(Received::Control);
        }
        if !looks_like_stun(packet) {
            return Received::Control;
        }
        let Ok(message) = Message::read(packet) else {
            return Received::Control;
        };
        if message.class == Class::Indication && message.method == method::DATA {
            return match (
                message.xor_address(kind::XOR_PEER_ADDRESS),
                message.attribute(kind::DATA),
            ) {
                (Some(peer), Some(data)) => Received::Data(peer, data),
                _ => Received::Control,
            };
        }
        let at = self
            .pending
            .iter()
            .position(|p| p.transaction == message.transaction);
        if let Some(at) = at {
            match message.class {
                Class::Success => self.granted(at, &message, now),
                Class::Error => self.refused(at, &message, now),
                _ => {}
            }
        }
        Received::Control
    }

    fn channel_data<'a>(&self, packet: &'a [u8]) -> Option<Received<'a>> {
        let number = u16::from_be_bytes([*packet.first()?, *packet.get(1)?]);
        let length = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
        let peer = self.peers.get(usize::from(number.checked_sub(FIRST_CHANNEL)?))?;
        Some(Received::Data(
            peer.address,
            packet.get(CHANNEL_HEADER..CHANNEL_HEADER + length)?,
        ))
    }

    fn granted(&mut self, at: usize, message: &Message<'_>, now: Instant) {
        // Who does not know the password may not lend us an address.
        if !self.keys.as_ref().is_some_and(|keys| message.is_sealed_by(keys)) {
            return;
        }
        let asked = self.pending.swap_remove(at);
        let lifetime = message
            .attribute(kind::LIFETIME)
            .and_then(|v| v.try_into().ok().map(u32::from_be_bytes))
            .unwrap_or(600);
        match asked.ask {
            Ask::Allocate => {
                let Some(lent) = message.xor_address(kind::XOR_RELAYED_ADDRESS) else {
                    self.state = RelayState::Failed;
                    return;
                };
                self.state = RelayState::Lent(lent, message.xor_address(kind::XOR_MAPPED_ADDRESS));
                self.refresh = Some(now + Duration::from_secs(u64::from(lifetime) / 2));
            }
            Ask::Refresh => self.refresh = Some(now + Duration::from_secs(u64::from(lifetime.max(2)) / 2)),
            Ask::Bind(number) => {
                let far = self.peers.get_mut(usize::from(number - FIRST_CHANNEL));
                if let Some(far) = far {
                    far.bound = true;
                    far.renew = now + RENEW_CHANNEL;
                }
            }
        }
    }

    /// 401 brings realm and nonce, 438 a fresh nonce (RFC 8489 §9.2.5); anything else stands.
    fn refused(&mut self, at: usize, message: &Message<'_>, now: Instant) {
        let asked = self.pending.swap_remove(at);
        let code = message
            .attribute(kind::ERROR_CODE)
            .and_then(|v| Some(u16::from(*v.get(2)?) * 100 + u16::from(*v.get(3)?)));
        let first = self.keys.is_none();
        if (code == Some(401) && first) || code == Some(438) {
            if let (Some(realm), Some(nonce)) = (message.text(kind::REALM), message.text(kind::NONCE)) {
                self.realm = realm.to_owned();
                self.nonce = nonce.to_owned();
                self.keys = Some(long_term_key(&self.username, realm, &self.password));
                self.ask(asked.ask, now);
                return;
            }
        }
        if asked.ask == Ask::Allocate {
            self.state = RelayState::Failed;
        }
    }

    /// Sends to a peer from the address that was lent.
    pub fn send(&mut self, peer: SocketAddr, payload: &[u8], now: Instant) {
        let RelayState::Lent(..) = self.state else { return };
        let place = match self.peers.iter().position(|far| far.address == peer) {
            Some(place) => place,
            None if self.peers.len() < MAX_PEERS => {
                self.peers.push(Far {
                    address: peer,
                    bound: false,
                    renew: now + RENEW_CHANNEL,
                });
                let place = self.peers.len() - 1;
                self.ask(Ask::Bind(FIRST_CHANNEL + place as u16), now);
                place
            }
            None => return,
        };
        let bound = self.peers.get(place).is_some_and(|far| far.bound);
        let mut packet = Vec::with_capacity(payload.len() + 48);
        if bound {
            packet.extend_from_slice(&(FIRST_CHANNEL + place as u16).to_be_bytes());
            packet.extend_from_slice(&(payload.len() as u16).to_be_bytes());
            packet.extend_from_slice(payload);
        } else {
            let transaction = self.transaction();
            Writer::new(&mut packet, method::SEND, Class::Indication, transaction)
                .xor_address(kind::XOR_PEER_ADDRESS, peer)
                .attribute(kind::DATA, payload);
        }
        self.outbox.push_back(packet);
    }

    /// Gives the address back.
    pub fn close(&mut self) {
        if let RelayState::Lent(..) = self.state {
            let transaction = self.transaction();
            let bytes = self.request(Ask::Refresh, transaction, Some(0));
            self.outbox.push_back(bytes);
        }
        self.state = RelayState::Failed;
        self.pending.clear();
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut failed = vec![];
        for pending in &mut self.pending {
            if pending.next > now {
                continue;
            }
            if pending.tries >= MAX_TRIES {
                failed.push(pending.ask);
                continue;
            }
            pending.tries += 1;
            pending.next = now + FIRST_REPEAT * 2u32.saturating_pow(pending.tries.min(4));
            self.outbox.push_back(pending.bytes.clone());
        }
        for ask in failed {
            self.pending.retain(|p| p.ask != ask);
            if ask == Ask::Allocate || ask == Ask::Refresh {
                self.state = RelayState::Failed;
            }
        }
        let RelayState::Lent(..) = self.state else { return };
        if self.refresh.is_some_and(|at| at <= now) {
            self.refresh = None;
            self.ask(Ask::Refresh, now);
        }
        let due: Vec<u16> = (FIRST_CHANNEL..)
            .zip(&mut self.peers)
            .filter(|(_, far)| far.bound && far.renew <= now)
            .map(|(number, far)| {
                far.renew = now + RENEW_CHANNEL;
                number
            })
            .collect();
        for number in due {
            self.ask(Ask::Bind(number), now);
        }
    }

    /// When time matters next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let asked = self.pending.iter().map(|p| p.next);
        let lent = matches!(self.state, RelayState::Lent(..));
        let kept = self.refresh.filter(|_| lent);
        let bound = self
            .peers
            .iter()
            .filter(|far| lent && far.bound)
            .map(|far| far.renew);
        asked.chain(kept).chain(bound).min()
    }

    /// A datagram from `base` to `server`.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    fn ask(&mut self, ask: Ask, now: Instant) {
        let transaction = self.transaction();
        let bytes = self.request(ask, transaction, None);
        self.outbox.push_back(bytes.clone());
        self.pending.push(Pending {
            transaction,
            ask,
            bytes,
            tries: 1,
            next: now + FIRST_REPEAT,
        });
    }

    fn request(&self, ask: Ask, transaction: [u8; 12], lifetime: Option<u32>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        let method = match ask {
            Ask::Allocate => method::ALLOCATE,
            Ask::Refresh => method::REFRESH,
            Ask::Bind(_) => method::CHANNEL_BIND,
        };
        let mut writer = Writer::new(&mut bytes, method, Class::Request, transaction);
        match ask {
            Ask::Allocate => {
                // UDP (RFC 8656 §18.8), and an address of the family that we come from.
                writer.attribute(kind::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
                let family = if self.base.is_ipv4() { 1 } else { 2 };
                writer.attribute(kind::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]);
            }
            Ask::Refresh => {
                if let Some(seconds) = lifetime {
                    writer.attribute(kind::LIFETIME, &seconds.to_be_bytes());
                }
            }
            Ask::Bind(number) => {
                let [high, low] = number.to_be_bytes();
                writer.attribute(kind::CHANNEL_NUMBER, &[high, low, 0, 0]);
                if let Some(far) = self.peers.get(usize::from(number - FIRST_CHANNEL)) {
                    writer.xor_address(kind::XOR_PEER_ADDRESS, far.address);
                }
            }
        }
        if let Some(keys) = &self.keys {
            writer
                .attribute(kind::USERNAME, self.username.as_bytes())
                .attribute(kind::REALM, self.realm.as_bytes())
                .attribute(kind::NONCE, self.nonce.as_bytes())
                .seal(Seal::Sha1, keys);
        }
        bytes
    }

    fn transaction(&mut self) -> [u8; 12] {
        let mut transaction = [0; 12];
        self.entropy.fill(&mut transaction);
        transaction
    }
}
