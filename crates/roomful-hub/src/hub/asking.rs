//! Questions and their answers: a member asks another or the server, Python decides what it was asked, a client asks who is there
//! and what was said.
use super::joining::{code_or_refused, BUSY};
use super::speaking::{Outgoing, NO_MEMBER};
use super::Hub;
use crate::asks::About;
use crate::command::Decision;
use crate::dialect::Told;
use crate::event::Event;
use crate::ids::Id;
use crate::message::{ConnectionId, Message};
use crate::sink::Sink;
use std::borrow::Cow;

/// A member's question that another has been told and has not answered.
pub(super) struct Request {
    pub asker: ConnectionId,
    /// The asker's own number for it.
    id: u64,
    at: usize,
    target: ConnectionId,
    /// All wait equally long, so the order of numbers is that of deadlines.
    pub deadline_ms: u64,
}

impl Hub {
    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    pub(super) fn requests(
        &mut self,
        connection: ConnectionId,
        id: u64,
        at: usize,
        to: Option<&str>,
        data: Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let Some(member) = to else {
            return self.asks_server(connection, id, at, data, now_ms, sink);
        };
        match self.member(at, member) {
            Some(target) => {
                let outgoing = Outgoing::Request(target, id);
                self.says(connection, Some(id), at, outgoing, data, now_ms, sink);
            }
            None => self.fail_in(connection, Some(id), at, NO_MEMBER, sink),
        }
    }

    fn asks_server(
        &mut self,
        connection: ConnectionId,
        id: u64,
        at: usize,
        data: Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let Some(channel) = self.channels.get(at) else {
            return;
        };
        let name = channel.name.text.clone();
        if !channel.rules.on_request {
            let refusal = ("no_server", "the server answers no requests here");
            return self.fail(connection, Some(id), &name, refusal, sink);
        }
        let max_pending = self.config.max_pending;
        let pending = self
            .talker(connection)
            .map_or(max_pending, |talker| talker.pending);
        let about = About::Request {
            channel: name.clone(),
            id,
        };
        let deadline_ms = now_ms + self.config.hook_deadline_ms;
        let ask = (pending < max_pending)
            .then(|| self.asks.add(connection, about, data.payload.len(), deadline_ms))
            .flatten();
        let Some(ask) = ask else {
            self.stats.refused += 1;
            return self.fail(connection, Some(id), &name, BUSY, sink);
        };
        if let Some(talker) = self.talker(connection) {
            talker.pending += 1;
        }
        sink.event(Event::RequestAsked {
            ask,
            connection,
            channel: name,
            message: data,
        });
    }

