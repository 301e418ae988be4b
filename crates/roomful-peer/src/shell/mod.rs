//! One thread for all peers of a program: their sockets, the clock, orders in and news out. The only part with a thread.
//!
//! Called by the binding and by Rust programs. Orders return at once; what they lead to comes with [`Shell::drain`].
mod outbox;
mod sockets;
mod worker;

use crate::entropy::Entropy;
use crate::error::PeerError;
use crate::event::{ChannelKey, PeerEvent};
use crate::gather::Server;
use crate::media::send::MAX_FRAME;
use crate::media::MediaOptions;
use crate::peer::{Peer, PeerConfig};
use crate::pipe::{Outgoing, Pipe};
use crate::signaling::{DescriptionKind, MediaKey};
use bytes::Bytes;
use outbox::Outbox;
use roomful_engine::addresses::interface_addresses;
use roomful_rtc::dcep::ChannelOptions;
use roomful_rtc::dtls::DtlsIdentity;
use roomful_rtc::sctp::{ChannelId, SendError};
use roomful_rtc::sdp::Direction;
use sockets::Sockets;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use worker::Worker;

/// One peer of a shell.
pub type PeerId = u64;
/// Chosen by whoever asks.
pub type Request = u64;

/// Addresses of one machine that are used at most.
const MAX_HOSTS: usize = 16;
/// Orders that wait; more is a program that does not stop.
const MAX_ORDERS: usize = 65_536;
/// Frames that wait, bytes: the thread has fallen behind by seconds.
const MAX_FRAMES: usize = 32 << 20;

/// How a peer connects.
#[derive(Clone, Debug, Default)]
pub struct PeerOptions {
    /// Only through TURN servers.
    pub relay_only: bool,
    /// Our addresses; empty for all of the machine's (loopback only when there is nothing else).
    pub addresses: Vec<IpAddr>,
}

/// What is asked of a peer and answered with [`Told::Reply`].
#[derive(Clone, Debug)]
pub enum Ask {
    /// The text of an offer; `true` begins ICE anew.
    CreateOffer(bool),
    /// The text of an answer.
    CreateAnswer,
    /// Ours; without a kind the one that fits, without a text the one that was made last.
    SetLocal(Option<DescriptionKind>, Option<String>),
    /// Theirs.
    SetRemote(DescriptionKind, String),
    /// Forget what is proposed.
    Rollback,
    /// Ours as it is now, with the candidates that are known.
    LocalDescription,
    /// Theirs, and the fragment it goes with.
    AddCandidate(String, Option<String>),
}

/// What the thread tells.
pub enum Told {
    /// News of a peer.
    Peer(PeerId, PeerEvent),
    /// What became of what was asked: the text that was made, if any.
    Reply(PeerId, Request, Result<Option<String>, PeerError>),
}

enum Order {
    Open(PeerId, Box<Peer>, Sockets),
    Ask(PeerId, Request, Ask),
    RestartIce(PeerId),
    Servers(PeerId, Vec<Server>),
    OpenChannel(PeerId, ChannelKey, ChannelOptions, Option<ChannelId>, Arc<Pipe>),
    CloseChannel(PeerId, ChannelKey),
    AddTransceiver(PeerId, MediaKey, MediaOptions),
    SetDirection(PeerId, MediaKey, Direction),
    SendFrame(PeerId, MediaKey, Bytes, u32),
    WantKey(PeerId, MediaKey),
    /// A pipe has something to send or room to read.
    Work(PeerId),
    Close(PeerId),
}

/// The way into the thread.
struct Entry {
    orders: Mutex<Vec<Order>>,
    waker: mio::Waker,
    asleep: AtomicBool,
    stop: AtomicBool,
    /// Bytes of frames that wait.
    frames: AtomicUsize,
}

