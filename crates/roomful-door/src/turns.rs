//! What a connection does in its turn, by phase: reads, decides with the hub, writes, and ends in time.
use crate::connection::{Phase, END_MS};
use crate::entry::{client_of, Way};
use crate::head::{may_be_whole, response, Head, HeadError};
use crate::proxy::preamble;
use crate::shell::{backend_token, Shell};
use crate::splice::{Flow, Splice};
use crate::websocket::{frame, CloseReason, Event, Opcode, Upgrade};
use bytes::Bytes;
use mio::net::UnixStream;
use mio::Interest;
use roomful_hub::{Event as News, Input, Message, OnSlow};
use std::io::ErrorKind;

/// Bytes of the head of a request.
const MAX_HEAD: usize = 32 * 1024;
/// Reads of one WebSocket in one turn.
const MAX_READS: usize = 4;
/// How long a connection that was passed on may stand still with something unread, or half ended.
const STUCK_MS: u64 = 60_000;

impl Shell {
    /// Takes what came.
    pub fn read(&mut self, index: usize) {
        let Some(connection) = self.floor.connections.get_mut(index) else {
            return;
        };
        match connection.phase {
            Phase::Spliced(_) => self.pump(index),
            Phase::Head(_) => self.read_head(index),
            Phase::Asked { .. } => self.read_early(index),
            Phase::Open | Phase::Closing => self.read_frames(index),
            Phase::Ending => self.read_rest(index),
        }
    }

    /// One read into the door's buffer; `None` when nothing is there, `Some(0)` at the end or after an error.
    fn fill(&mut self, index: usize) -> Option<usize> {
        let connection = self.floor.connections.get_mut(index)?;
        loop {
            match connection.stream.read(&mut self.buffer) {
                Ok(length) => return Some(length),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return None,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Some(0),
            }
        }
    }

    fn read_head(&mut self, index: usize) {
        while let Some(length) = self.fill(index) {
            if length == 0 {
                self.remove(index, 0, "");
                return;
            }
            let Some(connection) = self.floor.connections.get_mut(index) else {
                return;
            };
            let Phase::Head(come) = &mut connection.phase else {
                return;
            };
            let before = come.len();
            come.extend_from_slice(self.buffer.get(..length).unwrap_or(&[]));
            // The usual head comes in one piece. One that comes by the byte is read again only when it may be whole.
            if before > 0 && come.len() <= MAX_HEAD && !may_be_whole(come, before) {
                continue;
            }
            let status = match Head::parse(come) {
                Ok(Some((head, length))) => {
                    let come = std::mem::take(come);
                    self.route(index, head, length, come);
                    return;
                }
                Ok(None) if come.len() <= MAX_HEAD => continue,
                Ok(None) | Err(HeadError::TooLarge) => 431,
                Err(HeadError::Malformed) => 400,
            };
            connection.answer(response(status, &[], b""), self.floor.now_ms);
            self.floor.mark_dirty(index);
            return;
        }
    }

    fn route(&mut self, index: usize, head: Head, length: usize, come: Vec<u8>) {
        let now = self.floor.now_ms;
        let way = self.rules.entry.way(&head);
        if way == Way::Backend {
            self.splice(index, come);
            return;
        }
        let id = self.floor.id(index);
        let Some(connection) = self.floor.connections.get_mut(index) else {
            return;
        };
        let refusal = match (way, Upgrade::new(&head)) {
            (Way::Foreign, _) => (403, vec![], "this origin may not come here".to_owned()),
            (_, Err(error)) => {
                let (status, headers) = error.answer();
                (status, headers, error.to_string())
            }
            (_, Ok(upgrade)) => {
                let early = come.get(length..).unwrap_or(&[]).to_vec();
                let upgrade = Box::new(upgrade);
                connection.phase = Phase::Asked { upgrade, early };
                // The hub has its own deadline for Python.
                connection.deadline_ms = 0;
                connection.known = true;
                let (peer, secure) = client_of(&head, connection.peer.ip(), connection.stream.is_secure());
                let head = roomful_hub::Head {
                    path: head.path,
                    query: head.query,
                    headers: head.headers,
                    peer: peer.to_string(),
                    secure,
                };
                self.tell(Input::Opened { connection: id, head });
                return;
            }
        };
        let (status, headers, text) = refusal;
        connection.answer(response(status, &headers, text.as_bytes()), now);
        self.floor.mark_dirty(index);
    }