    /// Python's word on what it was asked, or the clock's.
    pub(super) fn decide(&mut self, ask: u64, decision: Decision, now_ms: u64, sink: &mut dyn Sink) {
        let Some(asked) = self.asks.take(ask) else {
            return;
        };
        let connection = asked.connection;
        match asked.about {
            about @ About::Join { .. } => self.decide_join(ask, connection, about, decision, now_ms, sink),
            About::Message { channel } => {
                self.decide_message(ask, connection, channel, decision, now_ms, sink);
            }
            About::Request { channel, id } => {
                if let Some(talker) = self.talker(connection) {
                    talker.pending = talker.pending.saturating_sub(1);
                }
                if decision.allow {
                    let data = decision.message.unwrap_or_else(|| Message::text("null"));
                    self.tell(connection, &Told::Reply { id, data: &data }, sink);
                } else {
                    let refusal = (code_or_refused(&decision.code), &*decision.reason);
                    self.fail(connection, Some(id), &channel, refusal, sink);
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    pub(super) fn ask_member(
        &mut self,
        asker: ConnectionId,
        from: Id,
        id: u64,
        at: usize,
        target: ConnectionId,
        data: &Message,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let max_pending = self.config.max_pending;
        let asking = self.talker(asker).map_or(max_pending, |talker| talker.pending);
        let request = self.last_request + 1;
        let refusal = match self.talker(target).filter(|talker| talker.is_in(at)) {
            None => Some(NO_MEMBER),
            Some(talker) if talker.answering.len() >= max_pending || asking >= max_pending => Some(BUSY),
            Some(_) => None,
        };
        if let Some(refusal) = refusal {
            return self.fail_in(asker, Some(id), at, refusal, sink);
        }
        let Some(name) = self.channels.get(at).map(|channel| channel.name.clone()) else {
            return;
        };
        let told = Told::Request {
            request,
            channel: &name,
            from,
            data,
        };
        if !self.tell(target, &told, sink) {
            return self.fail_in(asker, Some(id), at, NO_MEMBER, sink);
        }
        self.last_request = request;
        self.requests.insert(
            request,
            Request {
                asker,
                id,
                at,
                target,
                deadline_ms: now_ms + self.config.request_deadline_ms,
            },
        );
        if let Some(talker) = self.talker(target) {
            talker.answering.push(request);
        }
        if let Some(talker) = self.talker(asker) {
            talker.pending += 1;
        }
    }

    /// A member answers a request, or declines it in words.
    pub(super) fn replied(
        &mut self,
        connection: ConnectionId,
        request: u64,
        data: Result<Message, Cow<'_, str>>,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let at = match self.requests.get(&request) {
            Some(waiting) if waiting.target == connection => waiting.at,
            // Late, or never asked: nobody waits for it.
            _ => return,
        };
        match data {
            Ok(data) => self.says(connection, None, at, Outgoing::Reply(request), data, now_ms, sink),
            Err(words) => self.fail_request(request, ("declined", &words), sink),
        }
    }

    pub(super) fn pass_reply(&mut self, request: u64, data: &Message, sink: &mut dyn Sink) {
        if let Some(waiting) = self.end_request(request) {
            self.tell(waiting.asker, &Told::Reply { id: waiting.id, data }, sink);
        }
    }

    pub(super) fn fail_request(&mut self, request: u64, refusal: (&str, &str), sink: &mut dyn Sink) {
        if let Some(waiting) = self.end_request(request) {
            self.fail_in(waiting.asker, Some(waiting.id), waiting.at, refusal, sink);
        }
    }

    fn end_request(&mut self, request: u64) -> Option<Request> {
        let waiting = self.requests.remove(&request)?;
        if let Some(talker) = self.talker(waiting.target) {
            talker.answering.retain(|one| *one != request);
        }
        if let Some(talker) = self.talker(waiting.asker) {
            talker.pending = talker.pending.saturating_sub(1);
        }
        Some(waiting)
    }

    /// A connection answers nobody any more: in one channel, or anywhere.
    pub(super) fn fail_requests_to(
        &mut self,
        connection: ConnectionId,
        at: Option<usize>,
        sink: &mut dyn Sink,
    ) {
        let answering = match self.talker(connection) {
            Some(talker) => talker.answering.clone(),
            None => return,
        };
        for request in answering {
            let here = |waiting: &Request| at.is_none_or(|at| waiting.at == at);
            if self.requests.get(&request).is_some_and(here) {
                self.fail_request(
                    request,
                    ("member_left", "the member left before it answered"),
                    sink,
                );
            }
        }
    }

    /// Members had their time.
    pub(super) fn fail_overdue(&mut self, now_ms: u64, sink: &mut dyn Sink) {
        while let Some((request, waiting)) = self.requests.first_key_value() {
            if waiting.deadline_ms > now_ms {
                break;
            }
            let request = *request;
            self.fail_request(request, ("no_answer", "the member did not answer in time"), sink);
        }
    }

    pub(super) fn asks_who(
        &mut self,
        connection: ConnectionId,
        id: Option<u64>,
        at: usize,
        sink: &mut dyn Sink,
    ) {
        let Some(channel) = self.channels.get(at) else {
            return;
        };
        if !channel.rules.presence {
            let refusal = ("not_allowed", "nobody is told who is here");
            return self.fail_in(connection, id, at, refusal, sink);
        }
        let name = channel.name.clone();
        let groups = channel.groups().map(|(_, group)| group.shown.clone());
        let told = Told::Presence {
            id,
            channel: &name,
            members: &groups.each_ref().map(|shown| &**shown),
        };
        self.tell(connection, &told, sink);
    }

    pub(super) fn asks_history(
        &mut self,
        connection: ConnectionId,
        id: Option<u64>,
        at: usize,
        after: u64,
        limit: u64,
        sink: &mut dyn Sink,
    ) {
        let Some(channel) = self.channels.get(at) else {
            return;
        };
        let kept: Vec<Message> = channel
            .history
            .latest(after, limit)
            .map(|entry| entry.frame.clone())
            .collect();
        let (name, place, slow) = (channel.name.clone(), channel.at(), channel.rules.slow);
        let told = Told::History {
            id,
            channel: &name,
            at: place,
            count: kept.len(),
        };
        if self.tell(connection, &told, sink) {
            self.stats.delivered += kept.len() as u64;
            kept.iter()
                .for_each(|message| sink.deliver(&[connection], None, message, slow));
        }
    }
}
