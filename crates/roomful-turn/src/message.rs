//! STUN messages: read in place, written into a caller's buffer, sealed and checked (RFC 8489 §5, §14).
//! Used by `server` and by tests as a client. Never looks at who sent them.
use crate::attribute as kind;
use aws_lc_rs::hmac;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// RFC 8489 §5.
pub const MAGIC: u32 = 0x2112_A442;
/// Bytes before the attributes.
pub const HEADER: usize = 20;
/// RFC 8489 §14.7.
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// What is asked for (RFC 8489 §18.2, RFC 8656 §17).
pub mod method {
    /// Which address do you see?
    pub const BINDING: u16 = 0x001;
    /// Lend me an address.
    pub const ALLOCATE: u16 = 0x003;
    /// Keep it, or take it back.
    pub const REFRESH: u16 = 0x004;
    /// To a peer, without a channel.
    pub const SEND: u16 = 0x006;
    /// From a peer, without a channel.
    pub const DATA: u16 = 0x007;
    /// These peers may send to me.
    pub const CREATE_PERMISSION: u16 = 0x008;
    /// A number for a peer, so that packets need four bytes of header.
    pub const CHANNEL_BIND: u16 = 0x009;
}

/// RFC 8489 §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// It was done.
    Success,
    /// It was not.
    Error,
}

/// Which hash seals a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// MESSAGE-INTEGRITY (RFC 8489 §14.5).
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256 (RFC 8489 §14.6).
    Sha256,
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Shorter than its header or its length field says, or longer.
    #[error("its length is wrong")]
    Length,
    /// Not STUN: first bits, magic cookie.
    #[error("it is not STUN")]
    NotStun,
    /// An attribute reaches beyond the end.
    #[error("an attribute is cut off")]
    Attribute,
    /// The checksum at its end is wrong.
    #[error("its fingerprint is wrong")]
    Fingerprint,
}

/// A message in somebody's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    /// See [`method`].
    pub method: u16,
    /// Request, answer or neither.
    pub class: Class,
    /// Chosen by whoever asked.
    pub transaction: [u8; 12],
    seal: Option<(Seal, usize)>,
    end: usize,
}

/// Whether a packet's first bytes can be STUN's: two zero bits and the cookie.
pub fn looks_like_stun(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER
        && bytes.first().is_some_and(|b| *b < 0x40)
        && bytes.get(4..8) == Some(&MAGIC.to_be_bytes())
}

