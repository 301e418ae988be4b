//! Roomful's JSON protocol. docs/reference/relay.md is its contract; names and shapes here are public.
use super::{Name, Said, Since, Told, Unclear};
use crate::ids::Id;
use crate::json;
use crate::message::{Kind, Message};
use bytes::Bytes;
use std::ops::Range;

/// Places of the members that the protocol knows.
#[derive(Default)]
struct Places {
    kind: Option<Range<usize>>,
    id: Option<Range<usize>>,
    channel: Option<Range<usize>>,
    to: Option<Range<usize>>,
    data: Option<Range<usize>>,
    info: Option<Range<usize>>,
    epoch: Option<Range<usize>>,
    offset: Option<Range<usize>>,
    request: Option<Range<usize>>,
    error: Option<Range<usize>>,
    after: Option<Range<usize>>,
    limit: Option<Range<usize>>,
}

pub fn read(message: &Message) -> Result<Said<'_>, Unclear> {
    let unclear = |reason| Unclear { id: None, reason };
    let whole: &[u8] = &message.payload;
    // A binary message: the length of a JSON object, the object, and data.
    let (object, binary) = match message.kind {
        Kind::Text => (whole, None),
        Kind::Binary => {
            let (length, rest) = whole.split_at_checked(2).ok_or(unclear("too short"))?;
            let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let object = rest.get(..length).ok_or(unclear("too short"))?;
            std::str::from_utf8(object).map_err(|_| unclear("not UTF-8"))?;
            (object, Some(message.payload.slice(2 + length..)))
        }
    };
    let mut places = Places::default();
    json::members(object, |key, place| {
        let known = match key {
            b"type" => &mut places.kind,
            b"id" => &mut places.id,
            b"channel" => &mut places.channel,
            b"to" => &mut places.to,
            b"data" => &mut places.data,
            b"info" => &mut places.info,
            b"epoch" => &mut places.epoch,
            b"offset" => &mut places.offset,
            b"request" => &mut places.request,
            b"error" => &mut places.error,
            b"after" => &mut places.after,
            b"limit" => &mut places.limit,
            _ => return,
        };
        *known = Some(place);
    })
    .map_err(|_| unclear("not a JSON object"))?;
    Reader {
        message,
        object,
        binary,
        places,
    }
    .said()
}

struct Reader<'a> {
    message: &'a Message,
    object: &'a [u8],
    binary: Option<Bytes>,
    places: Places,
}

