//! Malformed STUN, DTLS, SCTP and DCEP, from strangers and from a peer that finished its handshake: nothing panics, and
//! what is not authentic changes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
use roomful_rtc::dcep::{ChannelOptions, Reliability};
use roomful_rtc::dtls::{Dtls, DtlsEvent, DtlsIdentity};
use roomful_rtc::ice::{addressed_ufrag, Credentials, Ice};
use roomful_rtc::sctp::{Sctp, SctpEvent};
use roomful_rtc::transport::{Path, Protocol};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// xorshift64*, so that a failure comes again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n.max(1)
    }

    /// A real packet with some bytes changed, cut, doubled or lengthened; or noise.
    fn spoil(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut out = packet.to_vec();
        if self.below(8) == 0 || out.is_empty() {
            let length = self.below(200);
            return (0..length).map(|_| self.below(256) as u8).collect();
        }
        for _ in 0..=self.below(4) {
            let at = self.below(out.len());
            match self.below(5) {
                0 => out[at] ^= 1 << self.below(8),
                1 => out[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => out.truncate(at.max(1)),
                3 => out.extend_from_within(at..),
                _ => out.splice(at..at, [0xff; 4]).for_each(drop),
            }
            out.truncate(4096);
        }
        out
    }
}

/// Both sides of a handshake; what each sends can be spoilt copies first, and then the true packet.
fn handshake(spoiled: usize, later: usize, chance: &mut Chance) -> (bool, usize) {
    let mut now = Instant::now();
    let (ours, theirs) = (
        DtlsIdentity::generate().unwrap(),
        DtlsIdentity::generate().unwrap(),
    );
    let digest = |identity: &DtlsIdentity| -> Vec<u8> {
        let bytes = identity.fingerprint().split(':');
        bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    };
    let mut server = Dtls::new(&ours, false, now);
    let mut client = Dtls::new(&theirs, true, now);
    server.expect(vec![digest(&theirs)]);
    client.expect(vec![digest(&ours)]);
    let mut connected = 0;
    let mut data = 0;
    let mut count = |events: Vec<DtlsEvent>| {
        for event in events {
            match event {
                DtlsEvent::Connected => connected += 1,
                DtlsEvent::Data(_) => data += 1,
                _ => {}
            }
        }
    };
    for _ in 0..400 {
        now += Duration::from_millis(20);
        let (mut to_server, mut to_client) = (VecDeque::new(), VecDeque::new());
        count(client.handle_timeout(now, |p| to_server.push_back(p.to_vec())));
        count(server.handle_timeout(now, |p| to_client.push_back(p.to_vec())));
        while let Some((packet, for_server)) = to_server
            .pop_front()
            .map(|p| (p, true))
            .or_else(|| to_client.pop_front().map(|p| (p, false)))
        {
            for _ in 0..spoiled {
                // Strangers' answers are dropped: what matters is that the true handshake goes on.
                let bad = chance.spoil(&packet);
                if for_server {
                    server.handle(&bad, now, |_| {});
                } else {
                    client.handle(&bad, now, |_| {});
                }
            }
            if for_server {
                count(server.handle(&packet, now, |p| to_client.push_back(p.to_vec())));
            } else {
                count(client.handle(&packet, now, |p| to_server.push_back(p.to_vec())));
            }
        }
    }
    for message in [&b"first"[..], b"second"] {
        let mut records = vec![];
        if let Ok(events) = client.send(message, |p| records.push(p.to_vec())) {
            count(events);
        }
        for record in records {
            // A spoilt copy that holds the whole record makes the true one a replay: the second message has none.
            for _ in 0..if message == b"first" { later } else { 0 } {
                server.handle(&chance.spoil(&record), now, |_| {});
            }
            count(server.handle(&record, now, |_| {}));
        }
    }
    (connected == 2, data)
}

#[test]
fn a_clean_handshake_carries_data() {
    assert_eq!(handshake(0, 0, &mut Chance(1)), (true, 2));
}

#[test]
fn spoilt_dtls_never_panics() {
    for seed in 1..40 {
        handshake(5, 5, &mut Chance(seed));
    }
}

#[test]
fn spoilt_records_do_not_end_an_association() {
    for seed in 1..40 {
        let (connected, messages) = handshake(0, 30, &mut Chance(seed));
        assert!(connected && messages >= 1, "seed {seed}");
    }
}

