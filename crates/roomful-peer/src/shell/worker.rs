//! The thread: waits, takes what came, lets the peers decide, sends what they made.
use super::outbox::Outbox;
use super::sockets::Sockets;
use super::{Ask, Entry, Order, PeerId, Request, Told};
use crate::error::PeerError;
use crate::event::PeerEvent;
use crate::peer::Peer;
use crate::pipe::Pipe;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use roomful_engine::socket::{Message, Pump, BATCH};
use rustc_hash::FxHashMap;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// The token of the program's own wakes.
pub const WAKE: Token = Token(usize::MAX);
/// Longest sleep.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Batches taken from one socket in one turn, so that the others are not starved.
const MAX_BATCHES: usize = 4;
/// Bytes of arena that are kept for the next burst.
const KEPT_ARENA: usize = 4 << 20;

struct Seat {
    peer: Peer,
    sockets: Sockets,
    tokens: Vec<Token>,
    pipes: FxHashMap<u32, Arc<Pipe>>,
    due: Option<Instant>,
    touched: bool,
}

pub struct Worker {
    poll: Poll,
    entry: Arc<Entry>,
    outbox: Arc<Outbox>,
    seats: FxHashMap<PeerId, Seat>,
    /// Whose socket a token is.
    tokens: FxHashMap<Token, (PeerId, usize)>,
    next: usize,
    /// Sockets that have more.
    hot: Vec<Token>,
    pump: Pump,
    arena: Vec<u8>,
    told: Vec<Told>,
}

impl Worker {
    pub fn new(poll: Poll, entry: Arc<Entry>, outbox: Arc<Outbox>) -> std::io::Result<Self> {
        let like = UdpSocket::bind("127.0.0.1:0").or_else(|_| UdpSocket::bind("[::1]:0"))?;
        Ok(Self {
            poll,
            entry,
            outbox,
            seats: FxHashMap::default(),
            tokens: FxHashMap::default(),
            next: 0,
            hot: vec![],
            pump: Pump::new(&like, !cfg!(target_os = "linux")),
            arena: vec![],
            told: vec![],
        })
    }

    /// Runs until it is told to stop.
    pub fn run(mut self) {
        let _last = LastWord(self.outbox.clone());
        let mut events = Events::with_capacity(256);
        while !self.entry.stop.load(Ordering::Acquire) {
            self.wait(&mut events);
            let now = Instant::now();
            self.take_orders(now);
            let mut ready = std::mem::take(&mut self.hot);
            for event in &events {
                if event.token() != WAKE && !ready.contains(&event.token()) {
                    ready.push(event.token());
                }
            }
            for token in ready {
                self.receive(token, now);
            }
            for seat in self.seats.values_mut() {
                if seat.due.is_some_and(|at| at <= now) {
                    seat.peer.handle_timeout(now);
                    seat.touched = true;
                }
            }
            self.finish(now);
        }
        let now = Instant::now();
        for seat in self.seats.values_mut() {
            seat.peer.close();
            seat.touched = true;
        }
        self.finish(now);
    }

    fn wait(&mut self, events: &mut Events) {
        let now = Instant::now();
        let due = self.seats.values().filter_map(|seat| seat.due).min();
        let mut until = due.map_or(LONGEST_WAIT, |at| at.saturating_duration_since(now));
        if !self.hot.is_empty() {
            until = Duration::ZERO;
        } else if until > Duration::ZERO {
            until = until.min(LONGEST_WAIT).max(Duration::from_millis(1));
        }
        self.entry.asleep.store(true, Ordering::Release);
        let waiting = !self
            .entry
            .orders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty();
        if waiting || self.entry.stop.load(Ordering::Acquire) {
            until = Duration::ZERO;
        }
        if self.poll.poll(events, Some(until)).is_err() {
            // Interrupted: the next turn waits again.
            events.clear();
        }
        self.entry.asleep.store(false, Ordering::Release);
    }