impl<'a> Reader<'a> {
    fn said(self) -> Result<Said<'a>, Unclear> {
        let id = match self.number(&self.places.id) {
            None => None,
            Some(Some(id)) if id > 0 => Some(id),
            _ => return Err(self.unclear(None, "id is no number from 1 to 2^53")),
        };
        let unclear = |reason| self.unclear(id, reason);
        let channel = || {
            self.text(&self.places.channel)
                .flatten()
                .ok_or(unclear("no channel"))
        };
        let count = |place: &Option<Range<usize>>, usual: u64, reason| match self.number(place) {
            None => Ok(usual),
            Some(number) => number.ok_or(unclear(reason)),
        };
        let to = || match self.text(&self.places.to) {
            None => Ok(None),
            Some(Some(member)) => Ok(Some(member)),
            Some(None) => Err(unclear("to is no text")),
        };
        let kind = self.slice(&self.places.kind).ok_or(unclear("no type"))?;
        if self.binary.is_some() && !matches!(kind, b"\"publish\"" | b"\"request\"" | b"\"reply\"") {
            return Err(unclear("this type has no binary form"));
        }
        Ok(match kind {
            b"\"publish\"" => Said::Publish {
                id,
                channel: channel()?,
                to: to()?,
                data: self.data().ok_or(unclear("no data"))?,
            },
            b"\"join\"" => Said::Join {
                id,
                channel: channel()?,
                info: self.info().map_err(unclear)?,
                since: match (self.text(&self.places.epoch), self.number(&self.places.offset)) {
                    (None, None) => None,
                    (Some(Some(epoch)), Some(Some(offset))) => Some(Since {
                        epoch: epoch.into_owned(),
                        offset,
                    }),
                    _ => return Err(unclear("epoch and offset come together")),
                },
            },
            b"\"leave\"" => Said::Leave {
                id,
                channel: channel()?,
            },
            b"\"request\"" => Said::Request {
                id: id.ok_or(unclear("a request has an id"))?,
                channel: channel()?,
                to: to()?,
                data: self.data().ok_or(unclear("no data"))?,
            },
            b"\"reply\"" => Said::Reply {
                request: self
                    .number(&self.places.request)
                    .flatten()
                    .ok_or(unclear("no request"))?,
                data: match (self.data(), self.text(&self.places.error)) {
                    (Some(data), None) => Ok(data),
                    (None, Some(Some(words))) => Err(words),
                    _ => return Err(unclear("a reply has data, or an error in words")),
                },
            },
            b"\"presence\"" => Said::Presence {
                id,
                channel: channel()?,
            },
            b"\"history\"" => Said::History {
                id,
                channel: channel()?,
                after: count(&self.places.after, 0, "after is no number")?,
                limit: count(&self.places.limit, u64::MAX, "limit is no number")?,
            },
            b"\"ping\"" => Said::Ping,
            _ => return Err(unclear("unknown type")),
        })
    }

    fn unclear(&self, id: Option<u64>, reason: &'static str) -> Unclear {
        Unclear { id, reason }
    }

    fn slice(&self, place: &Option<Range<usize>>) -> Option<&'a [u8]> {
        self.object.get(place.clone()?)
    }

    /// None where it is missing, Some(None) where it is something else.
    fn text(&self, place: &Option<Range<usize>>) -> Option<Option<std::borrow::Cow<'a, str>>> {
        self.slice(place).map(json::text)
    }

    fn number(&self, place: &Option<Range<usize>>) -> Option<Option<u64>> {
        self.slice(place).map(json::number)
    }

    fn info(&self) -> Result<Option<Bytes>, &'static str> {
        match &self.places.info {
            None => Ok(None),
            Some(place) if self.object.get(place.start) == Some(&b'{') => Ok(Some(Bytes::copy_from_slice(
                self.slice(&self.places.info).unwrap_or_default(),
            ))),
            Some(_) => Err("info is no object"),
        }
    }

    fn data(&self) -> Option<Message> {
        match (&self.binary, &self.places.data) {
            (Some(bytes), None) => Some(Message::binary(bytes.clone())),
            (None, Some(place)) => Some(Message::text(self.message.payload.slice(place.clone()))),
            _ => None,
        }
    }
}

/// An object in the making. `type` comes first, `data` last.
struct Writer {
    out: Vec<u8>,
    binary: bool,
}

impl Writer {
    fn new(kind: &str, data: Option<&Message>) -> Self {
        let mut out = Vec::with_capacity(192 + data.map_or(0, |data| data.payload.len()));
        let binary = data.is_some_and(|data| data.kind == Kind::Binary);
        if binary {
            out.extend([0, 0]);
        }
        out.extend(b"{\"type\":\"");
        out.extend(kind.as_bytes());
        out.push(b'"');
        Self { out, binary }
    }

    fn key(&mut self, key: &str) {
        self.out.extend(b",\"");
        self.out.extend(key.as_bytes());
        self.out.extend(b"\":");
    }

    fn number(mut self, key: &str, number: impl Into<Option<u64>>) -> Self {
        if let Some(number) = number.into() {
            self.key(key);
            json::digits(&mut self.out, number);
        }
        self
    }

    fn id(mut self, key: &str, id: impl Into<Option<Id>>) -> Self {
        if let Some(id) = id.into() {
            self.key(key);
            self.out.push(b'"');
            self.out.extend(id.as_str().as_bytes());
            self.out.push(b'"');
        }
        self
    }

    fn text(mut self, key: &str, text: &str) -> Self {
        self.key(key);
        json::quote(&mut self.out, text);
        self
    }

