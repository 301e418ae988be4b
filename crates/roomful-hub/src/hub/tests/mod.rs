//! The hub on a virtual clock, with a sink that remembers. One file for each part.
mod asking;
mod connections;
mod invariants;
mod joining;
mod orders;
mod speaking;

use super::{Hub, Input};
use crate::command::{Command, Decision, Rules, Speech, Who};
use crate::config::Config;
use crate::event::Event;
use crate::message::{ConnectionId, Head, Message};
use crate::sink::{Acceptance, OnSlow, Sink};
use std::collections::HashMap;

#[derive(Default)]
pub struct Memory {
    pub heard: HashMap<u64, Vec<Message>>,
    pub accepted: Vec<u64>,
    pub refused: Vec<(u64, u16)>,
    pub closed: Vec<(u64, u16, String)>,
    pub events: Vec<Event>,
    pub delivers: usize,
}

impl Sink for Memory {
    fn deliver(&mut self, to: &[ConnectionId], except: Option<ConnectionId>, message: &Message, _: OnSlow) {
        self.delivers += 1;
        for one in to.iter().filter(|one| Some(**one) != except) {
            self.heard.entry(one.0).or_default().push(message.clone());
        }
    }

    fn accept(&mut self, connection: ConnectionId, _: &Acceptance) {
        self.accepted.push(connection.0);
    }

    fn refuse(&mut self, connection: ConnectionId, status: u16, _: &[(String, String)], _: &[u8]) {
        self.refused.push((connection.0, status));
    }

    fn close(&mut self, connection: ConnectionId, code: u16, reason: &str) {
        self.closed.push((connection.0, code, reason.to_owned()));
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}

pub struct World {
    pub hub: Hub,
    pub sink: Memory,
    pub now: u64,
}

pub fn config() -> Config {
    Config {
        seed: 1,
        rate: crate::config::Rate::default(),
        ..Config::default()
    }
}

impl World {
    pub fn new(config: Config) -> Self {
        Self {
            hub: Hub::new(config),
            sink: Memory::default(),
            now: 1000,
        }
    }

    pub fn handle(&mut self, input: Input) {
        self.hub.handle(input, self.now, &mut self.sink);
    }

    pub fn order(&mut self, command: Command) {
        self.handle(Input::Command(command));
    }

    pub fn tick(&mut self, passed_ms: u64) {
        self.now += passed_ms;
        self.handle(Input::Tick);
    }

    pub fn knock(&mut self, n: u64, path: &str) {
        self.handle(Input::Opened {
            connection: ConnectionId(n),
            head: Head {
                path: path.to_owned(),
                ..Head::default()
            },
        });
    }

    /// Lets a connection in; what it was told at once is forgotten.
    pub fn open(&mut self, n: u64, speech: Speech) {
        self.open_as(n, speech, Who::default());
    }

    pub fn open_as(&mut self, n: u64, speech: Speech, who: Who) {
        self.knock(n, "/");
        self.order(Command::Accept {
            connection: ConnectionId(n),
            speech,
            who,
            how: Acceptance::default(),
        });
        self.heard(n);
        self.events();
    }

    pub fn say(&mut self, n: u64, text: impl Into<String>) {
        self.handle(Input::Message {
            connection: ConnectionId(n),
            message: Message::text(text.into()),
        });
    }

    pub fn say_binary(&mut self, n: u64, object: &str, data: &[u8]) {
        self.handle(Input::Message {
            connection: ConnectionId(n),
            message: binary(object, data),
        });
    }

    pub fn gone(&mut self, n: u64) {
        self.handle(Input::Gone {
            connection: ConnectionId(n),
            code: 1001,
            reason: String::new(),
        });
    }

    /// What a connection has been told since the last call.
    pub fn heard(&mut self, n: u64) -> Vec<String> {
        let heard = self.sink.heard.remove(&n).unwrap_or_default();
        heard
            .iter()
            .map(|message| String::from_utf8_lossy(&message.payload).into_owned())
            .collect()
    }

    /// What Python has been told since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.sink.events)
    }

    /// The number of the last question among the events, which are forgotten.
    pub fn asked(&mut self) -> u64 {
        let number = |event: &Event| match event {
            Event::JoinAsked { ask, .. }
            | Event::MessageAsked { ask, .. }
            | Event::RequestAsked { ask, .. } => Some(*ask),
            _ => None,
        };
        self.events().iter().rev().find_map(number).expect("a question")
    }

    pub fn decide(&mut self, ask: u64, decision: Decision) {
        self.order(Command::Decide { ask, decision });
    }

    /// Joins and is let in; what everybody was told about it is forgotten.
    pub fn join(&mut self, n: u64, channel: &str) {
        self.order(Command::Join {
            connection: ConnectionId(n),
            channel: channel.to_owned(),
            info: None,
        });
        self.sink.heard.clear();
        self.events();
    }

    pub fn rules(&mut self, pattern: &str, rules: Rules) {
        self.order(Command::ChannelRules {
            pattern: pattern.to_owned(),
            rules: Some(rules),
        });
    }

    pub fn id(&self, n: u64) -> String {
        self.hub.ids.of(ConnectionId(n)).as_str().to_owned()
    }
}

pub fn yes() -> Decision {
    Decision {
        allow: true,
        ..Decision::default()
    }
}

pub fn no(code: &str) -> Decision {
    Decision {
        code: code.to_owned(),
        reason: "because".to_owned(),
        ..Decision::default()
    }
}

pub fn binary(object: &str, data: &[u8]) -> Message {
    let mut payload = (object.len() as u16).to_be_bytes().to_vec();
    payload.extend(object.as_bytes());
    payload.extend(data);
    Message::binary(payload)
}

/// Many are in the channel `c`, and speak relay.
pub fn room(members: u64) -> World {
    let mut world = World::new(config());
    for n in 1..=members {
        world.open(n, Speech::Relay);
        world.join(n, "c");
    }
    world
}
