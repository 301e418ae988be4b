//! The door's thread: waits, takes connections and bytes, lets the hub decide, writes what it made.
//!
//! One thread owns the hub and every connection, so there are no locks. Readiness is told once for each change (epoll's edges), so
//! that a connection is registered once and an idle one costs nothing.
use crate::config::{Config, DoorError};
use crate::connection::{Connection, Phase};
use crate::door::Kind;
use crate::entry::{Admission, Entry};
use crate::floor::Floor;
use crate::outbox::{Order, Outbox};
use crate::stream::Stream;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use roomful_hub::{Hub, Input};
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Orders have come.
pub const WAKE: Token = Token(0);
/// The rest of the tokens: listeners, then two for each connection, the client's side and the other.
const FIRST_LISTENER: usize = 1;
const FIRST_CONNECTION: usize = 1 << 16;
/// Connections that wait to be taken.
const BACKLOG: i32 = 4096;
/// Connections taken from one listener in one turn.
const MAX_ACCEPTS: usize = 64;
/// How long nobody is let in when the system has no descriptors left.
const PAUSE_MS: u64 = 500;
/// How often every connection's time is looked at.
const SWEEP_MS: u64 = 500;
/// What is read at once.
pub const BUFFER: usize = 64 * 1024;
/// How long after the grace of a close the last may stay.
const LAST_MS: u64 = 1_000;

/// A listening socket.
pub struct Listener {
    pub kind: Kind,
    pub local: SocketAddr,
    socket: TcpListener,
    /// Somebody may wait there.
    waiting: bool,
}

impl Listener {
    /// Listens.
    pub fn bind(at: SocketAddr, kind: Kind) -> Result<Self, DoorError> {
        let failed = |e: std::io::Error| DoorError::bind(at, &e);
        let socket = Self::listen(at).map_err(failed)?;
        let local = socket.local_addr().map_err(failed)?;
        Ok(Self {
            kind,
            local,
            socket,
            waiting: false,
        })
    }

    fn listen(at: SocketAddr) -> std::io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if at.is_ipv6() {
            // Its own port, whatever the system's default: IPv4 has its own listener.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&at.into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from_std(socket.into()))
    }
}

/// What the shell was told that the phases of a connection need.
pub struct Rules {
    pub entry: Entry,
    pub backend: Option<PathBuf>,
    pub ping_ms: u64,
    pub idle_ms: u64,
    pub head_timeout_ms: u64,
}

/// When it ends.
#[derive(Clone, Copy)]
pub struct Leaving {
    pub until_ms: u64,
}

/// See the module.
pub struct Shell {
    pub poll: Poll,
    listeners: Vec<Listener>,
    tls: Option<Arc<ServerConfig>>,
    outbox: Arc<Outbox>,
    pub hub: Hub,
    pub floor: Floor,
    pub rules: Rules,
    pub admission: Admission,
    pub buffer: Box<[u8]>,
    start: Instant,
    sweep_ms: u64,
    paused_until_ms: u64,
    pub leaving: Option<Leaving>,
    random: RandomState,
}

/// Tells the others that the thread has ended, however it did.
struct LastWord(Arc<Outbox>);

impl Drop for LastWord {
    fn drop(&mut self) {
        self.0.die();
    }
}

impl Shell {
    /// Registers the listeners.
    pub fn new(
        config: &Config,
        poll: Poll,
        mut listeners: Vec<Listener>,
        tls: Option<Arc<ServerConfig>>,
        outbox: Arc<Outbox>,
        hub: Hub,
        max_message: usize,
    ) -> Result<Self, DoorError> {
        for (n, listener) in listeners.iter_mut().enumerate() {
            let token = Token(FIRST_LISTENER + n);
            poll.registry()
                .register(&mut listener.socket, token, Interest::READABLE)?;
        }
        Ok(Self {
            poll,
            listeners,
            tls,
            outbox,
            hub,
            floor: Floor::new(max_message, config.max_backlog),
            rules: Rules {
                entry: Entry::new(config),
                backend: config.backend.clone(),
                ping_ms: config.ping_ms,
                idle_ms: config.idle_ms,
                head_timeout_ms: config.head_timeout_ms,
            },
            admission: Admission::new(config.max_connections, config.max_connections_per_address),
            buffer: vec![0; BUFFER].into(),
            start: Instant::now(),
            sweep_ms: 0,
            paused_until_ms: 0,
            leaving: None,
            random: RandomState::new(),
        })
    }

