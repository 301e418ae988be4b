//! Connections come, are let in or refused, are heard, and go.
use super::Hub;
use crate::command::{Speech, Who};
use crate::connection::{State, Talker};
use crate::dialect::{self, Said, Told};
use crate::event::Event;
use crate::message::{ConnectionId, Head, Message};
use crate::rate::Bucket;
use crate::sink::{Acceptance, OnSlow, Sink};

/// Tokens that a join, a look at a history or at who is there takes: each makes more work than a message.
const DEAR: u32 = 10;

impl Hub {
    pub(super) fn opened(&mut self, connection: ConnectionId, head: Head, now_ms: u64, sink: &mut dyn Sink) {
        let fits = |path: &str| head.path == path || path.ends_with('/') && head.path.starts_with(path);
        let rule = self
            .accept_rules
            .iter()
            .filter(|(path, ..)| fits(path))
            .max_by_key(|(path, ..)| path.len())
            .map(|(_, speech, how)| (*speech, how.clone()));
        self.connections.insert(connection, State::Opened);
        sink.event(Event::Opened {
            connection,
            head,
            accepted: rule.is_some(),
        });
        match rule {
            Some((speech, how)) => self.accept(connection, speech, Who::default(), &how, now_ms, sink),
            None => self
                .opened
                .push_back((now_ms + self.config.hook_deadline_ms, connection)),
        }
    }

    pub(super) fn accept(
        &mut self,
        connection: ConnectionId,
        speech: Speech,
        who: Who,
        how: &Acceptance,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        if let Some(State::Opened) = self.connections.get(&connection) {
            sink.accept(connection, how);
            let max_message = how.max_message.unwrap_or(self.config.max_message);
            self.enter_hub(connection, speech, who, max_message, now_ms, sink);
            self.forget_answered();
        }
    }

    /// A connection is in, wherever it lives.
    pub(super) fn enter_hub(
        &mut self,
        connection: ConnectionId,
        speech: Speech,
        who: Who,
        max_message: usize,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let rate = match speech {
            Speech::Relay | Speech::Muaz => who.rate.unwrap_or(self.config.rate),
            Speech::Raw | Speech::Echo => who.rate.unwrap_or_default(),
        };
        let you = self.ids.of(connection);
        let talker = Talker::new(speech, who, you, Bucket::new(rate, now_ms));
        self.connections
            .insert(connection, State::Accepted(Box::new(talker)));
        self.tell(connection, &Told::Welcome { you, max_message }, sink);
    }

    pub(super) fn refuse(
        &mut self,
        connection: ConnectionId,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
        sink: &mut dyn Sink,
    ) {
        if let Some(State::Opened) = self.connections.get(&connection) {
            self.connections.remove(&connection);
            sink.refuse(connection, status, headers, body);
            self.forget_answered();
        }
    }

    /// Python had its time.
    pub(super) fn refuse_overdue(&mut self, now_ms: u64, sink: &mut dyn Sink) {
        while let Some((_, connection)) = self.opened.front().filter(|(deadline, _)| *deadline <= now_ms) {
            let connection = *connection;
            self.opened.pop_front();
            if let Some(State::Opened) = self.connections.get(&connection) {
                self.refuse(connection, 503, &[], b"", sink);
                sink.event(Event::Closed {
                    connection,
                    code: 1006,
                    reason: String::new(),
                });
            }
        }
    }

    fn forget_answered(&mut self) {
        while let Some((_, first)) = self.opened.front() {
            if let Some(State::Opened) = self.connections.get(first) {
                break;
            }
            self.opened.pop_front();
        }
    }

    pub(super) fn gone(&mut self, connection: ConnectionId, code: u16, reason: String, sink: &mut dyn Sink) {
        if !self.connections.contains_key(&connection) {
            return;
        }
        self.depart_all(connection, sink);
        self.connections.remove(&connection);
        self.forget_answered();
        sink.event(Event::Closed {
            connection,
            code,
            reason,
        });
    }

    /// It leaves all channels now, and is heard no more; `Gone` comes later.
    pub(super) fn close(&mut self, connection: ConnectionId, code: u16, reason: &str, sink: &mut dyn Sink) {
        match self.connections.get(&connection) {
            Some(State::Opened) => {
                self.refuse(connection, 403, &[], b"", sink);
                return;
            }
            Some(State::Accepted(talker)) if !talker.closing => {}
            _ => return,
        }
        self.depart_all(connection, sink);
        if let Some(talker) = self.talker(connection) {
            talker.closing = true;
        }
        sink.close(connection, code, reason);
    }

