//! Relaying allocates nothing for a packet: whole server, real sockets, its own thread counted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../examples/turn_load/client.rs"]
mod client;

use client::{Client, CHANNEL};
use roomful_engine::turn::{Kind, Turn, TurnConfig};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Of all threads but those of the test.
static COUNT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static OURS: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if OURS.try_with(|ours| !ours.get()).unwrap_or(false) {
            COUNT.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Packets of a burst, and bursts each way.
const BURST: usize = 8;
const BURSTS: usize = 200;
/// Buffers grow when more comes in one turn than ever before; that ends.
const GROWTH: usize = 30;

fn burst(from: &UdpSocket, towards: std::net::SocketAddr, packet: &[u8], to: &UdpSocket) {
    for _ in 0..BURST {
        from.send_to(packet, towards).unwrap();
    }
    let mut buffer = [0; 2_048];
    for _ in 0..BURST {
        to.recv(&mut buffer).unwrap();
    }
}

#[test]
fn relaying_allocates_nothing_for_a_packet() {
    OURS.set(true);
    let before = COUNT.load(Ordering::Relaxed);
    std::thread::spawn(|| drop(vec![1u8])).join().unwrap();
    assert!(COUNT.load(Ordering::Relaxed) > before, "the counter counts");
    for portable in [false, true] {
        let config = TurnConfig {
            addresses: vec!["127.0.0.1".parse().unwrap()],
            secrets: vec![b"north".to_vec()],
            allowed: vec!["127.0.0.0/8".to_owned()],
            bandwidth: 0,
            portable,
            ..TurnConfig::default()
        };
        let turn = Turn::start(&config, &[]).unwrap();
        let (_, server) = turn.ports().iter().find(|(kind, _)| *kind == Kind::Udp).unwrap();
        let ada = Client::new(1, *server, "127.0.0.1".parse().unwrap(), "north", "roomful").unwrap();
        for socket in [&ada.socket, &ada.peer] {
            socket.set_nonblocking(false).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        }
        let [a, b] = CHANNEL.to_be_bytes();
        let mut framed = vec![a, b, 900u16.to_be_bytes()[0], 900u16.to_be_bytes()[1]];
        framed.resize(904, 7);
        let both = || {
            burst(&ada.socket, *server, &framed, &ada.peer);
            burst(&ada.peer, ada.relayed, &framed[4..], &ada.socket);
        };
        both();
        let before = COUNT.load(Ordering::Relaxed);
        for _ in 0..BURSTS {
            both();
        }
        let made = COUNT.load(Ordering::Relaxed) - before;
        assert!(
            made <= GROWTH,
            "portable {portable}: {made} for {} packets",
            2 * BURST * BURSTS
        );
    }
}
