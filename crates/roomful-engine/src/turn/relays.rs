//! The ports that are lent: bound, found again by their number, and let go.
use crate::socket::widen;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use roomful_turn::allocation::AllocationId;
use roomful_turn::server::Wanted;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// Ports tried at random before each is tried in turn.
const TRIES: u32 = 64;

/// One lent port.
pub struct Relay {
    pub id: AllocationId,
    pub socket: UdpSocket,
}

/// See the module. The token of a relay is `first` and its allocation's slot.
pub struct Relays {
    open: Vec<Option<Relay>>,
    kept: HashMap<AllocationId, UdpSocket>,
    ports: (u16, u16),
    first: usize,
    random: u64,
}

impl Relays {
    /// `random`: any number that nobody can guess.
    pub fn new(ports: (u16, u16), first: usize, random: u64) -> Self {
        Self {
            open: vec![],
            kept: HashMap::new(),
            ports,
            first,
            random: random | 1,
        }
    }

    /// Binds a port of this address; tells it, and whether the next one was kept.
    pub fn open(
        &mut self,
        id: AllocationId,
        ip: IpAddr,
        wanted: Wanted,
        registry: &Registry,
    ) -> Option<(SocketAddr, bool)> {
        let socket = match wanted.reserved_by {
            Some(by) => self.kept.remove(&by)?,
            None => self.bind(ip, wanted.even)?,
        };
        let local = socket.local_addr().ok()?;
        let next = (wanted.reserve && wanted.reserved_by.is_none())
            .then(|| bind_one(SocketAddr::new(ip, local.port().checked_add(1)?)))
            .flatten();
        let token = Token(self.first + id.slot());
        registry
            .register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)
            .ok()?;
        if self.open.len() <= id.slot() {
            self.open.resize_with(id.slot() + 1, || None);
        }
        let kept = next.is_some();
        if let Some(next) = next {
            self.kept.insert(id, next);
        }
        *self.open.get_mut(id.slot())? = Some(Relay { id, socket });
        Some((local, kept))
    }

    /// By slot.
    pub fn get(&self, slot: usize) -> Option<&Relay> {
        self.open.get(slot)?.as_ref()
    }

    /// By token, if it is one of a relay.
    pub fn slot_of(&self, token: Token) -> Option<usize> {
        token.0.checked_sub(self.first)
    }

    /// Lets go. A later allocation may have the slot already.
    pub fn close(&mut self, id: AllocationId, registry: &Registry) {
        let Some(place) = self
            .open
            .get_mut(id.slot())
            .filter(|place| place.as_ref().is_some_and(|one| one.id == id))
        else {
            return;
        };
        if let Some(relay) = place.take() {
            let _ = registry.deregister(&mut SourceFd(&relay.socket.as_raw_fd()));
        }
    }

    /// Lets go of a port that was kept.
    pub fn free(&mut self, id: AllocationId) {
        self.kept.remove(&id);
    }

    fn bind(&mut self, ip: IpAddr, even: bool) -> Option<UdpSocket> {
        let (first, last) = self.ports;
        let count = u32::from(last - first) + 1;
        let port = |n: u32| {
            let port = u16::try_from(u32::from(first) + n % count).ok()?;
            (!even || port % 2 == 0).then_some(port)
        };
        // Unpredictable ports: whoever is off the path cannot guess where to send (RFC 8656 §7.2).
        let start = self.next() as u32;
        for step in 0..TRIES {
            if let Some(socket) =
                port(self.next() as u32).and_then(|port| bind_one(SocketAddr::new(ip, port)))
            {
                return Some(socket);
            }
            if step > count {
                break;
            }
        }
        (0..count).find_map(|n| {
            port(start.wrapping_add(n) % count).and_then(|port| bind_one(SocketAddr::new(ip, port)))
        })
    }

    fn next(&mut self) -> u64 {
        // Seeded by the system and never shown: xorshift64* is enough to spread ports.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    }
}

fn bind_one(address: SocketAddr) -> Option<UdpSocket> {
    let socket = UdpSocket::bind(address).ok()?;
    socket.set_nonblocking(true).ok()?;
    widen(&socket);
    Some(socket)
}