    fn take_orders(&mut self, now: Instant) {
        let orders = {
            let mut waiting = self.entry.orders.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *waiting)
        };
        for order in orders {
            self.take_order(order, now);
        }
    }

    fn take_order(&mut self, order: Order, now: Instant) {
        match order {
            Order::Open(id, peer, sockets) => self.open(id, *peer, sockets),
            Order::Close(id) => self.close(id, now),
            Order::Ask(id, request, ask) => self.ask(id, request, ask, now),
            Order::RestartIce(id) => {
                if let Some(seat) = self.touch(id) {
                    seat.peer.restart_ice();
                }
            }
            Order::Servers(id, servers) => {
                if let Some(seat) = self.touch(id) {
                    seat.peer.set_servers(servers);
                }
            }
            Order::AddTransceiver(id, key, options) => {
                if let Some(seat) = self.touch(id) {
                    seat.peer.add_transceiver(key, options);
                }
            }
            Order::SetDirection(id, key, direction) => {
                if let Some(seat) = self.touch(id) {
                    seat.peer.set_direction(key, direction);
                }
            }
            Order::SendFrame(id, key, frame, timestamp) => {
                self.entry.frames.fetch_sub(frame.len(), Ordering::Relaxed);
                if let Some(seat) = self.touch(id) {
                    seat.peer.send_frame(key, &frame, timestamp, now);
                }
            }
            Order::WantKey(id, key) => {
                if let Some(seat) = self.touch(id) {
                    seat.peer.want_key(key, now);
                }
            }
            Order::OpenChannel(id, key, options, stream, pipe) => match self.touch(id) {
                Some(seat) => {
                    seat.pipes.insert(key, pipe.clone());
                    seat.peer.open_channel(key, options, stream, pipe, now);
                }
                None => {
                    pipe.close();
                    let why = Some("the connection is closed".to_owned());
                    self.told.push(Told::Peer(id, PeerEvent::Closed(key, why)));
                }
            },
            Order::CloseChannel(id, key) => {
                if let Some(seat) = self.touch(id) {
                    seat.peer.close_channel(key);
                }
            }
            Order::Work(id) => {
                if let Some(seat) = self.touch(id) {
                    seat.pipes.values().for_each(|pipe| pipe.unmark());
                }
            }
        }
    }

    fn touch(&mut self, id: PeerId) -> Option<&mut Seat> {
        let seat = self.seats.get_mut(&id)?;
        seat.touched = true;
        Some(seat)
    }

    fn open(&mut self, id: PeerId, peer: Peer, sockets: Sockets) {
        let mut tokens = vec![];
        for (at, (_, socket)) in sockets.all.iter().enumerate() {
            let token = Token(self.next);
            self.next += 1;
            let fd = socket.as_raw_fd();
            let registered = self
                .poll
                .registry()
                .register(&mut SourceFd(&fd), token, Interest::READABLE);
            if registered.is_ok() {
                self.tokens.insert(token, (id, at));
            }
            tokens.push(token);
        }
        let seat = Seat {
            peer,
            sockets,
            tokens,
            pipes: FxHashMap::default(),
            due: None,
            touched: true,
        };
        self.seats.insert(id, seat);
    }

    fn close(&mut self, id: PeerId, now: Instant) {
        if let Some(seat) = self.touch(id) {
            seat.peer.close();
        }
        self.finish(now);
        let Some(seat) = self.seats.remove(&id) else {
            return;
        };
        for ((_, socket), token) in seat.sockets.all.iter().zip(&seat.tokens) {
            let fd = socket.as_raw_fd();
            // Closing the descriptor takes it out as well.
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
            self.tokens.remove(token);
            self.hot.retain(|hot| hot != token);
        }
    }

    fn ask(&mut self, id: PeerId, request: Request, ask: Ask, now: Instant) {
        let Some(seat) = self.seats.get_mut(&id) else {
            let gone = PeerError::State("the connection is closed".to_owned());
            self.told.push(Told::Reply(id, request, Err(gone)));
            return;
        };
        seat.touched = true;
        let peer = &mut seat.peer;
        let result = match ask {
            Ask::CreateOffer(restart) => peer.create_offer(restart).map(Some),
            Ask::CreateAnswer => peer.create_answer().map(Some),
            Ask::SetLocal(kind, text) => peer.set_local(kind, text.as_deref(), now).map(|()| None),
            Ask::SetRemote(kind, text) => peer.set_remote(kind, &text, now).map(|()| None),
            Ask::Rollback => peer.rollback().map(|()| None),
            Ask::LocalDescription => {
                let all = peer.descriptions();
                Ok(all.pending_local.or(all.current_local).map(|(_, text)| text))
            }
            Ask::AddCandidate(text, ufrag) => peer.add_candidate(&text, ufrag.as_deref(), now).map(|()| None),
        };
        // States that came of it are told before the answer, so that they hold when it is read.
        collect(id, seat, &mut self.told);
        self.told.push(Told::Reply(id, request, result));
    }

    fn receive(&mut self, token: Token, now: Instant) {
        let Some((id, at)) = self.tokens.get(&token).copied() else {
            return;
        };
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        let Some((local, socket)) = seat.sockets.all.get(at) else {
            return;
        };
        seat.touched = true;
        let (local, peer) = (*local, &mut seat.peer);
        for _ in 0..MAX_BATCHES {
            let taken = self.pump.receive(socket, |remote, bytes| {
                peer.handle_packet(local, remote, bytes, now);
            });
            if taken == 0 {
                return;
            }
        }
        // Readiness is told once: whoever was not emptied must be looked at again.
        self.hot.push(token);
    }

    /// Lets every peer that something happened to move on, sends and tells.
    fn finish(&mut self, now: Instant) {
        for (id, seat) in &mut self.seats {
            if !std::mem::take(&mut seat.touched) {
                continue;
            }
            seat.peer.turn(now);
            transmit(seat, &mut self.arena, &mut self.pump, now);
            collect(*id, seat, &mut self.told);
            seat.due = seat.peer.poll_timeout(now);
        }
        self.outbox.put(&mut self.told);
    }
}

