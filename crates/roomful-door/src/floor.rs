//! All connections, and what the hub does to them: the door's side of the hub's sink.
//!
//! The hub calls this while it handles an input. What follows (a slow reader is gone) is kept, and told to the hub after it.
use crate::connection::{Connection, Phase};
use crate::head::response;
use crate::websocket::{frame, CloseReason, Decoder};
use bytes::Bytes;
use roomful_hub::{Acceptance, Backlog, ConnectionId, Event, Message, OnSlow, Sink, Verdict};
use slab::Slab;

/// RFC 6455's registry: try again later. What a slow reader is told.
const TRY_LATER: u16 = 1013;
const GENERATIONS: u32 = (1 << 30) - 1;

/// A connection that is gone, to be told to the hub.
pub struct Gone {
    pub connection: ConnectionId,
    pub code: u16,
    pub reason: String,
}

/// See the module.
pub struct Floor {
    pub connections: Slab<Connection>,
    /// To be written to at the end of the turn.
    pub dirty: Vec<usize>,
    /// To be read in this turn or the next: more is there than was taken.
    pub ready: Vec<usize>,
    pub events: Vec<Event>,
    pub gone: Vec<Gone>,
    /// The door's clock, of this turn.
    pub now_ms: u64,
    generation: u32,
    max_message: usize,
    max_backlog: usize,
}

impl Floor {
    /// Empty.
    pub fn new(max_message: usize, max_backlog: usize) -> Self {
        Self {
            connections: Slab::new(),
            dirty: vec![],
            ready: vec![],
            events: vec![],
            gone: vec![],
            now_ms: 0,
            generation: 0,
            max_message,
            max_backlog,
        }
    }

    /// The next connection's.
    pub fn next_generation(&mut self) -> u32 {
        self.generation = (self.generation + 1) & GENERATIONS;
        self.generation
    }

    /// The number the hub knows a connection by.
    pub fn id(&self, index: usize) -> ConnectionId {
        let generation = self.connections.get(index).map_or(0, |c| c.generation);
        ConnectionId(u64::from(generation) << 32 | index as u64)
    }

    fn find(&mut self, id: ConnectionId) -> Option<(usize, &mut Connection)> {
        let index = (id.0 & u64::from(u32::MAX)) as usize;
        let found = self.connections.get_mut(index)?;
        (u64::from(found.generation) == id.0 >> 32).then_some((index, found))
    }

    /// To be written to at the end of the turn.
    pub fn mark_dirty(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index) {
            if !connection.dirty {
                connection.dirty = true;
                self.dirty.push(index);
            }
        }
    }

    /// To be read.
    pub fn mark_ready(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index) {
            if !connection.ready {
                connection.ready = true;
                self.ready.push(index);
            }
        }
    }

    /// The hub is told, once.
    pub fn tell_gone(&mut self, index: usize, code: u16, reason: &str) {
        let id = self.id(index);
        if let Some(connection) = self.connections.get_mut(index) {
            if std::mem::take(&mut connection.known) {
                let reason = reason.to_owned();
                self.gone.push(Gone {
                    connection: id,
                    code,
                    reason,
                });
            }
        }
    }

    /// Queues a frame for an open connection.
    pub fn send(&mut self, id: ConnectionId, frame: &Bytes, slow: OnSlow) {
        let now_ms = self.now_ms;
        let Some((index, connection)) = self.find(id) else {
            return;
        };
        if !matches!(connection.phase, Phase::Open) {
            return;
        }
        match connection.offer(frame, slow) {
            Verdict::Skip => return,
            Verdict::Queue => {
                if connection.backlog.became_slow() {
                    self.events.push(Event::Slow { connection: id });
                }
            }
            Verdict::Close => {
                connection.give_up(TRY_LATER, "reads too slowly", now_ms);
                self.tell_gone(index, TRY_LATER, "reads too slowly");
            }
        }
        self.mark_dirty(index);
    }
}

impl Sink for Floor {
    fn deliver(
        &mut self,
        to: &[ConnectionId],
        except: Option<ConnectionId>,
        message: &Message,
        slow: OnSlow,
    ) {
        let mut framed: Option<Bytes> = None;
        let mut foreign = vec![];
        for id in to.iter().copied().filter(|id| Some(*id) != except) {
            if id.is_foreign() {
                foreign.push(id);
            } else {
                let framed = framed.get_or_insert_with(|| frame(message.kind.into(), &message.payload));
                let framed = framed.clone();
                self.send(id, &framed, slow);
            }
        }
        if !foreign.is_empty() {
            let message = message.clone();
            self.events.push(Event::Deliver {
                to: foreign,
                message,
                slow,
            });
        }
    }

    fn accept(&mut self, id: ConnectionId, how: &Acceptance) {
        let (max_message, max_backlog) = (self.max_message, self.max_backlog);
        let now_ms = self.now_ms;
        let Some((index, connection)) = self.find(id) else {
            return;
        };
        let Phase::Asked { upgrade, early } = &mut connection.phase else {
            return;
        };
        let answer = upgrade.response(how.subprotocol.as_deref());
        let early = std::mem::take(early);
        connection.decoder = Decoder::new(how.max_message.unwrap_or(max_message));
        connection.backlog = Backlog::new(how.max_backlog.unwrap_or(max_backlog));
        connection.backlog.offer(answer.len(), OnSlow::Close);
        connection.output.push(answer);
        connection.phase = Phase::Open;
        connection.deadline_ms = 0;
        (connection.heard_ms, connection.spoke_ms) = (now_ms, now_ms);
        connection.early = (!early.is_empty()).then(|| early.into_boxed_slice());
        self.mark_dirty(index);
        self.mark_ready(index);
    }

    fn refuse(&mut self, id: ConnectionId, status: u16, headers: &[(String, String)], body: &[u8]) {
        let now_ms = self.now_ms;
        let Some((index, connection)) = self.find(id) else {
            return;
        };
        if matches!(connection.phase, Phase::Asked { .. }) {
            connection.known = false;
            connection.answer(response(status, headers, body), now_ms);
            self.mark_dirty(index);
        }
    }

    fn close(&mut self, id: ConnectionId, code: u16, reason: &str) {
        let now_ms = self.now_ms;
        if id.is_foreign() {
            let reason = reason.to_owned();
            self.events.push(Event::Close {
                connection: id,
                code,
                reason,
            });
            return;
        }
        let Some((index, connection)) = self.find(id) else {
            return;
        };
        match connection.phase {
            Phase::Open => connection.close(code, reason, now_ms),
            Phase::Asked { .. } => {
                connection.answer(response(503, &[], b""), now_ms);
                self.tell_gone(index, CloseReason::ABNORMAL, "");
            }
            _ => return,
        }
        self.mark_dirty(index);
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}
