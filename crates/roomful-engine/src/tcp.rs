//! ICE-TCP, the passive side (RFC 6544): frames of RFC 4571 over accepted connections. For networks that let out no UDP.
use crate::config::EngineError;
use crate::socket::bind_error;
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Connections at once, and of one address.
const MAX_CONNECTIONS: usize = 2048;
const MAX_PER_ADDRESS: usize = 64;
/// A connection that proved nothing by then is closed.
const PROVE_WITHIN: Duration = Duration::from_secs(10);
/// Bytes that may wait for a slow reader; media beyond that is dropped like a datagram.
const MAX_WAITING: usize = 256 << 10;
const MAX_FRAME: usize = 2048;
/// Reads of one connection in one turn: one that pours must not starve the others.
const MAX_READS: usize = 16;

struct Connection {
    stream: TcpStream,
    local: SocketAddr,
    input: Vec<u8>,
    output: Vec<u8>,
    proven: bool,
    since: Instant,
    broken: bool,
}

/// Without a descriptor to spare, what knocks stays in the kernel's queue for so long: asking again at once would keep a core busy.
const REST: Duration = Duration::from_millis(200);

/// Listeners and connections of one thread.
#[derive(Default)]
pub struct Tcp {
    listeners: Vec<TcpListener>,
    /// Accepting failed; not before then again.
    resting: Option<Instant>,
    connections: HashMap<SocketAddr, Connection>,
}

impl Tcp {
    /// Listens on an address; returns what it is bound to.
    pub fn listen(&mut self, address: SocketAddr) -> Result<SocketAddr, EngineError> {
        let listener = TcpListener::bind(address).map_err(|e| bind_error("TCP", address, &e))?;
        let os = |e: std::io::Error| EngineError::Os(format!("TCP {address}: {e}"));
        listener.set_nonblocking(true).map_err(os)?;
        let local = listener.local_addr().map_err(os)?;
        self.listeners.push(listener);
        Ok(local)
    }

    /// Descriptors for `poll`, and whether one waits to write.
    pub fn fds(&self) -> impl Iterator<Item = (i32, bool)> + '_ {
        let awake = self.listeners.iter().filter(|_| self.resting.is_none());
        let listeners = awake.map(|l| (l.as_raw_fd(), false));
        listeners.chain(
            self.connections
                .values()
                .map(|c| (c.stream.as_raw_fd(), !c.output.is_empty())),
        )
    }

    /// Accepts and reads; `each(local, remote, frame)` returns whether the frame proved its path.
    pub fn receive(&mut self, now: Instant, mut each: impl FnMut(SocketAddr, SocketAddr, &mut [u8]) -> bool) {
        self.accept(now);
        let mut chunk = [0u8; 8192];
        for (remote, connection) in &mut self.connections {
            for _ in 0..MAX_READS {
                match connection.stream.read(&mut chunk) {
                    Ok(0) => connection.broken = true,
                    Ok(length) => {
                        connection
                            .input
                            .extend_from_slice(chunk.get(..length).unwrap_or(&[]));
                        connection.frames(|local, frame| each(local, *remote, frame));
                        if !connection.broken && length == chunk.len() {
                            continue;
                        }
                    }
                    Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                    Err(_) => connection.broken = true,
                }
                break;
            }
            connection.write();
        }
        self.connections
            .retain(|_, c| !c.broken && (c.proven || now < c.since + PROVE_WITHIN));
    }

    fn accept(&mut self, now: Instant) {
        if self.resting.is_some_and(|until| now < until) {
            return;
        }
        self.resting = None;
        for listener in &self.listeners {
            loop {
                let (stream, remote) = match listener.accept() {
                    Ok(accepted) => accepted,
                    Err(e) if pauses(&e) => {
                        self.resting = Some(now + REST);
                        break;
                    }
                    Err(_) => break,
                };
                let same = self.connections.keys().filter(|r| r.ip() == remote.ip()).count();
                let (Ok(local), Ok(())) = (stream.local_addr(), stream.set_nonblocking(true)) else {
                    continue;
                };
                if self.connections.len() >= MAX_CONNECTIONS || same >= MAX_PER_ADDRESS {
                    continue;
                }
                // Media must not wait for company.
                let _ = stream.set_nodelay(true);
                let connection = Connection {
                    stream,
                    local,
                    input: vec![],
                    output: vec![],
                    proven: false,
                    since: now,
                    broken: false,
                };
                self.connections.insert(remote, connection);
            }
        }
    }

    /// Sends a frame.
    pub fn send(&mut self, remote: SocketAddr, frame: &[u8]) {
        let Some(connection) = self.connections.get_mut(&remote) else {
            return;
        };
        let (Ok(length), true) = (u16::try_from(frame.len()), connection.output.len() < MAX_WAITING) else {
            return;
        };
        connection.output.extend_from_slice(&length.to_be_bytes());
        connection.output.extend_from_slice(frame);
        connection.write();
    }
}

