//! LiveKit's DataPacket (`livekit_models.proto`), by its wire fields: no protobuf library stands in the packet path.
use super::envelope::{Address, Envelope, Sender};
use crate::command::DataKind;

/// LiveKit's envelope.
pub struct LiveKit;

/// Fields of DataPacket.
mod packet {
    pub const KIND: u32 = 1;
    pub const USER: u32 = 2;
    pub const SPEAKER: u32 = 3;
    pub const IDENTITY: u32 = 4;
    pub const DESTINATIONS: u32 = 5;
    pub const TRANSCRIPTION: u32 = 7;
    pub const METRICS: u32 = 8;
    pub const CHAT: u32 = 9;
    pub const STREAM_HEADER: u32 = 13;
    pub const STREAM_CHUNK: u32 = 14;
    pub const STREAM_TRAILER: u32 = 15;
    pub const SEQUENCE: u32 = 16;
    pub const SID: u32 = 17;
}

/// Fields of UserPacket.
mod user {
    pub const SID: u32 = 1;
    pub const DESTINATION_SIDS: u32 = 3;
    pub const TOPIC: u32 = 4;
    pub const IDENTITY: u32 = 5;
    pub const DESTINATIONS: u32 = 6;
}

/// ChatMessage.generated and DataStream.TextHeader.generated: an agent wrote it for somebody.
const CHAT_GENERATED: u32 = 6;
const TEXT_GENERATED: u32 = 5;
const TEXT_HEADER: u32 = 9;
/// First field of a stream's header, chunk and trailer.
const STREAM_ID: u32 = 1;
const STREAM_TOPIC: u32 = 3;
/// DataPacket.Kind.LOSSY; RELIABLE is 0 and not written.
const LOSSY: u64 = 1;
/// The topic under which transcriptions are known to whoever holds packets.
const TRANSCRIPTION_TOPIC: &str = "lk.transcription";
/// And the one of chat, whether it comes as a message or as a text stream, which names it itself.
const CHAT_TOPIC: &str = "lk.chat";
/// More destinations than a room has people are a mistake.
const MAX_DESTINATIONS: usize = 1000;

/// One field: its number, its whole bytes with the tag, and its value.
struct Field<'a> {
    number: u32,
    raw: &'a [u8],
    value: Value<'a>,
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// Walks the fields of a message; yields `None` inside once, when the message is malformed.
fn fields(message: &[u8]) -> impl Iterator<Item = Option<Field<'_>>> {
    let mut rest = message;
    let mut broken = false;
    std::iter::from_fn(move || {
        if rest.is_empty() || broken {
            return None;
        }
        let field = field(&mut rest);
        broken = field.is_none();
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<Field<'a>> {
    let whole = *rest;
    let tag = varint(rest)?;
    let number = u32::try_from(tag >> 3).ok().filter(|n| *n > 0)?;
    let value = match tag & 7 {
        0 => Value::Number(varint(rest)?),
        1 => take(rest, 8).map(|_| Value::Other)?,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Value::Bytes(take(rest, length)?)
        }
        5 => take(rest, 4).map(|_| Value::Other)?,
        // Groups are not used by LiveKit and are refused.
        _ => return None,
    };
    let raw = whole.get(..whole.len() - rest.len())?;
    Some(Field { number, raw, value })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (front, back) = rest.split_at_checked(length)?;
    *rest = back;
    Some(front)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in 0..10 {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f).checked_shl(7 * shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

impl Envelope for LiveKit {
    fn address(data: &[u8]) -> Option<Address> {
        let mut address = Address::default();
        for field in fields(data) {
            let field = field?;
            match (field.number, field.value) {
                // Speakers are the server's to tell, and metrics are for nobody but the server.
                (packet::SPEAKER | packet::METRICS, _) => return None,
                (packet::DESTINATIONS, Value::Bytes(name)) => address.identities.push(text(name)?),
                (packet::SEQUENCE, Value::Number(n)) => address.sequence = n as u32,
                (packet::TRANSCRIPTION, _) => address.topic = TRANSCRIPTION_TOPIC.to_owned(),
                (packet::CHAT, _) => address.topic = CHAT_TOPIC.to_owned(),
                (packet::USER, Value::Bytes(body)) => user_address(body, &mut address)?,
                (packet::STREAM_HEADER, Value::Bytes(body)) => {
                    stream_address(body, &mut address, true)?;
                }
                (packet::STREAM_CHUNK, Value::Bytes(body)) => stream_address(body, &mut address, false)?,
                (packet::STREAM_TRAILER, Value::Bytes(body)) => {
                    stream_address(body, &mut address, false)?;
                    address.ends = true;
                }
                _ => {}
            }
            if address.identities.len() + address.participants.len() > MAX_DESTINATIONS {
                return None;
            }
        }
        Some(address)
    }

    fn stamp(data: &[u8], kind: DataKind, sender: Sender<'_>) -> Option<Vec<u8>> {
        let other = spoken_for(data, sender)?;
        let mut out = Vec::with_capacity(data.len() + 64);
        for field in fields(data) {
            let field = field?;
            match (field.number, field.value) {
                (packet::KIND | packet::IDENTITY | packet::SID, _) => {}
                // Transcriptions are an agent's to tell.
                (packet::TRANSCRIPTION, _) if !sender.agent => return None,
                (packet::USER, Value::Bytes(body)) => {
                    put_bytes(&mut out, packet::USER, &stamp_user(body, sender)?);
                }
                (packet::CHAT, Value::Bytes(body)) if other.is_some() => {
                    put_bytes(&mut out, packet::CHAT, &mark_generated(body, CHAT_GENERATED)?);
                }
                (packet::STREAM_HEADER, Value::Bytes(body)) if other.is_some() => {
                    put_bytes(&mut out, packet::STREAM_HEADER, &mark_text(body)?);
                }
                _ => out.extend_from_slice(field.raw),
            }
        }
        if kind != DataKind::Reliable {
            put_varint(&mut out, u64::from(packet::KIND) << 3);
            put_varint(&mut out, LOSSY);
        }
        match other {
            Some(identity) => put_bytes(&mut out, packet::IDENTITY, identity),
            None if sender.hidden => {}
            None => put_bytes(&mut out, packet::IDENTITY, sender.identity.as_bytes()),
        }
        put_bytes(&mut out, packet::SID, sender.participant.as_bytes());
        Some(out)
    }
}

/// Whom an agent speaks for: it may write text that somebody said, under that one's identity. `None` outside when malformed.
fn spoken_for<'a>(data: &'a [u8], sender: Sender<'_>) -> Option<Option<&'a [u8]>> {
    if !sender.agent {
        return Some(None);
    }
    let (mut claimed, mut text): (&[u8], bool) = (&[], false);
    for field in fields(data) {
        let field = field?;
        match (field.number, field.value) {
            (packet::IDENTITY, Value::Bytes(name)) => claimed = name,
            (packet::CHAT, _) => text = true,
            (packet::STREAM_HEADER, Value::Bytes(body)) => {
                text |= fields(body).flatten().any(|part| part.number == TEXT_HEADER);
            }
            _ => {}
        }
    }
    let other = text && !claimed.is_empty() && claimed != sender.identity.as_bytes();
    Some(other.then_some(claimed))
}

fn mark_text(header: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(header.len() + 2);
    for field in fields(header) {
        let field = field?;
        match (field.number, field.value) {
            (TEXT_HEADER, Value::Bytes(body)) => {
                put_bytes(&mut out, TEXT_HEADER, &mark_generated(body, TEXT_GENERATED)?);
            }
            _ => out.extend_from_slice(field.raw),
        }
    }
    Some(out)
}

fn mark_generated(body: &[u8], number: u32) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() + 2);
    for field in fields(body) {
        let field = field?;
        if field.number != number {
            out.extend_from_slice(field.raw);
        }
    }
    put_varint(&mut out, u64::from(number) << 3);
    put_varint(&mut out, 1);
    Some(out)
}