impl<'a> Message<'a> {
    /// Reads the whole of `bytes`. Attributes after the seal are not covered by it and are dropped, but for a fingerprint (§14.5).
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < HEADER {
            return Err(Malformed::Length);
        }
        if !looks_like_stun(bytes) {
            return Err(Malformed::NotStun);
        }
        let kind = u16_at(bytes, 0).ok_or(Malformed::Length)?;
        let length = usize::from(u16_at(bytes, 2).ok_or(Malformed::Length)?);
        if length % 4 != 0 || HEADER + length != bytes.len() {
            return Err(Malformed::Length);
        }
        let mut transaction = [0; 12];
        transaction.copy_from_slice(bytes.get(8..HEADER).ok_or(Malformed::Length)?);
        let mut message = Self {
            bytes,
            method: (kind & 0x000F) | ((kind & 0x00E0) >> 1) | ((kind & 0x3E00) >> 2),
            class: match (kind & 0x0010 != 0, kind & 0x0100 != 0) {
                (false, false) => Class::Request,
                (true, false) => Class::Indication,
                (false, true) => Class::Success,
                (true, true) => Class::Error,
            },
            transaction,
            seal: None,
            end: bytes.len(),
        };
        message.look_through()?;
        Ok(message)
    }

    /// Finds the seal, checks lengths and the fingerprint.
    fn look_through(&mut self) -> Result<(), Malformed> {
        let mut at = HEADER;
        while at < self.bytes.len() {
            let kind = u16_at(self.bytes, at).ok_or(Malformed::Attribute)?;
            let length = usize::from(u16_at(self.bytes, at + 2).ok_or(Malformed::Attribute)?);
            let value = self
                .bytes
                .get(at + 4..at + 4 + length)
                .ok_or(Malformed::Attribute)?;
            match kind {
                kind::MESSAGE_INTEGRITY if length == 20 && self.seal.is_none() => {
                    self.seal = Some((Seal::Sha1, at))
                }
                // Where both are, the stronger one counts (§9.2.4); truncated ones (§14.6) are not taken.
                kind::MESSAGE_INTEGRITY_SHA256
                    if length == 32 && !matches!(self.seal, Some((Seal::Sha256, _))) =>
                {
                    self.seal = Some((Seal::Sha256, at));
                }
                kind::FINGERPRINT => {
                    let found = value
                        .try_into()
                        .map(u32::from_be_bytes)
                        .map_err(|_| Malformed::Fingerprint)?;
                    let covered = self.bytes.get(..at).ok_or(Malformed::Attribute)?;
                    if at + 8 != self.bytes.len() || found != crc32fast::hash(covered) ^ FINGERPRINT_XOR {
                        return Err(Malformed::Fingerprint);
                    }
                }
                _ => {}
            }
            if self.seal.is_none() {
                self.end = (at + 4 + length.next_multiple_of(4)).min(self.bytes.len());
            }
            at += 4 + length.next_multiple_of(4);
        }
        if let Some((_, at)) = self.seal {
            self.end = at;
        }
        Ok(())
    }

    /// (type, value) of those that the seal covers, or of all when there is none.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes {
            rest: self.bytes.get(HEADER..self.end).unwrap_or_default(),
        }
    }

    /// The first of a type (later ones are ignored: §14).
    pub fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        self.attributes()
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| value)
    }

    /// As text.
    pub fn text(&self, wanted: u16) -> Option<&'a str> {
        std::str::from_utf8(self.attribute(wanted)?).ok()
    }

    /// An address that was XORed with cookie and transaction (§14.2).
    pub fn xor_address(&self, wanted: u16) -> Option<SocketAddr> {
        unxor(self.attribute(wanted)?, &self.transaction)
    }

    /// Which seal it has.
    pub fn seal(&self) -> Option<Seal> {
        self.seal.map(|(seal, _)| seal)
    }

    /// Whether whoever sealed it knew the key.
    pub fn is_sealed_by(&self, key: &Keys) -> bool {
        let Some((seal, at)) = self.seal else {
            return false;
        };
        let size = match seal {
            Seal::Sha1 => 20,
            Seal::Sha256 => 32,
        };
        // The length field counts up to the seal's end, whatever follows (§14.5).
        let (Ok(length), Some(kind), Some(rest), Some(found)) = (
            u16::try_from(at + 4 + size - HEADER),
            self.bytes.get(..2),
            self.bytes.get(4..at),
            self.bytes.get(at + 4..at + 4 + size),
        ) else {
            return false;
        };
        let mut signed = Vec::with_capacity(at);
        signed.extend_from_slice(kind);
        signed.extend_from_slice(&length.to_be_bytes());
        signed.extend_from_slice(rest);
        hmac::verify(key.of(seal), &signed, found).is_ok()
    }
}

/// See [`Message::attributes`].
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = u16_at(self.rest, 0)?;
        let length = usize::from(u16_at(self.rest, 2)?);
        let value = self.rest.get(4..4 + length)?;
        self.rest = self
            .rest
            .get(4 + length.next_multiple_of(4)..)
            .unwrap_or_default();
        Some((kind, value))
    }
}

/// A key for both seals.
#[derive(Clone)]
pub struct Keys {
    sha1: hmac::Key,
    sha256: hmac::Key,
}