    /// A whole message of a connection.
    pub(super) fn heard(
        &mut self,
        connection: ConnectionId,
        message: Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        self.stats.received += 1;
        let most = self.config.max_message;
        let Some(talker) = self.talker(connection) else {
            return;
        };
        let speech = talker.speech;
        match speech {
            Speech::Relay | Speech::Muaz => {}
            Speech::Raw | Speech::Echo if !talker.bucket.take(1, now_ms) => {
                // Nothing may be missing from what Python or an echo gets, so nothing more comes.
                self.stats.refused += 1;
                return self.close(connection, 1008, "rate_limited", sink);
            }
            Speech::Raw => return sink.event(Event::Message { connection, message }),
            Speech::Echo => {
                self.stats.delivered += 1;
                return sink.deliver(&[connection], None, &message, OnSlow::Close);
            }
        }
        if message.payload.len() > most && connection.is_foreign() {
            // The door does this for its own.
            return self.close(connection, 1009, "too_long", sink);
        }
        let said = dialect::read(speech, &message);
        let (id, tokens) = match &said {
            Ok(said) => (said.id(), if said.is_dear() { DEAR } else { 1 }),
            Err(unclear) => (unclear.id, 1),
        };
        if !talker.bucket.take(tokens, now_ms) {
            talker.strikes += 1;
            let strikes = talker.strikes;
            return self.refuse_fast(connection, id, strikes, sink);
        }
        talker.strikes = 0;
        match said {
            Ok(said) => self.said(connection, said, &message, now_ms, sink),
            Err(unclear) => {
                let told = Told::Error {
                    id: unclear.id,
                    channel: None,
                    code: "bad_message",
                    reason: unclear.reason,
                };
                self.tell(connection, &told, sink);
            }
        }
    }

    /// Somebody talks too fast: it is told once, and for each message that wants an answer, and closed if it goes on.
    fn refuse_fast(&mut self, connection: ConnectionId, id: Option<u64>, strikes: u32, sink: &mut dyn Sink) {
        self.stats.refused += 1;
        if strikes >= self.config.max_strikes {
            return self.close(connection, 1008, "rate_limited", sink);
        }
        if id.is_some() || strikes == 1 {
            let told = Told::Error {
                id,
                channel: None,
                code: "rate_limited",
                reason: "slower, please",
            };
            self.tell(connection, &told, sink);
        }
    }

    /// What a client says in a channel. Also called for what waited with a join.
    pub(super) fn said(
        &mut self,
        connection: ConnectionId,
        said: Said<'_>,
        message: &Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        match said {
            Said::Ping => {
                self.tell(connection, &Told::Pong, sink);
            }
            Said::Exists { channel } => {
                let there = self.names.get(&*channel).and_then(|at| self.channels.get(*at));
                let there = there.is_some_and(|channel| channel.len() > 0);
                self.tell(connection, &Told::Exists(there), sink);
            }
            Said::Reply { request, data } => self.replied(connection, request, data, now_ms, sink),
            Said::Join {
                id,
                channel,
                info,
                since,
            } => self.asks_to_join(connection, id, &channel, info, since, now_ms, sink),
            said => self.said_in_channel(connection, said, message, now_ms, sink),
        }
    }

    fn said_in_channel(
        &mut self,
        connection: ConnectionId,
        said: Said<'_>,
        message: &Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let (id, name) = (said.id(), said.channel());
        let number = self.names.get(name).copied();
        let Some(talker) = self.talker(connection) else {
            return;
        };
        let Some(at) = number.filter(|at| talker.is_in(*at)) else {
            return self.said_too_early(connection, id, name, message, sink);
        };
        match said {
            Said::Publish { to, data, .. } => {
                self.publishes(connection, id, at, to.as_deref(), data, now_ms, sink);
            }
            Said::Request { id, to, data, .. } => {
                self.requests(connection, id, at, to.as_deref(), data, now_ms, sink);
            }
            Said::Leave { .. } => {
                self.depart(connection, at, sink);
                self.ok(connection, id, None, sink);
            }
            Said::Presence { .. } => self.asks_who(connection, id, at, sink),
            Said::History { after, limit, .. } => self.asks_history(connection, id, at, after, limit, sink),
            Said::Join { .. } | Said::Reply { .. } | Said::Exists { .. } | Said::Ping => {}
        }
    }
}

impl Said<'_> {
    fn is_dear(&self) -> bool {
        matches!(
            self,
            Said::Join { .. } | Said::Presence { .. } | Said::History { .. }
        )
    }

    pub(super) fn id(&self) -> Option<u64> {
        match self {
            Said::Join { id, .. }
            | Said::Leave { id, .. }
            | Said::Publish { id, .. }
            | Said::Presence { id, .. }
            | Said::History { id, .. } => *id,
            Said::Request { id, .. } => Some(*id),
            Said::Reply { .. } | Said::Exists { .. } | Said::Ping => None,
        }
    }

    pub(super) fn channel(&self) -> &str {
        match self {
            Said::Join { channel, .. }
            | Said::Leave { channel, .. }
            | Said::Publish { channel, .. }
            | Said::Request { channel, .. }
            | Said::Presence { channel, .. }
            | Said::History { channel, .. }
            | Said::Exists { channel } => channel,
            Said::Reply { .. } | Said::Ping => "",
        }
    }
}
