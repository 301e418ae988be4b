//! The thread of TURN: waits, takes what came, lets the server decide, sends what it made.
use super::config::TurnConfig;
use super::listeners::{Listeners, FIRST};
use super::outgoing::Outgoing;
use super::relays::Relays;
use super::streams::Streams;
use crate::config::EngineError;
use crate::socket::{Message, Pump, BATCH};
use mio::{Events, Poll, Token};
use roomful_turn::allocation::{Client, Protocol};
use roomful_turn::server::{Now, Server, Stats};
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The token that only wakes.
pub const WAKE: Token = Token(0);
/// Tokens of streams and relays begin here; both count by their own slots.
const STREAMS: usize = 1 << 20;
const RELAYS: usize = 1 << 32;
/// Longest sleep: idle streams are looked for by then.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Batches of one socket in one turn, so that one client does not starve the others.
const MAX_BATCHES: usize = 4;
/// Packets of a frame come in a burst; those that come within this time of the first share system calls. Only while something flows.
const GATHER: Duration = Duration::from_micros(500);

pub struct Worker {
    server: Server,
    poll: Poll,
    listeners: Listeners,
    streams: Streams,
    relays: Relays,
    pump: Pump,
    out: Outgoing,
    /// One relay's messages; kept for its room.
    group: Vec<Message>,
    announced: Vec<IpAddr>,
    /// Sources that may have more to read: their poll tells only once.
    again: VecDeque<Token>,
    stop: Arc<AtomicBool>,
    stats: Arc<Mutex<Stats>>,
    began: Instant,
    locals: Vec<IpAddr>,
    looked_ms: u64,
}

impl Worker {
    pub fn new(
        config: &TurnConfig,
        media: &[SocketAddr],
        poll: Poll,
        listeners: Listeners,
        stop: Arc<AtomicBool>,
        stats: Arc<Mutex<Stats>>,
    ) -> Result<Self, EngineError> {
        let locals = config.locals()?;
        let like = UdpSocket::bind(("127.0.0.1", 0)).or_else(|_| UdpSocket::bind(("::1", 0)));
        let like = like.map_err(|e| EngineError::Os(e.to_string()))?;
        let pump = Pump::new(&like, config.portable);
        let random = std::hash::RandomState::new().build_hasher().finish();
        Ok(Self {
            server: Server::new(config.server(&locals, media)?),
            out: Outgoing::new(listeners.sockets.len(), pump.joins()),
            relays: Relays::new(config.relay_ports, RELAYS, random),
            streams: Streams::new(STREAMS),
            group: vec![],
            announced: config.announced.clone(),
            again: VecDeque::new(),
            began: Instant::now(),
            looked_ms: 0,
            poll,
            listeners,
            pump,
            stop,
            stats,
            locals,
        })
    }

