//! Who is in a channel: asked, let in with what was missed, told to the others, and gone again.
use super::{Hub, Refusal};
use crate::asks::About;
use crate::channel::Channel;
use crate::command::{Decision, Speech};
use crate::connection::{Joined, State};
use crate::dialect::{self, Recovery, Since, Told};
use crate::event::Event;
use crate::message::{ConnectionId, Message};
use crate::sink::{OnSlow, Sink};
use bytes::Bytes;

/// Bytes of a channel's name.
pub(crate) const MAX_NAME: usize = 128;

impl Hub {
    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    pub(super) fn asks_to_join(
        &mut self,
        connection: ConnectionId,
        id: Option<u64>,
        name: &str,
        info: Option<Bytes>,
        since: Option<Since>,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        if let Err(refusal) = self.may_join(connection, name, info.as_deref()) {
            return self.fail(connection, id, name, refusal, sink);
        }
        let about = About::Join {
            channel: name.to_owned(),
            id,
            info: info.clone(),
            since,
            later: vec![],
        };
        let bytes = name.len() + info.as_ref().map_or(0, Bytes::len);
        let deadline_ms = now_ms + self.config.hook_deadline_ms;
        let Some(ask) = self.asks.add(connection, about, bytes, deadline_ms) else {
            return self.fail(connection, id, name, BUSY, sink);
        };
        if let Some(talker) = self.talker(connection) {
            talker.joining.push(ask);
        }
        sink.event(Event::JoinAsked {
            ask,
            connection,
            channel: name.into(),
            info,
        });
    }

