//! Requests and their answers: who asks is proven first, strangers are answered briefly and not often.
use super::{canonical, get, get_mut, lifetime, unknown, Now, Server, Sink, Wanted};
use crate::allocation::{Allocation, AllocationId, Client, Refused};
use crate::attribute as kind;
use crate::config::{DEFAULT_LIFETIME_S, MAX_LIFETIME_S, MAX_RESERVATIONS};
use crate::filter::Reach;
use crate::message::{method, Class, Keys, Message, Seal, Writer};
use std::net::SocketAddr;

/// A refusal with its code (RFC 8489 §14.8, RFC 8656 §19).
type Refusal = u16;

struct Asked<'a> {
    client: &'a Client,
    message: &'a Message<'a>,
    keys: Keys,
    username: &'a str,
    user: &'a str,
    now: Now,
}

impl Server {
    pub(super) fn stun(&mut self, client: &Client, message: &Message<'_>, now: Now, sink: &mut impl Sink) {
        match (message.class, message.method) {
            (Class::Request, method::BINDING) => self.binding(client, message, now, sink),
            (Class::Request, _) => {
                if let Err(code) = self.request(client, message, now, sink) {
                    self.stranger(client, message, code, now, sink);
                }
            }
            (Class::Indication, method::SEND) => self.send_indication(client, message, now, sink),
            // Answers are for clients; a Binding indication only keeps a NAT open.
            (Class::Indication | Class::Success | Class::Error, _) => {}
        }
    }

    fn binding(&mut self, client: &Client, message: &Message<'_>, now: Now, sink: &mut impl Sink) {
        if !self.bindings.take(client.remote.ip(), now.ms) {
            self.stats.dropped += 1;
            return;
        }
        let unknown = unknown(message);
        if !unknown.is_empty() {
            self.unknown(client, message, &unknown, None, sink);
            return;
        }
        self.stats.bindings += 1;
        self.reply.clear();
        Writer::new(
            &mut self.reply,
            method::BINDING,
            Class::Success,
            message.transaction,
        )
        .xor_address(kind::XOR_MAPPED_ADDRESS, canonical(client.remote))
        .fingerprint();
        sink.to_client(client, &self.reply, &[]);
    }

    /// Answers whoever is proven; Err is for `stranger`.
    fn request(
        &mut self,
        client: &Client,
        message: &Message<'_>,
        now: Now,
        sink: &mut impl Sink,
    ) -> Result<(), Refusal> {
        let asked = self.proven(client, message, now)?;
        let seal = message.seal().unwrap_or(Seal::Sha1);
        let unknown = unknown(message);
        if !unknown.is_empty() {
            self.unknown(client, message, &unknown, Some((seal, &asked.keys)), sink);
            return Ok(());
        }
        let done = match message.method {
            method::ALLOCATE => self.allocate(&asked, sink),
            method::REFRESH => self.refresh(&asked, sink),
            method::CREATE_PERMISSION => self.create_permission(&asked, sink),
            method::CHANNEL_BIND => self.channel_bind(&asked, sink),
            _ => Err(400),
        };
        if let Err(code) = done {
            self.refuse(
                client,
                message.method,
                message.transaction,
                code,
                Some((seal, &asked.keys)),
                sink,
            );
        }
        Ok(())
    }

