//! STUN and TURN as decisions: a client's packet, a peer's packet or the time go in, packets and orders come out through a `Sink`.
//! Called by the shell's thread. Relayed packets touch no heap and no lock. `requests` answers what asks for something.
mod requests;

use crate::allocation::{Allocation, AllocationId, Client};
use crate::attribute as kind;
use crate::config::{Config, NONCE_S, RESERVATION_MS};
use crate::filter::Reach;
use crate::limits::Strangers;
use crate::message::{looks_like_stun, method, Class, Message, Seal, Writer};
use crate::nonce::Nonces;
use crate::quota::Counts;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

/// Two clocks: one that never goes back, and the calendar's for credentials.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Since some beginning.
    pub ms: u64,
    /// Unix time.
    pub unix_s: u64,
}

/// What address to lend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// IPv6 rather than IPv4.
    pub ipv6: bool,
    /// The port is to be even (RFC 8656 §7.1).
    pub even: bool,
    /// The next one is to be kept too; `Server::relay_opened` tells it.
    pub reserve: bool,
    /// The one that was kept for this allocation.
    pub reserved_by: Option<AllocationId>,
}

/// What the shell does.
pub trait Sink {
    /// To a client: both parts as one message (a stream pads it to four bytes).
    fn to_client(&mut self, client: &Client, head: &[u8], payload: &[u8]);
    /// From a lent address to a peer.
    fn to_peer(&mut self, allocation: AllocationId, peer: SocketAddr, payload: &[u8]);
    /// Binds a port for this client and says so by `relay_opened`.
    fn open_relay(&mut self, allocation: AllocationId, client: &Client, wanted: Wanted);
    /// Lets go of it.
    fn close_relay(&mut self, allocation: AllocationId);
    /// Lets go of a port that was kept.
    fn close_reserved(&mut self, allocation: AllocationId);
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Now.
    pub allocations: usize,
    /// Packets to peers and to clients.
    pub relayed: u64,
    /// Bytes of them.
    pub relayed_bytes: u64,
    /// Requests refused, by whatever rule.
    pub refused: u64,
    /// Packets thrown away: malformed, without permission, over a bound.
    pub dropped: u64,
    /// Binding requests answered.
    pub bindings: u64,
}

struct Slot {
    generation: u32,
    allocation: Option<Box<Allocation>>,
}

struct Reservation {
    token: [u8; 8],
    by: AllocationId,
    user: String,
    ends_ms: u64,
}

/// See the module.
pub struct Server {
    config: Config,
    nonces: Nonces,
    strangers: Strangers,
    bindings: Strangers,
    counts: Counts,
    slots: Vec<Slot>,
    free: Vec<u32>,
    clients: FxHashMap<Client, AllocationId>,
    reservations: Vec<Reservation>,
    tokens: u64,
    ends: BinaryHeap<Reverse<(u64, AllocationId)>>,
    stats: Stats,
    reply: Vec<u8>,
}

impl Server {
    /// Nothing is lent yet.
    pub fn new(config: Config) -> Self {
        Self {
            nonces: Nonces::new(&config.key, NONCE_S),
            strangers: Strangers::new(config.strangers, config.seed),
            bindings: Strangers::new(config.bindings, config.seed.rotate_left(17)),
            counts: Counts::default(),
            slots: vec![],
            free: vec![],
            clients: FxHashMap::default(),
            reservations: vec![],
            tokens: config.seed,
            ends: BinaryHeap::new(),
            stats: Stats::default(),
            reply: Vec::with_capacity(512),
            config,
        }
    }

    /// So far.
    pub fn stats(&self) -> Stats {
        Stats {
            allocations: self.counts.total(),
            ..self.stats
        }
    }

    /// Whether a client has something lent.
    pub fn has(&self, client: &Client) -> bool {
        self.clients.contains_key(client)
    }

    /// A datagram, or a frame of a stream.
    pub fn client_packet(&mut self, client: &Client, bytes: &[u8], now: Now, sink: &mut impl Sink) {
        match bytes.first() {
            Some(0x40..=0x7F) => self.channel_data(client, bytes, now, sink),
            _ if looks_like_stun(bytes) => match Message::read(bytes) {
                Ok(message) => self.stun(client, &message, now, sink),
                Err(_) => self.stats.dropped += 1,
            },
            _ => self.stats.dropped += 1,
        }
    }

    /// A stream has ended: what was lent by it goes (RFC 8656 §3.1).
    pub fn client_gone(&mut self, client: &Client, sink: &mut impl Sink) {
        if let Some(id) = self.clients.get(client).copied() {
            self.close(id, sink);
        }
    }

