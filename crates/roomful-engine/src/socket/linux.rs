//! recvmmsg, sendmmsg and UDP_SEGMENT. One UDP send costs ten times the encryption of its packet, so many go at once.
#![allow(clippy::indexing_slicing)] // Arrays of one length, indexed by counters below it.
use super::batch::Message;
use super::{BATCH, MAX_DATAGRAM};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Messages in one sendmmsg.
const SEND_AT_ONCE: usize = 256;
/// Bytes of control message for a 16-bit segment size, aligned.
const CONTROL: usize = 32;

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

pub struct Linux {
    fd: i32,
    gso: bool,
    buffers: Vec<[u8; MAX_DATAGRAM]>,
    names: Vec<libc::sockaddr_storage>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    out_names: Vec<libc::sockaddr_storage>,
    out_vectors: Vec<libc::iovec>,
    out_headers: Vec<libc::mmsghdr>,
    out_controls: Vec<Control>,
}

// SAFETY: the raw pointers inside point into this struct's own vectors, are set anew before every call, and the struct is used
// by one thread at a time.
unsafe impl Send for Linux {}

fn zeroed<T>() -> T {
    // SAFETY: only used for libc's plain structs, for which all zeros is a valid value.
    unsafe { std::mem::zeroed() }
}

impl Linux {
    pub fn new(fd: i32) -> Self {
        Self {
            fd,
            gso: gso_works(fd),
            buffers: vec![[0; MAX_DATAGRAM]; BATCH],
            names: (0..BATCH).map(|_| zeroed()).collect(),
            vectors: (0..BATCH).map(|_| zeroed()).collect(),
            headers: (0..BATCH).map(|_| zeroed()).collect(),
            out_names: vec![],
            out_vectors: vec![],
            out_headers: vec![],
            out_controls: vec![],
        }
    }

    /// The socket of the next calls.
    pub fn turn_to(&mut self, fd: i32) {
        self.fd = fd;
    }

    pub fn joins(&self) -> bool {
        self.gso
    }