    /// RFC 8489 §9.2.4.
    fn proven<'a>(
        &self,
        client: &'a Client,
        message: &'a Message<'a>,
        now: Now,
    ) -> Result<Asked<'a>, Refusal> {
        if message.seal().is_none() {
            return Err(401);
        }
        let (Some(username), Some(realm), Some(nonce)) = (
            message.text(kind::USERNAME),
            message.text(kind::REALM),
            message.attribute(kind::NONCE),
        ) else {
            return Err(400);
        };
        if !self.nonces.holds(nonce, client.remote.ip(), now.unix_s) {
            return Err(438);
        }
        if realm != self.config.realm {
            return Err(401);
        }
        // Whoever has something lent keeps its key: it is computed once, and holds until the allocation ends.
        if let Some((_, allocation)) = self.allocation_of(client) {
            if allocation.username == username {
                let keys = allocation.keys.clone();
                let (_, user) = username.split_once(':').ok_or(401u16)?;
                return self.sealed(client, message, username, user, vec![keys], now);
            }
        }
        let (user, keys) = self
            .config
            .secrets
            .keys(username, &self.config.realm, now.unix_s)
            .map_err(|_| 401u16)?;
        self.sealed(client, message, username, user, keys, now)
    }

    fn sealed<'a>(
        &self,
        client: &'a Client,
        message: &'a Message<'a>,
        username: &'a str,
        user: &'a str,
        keys: Vec<Keys>,
        now: Now,
    ) -> Result<Asked<'a>, Refusal> {
        let keys = keys
            .into_iter()
            .find(|keys| message.is_sealed_by(keys))
            .ok_or(401u16)?;
        Ok(Asked {
            client,
            message,
            keys,
            username,
            user,
            now,
        })
    }

    /// RFC 8656 §7.2.
    fn allocate(&mut self, asked: &Asked<'_>, sink: &mut impl Sink) -> Result<(), Refusal> {
        let message = asked.message;
        let seal = message.seal().unwrap_or(Seal::Sha1);
        if let Some((id, allocation)) = self.allocation_of(asked.client) {
            if allocation.transaction != message.transaction {
                return Err(437);
            }
            if allocation.relayed.is_some() {
                self.allocated(id, None, seal, sink);
            }
            return Ok(());
        }
        match message.attribute(kind::REQUESTED_TRANSPORT) {
            Some([17, _, _, _]) => {}
            Some([_, _, _, _]) => return Err(442),
            _ => return Err(400),
        }
        let mut wanted = self.wanted(message)?;
        if let Some(token) = message.attribute(kind::RESERVATION_TOKEN) {
            let at = self
                .reservations
                .iter()
                .position(|one| one.token == *token && one.user == asked.user)
                .ok_or(508u16)?;
            wanted.reserved_by = Some(self.reservations.swap_remove(at).by);
        }
        if !self
            .counts
            .take(&self.config.quotas, asked.user, asked.client.remote.ip())
        {
            if let Some(by) = wanted.reserved_by {
                sink.close_reserved(by);
            }
            return Err(486);
        }
        let mut allocation = Allocation::new(
            *asked.client,
            asked.username.to_owned(),
            asked.user.to_owned(),
            asked.keys.clone(),
            message.transaction,
        );
        allocation.lifetime_s = lifetime(message)
            .unwrap_or(DEFAULT_LIFETIME_S)
            .clamp(DEFAULT_LIFETIME_S, MAX_LIFETIME_S);
        let id = self.insert(allocation);
        sink.open_relay(id, asked.client, wanted);
        Ok(())
    }

    fn wanted(&self, message: &Message<'_>) -> Result<Wanted, Refusal> {
        let ipv6 = match message.attribute(kind::REQUESTED_ADDRESS_FAMILY) {
            None | Some([1, ..]) => false,
            Some([2, ..]) => true,
            Some(_) => return Err(440),
        };
        if (ipv6 && !self.config.ipv6) || (!ipv6 && !self.config.ipv4) {
            return Err(440);
        }
        let even = message.attribute(kind::EVEN_PORT);
        let token = message.attribute(kind::RESERVATION_TOKEN);
        // A kept port has its family and its number already (RFC 8656 §7.1).
        if token.is_some() && (even.is_some() || message.attribute(kind::REQUESTED_ADDRESS_FAMILY).is_some())
        {
            return Err(400);
        }
        Ok(Wanted {
            ipv6,
            even: even.is_some(),
            reserve: even
                .and_then(|value| value.first())
                .is_some_and(|bits| bits & 0x80 != 0)
                && self.reservations.len() < MAX_RESERVATIONS,
            reserved_by: None,
        })
    }

    pub(super) fn allocated(
        &mut self,
        id: AllocationId,
        token: Option<[u8; 8]>,
        seal: Seal,
        sink: &mut impl Sink,
    ) {
        let Some(allocation) = get(&self.slots, id) else {
            return;
        };
        let Some(relayed) = allocation.relayed else {
            return;
        };
        self.reply.clear();
        let mut writer = Writer::new(
            &mut self.reply,
            method::ALLOCATE,
            Class::Success,
            allocation.transaction,
        );
        writer
            .xor_address(kind::XOR_RELAYED_ADDRESS, relayed)
            .xor_address(kind::XOR_MAPPED_ADDRESS, canonical(allocation.client.remote))
            .attribute(kind::LIFETIME, &allocation.lifetime_s.to_be_bytes());
        if let Some(token) = token {
            writer.attribute(kind::RESERVATION_TOKEN, &token);
        }
        writer.seal(seal, &allocation.keys).fingerprint();
        sink.to_client(&allocation.client, &self.reply, &[]);
    }

    /// RFC 8656 §8.2.
    fn refresh(&mut self, asked: &Asked<'_>, sink: &mut impl Sink) -> Result<(), Refusal> {
        let (id, _) = self.own(asked)?;
        let seconds = match lifetime(asked.message).unwrap_or(DEFAULT_LIFETIME_S) {
            0 => 0,
            wanted => wanted.clamp(DEFAULT_LIFETIME_S, MAX_LIFETIME_S),
        };
        if seconds == 0 {
            self.close(id, sink);
        } else {
            self.extend(id, seconds, asked.now);
        }
        self.done(asked, Some(seconds), sink);
        Ok(())
    }

    /// RFC 8656 §10.2.
    fn create_permission(&mut self, asked: &Asked<'_>, sink: &mut impl Sink) -> Result<(), Refusal> {
        let (id, relayed) = self.own(asked)?;
        let transaction = &asked.message.transaction;
        let peers = || {
            asked
                .message
                .attributes()
                .filter(|(kind, _)| *kind == kind::XOR_PEER_ADDRESS)
                .map(|(_, value)| {
                    crate::message::unxor(value, transaction)
                        .map(canonical)
                        .ok_or(400u16)
                })
        };
        // All or none.
        if peers().next().is_none() {
            return Err(400);
        }
        for peer in peers() {
            self.reach(peer?, relayed)?;
        }
        for peer in peers() {
            let peer = peer?;
            let reach = self.reach(peer, relayed)?;
            let permitted =
                get_mut(&mut self.slots, id).is_some_and(|one| one.permit(peer.ip(), reach, asked.now.ms));
            if !permitted {
                return Err(508);
            }
        }
        self.done(asked, None, sink);
        Ok(())
    }

    /// RFC 8656 §12.2.
    fn channel_bind(&mut self, asked: &Asked<'_>, sink: &mut impl Sink) -> Result<(), Refusal> {
        let (id, relayed) = self.own(asked)?;
        let number = match asked.message.attribute(kind::CHANNEL_NUMBER) {
            Some([a, b, _, _]) => u16::from_be_bytes([*a, *b]),
            _ => return Err(400),
        };
        let peer = asked
            .message
            .xor_address(kind::XOR_PEER_ADDRESS)
            .map(canonical)
            .ok_or(400u16)?;
        // RFC 8656 keeps the numbers above 0x4FFF back; clients of RFC 5766 (§11) still use them.
        if !(0x4000..=0x7FFF).contains(&number) {
            return Err(400);
        }
        let reach = self.reach(peer, relayed)?;
        if !self.config.filter.allows(peer) {
            return Err(403);
        }
        let allocation = get_mut(&mut self.slots, id).ok_or(437u16)?;
        allocation
            .bind(number, peer, asked.now.ms)
            .map_err(|refused| match refused {
                Refused::Taken => 400u16,
                Refused::Full => 508,
            })?;
        if !allocation.permit(peer.ip(), reach, asked.now.ms) {
            return Err(508);
        }
        self.done(asked, None, sink);
        Ok(())
    }

    fn reach(&self, peer: SocketAddr, relayed: SocketAddr) -> Result<Reach, Refusal> {
        if peer.is_ipv4() != relayed.is_ipv4() {
            return Err(443);
        }
        match self.config.filter.reach(peer.ip()) {
            Reach::Closed => Err(403),
            reach => Ok(reach),
        }
    }

    /// The asker's allocation and its address.
    fn own(&self, asked: &Asked<'_>) -> Result<(AllocationId, SocketAddr), Refusal> {
        let (id, allocation) = self.allocation_of(asked.client).ok_or(437u16)?;
        if allocation.username != asked.username {
            return Err(441);
        }
        Ok((id, allocation.relayed.ok_or(437u16)?))
    }

    // Answers

    fn done(&mut self, asked: &Asked<'_>, lifetime_s: Option<u32>, sink: &mut impl Sink) {
        self.reply.clear();
        let mut writer = Writer::new(
            &mut self.reply,
            asked.message.method,
            Class::Success,
            asked.message.transaction,
        );
        if let Some(seconds) = lifetime_s {
            writer.attribute(kind::LIFETIME, &seconds.to_be_bytes());
        }
        writer
            .seal(asked.message.seal().unwrap_or(Seal::Sha1), &asked.keys)
            .fingerprint();
        sink.to_client(asked.client, &self.reply, &[]);
    }

    /// No more than four times what was asked for, and not too often: the address may be somebody else's.
    fn stranger(
        &mut self,
        client: &Client,
        message: &Message<'_>,
        code: u16,
        now: Now,
        sink: &mut impl Sink,
    ) {
        self.stats.refused += 1;
        if !self.strangers.take(client.remote.ip(), now.ms) {
            self.stats.dropped += 1;
            return;
        }
        self.reply.clear();
        let mut writer = Writer::new(&mut self.reply, message.method, Class::Error, message.transaction);
        writer.error(code);
        if code == 401 || code == 438 {
            let nonce = self.nonces.make(client.remote.ip(), now.unix_s);
            writer
                .attribute(kind::REALM, self.config.realm.as_bytes())
                .attribute(kind::NONCE, nonce.as_bytes());
        }
        sink.to_client(client, &self.reply, &[]);
    }

    pub(super) fn refuse(
        &mut self,
        client: &Client,
        method: u16,
        transaction: [u8; 12],
        code: u16,
        seal: Option<(Seal, &Keys)>,
        sink: &mut impl Sink,
    ) {
        self.stats.refused += 1;
        self.reply.clear();
        let mut writer = Writer::new(&mut self.reply, method, Class::Error, transaction);
        writer.error(code);
        if let Some((seal, keys)) = seal {
            writer.seal(seal, keys);
        }
        writer.fingerprint();
        sink.to_client(client, &self.reply, &[]);
    }

    fn unknown(
        &mut self,
        client: &Client,
        message: &Message<'_>,
        unknown: &[u8],
        seal: Option<(Seal, &Keys)>,
        sink: &mut impl Sink,
    ) {
        self.stats.refused += 1;
        self.reply.clear();
        let mut writer = Writer::new(&mut self.reply, message.method, Class::Error, message.transaction);
        writer.error(420).attribute(kind::UNKNOWN_ATTRIBUTES, unknown);
        if let Some((seal, keys)) = seal {
            writer.seal(seal, keys);
        }
        writer.fingerprint();
        sink.to_client(client, &self.reply, &[]);
    }
}