    /// What a peer sent to a lent address.
    pub fn peer_packet(
        &mut self,
        id: AllocationId,
        peer: SocketAddr,
        payload: &[u8],
        now: Now,
        sink: &mut impl Sink,
    ) {
        let peer = canonical(peer);
        let bandwidth = self.config.bandwidth;
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let Some(allocation) = get_mut(&mut self.slots, id) else {
            return;
        };
        let open = match allocation.permitted(peer.ip(), now.ms) {
            Some(Reach::Open) => true,
            Some(Reach::SomePorts) => self.config.filter.allows(peer),
            _ => false,
        };
        let (Ok(size), true, true) = (
            u16::try_from(length),
            open,
            allocation.down.take(length, bandwidth, now.ms),
        ) else {
            self.stats.dropped += 1;
            return;
        };
        self.stats.relayed += 1;
        self.stats.relayed_bytes += u64::from(length);
        if let Some(number) = allocation.channel_of(peer, now.ms) {
            let [a, b] = number.to_be_bytes();
            let [c, d] = size.to_be_bytes();
            sink.to_client(&allocation.client, &[a, b, c, d], payload);
            return;
        }
        let transaction = pseudo_transaction(self.stats.relayed);
        self.reply.clear();
        Writer::new(&mut self.reply, method::DATA, Class::Indication, transaction)
            .xor_address(kind::XOR_PEER_ADDRESS, peer)
            .attribute(kind::DATA, payload);
        sink.to_client(&allocation.client, &self.reply, &[]);
    }

    /// The shell has bound a port, or could not. `reserved`: the next one was kept too.
    pub fn relay_opened(
        &mut self,
        id: AllocationId,
        relayed: Option<SocketAddr>,
        reserved: bool,
        now: Now,
        sink: &mut impl Sink,
    ) {
        let Some(allocation) = get_mut(&mut self.slots, id) else {
            sink.close_relay(id);
            if reserved {
                sink.close_reserved(id);
            }
            return;
        };
        let (client, transaction, keys) =
            (allocation.client, allocation.transaction, allocation.keys.clone());
        let Some(relayed) = relayed else {
            self.refuse(
                &client,
                method::ALLOCATE,
                transaction,
                508,
                Some((Seal::Sha1, &keys)),
                sink,
            );
            self.forget(id);
            return;
        };
        allocation.relayed = Some(relayed);
        let seconds = allocation.lifetime_s;
        let user = allocation.user.clone();
        self.extend(id, seconds, now);
        let token = reserved.then(|| self.reserve(id, user, now));
        self.allocated(id, token, Seal::Sha1, sink);
    }

    /// Ends what is over.
    pub fn tick(&mut self, now: Now, sink: &mut impl Sink) {
        while let Some(Reverse((ends_ms, id))) = self.ends.peek().copied() {
            if ends_ms > now.ms {
                break;
            }
            self.ends.pop();
            let Some(allocation) = get_mut(&mut self.slots, id).filter(|one| one.looked_at_ms == ends_ms)
            else {
                continue;
            };
            if allocation.ends_ms > now.ms {
                allocation.looked_at_ms = allocation.ends_ms;
                self.ends.push(Reverse((allocation.ends_ms, id)));
            } else {
                self.close(id, sink);
            }
        }
        self.reservations.retain(|one| {
            let kept = one.ends_ms > now.ms;
            if !kept {
                sink.close_reserved(one.by);
            }
            kept
        });
    }

    /// When `tick` is wanted next.
    pub fn next_ms(&self) -> Option<u64> {
        let allocation = self.ends.peek().map(|Reverse((at, _))| *at);
        let reservation = self.reservations.iter().map(|one| one.ends_ms).min();
        allocation.into_iter().chain(reservation).min()
    }

    // Relaying

    fn channel_data(&mut self, client: &Client, bytes: &[u8], now: Now, sink: &mut impl Sink) {
        let header = bytes.get(..4).and_then(|head| <[u8; 4]>::try_from(head).ok());
        let Some([a, b, c, d]) = header else {
            self.stats.dropped += 1;
            return;
        };
        let length = usize::from(u16::from_be_bytes([c, d]));
        let peer = self
            .allocation_of(client)
            .and_then(|(id, one)| Some((id, one.peer_of(u16::from_be_bytes([a, b]), now.ms)?)));
        match (peer, bytes.get(4..4 + length)) {
            (Some((id, peer)), Some(payload)) => self.relay(id, peer, payload, now, sink),
            _ => self.stats.dropped += 1,
        }
    }