    pub fn receive(&mut self, mut each: impl FnMut(SocketAddr, &mut [u8])) -> usize {
        for at in 0..BATCH {
            self.vectors[at] = libc::iovec {
                iov_base: self.buffers[at].as_mut_ptr().cast(),
                iov_len: MAX_DATAGRAM,
            };
            let header = &mut self.headers[at].msg_hdr;
            header.msg_name = std::ptr::from_mut(&mut self.names[at]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as u32;
            header.msg_iov = &mut self.vectors[at];
            header.msg_iovlen = 1;
        }
        // SAFETY: every header points at buffers of ours that live through the call, with their sizes.
        let taken = unsafe {
            libc::recvmmsg(
                self.fd,
                self.headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let taken = usize::try_from(taken).unwrap_or(0).min(BATCH);
        for at in 0..taken {
            let length = (self.headers[at].msg_len as usize).min(MAX_DATAGRAM);
            // A datagram that did not fit is damaged.
            if self.headers[at].msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                continue;
            }
            if let Some(remote) = address(&self.names[at]) {
                each(remote, &mut self.buffers[at][..length]);
            }
        }
        taken
    }

    pub fn send(&mut self, arena: &[u8], messages: &[Message]) {
        for part in messages.chunks(SEND_AT_ONCE) {
            self.send_part(arena, part);
        }
    }

    fn send_part(&mut self, arena: &[u8], messages: &[Message]) {
        let count = messages.len();
        self.out_names.resize_with(count, zeroed);
        self.out_vectors.resize_with(count, zeroed);
        self.out_headers.resize_with(count, zeroed);
        self.out_controls.resize(count, Control([0; CONTROL]));
        for (at, message) in messages.iter().enumerate() {
            let Some(bytes) = arena.get(message.offset..message.offset + message.length) else {
                return;
            };
            let name_length = name(&message.remote, &mut self.out_names[at]);
            self.out_vectors[at] = libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            };
            let header = &mut self.out_headers[at].msg_hdr;
            *header = zeroed();
            header.msg_name = std::ptr::from_mut(&mut self.out_names[at]).cast();
            header.msg_namelen = name_length;
            header.msg_iov = &mut self.out_vectors[at];
            header.msg_iovlen = 1;
            if message.count > 1 {
                let control = &mut self.out_controls[at];
                header.msg_control = control.0.as_mut_ptr().cast();
                // SAFETY: the control buffer is aligned and larger than one header with 2 bytes of data.
                unsafe {
                    header.msg_controllen = libc::CMSG_SPACE(2) as usize;
                    let c = control.0.as_mut_ptr().cast::<libc::cmsghdr>();
                    (*c).cmsg_level = libc::SOL_UDP;
                    (*c).cmsg_type = libc::UDP_SEGMENT;
                    (*c).cmsg_len = libc::CMSG_LEN(2) as usize;
                    libc::CMSG_DATA(c)
                        .cast::<u16>()
                        .write_unaligned(message.segment as u16);
                }
            }
        }
        let mut done = 0;
        let mut stalls = 0;
        while done < count {
            // SAFETY: headers point at the arena and at vectors of ours that live through the call.
            let sent = unsafe {
                libc::sendmmsg(
                    self.fd,
                    self.out_headers.as_mut_ptr().add(done),
                    (count - done) as u32,
                    0,
                )
            };
            if sent > 0 {
                done += sent as usize;
                continue;
            }
            let error = std::io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOBUFS) if stalls < 50 => {
                    // The kernel's buffer is full for a moment; the wait is bounded.
                    stalls += 1;
                    std::thread::yield_now();
                }
                Some(code @ (libc::EIO | libc::EINVAL | libc::EMSGSIZE))
                    if messages.get(done).is_some_and(|m| m.count > 1) =>
                {
                    // EIO: the device does not segment, and never will. The others are about this destination's MTU.
                    self.gso &= code != libc::EIO;
                    self.one_by_one(arena, &messages[done]);
                    done += 1;
                }
                // Refused, unreachable and the like concern one destination.
                _ => done += 1,
            }
        }
    }

    fn one_by_one(&mut self, arena: &[u8], message: &Message) {
        let bytes = arena
            .get(message.offset..message.offset + message.length)
            .unwrap_or(&[]);
        let mut storage = zeroed();
        let length = name(&message.remote, &mut storage);
        for datagram in bytes.chunks(message.segment.max(1)) {
            // SAFETY: pointers and lengths belong together and live through the call.
            unsafe {
                libc::sendto(
                    self.fd,
                    datagram.as_ptr().cast(),
                    datagram.len(),
                    0,
                    std::ptr::from_ref(&storage).cast(),
                    length,
                );
            }
        }
    }
}

fn gso_works(fd: i32) -> bool {
    let mut value = 0i32;
    let mut length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: value and length live through the call.
    unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_UDP,
            libc::UDP_SEGMENT,
            std::ptr::from_mut(&mut value).cast(),
            &mut length,
        ) == 0
    }
}

fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which of the two it is, and the storage is large enough for both.
            let v4 = unsafe { &*std::ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*std::ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::new(IpAddr::V6(ip), u16::from_be(v6.sin6_port)))
        }
        _ => None,
    }
}

fn name(address: &SocketAddr, storage: &mut libc::sockaddr_storage) -> u32 {
    match address {
        SocketAddr::V4(v4) => {
            // SAFETY: the storage is aligned for and larger than either kind.
            let out = unsafe { &mut *std::ptr::from_mut(storage).cast::<libc::sockaddr_in>() };
            out.sin_family = libc::AF_INET as u16;
            out.sin_port = v4.port().to_be();
            out.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            size_of::<libc::sockaddr_in>() as u32
        }
        SocketAddr::V6(v6) => {
            // SAFETY: as above.
            let out = unsafe { &mut *std::ptr::from_mut(storage).cast::<libc::sockaddr_in6>() };
            out.sin6_family = libc::AF_INET6 as u16;
            out.sin6_port = v6.port().to_be();
            out.sin6_addr.s6_addr = v6.ip().octets();
            out.sin6_flowinfo = 0;
            out.sin6_scope_id = v6.scope_id();
            size_of::<libc::sockaddr_in6>() as u32
        }
    }
}
