//! One system call a datagram: for systems without recvmmsg and GSO, and for finding out whether those are to blame.
use super::batch::Message;
use super::{BATCH, MAX_DATAGRAM};
use std::net::{SocketAddr, UdpSocket};

pub fn receive(socket: &UdpSocket, mut each: impl FnMut(SocketAddr, &mut [u8])) -> usize {
    // One more: what fills it is a datagram that did not fit, and damaged.
    let mut buffer = [0u8; MAX_DATAGRAM + 1];
    let mut taken = 0;
    while taken < BATCH {
        let Ok((length, remote)) = socket.recv_from(&mut buffer) else {
            break;
        };
        taken += 1;
        if let Some(bytes) = buffer.get_mut(..length).filter(|_| length <= MAX_DATAGRAM) {
            each(remote, bytes);
        }
    }
    taken
}

pub fn send(socket: &UdpSocket, arena: &[u8], messages: &[Message]) {
    for message in messages {
        let bytes = arena
            .get(message.offset..message.offset + message.length)
            .unwrap_or(&[]);
        for datagram in bytes.chunks(message.segment.max(1)) {
            // A datagram that cannot go now is lost like any other: RTP and SCTP repair that.
            let _ = socket.send_to(datagram, message.remote);
        }
    }
}