impl Entry {
    fn put(&self, order: Order) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        // What ends something is always taken.
        if orders.len() >= MAX_ORDERS && !matches!(order, Order::Close(_) | Order::CloseChannel(..)) {
            if let Order::SendFrame(_, _, frame, _) = &order {
                self.frames.fetch_sub(frame.len(), Ordering::Relaxed);
            }
            return;
        }
        orders.push(order);
        drop(orders);
        self.wake();
    }

    fn wake(&self) {
        if self.asleep.swap(false, Ordering::AcqRel) {
            // Fails only for a poll that is gone, and with it the thread.
            let _ = self.waker.wake();
        }
    }
}

/// A channel for sending, in the program's hands.
#[derive(Clone)]
pub struct Channel {
    peer: PeerId,
    key: ChannelKey,
    pipe: Arc<Pipe>,
    entry: Arc<Entry>,
}

impl Channel {
    /// Its key.
    pub fn key(&self) -> ChannelKey {
        self.key
    }

    /// Sends; waits for nothing.
    pub fn send(&self, binary: bool, data: Bytes) -> Result<(), SendError> {
        self.pipe.put(Outgoing { binary, data })?;
        self.work();
        Ok(())
    }

    /// Bytes that have not arrived.
    pub fn buffered(&self) -> usize {
        self.pipe.buffered()
    }

    /// At or below it [`PeerEvent::Buffered`] is told, bytes.
    pub fn low(&self) -> usize {
        self.pipe.low()
    }

    /// Sets it.
    pub fn set_low(&self, bytes: usize) {
        self.pipe.set_low(bytes);
    }

    /// Whether messages are wanted now; else the peer is held back.
    pub fn read(&self, on: bool) {
        self.pipe.set_paused(!on);
        self.work();
    }

    /// Closes it once what was sent has arrived.
    pub fn close(&self) {
        self.pipe.close();
        self.entry.put(Order::CloseChannel(self.peer, self.key));
    }

    fn work(&self) {
        if self.pipe.mark() {
            self.entry.put(Order::Work(self.peer));
        }
    }
}