/// Two associations; `between` may change what goes to the second.
fn talk(rounds: usize, mut between: impl FnMut(Vec<u8>) -> Vec<Vec<u8>>) -> usize {
    let mut now = Instant::now();
    let (mut peer, mut ours) = (Sctp::new(true), Sctp::new(false));
    peer.connect();
    let mut channel = None;
    let mut messages = 0;
    for round in 0..rounds {
        now += Duration::from_millis(20);
        peer.handle_timeout(now);
        ours.handle_timeout(now);
        for _ in 0..4 {
            let (mut there, mut back) = (vec![], vec![]);
            peer.transmit(now, |p| there.push(p.to_vec()));
            for packet in there.into_iter().flat_map(&mut between) {
                ours.handle(packet, now);
            }
            ours.transmit(now, |p| back.push(p.to_vec()));
            for packet in back {
                peer.handle(packet, now);
            }
        }
        peer.drain();
        messages += ours
            .drain()
            .iter()
            .filter(|event| matches!(event, SctpEvent::Message { .. }))
            .count();
        if round == 10 {
            channel = peer.open(ChannelOptions {
                label: "_reliable".into(),
                protocol: String::new(),
                ordered: true,
                reliability: Reliability::Reliable,
            });
        }
        if let (Some(channel), true) = (channel, round > 10) {
            peer.send(channel, true, &[round as u8; 1500]).ok();
        }
    }
    messages
}

#[test]
fn a_clean_association_carries_messages() {
    assert!(talk(40, |packet| vec![packet]) > 20);
}

/// RFC 9260 §6.8: the checksum that makes a spoilt packet look whole. CRC-32C, reflected.
fn resum(packet: &mut [u8]) {
    if packet.len() < 12 {
        return;
    }
    packet[8..12].fill(0);
    let crc = !packet.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| {
            if c & 1 == 1 {
                c >> 1 ^ 0x82f6_3b78
            } else {
                c >> 1
            }
        })
    });
    packet[8..12].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn spoilt_sctp_of_an_authenticated_peer_never_panics() {
    for seed in 1..60 {
        let mut chance = Chance(seed);
        talk(60, |packet| {
            let mut out = vec![];
            for n in 0..3 {
                let mut bad = chance.spoil(&packet);
                if n > 0 {
                    resum(&mut bad);
                }
                out.push(bad);
            }
            out.push(packet);
            out
        });
    }
}

#[test]
fn channel_openings_of_any_shape_are_read_or_refused() {
    let good = ChannelOptions {
        label: "_lossy".into(),
        protocol: "p".into(),
        ordered: false,
        reliability: Reliability::Retransmits(0),
    };
    assert_eq!(ChannelOptions::parse(&good.write()).as_ref(), Some(&good));
    let mut chance = Chance(7);
    for _ in 0..20_000 {
        if let Some(read) = ChannelOptions::parse(&chance.spoil(&good.write())) {
            assert_eq!(ChannelOptions::parse(&read.write()).as_ref(), Some(&read));
        }
    }
}

#[test]
fn spoilt_checks_prove_nothing() {
    let now = Instant::now();
    let path = |local: SocketAddr, remote: SocketAddr| Path {
        local,
        remote,
        protocol: Protocol::Udp,
    };
    let (us, them): (SocketAddr, SocketAddr) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
    let of = |name: &str| Credentials {
        ufrag: name.into(),
        pwd: format!("{name}-password-with-24-characters"),
    };
    let make = |name: &str, other: &str, at: SocketAddr, lite: bool| {
        let mut ice = Ice::new(&of(name), &[(at, Protocol::Udp)], lite, !lite);
        ice.set_remote(&of(other));
        ice
    };
    let mut client = make("client", "server", them, false);
    client.add_remote_candidate(us, Protocol::Udp);
    client.handle_timeout(now);
    let (_, check) = client.poll_transmit().expect("a check");
    assert_eq!(addressed_ufrag(&check).as_deref(), Some("server"));
    let mut chance = Chance(3);
    let mut passed = 0;
    for _ in 0..5_000 {
        let bad = chance.spoil(&check);
        addressed_ufrag(&bad);
        let mut server = make("server", "client", us, true);
        let took = server.handle(&path(us, them), &bad, now);
        // FINGERPRINT comes behind MESSAGE-INTEGRITY, which does not cover it (RFC 8489 §14.7).
        passed += usize::from(took && !bad.starts_with(&check[..check.len() - 8]));
        while server.poll_event().is_some() {}
        while server.poll_transmit().is_some() {}
    }
    assert_eq!(passed, 0);
    assert!(make("server", "client", us, true).handle(&path(us, them), &check, now));
}
