//! What is said in a channel: to everybody, to one member, as a request or a reply; at once, or after Python's word.
//!
//! Where rules ask for Python's word, what one connection says in one channel goes out in the order it was said, whatever the order
//! of the words.
use super::joining::{code_or_refused, BUSY};
use super::Hub;
use crate::asks::About;
use crate::command::{Decision, Speech};
use crate::dialect::{self, Told};
use crate::event::Event;
use crate::ids::Id;
use crate::message::{ConnectionId, Message};
use crate::sink::Sink;

/// For whom something is.
#[derive(Clone, Copy)]
pub(super) enum Outgoing {
    All,
    One(ConnectionId),
    /// A request of that number (the asker's own).
    Request(ConnectionId, u64),
    /// To a request of that number (the hub's).
    Reply(u64),
}

/// Something said that waits for Python's word, or for what was said before it.
pub(super) struct Held {
    ask: Option<u64>,
    from: Id,
    id: Option<u64>,
    outgoing: Outgoing,
    data: Message,
    size: usize,
    verdict: Option<Decision>,
}

impl Hub {
    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    pub(super) fn publishes(
        &mut self,
        connection: ConnectionId,
        id: Option<u64>,
        at: usize,
        to: Option<&str>,
        data: Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let outgoing = match to {
            None => Outgoing::All,
            Some(member) => match self.member(at, member) {
                Some(target) => Outgoing::One(target),
                None => return self.fail_in(connection, id, at, NO_MEMBER, sink),
            },
        };
        self.says(connection, id, at, outgoing, data, now_ms, sink);
    }

    /// The connection of a member, by the id that others call it.
    pub(super) fn member(&mut self, at: usize, id: &str) -> Option<ConnectionId> {
        let connection = self.ids.connection(id)?;
        self.talker(connection)?.is_in(at).then_some(connection)
    }

    /// As [`Hub::fail`], in a channel by its number.
    pub(super) fn fail_in(
        &mut self,
        connection: ConnectionId,
        id: Option<u64>,
        at: usize,
        refusal: (&str, &str),
        sink: &mut dyn Sink,
    ) {
        let name = self.channels.get(at).map(|channel| channel.name.text.clone());
        self.fail(connection, id, name.as_deref().unwrap_or(""), refusal, sink);
    }