/// See the module.
pub struct Shell {
    entry: Arc<Entry>,
    outbox: Arc<Outbox>,
    identity: DtlsIdentity,
    entropy: Entropy,
    next: AtomicU64,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Shell {
    /// Starts the thread.
    pub fn start() -> Result<Self, PeerError> {
        let os = |e: std::io::Error| PeerError::Os(e.to_string());
        let poll = mio::Poll::new().map_err(os)?;
        let waker = mio::Waker::new(poll.registry(), worker::WAKE).map_err(os)?;
        let entry = Arc::new(Entry {
            orders: Mutex::new(vec![]),
            waker,
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            frames: AtomicUsize::new(0),
        });
        let outbox = Arc::new(Outbox::new().map_err(os)?);
        let identity = DtlsIdentity::generate().map_err(|e| PeerError::Os(e.to_string()))?;
        let worker = Worker::new(poll, entry.clone(), outbox.clone()).map_err(os)?;
        let handle = std::thread::Builder::new()
            .name("roomful-rtc".to_owned())
            .spawn(move || worker.run())
            .map_err(os)?;
        let entropy = Entropy::new(|bytes| {
            // The system's generator does not fail once it works, and key generation above proved that it does.
            let _ = aws_lc_rs::rand::fill(bytes);
        });
        Ok(Self {
            entry,
            outbox,
            identity,
            entropy,
            next: AtomicU64::new(1),
            handle: Mutex::new(Some(handle)),
        })
    }

    /// A new peer with sockets of its own.
    pub fn open(&self, options: &PeerOptions) -> Result<PeerId, PeerError> {
        let mut addresses = options.addresses.clone();
        if addresses.is_empty() {
            let all = interface_addresses();
            addresses = all.iter().copied().filter(|ip| !ip.is_loopback()).collect();
            if addresses.is_empty() {
                addresses = all;
            }
        }
        addresses.truncate(MAX_HOSTS);
        let sockets = Sockets::bind(&addresses)?;
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let peer = Peer::new(
            PeerConfig {
                identity: self.identity.clone(),
                hosts: sockets.locals(),
                servers: vec![],
                relay_only: options.relay_only,
                entropy: self.entropy.clone(),
            },
            Instant::now(),
        );
        self.entry.put(Order::Open(id, Box::new(peer), sockets));
        Ok(id)
    }

    /// Servers to ask for candidates; before the first description.
    pub fn set_servers(&self, peer: PeerId, servers: Vec<Server>) {
        self.entry.put(Order::Servers(peer, servers));
    }

    /// Asks; the answer comes with [`drain`](Self::drain).
    pub fn ask(&self, peer: PeerId, request: Request, ask: Ask) {
        self.entry.put(Order::Ask(peer, request, ask));
    }

    /// ICE begins anew with the next offer.
    pub fn restart_ice(&self, peer: PeerId) {
        self.entry.put(Order::RestartIce(peer));
    }

    /// A channel under a key of the program's choice, counted up from zero. `id`: agreed on by other means.
    pub fn open_channel(
        &self,
        peer: PeerId,
        key: ChannelKey,
        options: ChannelOptions,
        id: Option<ChannelId>,
    ) -> Channel {
        let pipe = Arc::new(Pipe::new());
        self.entry
            .put(Order::OpenChannel(peer, key, options, id, pipe.clone()));
        self.channel(peer, key, pipe)
    }

    /// A channel that the peer opened ([`PeerEvent::Channel`]).
    pub fn channel(&self, peer: PeerId, key: ChannelKey, pipe: Arc<Pipe>) -> Channel {
        Channel {
            peer,
            key,
            pipe,
            entry: self.entry.clone(),
        }
    }

    /// A transceiver under a key of the program's choice, counted up from zero.
    pub fn add_transceiver(&self, peer: PeerId, key: MediaKey, options: MediaOptions) {
        self.entry.put(Order::AddTransceiver(peer, key, options));
    }

    /// Changes which way it carries, with the next offer.
    pub fn set_direction(&self, peer: PeerId, key: MediaKey, direction: Direction) {
        self.entry.put(Order::SetDirection(peer, key, direction));
    }

    /// A coded frame to send; `timestamp` in the codec's clock. Lost while there is no connection.
    pub fn send_frame(
        &self,
        peer: PeerId,
        key: MediaKey,
        frame: Bytes,
        timestamp: u32,
    ) -> Result<(), SendError> {
        if frame.len() > MAX_FRAME {
            return Err(SendError::TooLarge);
        }
        if self.entry.frames.load(Ordering::Relaxed) + frame.len() > MAX_FRAMES {
            return Err(SendError::Backpressure);
        }
        self.entry.frames.fetch_add(frame.len(), Ordering::Relaxed);
        self.entry.put(Order::SendFrame(peer, key, frame, timestamp));
        Ok(())
    }

    /// Asks the peer for a key frame.
    pub fn want_key(&self, peer: PeerId, key: MediaKey) {
        self.entry.put(Order::WantKey(peer, key));
    }

    /// Ends a peer. Nothing is told of it any more, but the ends of its channels.
    pub fn close(&self, peer: PeerId) {
        self.entry.put(Order::Close(peer));
    }

    /// All news since the last call, in order. Messages count as read.
    pub fn drain(&self) -> Vec<Told> {
        let told = self.outbox.drain();
        for news in &told {
            if let Told::Peer(peer, PeerEvent::Messages { pipe, messages, .. }) = news {
                let bytes = messages.iter().map(|(_, data)| data.len()).sum();
                if pipe.taken(messages.len(), bytes) && pipe.mark() {
                    self.entry.put(Order::Work(*peer));
                }
            }
        }
        told
    }

    /// A descriptor that is readable while there is news.
    pub fn fd(&self) -> i32 {
        self.outbox.fd()
    }

    /// Whether the thread ended by itself, which it may not.
    pub fn is_dead(&self) -> bool {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        !self.entry.stop.load(Ordering::Acquire) && handle.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Ends all peers and the thread.
    pub fn stop(&self) {
        self.entry.stop.store(true, Ordering::Release);
        let _ = self.entry.waker.wake();
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle {
            // A thread that panicked has said so already.
            let _ = handle.join();
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.stop();
    }
}
