//! What one thread sends in one turn: all datagrams side by side in one arena, runs of equal size to one destination as one message.
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::egress::Egress;
use std::net::SocketAddr;

/// Bytes of arena; a turn that needs more makes it grow once.
const ARENA: usize = 1 << 20;
/// Turns after which what a burst made grow is given back.
const SHRINK_EVERY: u32 = 1024;
/// Messages of one socket that are kept room for.
const MESSAGES: usize = 1024;
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
    /// Most that was used, and turns, since the arena's size was looked at.
    most: usize,
    turns: u32,
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
            most: 0,
            turns: 0,
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
        self.most = self.most.max(self.used);
        self.turns += 1;
        self.used = 0;
        self.latest = None;
        self.frames.clear();
        if self.turns >= SHRINK_EVERY {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        let wanted = self.most.next_power_of_two().max(ARENA);
        if wanted < self.arena.len() {
            self.arena.truncate(wanted);
            self.arena.shrink_to_fit();
            self.messages.iter_mut().for_each(|m| m.shrink_to(MESSAGES));
            self.frames.shrink_to(MESSAGES);
        }
        (self.most, self.turns) = (0, 0);
    }

    /// Whether a socket's packets may share a message from now on: sending may have taught otherwise.
    pub fn set_joins(&mut self, socket: usize, joins: bool) {
        if let Some((_, known)) = self.sockets.get_mut(socket) {
            *known = joins;
        }
    }

    /// Bytes written since the last [`flush`](Self::flush).
    #[inline]
    pub fn used(&self) -> usize {
        self.used
    }

    /// Whether the last datagram went the same way.
    #[inline]
    pub fn goes_on(&self, path: &Path) -> bool {
        let last = self.latest.and_then(|at| self.messages.get(at)?.last());
        last.is_some_and(|message| message.remote == path.remote)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_makes_the_arena_grow_for_a_while() {
        let local = "127.0.0.1:1".parse().unwrap();
        let path = Path {
            local,
            remote: "127.0.0.1:2".parse().unwrap(),
            protocol: Protocol::Udp,
        };
        let mut batch = Batch::new(vec![(local, false)]);
        for _ in 0..8_000 {
            batch.slot(&path, 1_000).fill(7);
        }
        let grown = batch.arena.len();
        batch.flush(|_, arena, messages| {
            assert_eq!(messages.len(), 8_000);
            assert!(messages.iter().all(|m| arena[m.offset] == 7));
        });
        assert!(grown >= 8_000_000 && batch.messages[0].capacity() >= 8_000);
        for _ in 0..2 * SHRINK_EVERY {
            batch.slot(&path, 1_000);
            batch.flush(|_, _, _| {});
        }
        assert_eq!(batch.arena.len(), ARENA);
        assert_eq!(batch.messages[0].capacity(), MESSAGES);
    }
}