    fn json(mut self, key: &str, value: &[u8]) -> Self {
        self.key(key);
        self.out.extend(value);
        self
    }

    fn channel(self, channel: &Name) -> Self {
        self.json("channel", &channel.json)
    }

    fn members(mut self, members: &[&[Bytes]]) -> Self {
        self.key("members");
        self.out.push(b'[');
        for (n, member) in members.iter().copied().flatten().enumerate() {
            if n > 0 {
                self.out.push(b',');
            }
            self.out.extend(&**member);
        }
        self.out.push(b']');
        self
    }

    fn at(self, at: &Option<(Id, u64)>) -> Self {
        match at {
            Some((epoch, offset)) => self.id("epoch", *epoch).number("offset", *offset),
            None => self,
        }
    }

    fn end(mut self) -> Message {
        self.out.push(b'}');
        Message::text(self.out)
    }

    fn data(mut self, data: &Message) -> Message {
        if !self.binary {
            return self.json("data", &data.payload).end();
        }
        self.out.push(b'}');
        let length = (self.out.len() - 2).min(usize::from(u16::MAX)) as u16;
        for (place, byte) in self.out.iter_mut().zip(length.to_be_bytes()) {
            *place = byte;
        }
        self.out.extend(&*data.payload);
        Message::binary(self.out)
    }
}

/// None for what nobody can ask in this dialect.
pub fn write(told: &Told<'_>) -> Option<Message> {
    Some(match told {
        Told::Message {
            channel,
            from,
            to,
            offset,
            data,
        } => Writer::new("message", Some(data))
            .channel(channel)
            .id("from", *from)
            .id("to", *to)
            .number("offset", *offset)
            .data(data),
        Told::Welcome { you, max_message } => Writer::new("welcome", None)
            .number("protocol", 1)
            .id("you", *you)
            .number("max_message", *max_message as u64)
            .end(),
        Told::Joined {
            id,
            channel,
            members,
            at,
            recovery,
        } => {
            let mut writer = Writer::new("joined", None).number("id", *id).channel(channel);
            if let Some(members) = members {
                writer = writer.members(members);
            }
            writer = writer.at(at);
            if let Some(recovery) = recovery {
                let word: &[u8] = if recovery.recovered { b"true" } else { b"false" };
                writer = writer
                    .json("recovered", word)
                    .number("missed", recovery.missed as u64);
            }
            writer.end()
        }
        Told::MemberJoined { channel, member } => Writer::new("member_joined", None)
            .channel(channel)
            .json("member", member)
            .end(),
        Told::MemberLeft { channel, member } => Writer::new("member_left", None)
            .channel(channel)
            .id("member", *member)
            .end(),
        Told::Left {
            channel,
            code,
            reason,
        } => Writer::new("left", None)
            .channel(channel)
            .text("code", code)
            .text("message", reason)
            .end(),
        Told::Ok { id, offset } => Writer::new("ok", None)
            .number("id", *id)
            .number("offset", *offset)
            .end(),
        Told::Error {
            id,
            channel,
            code,
            reason,
        } => {
            let mut writer = Writer::new("error", None).number("id", *id);
            if let Some(channel) = channel {
                writer = writer.text("channel", channel);
            }
            writer.text("code", code).text("message", reason).end()
        }
        Told::Request {
            request,
            channel,
            from,
            data,
        } => Writer::new("request", Some(data))
            .number("request", *request)
            .channel(channel)
            .id("from", *from)
            .data(data),
        Told::Reply { id, data } => Writer::new("reply", Some(data)).number("id", *id).data(data),
        Told::Presence { id, channel, members } => Writer::new("presence", None)
            .number("id", *id)
            .channel(channel)
            .members(members)
            .end(),
        Told::History {
            id,
            channel,
            at,
            count,
        } => Writer::new("history", None)
            .number("id", *id)
            .channel(channel)
            .at(at)
            .number("count", *count as u64)
            .end(),
        Told::Exists(_) => return None,
        Told::Pong => Writer::new("pong", None).end(),
    })
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