    fn send_indication(&mut self, client: &Client, message: &Message<'_>, now: Now, sink: &mut impl Sink) {
        let peer = message.xor_address(kind::XOR_PEER_ADDRESS).map(canonical);
        let Some(((id, _), (peer, payload))) = self
            .allocation_of(client)
            .zip(peer.zip(message.attribute(kind::DATA)))
        else {
            self.stats.dropped += 1;
            return;
        };
        self.relay(id, peer, payload, now, sink);
    }

    fn relay(&mut self, id: AllocationId, peer: SocketAddr, payload: &[u8], now: Now, sink: &mut impl Sink) {
        let bandwidth = self.config.bandwidth;
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let Some(allocation) = get_mut(&mut self.slots, id) else {
            return;
        };
        let open = match allocation.permitted(peer.ip(), now.ms) {
            Some(Reach::Open) => peer.port() != 0,
            Some(Reach::SomePorts) => self.config.filter.allows(peer),
            _ => false,
        };
        let same_family = allocation
            .relayed
            .is_some_and(|own| own.is_ipv4() == peer.is_ipv4());
        if open && same_family && allocation.up.take(length, bandwidth, now.ms) {
            self.stats.relayed += 1;
            self.stats.relayed_bytes += u64::from(length);
            sink.to_peer(id, peer, payload);
        } else {
            self.stats.dropped += 1;
        }
    }

    // What is kept

    fn allocation_of(&self, client: &Client) -> Option<(AllocationId, &Allocation)> {
        let id = *self.clients.get(client)?;
        Some((id, get(&self.slots, id)?))
    }

    fn insert(&mut self, allocation: Allocation) -> AllocationId {
        let client = allocation.client;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                allocation: None,
            });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let mut id = AllocationId { slot, generation: 0 };
        if let Some(place) = self.slots.get_mut(slot as usize) {
            id.generation = place.generation;
            place.allocation = Some(Box::new(allocation));
        }
        self.clients.insert(client, id);
        id
    }

    /// The heap gets an entry only when it would look too late: a client that refreshes without end does not make it grow.
    fn extend(&mut self, id: AllocationId, seconds: u32, now: Now) {
        if let Some(allocation) = get_mut(&mut self.slots, id) {
            allocation.lifetime_s = seconds;
            allocation.ends_ms = now.ms + u64::from(seconds) * 1_000;
            if allocation.ends_ms < allocation.looked_at_ms {
                allocation.looked_at_ms = allocation.ends_ms;
                self.ends.push(Reverse((allocation.ends_ms, id)));
            }
        }
    }

    fn close(&mut self, id: AllocationId, sink: &mut impl Sink) {
        sink.close_relay(id);
        self.forget(id);
    }

    fn forget(&mut self, id: AllocationId) {
        let Some(place) = self
            .slots
            .get_mut(id.slot as usize)
            .filter(|slot| slot.generation == id.generation)
        else {
            return;
        };
        let Some(allocation) = place.allocation.take() else {
            return;
        };
        place.generation = place.generation.wrapping_add(1);
        self.free.push(id.slot);
        self.clients.remove(&allocation.client);
        self.counts
            .give_back(&allocation.user, allocation.client.remote.ip());
    }

    fn reserve(&mut self, by: AllocationId, user: String, now: Now) -> [u8; 8] {
        // Guessing one gains nothing: it is bound to its user. It need only be another each time.
        self.tokens = self
            .tokens
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let token = self.tokens.to_be_bytes();
        self.reservations.push(Reservation {
            token,
            by,
            user,
            ends_ms: now.ms + RESERVATION_MS,
        });
        token
    }
}

fn get(slots: &[Slot], id: AllocationId) -> Option<&Allocation> {
    slots
        .get(id.slot as usize)
        .filter(|slot| slot.generation == id.generation)?
        .allocation
        .as_deref()
}

fn get_mut(slots: &mut [Slot], id: AllocationId) -> Option<&mut Allocation> {
    slots
        .get_mut(id.slot as usize)
        .filter(|slot| slot.generation == id.generation)?
        .allocation
        .as_deref_mut()
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn lifetime(message: &Message<'_>) -> Option<u32> {
    message
        .attribute(kind::LIFETIME)?
        .try_into()
        .ok()
        .map(u32::from_be_bytes)
}

/// Types that must be understood and are not, as the answer lists them (RFC 8489 §14.10); a few will do.
fn unknown(message: &Message<'_>) -> Vec<u8> {
    let kinds = message
        .attributes()
        .map(|(kind, _)| kind)
        .filter(|kind| !kind::is_understood(*kind));
    kinds.take(8).flat_map(u16::to_be_bytes).collect()
}

/// Nobody answers an indication: its transaction need only differ from the last.
fn pseudo_transaction(count: u64) -> [u8; 12] {
    let mut transaction = [0; 12];
    transaction[4..].copy_from_slice(&count.to_be_bytes());
    transaction
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
