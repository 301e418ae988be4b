//! UDP sockets in batches. `linux` uses recvmmsg, sendmmsg and GSO; `portable` one call a packet. Same face, same tests.
mod batch;
#[cfg(target_os = "linux")]
mod linux;
mod portable;

pub use batch::{Batch, Message};

use crate::config::EngineError;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// Largest datagram that is taken.
pub const MAX_DATAGRAM: usize = 2048;
/// Datagrams taken at once.
pub const BATCH: usize = 64;
/// Kernel buffers, bytes: a burst of key frames for hundreds of subscribers must fit.
const KERNEL_BUFFER: i32 = 8 << 20;

/// One UDP socket.
pub struct Socket {
    socket: UdpSocket,
    local: SocketAddr,
    portable: bool,
    #[cfg(target_os = "linux")]
    linux: linux::Linux,
}

impl Socket {
    /// Binds. A taken port is an error of its own.
    pub fn bind(address: SocketAddr, portable: bool) -> Result<Self, EngineError> {
        let socket = UdpSocket::bind(address).map_err(|e| bind_error("UDP", address, &e))?;
        let os = |e: std::io::Error| EngineError::Os(format!("UDP {address}: {e}"));
        socket.set_nonblocking(true).map_err(os)?;
        let local = socket.local_addr().map_err(os)?;
        widen(&socket);
        Ok(Self {
            #[cfg(target_os = "linux")]
            linux: linux::Linux::new(socket.as_raw_fd()),
            socket,
            local,
            portable,
        })
    }

    /// What it is bound to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// For `poll`.
    pub fn fd(&self) -> i32 {
        self.socket.as_raw_fd()
    }

    /// Takes up to [`BATCH`] datagrams; `each(remote, bytes)`. Returns how many.
    pub fn receive(&mut self, each: impl FnMut(SocketAddr, &mut [u8])) -> usize {
        #[cfg(target_os = "linux")]
        if !self.portable {
            return self.linux.receive(each);
        }
        portable::receive(&self.socket, each)
    }

    /// Sends a batch's messages of this socket.
    pub fn send(&mut self, arena: &[u8], messages: &[Message]) {
        #[cfg(target_os = "linux")]
        if !self.portable {
            self.linux.send(arena, messages);
            return;
        }
        portable::send(&self.socket, arena, messages);
    }

    /// Whether equal packets to one destination may share a message.
    pub fn joins(&self) -> bool {
        #[cfg(target_os = "linux")]
        if !self.portable {
            return self.linux.joins();
        }
        false
    }
}

/// The buffers of one thread for many sockets that each carry little: a relay has thousands.
pub struct Pump {
    portable: bool,
    #[cfg(target_os = "linux")]
    linux: linux::Linux,
}

impl Pump {
    /// `like`: any socket, to learn what the system can do.
    pub fn new(like: &UdpSocket, portable: bool) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            linux: linux::Linux::new(like.as_raw_fd()),
            portable,
        }
    }

    /// As [`Socket::receive`].
    pub fn receive(&mut self, socket: &UdpSocket, each: impl FnMut(SocketAddr, &mut [u8])) -> usize {
        #[cfg(target_os = "linux")]
        if !self.portable {
            self.linux.turn_to(socket.as_raw_fd());
            return self.linux.receive(each);
        }
        portable::receive(socket, each)
    }

    /// As [`Socket::send`].
    pub fn send(&mut self, socket: &UdpSocket, arena: &[u8], messages: &[Message]) {
        #[cfg(target_os = "linux")]
        if !self.portable {
            self.linux.turn_to(socket.as_raw_fd());
            self.linux.send(arena, messages);
            return;
        }
        portable::send(socket, arena, messages);
    }

    /// As [`Socket::joins`].
    pub fn joins(&self) -> bool {
        #[cfg(target_os = "linux")]
        if !self.portable {
            return self.linux.joins();
        }
        false
    }
}

/// A bind error in words.
pub fn bind_error(protocol: &'static str, address: SocketAddr, error: &std::io::Error) -> EngineError {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => EngineError::PortTaken { protocol, address },
        _ => EngineError::Os(format!("{protocol} {address}: {error}")),
    }
}

/// Makes the kernel's buffers large enough for bursts.
pub fn widen(socket: &UdpSocket) {
    for (forced, plain) in [
        (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF),
        (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF),
    ] {
        let set = |option: i32| {
            // SAFETY: the value outlives the call and its size is given.
            unsafe {
                libc::setsockopt(
                    socket.as_raw_fd(),
                    libc::SOL_SOCKET,
                    option,
                    std::ptr::from_ref(&KERNEL_BUFFER).cast(),
                    size_of::<i32>() as libc::socklen_t,
                )
            }
        };
        // Only root may go beyond the system's limit.
        if set(forced) != 0 {
            set(plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roomful_rtc::transport::{Path, Protocol};
    use roomful_sfu::egress::Egress;

    #[test]
    fn batches_arrive_whole_on_both_kinds() {
        for portable in [false, true] {
            for address in ["127.0.0.1:0", "[::1]:0"] {
                let mut socket = Socket::bind(address.parse().unwrap(), portable).unwrap();
                let peer = UdpSocket::bind(address).unwrap();
                peer.set_read_timeout(Some(std::time::Duration::from_secs(2)))
                    .unwrap();
                let path = Path {
                    local: socket.local(),
                    remote: peer.local_addr().unwrap(),
                    protocol: Protocol::Udp,
                };
                let mut batch = Batch::new(vec![(socket.local(), socket.joins())]);
                let sizes = [1100, 1100, 1100, 900, 1100, 40, 40, 1];
                for (n, size) in sizes.into_iter().enumerate() {
                    batch.slot(&path, size).fill(n as u8);
                }
                batch.flush(|_, arena, messages| socket.send(arena, messages));
                let mut buffer = [0u8; 4000];
                for (n, size) in sizes.into_iter().enumerate() {
                    let got = peer.recv(&mut buffer).unwrap();
                    assert_eq!((got, buffer[0]), (size, n as u8), "portable {portable}");
                }
                for n in 0..5u8 {
                    peer.send_to(&[n; 30], socket.local()).unwrap();
                }
                let mut seen = vec![];
                while seen.len() < 5 {
                    socket.receive(|from, bytes| {
                        assert_eq!(from, path.remote);
                        seen.push((bytes[0], bytes.len()));
                    });
                }
                assert_eq!(seen, (0..5).map(|n| (n, 30)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_taken_port_says_so() {
        let first = Socket::bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
        assert!(matches!(
            Socket::bind(first.local(), false),
            Err(EngineError::PortTaken { .. })
        ));
    }
}
