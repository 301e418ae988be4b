//! Clients that come by TCP or TLS: accepted, cut into messages, written to. A client that reads too slowly loses packets, as it
//! would on a bad network, and never more than its bound of memory.
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use roomful_turn::allocation::{Client, Protocol};
use roomful_turn::framing::{frame, Frame};
use rustls::ServerConnection;
use slab::Slab;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// At once, in all.
const MAX_STREAMS: usize = 8_192;
/// Without an allocation a stream is closed after so long.
const IDLE_MS: u64 = 30_000;
/// Bytes that wait to be written; beyond them, packets are dropped.
const MAX_WAITING: usize = 512 * 1_024;
/// Bytes read in one turn of one stream.
const READ: usize = 64 * 1_024;
/// Bytes of buffer that a stream keeps when nothing waits: a packet each way needs no new one.
const KEPT: usize = 16 * 1_024;

struct Stream {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    client: Client,
    local: IpAddr,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    heard_ms: u64,
}

/// See the module. The token of a stream is `first` and its place.
pub struct Streams {
    all: Slab<Stream>,
    first: usize,
    buffer: Vec<u8>,
}

/// How reading ended.
#[derive(PartialEq, Eq)]
enum Reading {
    Waiting,
    More,
    Over,
}

impl Streams {
    pub fn new(first: usize) -> Self {
        Self {
            all: Slab::new(),
            first,
            buffer: vec![0; READ],
        }
    }

    /// Takes a connection, or drops it when there are too many.
    pub fn accept(
        &mut self,
        mut socket: TcpStream,
        remote: SocketAddr,
        local: IpAddr,
        tls: Option<&Arc<rustls::ServerConfig>>,
        now_ms: u64,
        registry: &Registry,
    ) {
        if self.all.len() >= MAX_STREAMS {
            return;
        }
        let tls = match tls
            .map(|config| ServerConnection::new(config.clone()))
            .transpose()
        {
            Ok(made) => made.map(Box::new),
            Err(_) => return,
        };
        let _ = socket.set_nodelay(true);
        let entry = self.all.vacant_entry();
        let key = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if registry
            .register(&mut socket, Token(self.first + key), interest)
            .is_err()
        {
            return;
        }
        entry.insert(Stream {
            socket,
            tls,
            client: Client {
                protocol: Protocol::Tcp,
                remote,
                socket: u32::try_from(key).unwrap_or(u32::MAX),
            },
            local,
            unread: vec![],
            unsent: vec![],
            heard_ms: now_ms,
        });
    }

    /// The address that a stream came to.
    pub fn local(&self, stream: u32) -> Option<IpAddr> {
        self.all.get(stream as usize).map(|one| one.local)
    }

    /// Reads what is there; `each(client, message)`. Tells the client when the stream is over, and whether there is more.
    pub fn read(
        &mut self,
        key: usize,
        now_ms: u64,
        mut each: impl FnMut(&Client, &[u8]),
    ) -> (Option<Client>, bool) {
        let Some(stream) = self.all.get_mut(key) else {
            return (None, false);
        };
        let state = stream.fill(&mut self.buffer);
        let mut at = 0;
        let mut broken = false;
        loop {
            match frame(stream.unread.get(at..).unwrap_or_default()) {
                Frame::Whole { length, taken } => {
                    stream.heard_ms = now_ms;
                    each(
                        &stream.client,
                        stream.unread.get(at..at + length).unwrap_or_default(),
                    );
                    at += taken;
                }
                Frame::Partial => break,
                Frame::Broken => {
                    broken = true;
                    break;
                }
            }
        }
        stream.unread.drain(..at);
        if stream.unread.is_empty() {
            stream.unread.shrink_to(KEPT);
        }
        let over = broken || state == Reading::Over || !stream.flush();
        (over.then_some(stream.client), state == Reading::More)
    }

    /// Queues a frame and writes what goes.
    pub fn write(&mut self, stream: u32, bytes: &[u8]) {
        let Some(stream) = self.all.get_mut(stream as usize) else {
            return;
        };
        if stream.unsent.len() + bytes.len() > MAX_WAITING {
            return;
        }
        match &mut stream.tls {
            Some(tls) => {
                // Its own buffer is bounded by ours: it is emptied below, and what is left is counted.
                if tls.writer().write_all(bytes).is_err() {
                    return;
                }
                let _ = tls.write_tls(&mut stream.unsent);
                while tls.wants_write() && tls.write_tls(&mut stream.unsent).is_ok_and(|n| n > 0) {}
            }
            None => stream.unsent.extend_from_slice(bytes),
        }
    }

    /// Writes what waits; the client of a stream that is over.
    pub fn flush(&mut self, key: usize) -> Option<Client> {
        let stream = self.all.get_mut(key)?;
        (!stream.flush()).then_some(stream.client)
    }

    /// Forgets it.
    pub fn close(&mut self, key: usize, registry: &Registry) {
        if let Some(mut stream) = self.all.try_remove(key) {
            let _ = registry.deregister(&mut stream.socket);
        }
    }

    /// Streams that have been silent for too long and have nothing lent.
    pub fn idle(&self, now_ms: u64, has_something: impl Fn(&Client) -> bool) -> Vec<usize> {
        let old = self
            .all
            .iter()
            .filter(|(_, one)| now_ms.saturating_sub(one.heard_ms) > IDLE_MS && !has_something(&one.client));
        old.map(|(key, _)| key).collect()
    }
}

impl Stream {
    fn fill(&mut self, buffer: &mut [u8]) -> Reading {
        match &mut self.tls {
            None => match self.socket.read(buffer) {
                Ok(0) => Reading::Over,
                Ok(count) => {
                    self.unread
                        .extend_from_slice(buffer.get(..count).unwrap_or_default());
                    Reading::More
                }
                Err(error) => state(&error),
            },
            Some(tls) => {
                let read = tls.read_tls(&mut self.socket);
                match read {
                    Ok(0) => return Reading::Over,
                    Err(error) => return state(&error),
                    Ok(_) => {}
                }
                let processed = tls.process_new_packets();
                while tls.wants_write() && tls.write_tls(&mut self.unsent).is_ok_and(|n| n > 0) {}
                if processed.is_err() {
                    let _ = self.flush();
                    return Reading::Over;
                }
                while let Ok(count) = tls.reader().read(buffer) {
                    if count == 0 {
                        return Reading::Over;
                    }
                    self.unread
                        .extend_from_slice(buffer.get(..count).unwrap_or_default());
                }
                Reading::More
            }
        }
    }

    /// False when the stream is broken.
    fn flush(&mut self) -> bool {
        let mut done = 0;
        let alive = loop {
            let rest = self.unsent.get(done..).unwrap_or_default();
            if rest.is_empty() {
                break true;
            }
            match self.socket.write(rest) {
                Ok(0) => break false,
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    break error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::NotConnected
                }
            }
        };
        if done == self.unsent.len() {
            self.unsent.clear();
            self.unsent.shrink_to(KEPT);
        } else {
            self.unsent.drain(..done);
        }
        alive
    }
}

fn state(error: &std::io::Error) -> Reading {
    match error.kind() {
        ErrorKind::WouldBlock => Reading::Waiting,
        ErrorKind::Interrupted => Reading::More,
        _ => Reading::Over,
    }
}
