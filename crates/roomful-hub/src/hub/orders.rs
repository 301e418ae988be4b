//! What Python orders.
use super::Hub;
use crate::channel::Channel;
use crate::command::{Command, Rules};
use crate::connection::State;
use crate::dialect::Told;
use crate::event::{Event, Kept, Member};
use crate::message::{ConnectionId, Message};
use crate::sink::Sink;

impl Hub {
    pub(super) fn command(&mut self, command: Command, now_ms: u64, sink: &mut dyn Sink) {
        match command {
            Command::Accept {
                connection,
                speech,
                who,
                how,
            } => self.accept(connection, speech, who, &how, now_ms, sink),
            Command::AcceptRule { path, speech, how } => {
                self.accept_rules.retain(|(known, ..)| *known != path);
                self.accept_rules.extend(speech.map(|speech| (path, speech, how)));
            }
            Command::Refuse {
                connection,
                status,
                headers,
                body,
            } => self.refuse(connection, status, &headers, &body, sink),
            Command::Send { to, message, slow } => {
                self.stats.delivered += to.len() as u64;
                sink.deliver(&to, None, &message, slow);
            }
            Command::Close {
                connection,
                code,
                reason,
            } => self.close(connection, code, &reason, sink),
            Command::OpenForeign {
                connection,
                speech,
                who,
            } => {
                if connection.is_foreign() && !self.connections.contains_key(&connection) {
                    let max_message = self.config.max_message;
                    self.enter_hub(connection, speech, who, max_message, now_ms, sink);
                }
            }
            Command::Feed { connection, message } => self.heard(connection, message, now_ms, sink),
            Command::Gone { connection, code } => self.gone(connection, code, String::new(), sink),
            Command::Decide { ask, decision } => self.decide(ask, decision, now_ms, sink),
            Command::Join {
                connection,
                channel,
                info,
            } => {
                if let Err(refusal) = self.enter(connection, &channel, None, info, None, now_ms, sink) {
                    self.fail(connection, None, &channel, refusal, sink);
                }
            }
            Command::Leave {
                connection,
                channel,
                code,
                reason,
            } => self.put_out(connection, &channel, &code, &reason, sink),
            Command::Publish {
                channel,
                message,
                except,
                to,
            } => self.publish(&channel, &message, except, to.as_deref(), now_ms, sink),
            Command::ChannelRules { pattern, rules } => self.change_rules(pattern, rules),
            Command::History {
                request,
                channel,
                after,
                limit,
            } => self.tell_history(request, channel, after, limit, sink),
            Command::Presence { request, channel } => self.tell_presence(request, channel, sink),
            Command::Stats { request } => sink.event(Event::Stats {
                request,
                stats: self.stats(),
            }),
        }
    }

    fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.get(*self.names.get(name)?)
    }

    fn identity(&self, connection: ConnectionId) -> Option<std::sync::Arc<str>> {
        match self.connections.get(&connection) {
            Some(State::Accepted(talker)) => talker.who.identity.as_deref().map(Into::into),
            _ => None,
        }
    }

    fn put_out(
        &mut self,
        connection: ConnectionId,
        name: &str,
        code: &str,
        reason: &str,
        sink: &mut dyn Sink,
    ) {
        let Some(at) = self.names.get(name).copied() else {
            return;
        };
        let Some(name) = self.channels.get(at).map(|channel| channel.name.clone()) else {
            return;
        };
        if self.talker(connection).is_some_and(|talker| talker.is_in(at)) {
            self.forget_held(connection, at, sink);
            let told = Told::Left {
                channel: &name,
                code: if code.is_empty() { "put_out" } else { code },
                reason,
            };
            self.tell(connection, &told, sink);
            self.depart(connection, at, sink);
        }
    }

    fn publish(
        &mut self,
        name: &str,
        message: &Message,
        except: Option<ConnectionId>,
        to: Option<&[ConnectionId]>,
        now_ms: u64,
        sink: &mut dyn Sink,
    ) {
        let mut number = self.names.get(name).copied();
        if number.is_none() && to.is_none() && self.channels.len() < self.config.max_channels {
            // What nobody hears is kept where rules want it kept.
            number = (self.book.of(name).history > 0).then(|| self.begin(name, now_ms));
        }
        let Some(at) = number else {
            return;
        };
        match to {
            None => {
                self.fan_out(at, None, except, message, now_ms, sink);
                self.end_if_over(at);
            }
            Some(to) => to.iter().for_each(|target| {
                self.whisper(at, None, *target, message, sink);
            }),
        }
    }

    fn change_rules(&mut self, pattern: String, rules: Option<Rules>) {
        self.book.change(pattern, rules);
        let mut ended = vec![];
        for (at, channel) in &mut self.channels {
            let rules = self.book.of(&channel.name.text);
            if rules == channel.rules {
                continue;
            }
            if rules.history == 0 || channel.rules.history == 0 {
                // Nobody can tell afterwards what was said while nothing was kept.
                self.began += 1;
                channel.epoch = self.ids.epoch(self.began);
                channel.history = Default::default();
            }
            channel.history.trim(rules.history, rules.history_bytes);
            if rules.rate != channel.rules.rate {
                channel.bucket.change(rules.rate);
            }
            channel.rules = rules;
            if channel.is_over() {
                ended.push(at);
            }
        }
        self.history_bytes = self
            .channels
            .iter()
            .map(|(_, channel)| channel.history.bytes())
            .sum();
        ended.into_iter().for_each(|at| self.end_if_over(at));
    }

    fn tell_history(&mut self, request: u64, name: String, after: u64, limit: usize, sink: &mut dyn Sink) {
        let channel = self.channel(&name);
        let (epoch, offset) = match channel.and_then(Channel::at) {
            Some((epoch, offset)) => (epoch.as_str().to_owned(), offset),
            None => (String::new(), 0),
        };
        let kept = channel.map(|channel| {
            let entries = channel.history.latest(after, limit as u64);
            entries.map(|entry| Kept {
                offset: entry.offset,
                from: entry.from.map(|id| id.as_str().to_owned()),
                message: entry.data(),
            })
        });
        let messages = kept.into_iter().flatten().collect();
        sink.event(Event::History {
            request,
            channel: name,
            epoch,
            offset,
            messages,
        });
    }

    fn tell_presence(&mut self, request: u64, name: String, sink: &mut dyn Sink) {
        let groups = self.channel(&name).map(Channel::groups).into_iter().flatten();
        let members = groups
            .flat_map(|(_, group)| group.members.iter().zip(&group.infos))
            .map(|(connection, info)| Member {
                connection: *connection,
                id: self.ids.of(*connection).as_str().to_owned(),
                identity: self.identity(*connection),
                info: info.clone(),
            })
            .collect();
        sink.event(Event::Presence {
            request,
            channel: name,
            members,
        });
    }
}