    /// Runs until it is told to end and has.
    pub fn run(mut self) {
        let _last = LastWord(self.outbox.clone());
        let mut events = Events::with_capacity(1024);
        loop {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Err(e) if e.kind() != ErrorKind::Interrupted => return,
                _ => {}
            }
            self.floor.now_ms = self.now_ms();
            for event in &events {
                self.note(event);
            }
            self.take_orders();
            self.accept();
            self.read_ready();
            self.tick();
            self.finish_turn();
            if self.has_left() {
                return;
            }
        }
    }

    fn now_ms(&self) -> u64 {
        // From 1, so that 0 can say never.
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn timeout(&self) -> Option<Duration> {
        let now = self.now_ms();
        if !self.floor.gone.is_empty() || (!self.floor.ready.is_empty() && !self.outbox.is_full()) {
            return Some(Duration::ZERO);
        }
        let sweep = (!self.floor.connections.is_empty() || self.leaving.is_some())
            .then_some(self.sweep_ms + SWEEP_MS);
        let waiting = self.listeners.iter().any(|l| l.waiting);
        let accept = waiting.then_some(self.paused_until_ms);
        let next = [self.hub.next_ms(), sweep, accept].into_iter().flatten().min();
        next.map(|at| Duration::from_millis(at.saturating_sub(now)))
    }

    fn note(&mut self, event: &mio::event::Event) {
        let token = event.token().0;
        if token >= FIRST_CONNECTION {
            let index = (token - FIRST_CONNECTION) / 2;
            let behind = token % 2 == 1;
            let Some(connection) = self.floor.connections.get_mut(index) else {
                return;
            };
            connection.ending |= !behind && (event.is_read_closed() || event.is_error());
            let holds = !connection.output.is_empty() || connection.stream.holds_output();
            let spliced = matches!(connection.phase, Phase::Spliced(_));
            if event.is_writable() && holds && !spliced {
                self.floor.mark_dirty(index);
            }
            if spliced || event.is_readable() || event.is_read_closed() || event.is_error() {
                self.floor.mark_ready(index);
            }
        } else if let Some(listener) = self.listeners.get_mut(token.wrapping_sub(FIRST_LISTENER)) {
            listener.waiting = true;
        }
    }

    fn take_orders(&mut self) {
        for order in self.outbox.orders() {
            match order {
                Order::Command(command) => self.tell(Input::Command(command)),
                Order::Certificate(tls) => self.tls = Some(tls),
                Order::Close(grace_ms) => self.leave(grace_ms),
            }
        }
    }

    /// One input for the hub.
    pub fn tell(&mut self, input: Input) {
        self.hub.handle(input, self.floor.now_ms, &mut self.floor);
    }

    fn accept(&mut self) {
        if self.floor.now_ms < self.paused_until_ms {
            return;
        }
        for n in 0..self.listeners.len() {
            for _ in 0..MAX_ACCEPTS {
                let Some(listener) = self.listeners.get_mut(n).filter(|l| l.waiting) else {
                    break;
                };
                match listener.socket.accept() {
                    Ok((tcp, peer)) => {
                        let kind = listener.kind;
                        self.enter(tcp, peer, kind);
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => listener.waiting = false,
                    // The client has gone again; the next may not have.
                    Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                    // No descriptors, no memory: those who wait go on waiting.
                    Err(_) => {
                        self.paused_until_ms = self.floor.now_ms + PAUSE_MS;
                        return;
                    }
                }
            }
        }
    }

    fn enter(&mut self, tcp: TcpStream, peer: SocketAddr, kind: Kind) {
        if !self.admission.enter(peer.ip()) {
            return;
        }
        // Small messages must not wait for company.
        let _ = tcp.set_nodelay(true);
        let tls = self.tls.as_ref().filter(|_| kind == Kind::Tls);
        let Ok(mut stream) = Stream::new(tcp, tls) else {
            self.admission.leave(peer.ip());
            return;
        };
        let generation = self.floor.next_generation();
        let (now, head) = (self.floor.now_ms, self.rules.head_timeout_ms);
        let entry = self.floor.connections.vacant_entry();
        let token = client_token(entry.key());
        let both = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(stream.tcp(), token, both).is_err() {
            self.admission.leave(peer.ip());
            return;
        }
        entry.insert(Connection::new(generation, stream, peer, now, head));
    }

    fn read_ready(&mut self) {
        if self.outbox.is_full() {
            return;
        }
        for index in std::mem::take(&mut self.floor.ready) {
            if let Some(connection) = self.floor.connections.get_mut(index) {
                connection.ready = false;
                self.read(index);
            }
        }
    }

    fn tick(&mut self) {
        let now = self.floor.now_ms;
        if self.hub.next_ms().is_some_and(|at| at <= now) {
            self.tell(Input::Tick);
        }
        if now >= self.sweep_ms + SWEEP_MS {
            self.sweep_ms = now;
            self.sweep();
        }
    }

    /// Writes, tells the hub who has gone, and Python what has happened.
    fn finish_turn(&mut self) {
        // Telling of one that has gone makes messages for others.
        while !self.floor.dirty.is_empty() || !self.floor.gone.is_empty() {
            for index in std::mem::take(&mut self.floor.dirty) {
                self.write(index);
            }
            for gone in std::mem::take(&mut self.floor.gone) {
                let crate::floor::Gone {
                    connection,
                    code,
                    reason,
                } = gone;
                self.tell(Input::Gone {
                    connection,
                    code,
                    reason,
                });
            }
        }
        self.outbox.put(&mut self.floor.events);
    }

    /// Forgets a connection. What it had said is told by then.
    pub fn remove(&mut self, index: usize, code: u16, reason: &str) {
        self.floor.tell_gone(index, code, reason);
        if let Some(mut connection) = self.floor.connections.try_remove(index) {
            let _ = self.poll.registry().deregister(connection.stream.tcp());
            if let Phase::Spliced(splice) = &mut connection.phase {
                let _ = self.poll.registry().deregister(&mut splice.backend);
                self.admission.passed_on_ends();
            }
            self.admission.leave(connection.peer.ip());
        }
    }

    fn leave(&mut self, grace_ms: u64) {
        self.listeners.clear();
        let now = self.floor.now_ms;
        self.leaving = Some(Leaving {
            until_ms: now + grace_ms + LAST_MS,
        });
        self.sweep_ms = 0;
        for (index, connection) in &mut self.floor.connections {
            // At different times, so that not all come back at once. Others end as they would have, or are cut at the end.
            let jitter = self.random.hash_one((index, now)) % (grace_ms + 1);
            match &connection.phase {
                Phase::Open => connection.deadline_ms = now + jitter,
                Phase::Head(_) | Phase::Asked { .. } => connection.deadline_ms = now,
                Phase::Spliced(splice) if splice.is_answered() => connection.deadline_ms = now,
                _ => {}
            }
        }
    }

    fn has_left(&self) -> bool {
        let over = |l: Leaving| self.floor.connections.is_empty() || self.floor.now_ms >= l.until_ms;
        self.leaving.is_some_and(over)
    }
}

/// The client's side of a connection.
fn client_token(index: usize) -> Token {
    Token(FIRST_CONNECTION + 2 * index)
}

/// The side of the server behind.
pub fn backend_token(index: usize) -> Token {
    Token(FIRST_CONNECTION + 2 * index + 1)
}