fn user_address(body: &[u8], address: &mut Address) -> Option<()> {
    for field in fields(body) {
        let field = field?;
        match (field.number, field.value) {
            (user::DESTINATIONS, Value::Bytes(name)) => address.identities.push(text(name)?),
            (user::DESTINATION_SIDS, Value::Bytes(name)) => address.participants.push(text(name)?),
            (user::TOPIC, Value::Bytes(topic)) => address.topic = text(topic)?,
            _ => {}
        }
    }
    Some(())
}

fn stream_address(body: &[u8], address: &mut Address, header: bool) -> Option<()> {
    for field in fields(body) {
        let field = field?;
        match (field.number, field.value) {
            (STREAM_ID, Value::Bytes(id)) => address.stream = text(id)?,
            (STREAM_TOPIC, Value::Bytes(topic)) if header => address.topic = text(topic)?,
            _ => {}
        }
    }
    Some(())
}

fn stamp_user(body: &[u8], sender: Sender<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() + 64);
    for field in fields(body) {
        let field = field?;
        if !matches!(field.number, user::SID | user::IDENTITY) {
            out.extend_from_slice(field.raw);
        }
    }
    if !sender.hidden {
        put_bytes(&mut out, user::SID, sender.participant.as_bytes());
        put_bytes(&mut out, user::IDENTITY, sender.identity.as_bytes());
    }
    Some(out)
}

/// What tests and fuzzers run on arbitrary bytes: panics only when a stamped packet reads otherwise than its original, names
/// another sender, or changes when it is stamped again. Never called in service.
pub fn fuzz_envelope(data: &[u8]) {
    for (hidden, agent) in [(false, false), (true, false), (false, true)] {
        let sender = Sender {
            identity: "ada",
            participant: "PA_a",
            hidden,
            agent,
        };
        let Some(address) = LiveKit::address(data) else {
            return;
        };
        let Some(stamped) = LiveKit::stamp(data, DataKind::Reliable, sender) else {
            continue;
        };
        assert_eq!(
            LiveKit::address(&stamped).as_ref(),
            Some(&address),
            "stamping changed the address"
        );
        let senders = fields(&stamped)
            .flatten()
            .filter(|field| matches!(field.number, packet::IDENTITY | packet::SID));
        assert_eq!(
            senders.count(),
            if hidden { 1 } else { 2 },
            "a sender named more than once"
        );
        let again = LiveKit::stamp(&stamped, DataKind::Reliable, sender);
        assert_eq!(again.as_ref(), Some(&stamped), "stamping twice differs");
    }
}

#[cfg(test)]
#[path = "livekit_tests.rs"]
mod tests;
