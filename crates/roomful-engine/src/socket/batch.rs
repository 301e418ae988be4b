//! What one thread sends in one turn: all datagrams side by side in one arena, runs of equal size to one destination as one message.
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::egress::Egress;
use std::net::SocketAddr;

/// Bytes of arena; a turn that needs more makes it grow once.
const ARENA: usize = 1 << 20;
/// The kernel takes at most 64 segments and 64 KiB in one message.
const MAX_SEGMENTS: usize = 60;
const MAX_MESSAGE: usize = 64_000;

/// One or more datagrams to one destination.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// To whom.
    pub remote: SocketAddr,
    /// Where in the arena.
    pub offset: usize,
    /// Bytes in all.
    pub length: usize,
    /// Bytes of each datagram; the last may be shorter.
    pub segment: usize,
    /// Datagrams.
    pub count: usize,
    last: usize,
}

impl Message {
    /// Of one datagram.
    pub fn new(remote: SocketAddr, offset: usize, length: usize) -> Self {
        Self {
            remote,
            offset,
            length,
            segment: length,
            count: 1,
            last: length,
        }
    }

    /// Takes one more datagram, if it goes to the same place, lies behind the others and is no longer than they are.
    #[inline]
    pub fn join(&mut self, remote: SocketAddr, offset: usize, length: usize) -> bool {
        let fits = self.remote == remote
            && self.offset + self.length == offset
            && self.last == self.segment
            && length <= self.segment
            && self.count < MAX_SEGMENTS
            && self.length + length <= MAX_MESSAGE;
        if fits {
            self.length += length;
            self.count += 1;
            self.last = length;
        }
        fits
    }
}

/// See the module.
pub struct Batch {
    arena: Vec<u8>,
    used: usize,
    /// Local address of each socket, and whether it joins.
    sockets: Vec<(SocketAddr, bool)>,
    messages: Vec<Vec<Message>>,
    /// The socket that was written to last: runs do not cross sockets.
    latest: Option<usize>,
    /// (remote, offset, length) of frames for TCP connections.
    frames: Vec<(SocketAddr, usize, usize)>,
}

impl Batch {
    /// For these sockets, by their local address.
    pub fn new(sockets: Vec<(SocketAddr, bool)>) -> Self {
        let messages = sockets.iter().map(|_| Vec::new()).collect();
        Self {
            arena: vec![0; ARENA],
            used: 0,
            sockets,
            messages,
            latest: None,
            frames: vec![],
        }
    }

    /// Hands out everything and begins anew: `send(socket, arena, messages)`.
    pub fn flush(&mut self, mut send: impl FnMut(usize, &[u8], &[Message])) {
        for (at, messages) in self.messages.iter_mut().enumerate() {
            if !messages.is_empty() {
                send(at, &self.arena, messages);
                messages.clear();
            }
        }
        self.used = 0;
        self.latest = None;
        self.frames.clear();
    }

    /// Whether a socket's packets may share a message from now on: sending may have taught otherwise.
    pub fn set_joins(&mut self, socket: usize, joins: bool) {
        if let Some((_, known)) = self.sockets.get_mut(socket) {
            *known = joins;
        }
    }

    /// Frames for TCP, before [`flush`](Self::flush).
    pub fn frames(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.frames
            .iter()
            .filter_map(|(remote, at, length)| Some((*remote, self.arena.get(*at..*at + *length)?)))
    }
}

impl Egress for Batch {
    #[inline]
    fn slot(&mut self, path: &Path, length: usize) -> &mut [u8] {
        let offset = self.used;
        self.used += length;
        if self.used > self.arena.len() {
            self.arena.resize((self.arena.len() * 2).max(self.used), 0);
        }
        if path.protocol == Protocol::Tcp {
            self.frames.push((path.remote, offset, length));
            self.latest = None;
        } else if let Some(at) = self.sockets.iter().position(|(local, _)| *local == path.local) {
            let joins = self.latest == Some(at) && self.sockets.get(at).is_some_and(|(_, joins)| *joins);
            self.latest = Some(at);
            if let Some(messages) = self.messages.get_mut(at) {
                let joined = joins
                    && messages
                        .last_mut()
                        .is_some_and(|m| m.join(path.remote, offset, length));
                if !joined {
                    messages.push(Message::new(path.remote, offset, length));
                }
            }
        }
        self.arena.get_mut(offset..offset + length).unwrap_or(&mut [])
    }
}