    /// A member says something: checked against rules, held where Python wants to be asked.
    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    pub(super) fn says(
        &mut self,
        connection: ConnectionId,
        id: Option<u64>,
        at: usize,
        outgoing: Outgoing,
        data: Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let Some(channel) = self.channels.get_mut(at) else {
            return;
        };
        if !channel.rules.publish && !matches!(outgoing, Outgoing::Reply(_)) {
            return self.fail_in(
                connection,
                id,
                at,
                ("not_allowed", "members do not talk here"),
                sink,
            );
        }
        if !channel.bucket.take(1, now_ms) {
            self.stats.refused += 1;
            return self.fail_in(connection, id, at, ("rate_limited", "the channel is busy"), sink);
        }
        if channel.rules.on_message || channel.held > 0 && self.held.contains_key(&(connection, at)) {
            return self.hold(connection, id, at, outgoing, data, now_ms, sink);
        }
        let Some(from) = self.talker(connection).map(|talker| talker.id) else {
            return;
        };
        self.perform(connection, from, id, at, outgoing, &data, now_ms, sink);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    fn hold(
        &mut self,
        connection: ConnectionId,
        id: Option<u64>,
        at: usize,
        outgoing: Outgoing,
        data: Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let size = data.payload.len();
        let max_pending = self.config.max_pending;
        let room = self.held_bytes + size <= self.config.max_ask_bytes;
        let Some(talker) = self.talker(connection) else {
            return;
        };
        let from = talker.id;
        if talker.pending >= max_pending || !room {
            self.stats.refused += 1;
            return self.fail_in(connection, id, at, BUSY, sink);
        }
        let Some(channel) = self.channels.get_mut(at) else {
            return;
        };
        let mut ask = None;
        if channel.rules.on_message {
            let deadline_ms = now_ms + self.config.hook_deadline_ms;
            ask = self
                .asks
                .add(connection, About::Message { channel: at }, 0, deadline_ms);
            let Some(ask) = ask else {
                self.stats.refused += 1;
                return self.fail_in(connection, id, at, BUSY, sink);
            };
            sink.event(Event::MessageAsked {
                ask,
                connection,
                channel: channel.name.text.clone(),
                to: match outgoing {
                    Outgoing::One(target) | Outgoing::Request(target, _) => Some(target),
                    Outgoing::Reply(request) => self.requests.get(&request).map(|waiting| waiting.asker),
                    Outgoing::All => None,
                },
                message: data.clone(),
            });
        }
        channel.held += 1;
        self.held_bytes += size;
        let verdict = ask.is_none().then(|| Decision {
            allow: true,
            ..Decision::default()
        });
        self.held.entry((connection, at)).or_default().push_back(Held {
            ask,
            from,
            id,
            outgoing,
            data,
            size,
            verdict,
        });
        if let Some(talker) = self.talker(connection) {
            talker.pending += 1;
        }
    }

    /// Python has decided about a message: it goes out when everything that was said before it has.
    pub(super) fn decide_message(
        &mut self,
        ask: u64,
        connection: ConnectionId,
        at: usize,
        decision: Decision,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let Some(queue) = self.held.get_mut(&(connection, at)) else {
            return;
        };
        if let Some(held) = queue.iter_mut().find(|held| held.ask == Some(ask)) {
            held.verdict = Some(decision);
        }
        while let Some(queue) = self.held.get_mut(&(connection, at)) {
            if queue.front().is_some_and(|held| held.verdict.is_none()) {
                return;
            }
            let Some(held) = queue.pop_front() else {
                self.held.remove(&(connection, at));
                break;
            };
            self.release(connection, at, held, now_ms, sink);
        }
        self.end_if_over(at);
    }

    fn release(&mut self, connection: ConnectionId, at: usize, held: Held, now_ms: u64, sink: &mut dyn Sink) {
        self.held_bytes -= held.size;
        if let Some(channel) = self.channels.get_mut(at) {
            channel.held -= 1;
        }
        if let Some(talker) = self.talker(connection) {
            talker.pending = talker.pending.saturating_sub(1);
        }
        let decision = held.verdict.unwrap_or_default();
        if decision.allow {
            let data = decision.message.unwrap_or(held.data);
            self.perform(
                connection,
                held.from,
                held.id,
                at,
                held.outgoing,
                &data,
                now_ms,
                sink,
            );
            return;
        }
        let refusal = (code_or_refused(&decision.code), &*decision.reason);
        match held.outgoing {
            // The asker waits for an answer in any case.
            Outgoing::Request(..) => self.fail_in(connection, held.id, at, refusal, sink),
            Outgoing::Reply(request) => self.fail_request(request, refusal, sink),
            _ if decision.code.is_empty() => self.ok(connection, held.id, None, sink),
            _ => self.fail_in(connection, held.id, at, refusal, sink),
        }
    }

    /// Forgets what a connection that was put out of a channel has said there and nobody has heard.
    pub(super) fn forget_held(&mut self, connection: ConnectionId, at: usize, sink: &mut dyn Sink) {
        for held in self.held.remove(&(connection, at)).unwrap_or_default() {
            held.ask.and_then(|ask| self.asks.take(ask));
            self.held_bytes -= held.size;
            if let Some(channel) = self.channels.get_mut(at) {
                channel.held -= 1;
            }
            if let Some(talker) = self.talker(connection) {
                talker.pending = talker.pending.saturating_sub(1);
            }
            match held.outgoing {
                Outgoing::Reply(request) => self.fail_request(request, NO_MEMBER, sink),
                _ if held.id.is_some() => {
                    self.fail_in(
                        connection,
                        held.id,
                        at,
                        ("not_member", "put out of the channel"),
                        sink,
                    );
                }
                _ => {}
            }
        }
    }

    /// Says it, whoever had to be asked.
    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    fn perform(
        &mut self,
        connection: ConnectionId,
        from: Id,
        id: Option<u64>,
        at: usize,
        outgoing: Outgoing,
        data: &Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        match outgoing {
            Outgoing::All => {
                let offset = self.fan_out(at, Some(from), Some(connection), data, now_ms, sink);
                self.ok(connection, id, offset, sink);
            }
            Outgoing::One(target) => {
                if self.whisper(at, Some(from), target, data, sink) {
                    self.ok(connection, id, None, sink);
                } else {
                    self.fail_in(connection, id, at, NO_MEMBER, sink);
                }
            }
            Outgoing::Request(target, id) => {
                self.ask_member(connection, from, id, at, target, data, now_ms, sink);
            }
            Outgoing::Reply(request) => self.pass_reply(request, data, sink),
        }
    }

    /// To one member; false when it is none, or understands no messages.
    pub(super) fn whisper(
        &mut self,
        at: usize,
        from: Option<Id>,
        target: ConnectionId,
        data: &Message,
        sink: &mut dyn Sink,
    ) -> bool {
        let to = match self.talker(target).filter(|talker| talker.is_in(at)) {
            Some(talker) => (talker.speech, talker.id),
            None => return false,
        };
        let Some(channel) = self.channels.get(at) else {
            return false;
        };
        let told = Told::Message {
            channel: &channel.name,
            from,
            to: Some(to.1),
            offset: None,
            data,
        };
        let message = dialect::write(to.0, &told);
        if let Some(message) = &message {
            self.stats.delivered += 1;
            sink.deliver(&[target], None, message, channel.rules.slow);
        }
        message.is_some()
    }

    /// To all members but one, and into the history: its offset there. Each dialect's bytes are written once.
    pub(super) fn fan_out(
        &mut self,
        at: usize,
        from: Option<Id>,
        except: Option<ConnectionId>,
        data: &Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) -> Option<u64> {
        let channel = self.channels.get_mut(at)?;
        let keeps = channel.rules.history > 0;
        let offset = keeps.then(|| channel.history.last() + 1);
        let told = Told::Message {
            channel: &channel.name,
            from,
            to: None,
            offset,
            data,
        };
        let mut frame = None;
        for (speech, group) in channel.groups() {
            let kept = keeps && speech == Speech::Relay;
            if group.members.is_empty() && !kept {
                continue;
            }
            let Some(message) = dialect::write(speech, &told) else {
                continue;
            };
            if !group.members.is_empty() {
                self.stats.delivered += group.members.len() as u64;
                sink.deliver(&group.members, except, &message, channel.rules.slow);
            }
            if kept {
                frame = Some(message);
            }
        }
        if let Some(frame) = frame {
            let before = channel.history.bytes();
            let room = self.config.max_history_bytes.saturating_sub(self.history_bytes);
            let length = data.payload.len();
            channel
                .history
                .push(frame, from, length, room, &channel.rules, now_ms);
            self.history_bytes = self.history_bytes + channel.history.bytes() - before;
        }
        offset
    }
}

pub(super) const NO_MEMBER: (&str, &str) = ("no_such_member", "nobody goes by this id here");
