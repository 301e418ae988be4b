//! Taking datagrams in and sending them on allocates nothing once buffers have their size, on both kinds of socket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use roomful_engine::socket::{Batch, Socket};
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::egress::Egress;
use std::net::UdpSocket;
use std::time::Duration;

#[path = "../../roomful-rtc/tests/support/counting.rs"]
mod counting;
use counting::allocations;

#[test]
fn a_turn_of_the_sockets_allocates_nothing() {
    assert_eq!(allocations(|| drop(vec![1u8])), 1, "the counter counts");
    for portable in [false, true] {
        let mut socket = Socket::bind("127.0.0.1:0".parse().unwrap(), portable).unwrap();
        let publisher = UdpSocket::bind("127.0.0.1:0").unwrap();
        let readers: Vec<UdpSocket> = (0..20).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let paths: Vec<Path> = readers
            .iter()
            .map(|reader| Path {
                local: socket.local(),
                remote: reader.local_addr().unwrap(),
                protocol: Protocol::Udp,
            })
            .collect();
        let mut batch = Batch::new(vec![(socket.local(), socket.joins())]);
        let mut buffer = [0u8; 2048];
        for turn in 0..5 {
            for _ in 0..8 {
                publisher.send_to(&[turn; 900], socket.local()).unwrap();
            }
            let mut forwarded = 0;
            let made = allocations(|| {
                while forwarded < 8 * paths.len() {
                    socket.receive(|_, bytes| {
                        for path in &paths {
                            batch.put(path, bytes);
                            forwarded += 1;
                        }
                    });
                }
                batch.flush(|_, arena, messages| socket.send(arena, messages));
            });
            // The first turn finds out how much is needed.
            assert!(turn == 0 || made == 0, "portable {portable}: {made}");
            for reader in &readers {
                reader.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                for _ in 0..8 {
                    assert_eq!((reader.recv(&mut buffer).unwrap(), buffer[0]), (900, turn));
                }
            }
        }
    }
}