impl Keys {
    /// From a short-term password, or the hash of a long-term one (RFC 8489 §9.2.2).
    pub fn new(key: &[u8]) -> Self {
        Self {
            sha1: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key),
            sha256: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    fn of(&self, seal: Seal) -> &hmac::Key {
        match seal {
            Seal::Sha1 => &self.sha1,
            Seal::Sha256 => &self.sha256,
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// Writes a message behind what is in a buffer.
pub struct Writer<'a> {
    buffer: &'a mut Vec<u8>,
    start: usize,
    transaction: [u8; 12],
}

impl<'a> Writer<'a> {
    /// Begins.
    pub fn new(buffer: &'a mut Vec<u8>, method: u16, class: Class, transaction: [u8; 12]) -> Self {
        let bits = match class {
            Class::Request => 0,
            Class::Indication => 0x0010,
            Class::Success => 0x0100,
            Class::Error => 0x0110,
        };
        let kind = (method & 0x000F) | ((method & 0x0070) << 1) | ((method & 0x0F80) << 2) | bits;
        let start = buffer.len();
        buffer.extend_from_slice(&kind.to_be_bytes());
        buffer.extend_from_slice(&[0, 0]);
        buffer.extend_from_slice(&MAGIC.to_be_bytes());
        buffer.extend_from_slice(&transaction);
        Self {
            buffer,
            start,
            transaction,
        }
    }

    /// One attribute. Values of ours are far below 64 KiB; a longer one is cut.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let value = value.get(..value.len().min(60_000)).unwrap_or_default();
        self.buffer.extend_from_slice(&kind.to_be_bytes());
        self.buffer
            .extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        self.buffer.extend_from_slice(value);
        let padded = self.buffer.len() + (value.len().next_multiple_of(4) - value.len());
        self.buffer.resize(padded, 0);
        self.set_length(0);
        self
    }

    /// RFC 8489 §14.2.
    pub fn xor_address(&mut self, kind: u16, address: SocketAddr) -> &mut Self {
        let (value, length) = xor(address, &self.transaction);
        self.attribute(kind, value.get(..length).unwrap_or_default())
    }

    /// RFC 8489 §14.8, without a reason: the number says it, and replies to strangers stay small.
    pub fn error(&mut self, code: u16) -> &mut Self {
        let class = u8::try_from(code / 100).unwrap_or_default();
        let number = u8::try_from(code % 100).unwrap_or_default();
        self.attribute(kind::ERROR_CODE, &[0, 0, class, number])
    }

    /// Seals what is there so far.
    pub fn seal(&mut self, seal: Seal, key: &Keys) -> &mut Self {
        let (kind, size) = match seal {
            Seal::Sha1 => (kind::MESSAGE_INTEGRITY, 20),
            Seal::Sha256 => (kind::MESSAGE_INTEGRITY_SHA256, 32),
        };
        self.set_length(4 + size);
        let tag = hmac::sign(key.of(seal), self.buffer.get(self.start..).unwrap_or_default());
        self.attribute(kind, tag.as_ref())
    }

    /// RFC 8489 §14.7; the last attribute.
    pub fn fingerprint(&mut self) -> &mut Self {
        self.set_length(8);
        let sum = crc32fast::hash(self.buffer.get(self.start..).unwrap_or_default()) ^ FINGERPRINT_XOR;
        self.attribute(kind::FINGERPRINT, &sum.to_be_bytes())
    }

    fn set_length(&mut self, more: usize) {
        let length = self.buffer.len() - self.start - HEADER + more;
        let bytes = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        if let Some(place) = self.buffer.get_mut(self.start + 2..self.start + 4) {
            place.copy_from_slice(&bytes);
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn mask(transaction: &[u8; 12]) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC.to_be_bytes());
    mask[4..].copy_from_slice(transaction);
    mask
}

fn xor(address: SocketAddr, transaction: &[u8; 12]) -> ([u8; 20], usize) {
    let mut value = [0; 20];
    let port = address.port() ^ (MAGIC >> 16) as u16;
    value[2..4].copy_from_slice(&port.to_be_bytes());
    let (octets, size, family) = match address.ip() {
        IpAddr::V4(ip) => (ip.to_ipv6_mapped().octets(), 4, 1),
        IpAddr::V6(ip) => (ip.octets(), 16, 2),
    };
    value[1] = family;
    let octets = octets.iter().skip(16 - size);
    for ((place, octet), mask) in value.iter_mut().skip(4).zip(octets).zip(mask(transaction)) {
        *place = octet ^ mask;
    }
    (value, 4 + size)
}

pub(crate) fn unxor(value: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let port = u16_at(value, 2)? ^ (MAGIC >> 16) as u16;
    let mut octets = [0; 16];
    let mask = mask(transaction);
    let size = match (value.get(1)?, value.len()) {
        (1, 8) => 4,
        (2, 20) => 16,
        _ => return None,
    };
    for ((place, octet), mask) in octets.iter_mut().zip(value.iter().skip(4)).zip(mask).take(size) {
        *place = octet ^ mask;
    }
    let ip = if size == 4 {
        let [a, b, c, d, ..] = octets;
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    } else {
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