    /// Everything but Python's opinion. Asked before Python is, and again after.
    fn may_join(&mut self, connection: ConnectionId, name: &str, info: Option<&[u8]>) -> Result<(), Refusal> {
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err((
                "bad_name",
                "a channel's name has 1 to 128 bytes and no control characters",
            ));
        }
        if info.is_some_and(|info| info.len() > self.config.max_info) {
            return Err(("info_too_long", "the info is too long"));
        }
        if self.waits_to_join(connection, name).is_some() {
            return Err(ALREADY);
        }
        let number = self.names.get(name).copied();
        let full = match number.and_then(|at| self.channels.get(at)) {
            Some(channel) => channel.len() >= channel.rules.max_members,
            None if self.channels.len() >= self.config.max_channels => {
                return Err(("too_many_channels", "the server holds no more channels"));
            }
            None => self.book.of(name).max_members == 0,
        };
        let max_joined = self.config.max_joined;
        let Some(talker) = self
            .talker(connection)
            .filter(|talker| talker.speech != Speech::Echo)
        else {
            return Err(("gone", "the connection is in no channel"));
        };
        if number.is_some_and(|at| talker.is_in(at)) {
            return Err(ALREADY);
        }
        if talker.joined.len() + talker.joining.len() >= max_joined {
            return Err((
                "too_many_joined",
                "this connection is in as many channels as it may be",
            ));
        }
        if full {
            return Err(("channel_full", "the channel has as many members as it may have"));
        }
        Ok(())
    }

    /// The question about a join of this connection to this channel.
    pub(super) fn waits_to_join(&mut self, connection: ConnectionId, name: &str) -> Option<u64> {
        let asks = match self.connections.get(&connection) {
            Some(State::Accepted(talker)) => &talker.joining,
            _ => return None,
        };
        asks.iter()
            .copied()
            .find(|ask| match self.asks.get(*ask).map(|asked| &asked.about) {
                Some(About::Join { channel, .. }) => channel == name,
                _ => false,
            })
    }

    /// Somebody talks in a channel that it is not in: that waits with its join, where one waits.
    pub(super) fn said_too_early(
        &mut self,
        connection: ConnectionId,
        id: Option<u64>,
        name: &str,
        message: &Message,
        sink: &mut dyn Sink,
    ) {
        let refusal = match self.waits_to_join(connection, name) {
            Some(ask) if self.asks.add_later(ask, message, self.config.max_pending) => return,
            Some(_) => BUSY,
            None => ("not_member", "join the channel first"),
        };
        self.fail(connection, id, name, refusal, sink);
    }

    /// Python has decided about a join.
    pub(super) fn decide_join(
        &mut self,
        ask: u64,
        connection: ConnectionId,
        about: About,
        decision: Decision,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let About::Join {
            channel,
            id,
            info,
            since,
            later,
        } = about
        else {
            return;
        };
        let Some(talker) = self.talker(connection) else {
            return;
        };
        talker.joining.retain(|waiting| *waiting != ask);
        let speech = talker.speech;
        if decision.allow {
            let info = decision.info.or(info);
            if let Err(refusal) = self.enter(connection, &channel, id, info, since.as_ref(), now_ms, sink) {
                self.fail(connection, id, &channel, refusal, sink);
            }
        } else {
            let refusal = (code_or_refused(&decision.code), &*decision.reason);
            self.fail(connection, id, &channel, refusal, sink);
        }
        for message in later {
            if let Ok(said) = dialect::read(speech, &message) {
                self.said(connection, said, &message, now_ms, sink);
            }
        }
    }

    /// Puts a connection into a channel, which begins if it has to.
    #[expect(clippy::too_many_arguments, reason = "the parts of one join")]
    pub(super) fn enter(
        &mut self,
        connection: ConnectionId,
        name: &str,
        id: Option<u64>,
        info: Option<Bytes>,
        since: Option<&Since>,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) -> Result<(), Refusal> {
        self.may_join(connection, name, info.as_deref())?;
        let at = self.begin(name, now_ms);
        let (Some(State::Accepted(talker)), Some(channel)) =
            (self.connections.get_mut(&connection), self.channels.get_mut(at))
        else {
            return Ok(());
        };
        let info = info.or_else(|| talker.who.info.clone());
        let shown = dialect::member(talker.id, talker.who.identity.as_deref(), info.as_deref());
        if channel.rules.presence {
            let told = Told::MemberJoined {
                channel: &channel.name,
                member: &shown,
            };
            self.stats.delivered += announce(channel, &told, sink);
        }
        let position = channel.add(talker.speech, connection, shown, info);
        talker.joined.push(Joined {
            channel: at,
            position,
        });
        sink.event(Event::Joined {
            connection,
            channel: channel.name.text.clone(),
            id: talker.id.as_str().to_owned(),
        });
        let missed = since.map(|since| {
            let known = channel.rules.history > 0 && since.epoch == channel.epoch.as_str();
            channel.history.since(since.offset).filter(|_| known)
        });
        let recovery = missed.as_ref().map(|missed| Recovery {
            recovered: missed.is_some(),
            missed: missed.as_ref().map_or(0, ExactSizeIterator::len),
        });
        let groups = channel.groups().map(|(_, group)| &*group.shown);
        let told = Told::Joined {
            id,
            channel: &channel.name,
            members: channel.rules.presence.then_some(&groups),
            at: channel.at(),
            recovery,
        };
        let slow = channel.rules.slow;
        if let Some(message) = dialect::write(talker.speech, &told) {
            self.stats.delivered += 1;
            sink.deliver(&[connection], None, &message, OnSlow::Close);
            for entry in missed.into_iter().flatten().flatten() {
                self.stats.delivered += 1;
                sink.deliver(&[connection], None, &entry.frame, slow);
            }
        }
        Ok(())
    }

    /// The channel of this name; the caller has checked that there may be one more.
    pub(super) fn begin(&mut self, name: &str, now_ms: u64) -> usize {
        if let Some(at) = self.names.get(name) {
            return *at;
        }
        self.began += 1;
        let channel = Channel::new(name, self.book.of(name), self.ids.epoch(self.began), now_ms);
        let text = channel.name.text.clone();
        let at = self.channels.insert(channel);
        self.names.insert(text, at);
        at
    }

    /// Takes a connection out of a channel and tells the others; does nothing where it is not in it.
    pub(super) fn depart(&mut self, connection: ConnectionId, at: usize, sink: &mut dyn Sink) {
        let (Some(State::Accepted(talker)), Some(channel)) =
            (self.connections.get_mut(&connection), self.channels.get_mut(at))
        else {
            return;
        };
        let Some(place) = talker.joined.iter().position(|joined| joined.channel == at) else {
            return;
        };
        let joined = talker.joined.swap_remove(place);
        let (speech, member) = (talker.speech, talker.id);
        let moved = channel.remove(speech, joined.position);
        if channel.rules.presence {
            let told = Told::MemberLeft {
                channel: &channel.name,
                member,
            };
            self.stats.delivered += announce(channel, &told, sink);
        }
        sink.event(Event::Left {
            connection,
            channel: channel.name.text.clone(),
        });
        // A closing connection has left everything, so the one that moved is a talker.
        if let Some(moved) = moved.and_then(|moved| self.talker(moved)) {
            if let Some(theirs) = moved.joined.iter_mut().find(|joined| joined.channel == at) {
                theirs.position = joined.position;
            }
        }
        self.fail_requests_to(connection, Some(at), sink);
        self.end_if_over(at);
    }

    pub(super) fn depart_all(&mut self, connection: ConnectionId, sink: &mut dyn Sink) {
        while let Some(State::Accepted(talker)) = self.connections.get(&connection) {
            let Some(joined) = talker.joined.last() else {
                break;
            };
            let at = joined.channel;
            self.depart(connection, at, sink);
        }
        self.fail_requests_to(connection, None, sink);
    }

    pub(super) fn end_if_over(&mut self, at: usize) {
        if self.channels.get(at).is_some_and(Channel::is_over) {
            let channel = self.channels.remove(at);
            self.names.remove(&channel.name.text);
        }
    }
}

/// What a refusal without a code is called.
pub(super) fn code_or_refused(code: &str) -> &str {
    if code.is_empty() {
        "refused"
    } else {
        code
    }
}

pub(super) const BUSY: Refusal = ("busy", "too much waits for an answer");
const ALREADY: Refusal = (
    "already_member",
    "this connection is in the channel, or asks for it",
);

/// Tells something about a channel to the members that understand it: how many.
fn announce(channel: &Channel, told: &Told<'_>, sink: &mut dyn Sink) -> u64 {
    let members = &channel.group(Speech::Relay).members;
    if members.is_empty() {
        return 0;
    }
    if let Some(message) = dialect::write(Speech::Relay, told) {
        sink.deliver(members, None, &message, channel.rules.slow);
    }
    members.len() as u64
}