/// Whether accepting again at once would fail the same way, with the listener readable all the while.
fn pauses(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

impl Connection {
    fn frames(&mut self, mut each: impl FnMut(SocketAddr, &mut [u8]) -> bool) {
        let mut at = 0;
        while let Some(head) = self.input.get(at..at + 2).and_then(|h| h.first_chunk::<2>()) {
            let length = usize::from(u16::from_be_bytes(*head));
            if length > MAX_FRAME {
                // Not RFC 4571, or nothing of ours.
                self.broken = true;
                return;
            }
            let Some(frame) = self.input.get_mut(at + 2..at + 2 + length) else {
                break;
            };
            self.proven |= each(self.local, frame);
            at += 2 + length;
        }
        self.input.drain(..at);
    }

    fn write(&mut self) {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => self.broken = true,
                Ok(length) => {
                    self.output.drain(..length);
                    continue;
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => self.broken = true,
            }
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let mut tcp = Tcp::default();
        let local = tcp.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut peer = TcpStream::connect(local).unwrap();
        let mut wire = vec![];
        for n in 1..=50u16 {
            wire.extend(n.to_be_bytes());
            wire.extend(std::iter::repeat_n(n as u8, usize::from(n)));
        }
        let mut seen = vec![];
        for part in wire.chunks(7) {
            peer.write_all(part).unwrap();
            tcp.receive(Instant::now(), |_, _, frame| {
                seen.push(frame.len());
                true
            });
        }
        while seen.len() < 50 {
            tcp.receive(Instant::now(), |_, _, frame| {
                seen.push(frame.len());
                true
            });
        }
        assert_eq!(seen, (1..=50).collect::<Vec<_>>());
        tcp.send(peer.local_addr().unwrap(), b"hello");
        let mut back = [0u8; 7];
        peer.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"\0\x05hello");
    }

    #[test]
    fn a_listener_rests_when_there_are_no_descriptors() {
        let codes = [libc::EMFILE, libc::ENFILE, libc::EAGAIN, libc::ECONNABORTED];
        let pausing = codes.map(|code| pauses(&std::io::Error::from_raw_os_error(code)));
        assert_eq!(pausing, [true, true, false, false]);
        let mut tcp = Tcp::default();
        let local = tcp.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let _peer = TcpStream::connect(local).unwrap();
        let now = Instant::now();
        tcp.resting = Some(now + REST);
        tcp.receive(now, |_, _, _| true);
        assert_eq!((tcp.fds().count(), tcp.connections.len()), (0, 0));
        while tcp.connections.is_empty() {
            tcp.receive(now + REST, |_, _, _| true);
        }
        assert_eq!(tcp.fds().count(), 2);
    }

    #[test]
    fn garbage_and_silence_are_closed() {
        let mut tcp = Tcp::default();
        let local = tcp.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut peer = TcpStream::connect(local).unwrap();
        peer.write_all(&[0xff; 5000]).unwrap();
        let _silent = TcpStream::connect(local).unwrap();
        let now = Instant::now();
        for _ in 0..200 {
            tcp.receive(now, |_, _, _| false);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(tcp.connections.len(), 1);
        tcp.receive(now + PROVE_WITHIN, |_, _, _| false);
        assert!(tcp.connections.is_empty());
    }

    #[test]
    fn any_bytes_in_any_pieces_make_whole_frames_and_bounded_buffers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        for round in 0..300 {
            let mut connection = Connection {
                stream: TcpStream::connect(listener.local_addr().unwrap()).unwrap(),
                local: listener.local_addr().unwrap(),
                input: vec![],
                output: vec![],
                proven: false,
                since: Instant::now(),
                broken: false,
            };
            let _accepted = listener.accept().unwrap();
            // Every other round is well formed; the rest is noise with a bias to short lengths.
            let (mut wire, mut sent) = (vec![], vec![]);
            for _ in 0..next(20) {
                let length = next(MAX_FRAME as u64 + 1) as u16;
                if round % 2 == 0 {
                    let frame: Vec<u8> = (0..length).map(|_| next(256) as u8).collect();
                    wire.extend(length.to_be_bytes());
                    wire.extend(&frame);
                    sent.push(frame);
                } else {
                    wire.push(next(9) as u8);
                    wire.extend((0..next(400)).map(|_| next(256) as u8));
                }
            }
            let mut seen: Vec<Vec<u8>> = vec![];
            let mut at = 0;
            while at < wire.len() && !connection.broken {
                let to = (at + 1 + next(3000) as usize).min(wire.len());
                connection.input.extend_from_slice(&wire[at..to]);
                connection.frames(|_, frame| {
                    seen.push(frame.to_vec());
                    false
                });
                at = to;
                assert!(connection.broken || connection.input.len() < 2 + MAX_FRAME);
            }
            assert!(seen.iter().all(|f| f.len() <= MAX_FRAME));
            if round % 2 == 0 {
                assert!(!connection.broken && seen == sent);
            }
        }
    }

    #[test]
    fn one_that_pours_does_not_hold_the_turn() {
        let mut tcp = Tcp::default();
        let local = tcp.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut peer = TcpStream::connect(local).unwrap();
        peer.set_nonblocking(true).unwrap();
        let flood = [0u8, 0].repeat(1 << 16);
        let mut frames = 0;
        for _ in 0..200 {
            while peer.write(&flood).is_ok() {}
            let before = frames;
            tcp.receive(Instant::now(), |_, _, _| {
                frames += 1;
                true
            });
            assert!(frames - before <= MAX_READS * 8192 / 2 + 1);
        }
        assert!(frames > MAX_READS * 8192 / 2, "more than one turn's worth came");
    }
}
