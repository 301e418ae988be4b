//! One lent address: whose it is, who may send to it, under which numbers. Made and kept by `server`.
use crate::config::{CHANNEL_MS, MAX_CHANNELS, MAX_PERMISSIONS, PERMISSION_MS};
use crate::filter::Reach;
use crate::limits::Bucket;
use crate::message::Keys;
use std::net::{IpAddr, SocketAddr};

/// Names an allocation for the shell. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AllocationId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl AllocationId {
    /// A small number for tables; used again after the allocation has ended.
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// How a client reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// A stream, with TLS or without.
    Tcp,
}

/// The 5-tuple of a client (RFC 8656 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// How.
    pub protocol: Protocol,
    /// Its address, as we see it.
    pub remote: SocketAddr,
    /// The shell's number for the socket or the connection it came by.
    pub socket: u32,
}

struct Permission {
    ip: IpAddr,
    ends_ms: u64,
    reach: Reach,
}

struct Channel {
    number: u16,
    peer: SocketAddr,
    ends_ms: u64,
}

/// What [`Allocation::bind`] found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The number or the peer is bound otherwise (400).
    Taken,
    /// There are too many (508).
    Full,
}

/// See the module.
pub(crate) struct Allocation {
    pub client: Client,
    /// The name in full, since a later request must bear the same (441).
    pub username: String,
    pub user: String,
    pub keys: Keys,
    /// Of the request that made it: when it comes again, so does the answer.
    pub transaction: [u8; 12],
    /// None until the shell has opened it.
    pub relayed: Option<SocketAddr>,
    pub ends_ms: u64,
    /// When the server's heap looks at it next.
    pub looked_at_ms: u64,
    pub lifetime_s: u32,
    pub up: Bucket,
    pub down: Bucket,
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
}

impl Allocation {
    pub fn new(client: Client, username: String, user: String, keys: Keys, transaction: [u8; 12]) -> Self {
        Self {
            client,
            username,
            user,
            keys,
            transaction,
            relayed: None,
            ends_ms: u64::MAX,
            looked_at_ms: u64::MAX,
            lifetime_s: 0,
            up: Bucket::default(),
            down: Bucket::default(),
            permissions: vec![],
            channels: vec![],
        }
    }

    /// Lets a peer send for five minutes. False when there are too many.
    pub fn permit(&mut self, ip: IpAddr, reach: Reach, now_ms: u64) -> bool {
        let ends_ms = now_ms + PERMISSION_MS;
        if let Some(known) = self.permissions.iter_mut().find(|one| one.ip == ip) {
            *known = Permission { ip, ends_ms, reach };
            return true;
        }
        if self.permissions.len() >= MAX_PERMISSIONS {
            self.permissions.retain(|one| one.ends_ms > now_ms);
        }
        let fits = self.permissions.len() < MAX_PERMISSIONS;
        if fits {
            self.permissions.push(Permission { ip, ends_ms, reach });
        }
        fits
    }

    /// What may be exchanged with this peer, none when it has no permission.
    #[inline]
    pub fn permitted(&self, ip: IpAddr, now_ms: u64) -> Option<Reach> {
        let found = self.permissions.iter().find(|one| one.ip == ip)?;
        (found.ends_ms > now_ms).then_some(found.reach)
    }

    /// A number for a peer, for ten minutes (RFC 8656 §12.2). Binding the same again extends it.
    pub fn bind(&mut self, number: u16, peer: SocketAddr, now_ms: u64) -> Result<(), Refused> {
        self.channels.retain(|one| one.ends_ms > now_ms);
        let ends_ms = now_ms + CHANNEL_MS;
        let full = self.channels.len() >= MAX_CHANNELS;
        match self
            .channels
            .iter_mut()
            .find(|one| one.number == number || one.peer == peer)
        {
            Some(one) if one.number == number && one.peer == peer => one.ends_ms = ends_ms,
            Some(_) => return Err(Refused::Taken),
            None if full => return Err(Refused::Full),
            None => self.channels.push(Channel {
                number,
                peer,
                ends_ms,
            }),
        }
        Ok(())
    }

    /// Who is behind a number.
    #[inline]
    pub fn peer_of(&self, number: u16, now_ms: u64) -> Option<SocketAddr> {
        let found = self.channels.iter().find(|one| one.number == number)?;
        (found.ends_ms > now_ms).then_some(found.peer)
    }

    /// The number of a peer.
    #[inline]
    pub fn channel_of(&self, peer: SocketAddr, now_ms: u64) -> Option<u16> {
        let found = self.channels.iter().find(|one| one.peer == peer)?;
        (found.ends_ms > now_ms).then_some(found.number)
    }
}
