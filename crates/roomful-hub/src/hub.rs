//! The hub: every connection, every channel, one entry. Dispatches inputs to the parts that decide.
use crate::command::Command;
use crate::config::Config;
use crate::connection::{State, Talker};
use crate::event::Event;
use crate::message::{ConnectionId, Head, Message};
use crate::sink::{OnSlow, Sink};
use rustc_hash::FxHashMap;

/// What happens to a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A WebSocket handshake came in and waits for an answer: `accept` or `refuse`.
    Opened {
        /// New.
        connection: ConnectionId,
        /// Its first request.
        head: Head,
    },
    /// A whole message came in.
    Message {
        /// From an accepted connection.
        connection: ConnectionId,
        /// What.
        message: Message,
    },
    /// A connection is gone, whoever closed it; its id says nothing any more.
    Gone {
        /// Which.
        connection: ConnectionId,
        /// As the other side closed it (RFC 6455 §7.1.5): 1005 without a code, 1006 without a close frame.
        code: u16,
        /// As the other side gave it.
        reason: String,
    },
    /// From Python.
    Command(Command),
    /// Time passed: see [`Hub::next_ms`].
    Tick,
}

/// See the crate's page.
pub struct Hub {
    #[expect(dead_code, reason = "read by what is built on this")]
    config: Config,
    connections: FxHashMap<ConnectionId, State>,
}

impl Hub {
    /// Without connections and channels.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            connections: FxHashMap::default(),
        }
    }

    /// When a `Tick` is wanted, on the clock of `now_ms`; None while nothing waits.
    pub fn next_ms(&self) -> Option<u64> {
        None
    }

    /// Everything that follows from one input. `now_ms` never goes back.
    pub fn handle(&mut self, input: Input, now_ms: u64, sink: &mut dyn Sink) {
        let _ = now_ms;
        match input {
            Input::Opened { connection, head } => {
                self.connections.insert(connection, State::Opened);
                sink.event(Event::Opened {
                    connection,
                    head,
                    accepted: false,
                });
            }
            Input::Message { connection, message } => self.said(connection, message, sink),
            Input::Gone {
                connection,
                code,
                reason,
            } => self.gone(connection, code, reason, sink),
            Input::Command(command) => self.command(command, sink),
            Input::Tick => {}
        }
    }

    fn said(&mut self, connection: ConnectionId, message: Message, sink: &mut dyn Sink) {
        let Some(State::Accepted(talker)) = self.connections.get(&connection) else {
            return;
        };
        match talker.speech {
            crate::command::Speech::Echo => sink.deliver(&[connection], None, &message, OnSlow::Close),
            _ => sink.event(Event::Message { connection, message }),
        }
    }

    fn gone(&mut self, connection: ConnectionId, code: u16, reason: String, sink: &mut dyn Sink) {
        if self.connections.remove(&connection).is_some() {
            sink.event(Event::Closed {
                connection,
                code,
                reason,
            });
        }
    }

    fn command(&mut self, command: Command, sink: &mut dyn Sink) {
        match command {
            Command::Accept {
                connection,
                speech,
                who,
                how,
            } => {
                let Some(state @ State::Opened) = self.connections.get_mut(&connection) else {
                    return;
                };
                *state = State::Accepted(Talker { speech, who });
                sink.accept(connection, &how);
            }
            Command::Refuse {
                connection,
                status,
                headers,
                body,
            } => {
                if let Some(State::Opened) = self.connections.get(&connection) {
                    self.connections.remove(&connection);
                    sink.refuse(connection, status, &headers, &body);
                }
            }
            Command::Send { to, message, slow } => sink.deliver(&to, None, &message, slow),
            Command::Close {
                connection,
                code,
                reason,
            } => {
                let known = self.connections.contains_key(&connection);
                known.then(|| sink.close(connection, code, &reason));
            }
            Command::OpenForeign {
                connection,
                speech,
                who,
            } => {
                self.connections
                    .insert(connection, State::Accepted(Talker { speech, who }));
            }
            Command::Feed { connection, message } => self.said(connection, message, sink),
            Command::Gone { connection, code } => self.gone(connection, code, String::new(), sink),
            _ => {}
        }
    }
}