fn collect(id: PeerId, seat: &mut Seat, told: &mut Vec<Told>) {
    while let Some(event) = seat.peer.poll_event() {
        match &event {
            PeerEvent::Channel { key, pipe, .. } => {
                seat.pipes.insert(*key, pipe.clone());
            }
            PeerEvent::Closed(key, _) => {
                seat.pipes.remove(key);
            }
            _ => {}
        }
        told.push(Told::Peer(id, event));
    }
}

fn transmit(seat: &mut Seat, arena: &mut Vec<u8>, pump: &mut Pump, now: Instant) {
    let joins = pump.joins();
    let mut any = false;
    while let Some((local, remote, packet)) = seat.peer.poll_transmit(now) {
        let at = seat.sockets.all.iter().position(|(bound, _)| *bound == local);
        let Some(messages) = at.and_then(|at| seat.sockets.messages.get_mut(at)) else {
            continue;
        };
        any = true;
        let offset = arena.len();
        arena.extend_from_slice(&packet);
        let joined = joins
            && messages
                .last_mut()
                .is_some_and(|m| m.join(remote, offset, packet.len()));
        if !joined {
            messages.push(Message::new(remote, offset, packet.len()));
        }
    }
    if !any {
        return;
    }
    for ((_, socket), messages) in seat.sockets.all.iter().zip(&mut seat.sockets.messages) {
        if !messages.is_empty() {
            pump.send(socket, arena, messages);
            messages.clear();
        }
    }
    arena.clear();
    if arena.capacity() > 2 * KEPT_ARENA {
        arena.shrink_to(KEPT_ARENA);
    }
}

/// Whoever waits for news hears of the thread's end, however it ends.
struct LastWord(Arc<Outbox>);

impl Drop for LastWord {
    fn drop(&mut self) {
        self.0.nudge();
    }
}

// A batch is what one system call takes; the bound above is in batches.
const _: () = assert!(BATCH >= 8);