    /// Runs until it is told to stop.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(1_024);
        let mut relayed = 0;
        while !self.stop.load(Ordering::Acquire) {
            let wait = self.wait();
            if self.poll.poll(&mut events, Some(wait)).is_err() {
                // Interrupted: nothing is lost by looking again.
                continue;
            }
            let flows = self.server.stats().relayed != relayed;
            relayed = self.server.stats().relayed;
            if flows {
                std::thread::sleep(GATHER);
            }
            let now = self.now();
            let left = self.again.len();
            for event in &events {
                let token = event.token();
                if event.is_writable() && (STREAMS..RELAYS).contains(&token.0) {
                    self.flush(token.0 - STREAMS);
                }
                // One that is left from the last turn waits already: under a flood each poll tells of it anew.
                let waits = self.again.iter().take(left).any(|one| *one == token);
                if (event.is_readable() || event.is_read_closed()) && !waits {
                    self.again.push_back(token);
                }
            }
            for _ in 0..self.again.len() {
                if let Some(token) = self.again.pop_front() {
                    if self.take(token, now) {
                        self.again.push_back(token);
                    }
                }
            }
            if self.server.next_ms().is_some_and(|at| at <= now.ms) {
                self.server.tick(now, &mut self.out);
            }
            self.settle(now);
            self.send();
            self.look_for_idle(now);
            *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = self.server.stats();
        }
    }

    fn now(&self) -> Now {
        Now {
            ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            unix_s: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        }
    }

    fn wait(&self) -> Duration {
        if !self.again.is_empty() {
            return Duration::ZERO;
        }
        let now_ms = self.now().ms;
        let due = self
            .server
            .next_ms()
            .map(|at| Duration::from_millis(at.saturating_sub(now_ms)));
        due.map_or(LONGEST_WAIT, |due| due.min(LONGEST_WAIT))
    }

    /// Reads from one source; whether there may be more.
    fn take(&mut self, token: Token, now: Now) -> bool {
        if let Some(slot) = self.relays.slot_of(token) {
            return self.take_relayed(slot, now);
        }
        if token.0 >= STREAMS {
            return self.take_frames(token.0 - STREAMS, now);
        }
        let Some(at) = token.0.checked_sub(FIRST) else {
            return false;
        };
        if at < self.listeners.sockets.len() {
            self.take_datagrams(at, now)
        } else {
            self.accept(at - self.listeners.sockets.len(), now)
        }
    }

    fn take_datagrams(&mut self, at: usize, now: Now) -> bool {
        let Some(socket) = self.listeners.sockets.get_mut(at) else {
            return false;
        };
        let (server, out) = (&mut self.server, &mut self.out);
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        for _ in 0..MAX_BATCHES {
            let taken = socket.receive(|remote, bytes| {
                let client = Client {
                    protocol: Protocol::Udp,
                    remote,
                    socket: number,
                };
                server.client_packet(&client, bytes, now, out);
            });
            if taken < BATCH {
                return false;
            }
        }
        true
    }

    fn take_relayed(&mut self, slot: usize, now: Now) -> bool {
        let Some(relay) = self.relays.get(slot) else {
            return false;
        };
        let (server, out) = (&mut self.server, &mut self.out);
        for _ in 0..MAX_BATCHES {
            let taken = self.pump.receive(&relay.socket, |peer, bytes| {
                server.peer_packet(relay.id, peer, bytes, now, out)
            });
            if taken < BATCH {
                return false;
            }
        }
        true
    }

    fn take_frames(&mut self, key: usize, now: Now) -> bool {
        let (server, out) = (&mut self.server, &mut self.out);
        let (over, more) = self.streams.read(key, now.ms, |client, bytes| {
            server.client_packet(client, bytes, now, out)
        });
        if let Some(client) = over {
            // What it asked last is answered before it goes.
            self.settle(now);
            self.send();
            self.end(key, &client);
            return false;
        }
        more
    }

    /// Writes what waits for a stream, or ends one that is broken.
    fn flush(&mut self, key: usize) {
        if let Some(client) = self.streams.flush(key) {
            self.end(key, &client);
        }
    }

    fn end(&mut self, key: usize, client: &Client) {
        self.server.client_gone(client, &mut self.out);
        self.streams.close(key, self.poll.registry());
    }

    fn accept(&mut self, at: usize, now: Now) -> bool {
        let Some(door) = self.listeners.doors.get(at) else {
            return false;
        };
        for _ in 0..BATCH {
            match door.listener.accept() {
                Ok((socket, remote)) => {
                    let local = socket.local_addr().map_or(door.local.ip(), |at| at.ip());
                    self.streams.accept(
                        socket,
                        remote,
                        local,
                        door.tls.as_ref(),
                        now.ms,
                        self.poll.registry(),
                    );
                }
                // Also when descriptors are short: the listener tells again with the next connection.
                Err(_) => return false,
            }
        }
        true
    }

    /// Opens and closes ports as the server wants.
    fn settle(&mut self, now: Now) {
        for opening in std::mem::take(&mut self.out.openings) {
            let local = match opening.client.protocol {
                Protocol::Udp => self
                    .listeners
                    .sockets
                    .get(opening.client.socket as usize)
                    .map(|s| s.local().ip()),
                Protocol::Tcp => self.streams.local(opening.client.socket),
            };
            let opened = self.relay_address(local, opening.wanted.ipv6).and_then(|ip| {
                let registry = self.poll.registry();
                self.relays.open(opening.id, ip, opening.wanted, registry)
            });
            let (relayed, kept) = opened.map_or((None, false), |(at, kept)| (Some(self.told(at)), kept));
            self.server
                .relay_opened(opening.id, relayed, kept, now, &mut self.out);
        }
        for id in std::mem::take(&mut self.out.closings) {
            self.relays.close(id, self.poll.registry());
        }
        for id in std::mem::take(&mut self.out.frees) {
            self.relays.free(id);
        }
    }

    /// Where a client came to leads out of the machine as well as in; another family is served from the first address that has it.
    fn relay_address(&self, came_to: Option<IpAddr>, ipv6: bool) -> Option<IpAddr> {
        let fits = |ip: &IpAddr| ip.is_ipv6() == ipv6;
        came_to.map(|ip| ip.to_canonical()).filter(fits).or_else(|| {
            let mut usable = self.locals.iter().copied().filter(fits).collect::<Vec<_>>();
            usable.sort_by_key(IpAddr::is_loopback);
            usable.first().copied()
        })
    }

    fn told(&self, relayed: SocketAddr) -> SocketAddr {
        let told = self
            .announced
            .iter()
            .find(|ip| ip.is_ipv4() == relayed.is_ipv4() && !relayed.ip().is_loopback());
        SocketAddr::new(told.copied().unwrap_or(relayed.ip()), relayed.port())
    }

    fn send(&mut self) {
        if self.out.is_empty() {
            return;
        }
        for (socket, messages) in self.listeners.sockets.iter_mut().zip(&self.out.datagrams) {
            if !messages.is_empty() {
                socket.send(&self.out.arena, messages);
            }
        }
        // One relay's messages in one call; their order to each peer stays.
        self.out
            .relayed
            .sort_unstable_by_key(|(slot, message)| (*slot, message.offset));
        for group in self.out.relayed.chunk_by(|a, b| a.0 == b.0) {
            if let Some(relay) = group.first().and_then(|(slot, _)| self.relays.get(*slot)) {
                self.group.clear();
                self.group.extend(group.iter().map(|(_, message)| *message));
                self.pump.send(&relay.socket, &self.out.arena, &self.group);
            }
        }
        let frames = std::mem::take(&mut self.out.frames);
        for (stream, offset, length) in &frames {
            let bytes = self.out.arena.get(*offset..offset + length).unwrap_or_default();
            self.streams.write(*stream, bytes);
        }
        let mut last = None;
        for (stream, ..) in &frames {
            if last != Some(*stream) {
                self.flush(*stream as usize);
            }
            last = Some(*stream);
        }
        self.out.frames = frames;
        self.out.clear();
    }

    fn look_for_idle(&mut self, now: Now) {
        if now.ms.saturating_sub(self.looked_ms) < 1_000 {
            return;
        }
        self.looked_ms = now.ms;
        for key in self.streams.idle(now.ms, |client| self.server.has(client)) {
            self.streams.close(key, self.poll.registry());
        }
    }
}