    /// The client speaks before it was answered: a little is kept. One that leaves has left.
    fn read_early(&mut self, index: usize) {
        while let Some(length) = self.fill(index) {
            let Some(connection) = self.floor.connections.get_mut(index) else {
                return;
            };
            let Phase::Asked { early, .. } = &mut connection.phase else {
                return;
            };
            if length == 0 || early.len() + length > MAX_HEAD {
                self.remove(index, CloseReason::ABNORMAL, "");
                return;
            }
            early.extend_from_slice(self.buffer.get(..length).unwrap_or(&[]));
        }
    }

    fn read_frames(&mut self, index: usize) {
        if let Some(mut early) = self.floor.connections.get_mut(index).and_then(|c| c.early.take()) {
            if !self.decode(index, &mut early) {
                return;
            }
        }
        for _ in 0..MAX_READS {
            let Some(length) = self.fill(index) else {
                return;
            };
            if length == 0 {
                self.remove(index, CloseReason::ABNORMAL, "");
                return;
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            let goes_on = self.decode(index, buffer.get_mut(..length).unwrap_or_default());
            self.buffer = buffer;
            if !goes_on {
                return;
            }
            let Some(connection) = self.floor.connections.get(index) else {
                return;
            };
            // Less than there was room for is all there was; the next byte is told anew.
            let all = length < self.buffer.len() && connection.stream.may_skip_last_read();
            if all && !connection.ending {
                return;
            }
        }
        self.floor.mark_ready(index);
    }

    /// What was read, as messages. `false` when nothing more is to be read as such.
    fn decode(&mut self, index: usize, input: &mut [u8]) -> bool {
        let id = self.floor.id(index);
        let now = self.floor.now_ms;
        let Some(connection) = self.floor.connections.get_mut(index) else {
            return false;
        };
        connection.heard_ms = now;
        connection.pinged_ms = 0;
        let mut decoder = std::mem::take(&mut connection.decoder);
        let mut at = 0;
        let end = loop {
            match decoder.next(input, &mut at) {
                Ok(None) => break None,
                Ok(Some(Event::Message(kind, payload))) => {
                    let open = self
                        .floor
                        .connections
                        .get_mut(index)
                        .filter(|c| matches!(c.phase, Phase::Open));
                    if let Some(connection) = open {
                        connection.spoke_ms = now;
                        let payload = Bytes::copy_from_slice(payload);
                        let message = Message { kind, payload };
                        let input = Input::Message {
                            connection: id,
                            message,
                        };
                        self.hub.handle(input, now, &mut self.floor);
                    }
                }
                Ok(Some(Event::Ping(payload))) => {
                    self.floor.send(id, &frame(Opcode::Pong, payload), OnSlow::Close);
                }
                Ok(Some(Event::Pong(_))) => {}
                Ok(Some(Event::Close(close))) => break Some(Ok(close)),
                Err(fault) => break Some(Err(fault)),
            }
        };
        let Some(connection) = self.floor.connections.get_mut(index) else {
            return false;
        };
        connection.decoder = decoder;
        let Some(end) = end else {
            return matches!(connection.phase, Phase::Open | Phase::Closing);
        };
        let answered = matches!(connection.phase, Phase::Closing);
        let (code, reason) = match end {
            Ok(close) => (close.code, close.reason),
            Err(fault) => (fault.code(), fault.to_string()),
        };
        if answered {
            connection.phase = Phase::Ending;
            connection.deadline_ms = now + END_MS;
        } else if matches!(connection.phase, Phase::Open) {
            connection.fail(code, if code == CloseReason::NO_CODE { "" } else { &reason }, now);
        }
        self.floor.tell_gone(index, code, &reason);
        self.floor.mark_dirty(index);
        false
    }

    /// Nothing that comes now is of interest, but a connection closed with bytes unread would lose what was written last.
    fn read_rest(&mut self, index: usize) {
        for _ in 0..MAX_READS {
            match self.fill(index) {
                None => return,
                Some(0) => {
                    self.remove(index, CloseReason::ABNORMAL, "");
                    return;
                }
                Some(_) => {}
            }
        }
        self.floor.mark_ready(index);
    }

    /// Writes what waits.
    pub fn write(&mut self, index: usize) {
        let id = self.floor.id(index);
        let Some(connection) = self.floor.connections.get_mut(index) else {
            return;
        };
        connection.dirty = false;
        let Ok(wrote) = connection.stream.write(&mut connection.output) else {
            self.remove(index, CloseReason::ABNORMAL, "");
            return;
        };
        connection.backlog.wrote(wrote);
        if connection.backlog.became_writable() && matches!(connection.phase, Phase::Open) {
            self.floor.events.push(News::Writable { connection: id });
        }
        let out = connection.output.is_empty() && !connection.stream.holds_output();
        if out && matches!(connection.phase, Phase::Ending) && !std::mem::replace(&mut connection.ended, true)
        {
            if connection.stream.end_output().is_err() {
                self.remove(index, CloseReason::ABNORMAL, "");
            } else {
                self.floor.mark_ready(index);
            }
        }
    }

    /// Passes a connection on, with what of it was read.
    fn splice(&mut self, index: usize, come: Vec<u8>) {
        let now = self.floor.now_ms;
        let Some(connection) = self.floor.connections.get_mut(index) else {
            return;
        };
        let Some(path) = &self.rules.backend else {
            connection.answer(response(404, &[], b""), now);
            self.floor.mark_dirty(index);
            return;
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        let connected = connection.stream.local().and_then(|local| {
            let mut backend = UnixStream::connect(path)?;
            self.poll
                .registry()
                .register(&mut backend, backend_token(index), both)?;
            Ok((backend, local))
        });
        let Some((backend, local)) = connected.ok().filter(|_| self.admission.pass_on()) else {
            // Not there, or there is more to do than can be done.
            let headers = [("retry-after".to_owned(), "1".to_owned())];
            connection.answer(response(503, &headers, b"try again"), now);
            self.floor.mark_dirty(index);
            return;
        };
        let mut first = preamble(connection.peer, local, connection.stream.is_secure());
        first.extend(come);
        connection.phase = Phase::Spliced(Box::new(Splice::new(backend, first.into())));
        connection.deadline_ms = 0;
        self.pump(index);
    }

    fn pump(&mut self, index: usize) {
        let now = self.floor.now_ms;
        let Some(connection) = self.floor.connections.get_mut(index) else {
            return;
        };
        let Phase::Spliced(splice) = &mut connection.phase else {
            return;
        };
        let Ok((moved, flow)) = splice.pump(&mut connection.stream, &mut connection.output, &mut self.buffer)
        else {
            self.remove(index, 0, "");
            return;
        };
        // When the door closes, a client that could say more is not waited for.
        let over = self.leaving.is_some() && splice.is_answered();
        if !splice.is_stuck(&connection.output) {
            connection.deadline_ms = 0;
        } else if moved || connection.deadline_ms == 0 {
            connection.deadline_ms = now + STUCK_MS;
        }
        match flow {
            Flow::Waits | Flow::More if over => self.remove(index, 0, ""),
            Flow::Waits => {}
            Flow::More => self.floor.mark_ready(index),
            Flow::Done => self.remove(index, 0, ""),
        }
    }

    /// Looks at every connection's time.
    pub fn sweep(&mut self) {
        let now = self.floor.now_ms;
        let (ping, idle) = (self.rules.ping_ms, self.rules.idle_ms);
        let mut late = vec![];
        let mut pinged = vec![];
        for (index, connection) in &mut self.floor.connections {
            if connection.deadline_ms != 0 && connection.deadline_ms <= now {
                late.push(index);
            } else if matches!(connection.phase, Phase::Open) {
                if idle > 0 && now.saturating_sub(connection.spoke_ms) >= idle {
                    late.push(index);
                } else if ping > 0
                    && connection.pinged_ms > 0
                    && now.saturating_sub(connection.pinged_ms) >= ping
                {
                    connection.ended = true;
                    late.push(index);
                } else if ping > 0
                    && connection.pinged_ms == 0
                    && now.saturating_sub(connection.heard_ms) >= ping
                {
                    connection.pinged_ms = now;
                    pinged.push(index);
                }
            }
        }
        let hello = frame(Opcode::Ping, b"");
        for index in pinged {
            self.floor.send(self.floor.id(index), &hello, OnSlow::Skip);
        }
        for index in late {
            self.late(index);
        }
    }

    fn late(&mut self, index: usize) {
        let now = self.floor.now_ms;
        let leaving = self.leaving.is_some();
        let Some(connection) = self.floor.connections.get_mut(index) else {
            return;
        };
        match &connection.phase {
            // Only its pings went unanswered.
            Phase::Open if connection.ended => {
                self.remove(index, CloseReason::ABNORMAL, "no answer to a ping")
            }
            Phase::Open if leaving => connection.close(CloseReason::RESTART, "the server restarts", now),
            Phase::Open => connection.close(CloseReason::GOING_AWAY, "said nothing for too long", now),
            Phase::Head(come) if !come.is_empty() && !leaving => {
                connection.answer(response(408, &[], b""), now)
            }
            Phase::Asked { .. } => {
                connection.answer(response(503, &[], b""), now);
                self.floor.tell_gone(index, CloseReason::ABNORMAL, "");
            }
            _ => self.remove(index, CloseReason::ABNORMAL, ""),
        }
        self.floor.mark_dirty(index);
    }
}
