//! Hostile traffic at the router: floods while somebody joins, replays, spoilt packets from a proven address, people who
//! vanish, offers without end. Other people's calls go on and nothing is kept for strangers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_rtc::rtp::extension::Block;
use roomful_rtc::rtp::NewHeader;
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::command::{Command, Credentials, Id, Kind};
use roomful_sfu::event::{Event, TransportState};
use std::time::Duration;
use support::specs::{spec, WATCH};
use support::{audio, id, video, vp8, Wire, World};

fn publish(world: &mut World, who: &str, track: &str) {
    world.command(Command::Publish {
        participant: id(&format!("PA_{who}")),
        spec: spec(track, Kind::Video, "vp8", "cam"),
    });
}

/// Ada publishes, Bob watches; not connected yet.
fn invited() -> World {
    let mut world = World::new();
    world.enter("ada", &[]);
    publish(&mut world, "ada", "TR_v");
    world.client("ada").sections = vec![video(
        "sendonly",
        "a=msid:s cam\na=ssrc:77 cname:x\na=ssrc:78 cname:x\na=ssrc-group:FID 77 78\n",
    )];
    world.offer("ada");
    world.enter("bob", &[video("recvonly", ""), audio("recvonly", "")]);
    world.command(Command::Subscribe {
        participant: id("PA_bob"),
        track: id("TR_v"),
        settings: WATCH,
    });
    world.offer("bob");
    world
}

fn call() -> World {
    let mut world = invited();
    world.run(Duration::from_secs(1));
    assert_eq!(in_state(&world, TransportState::Connected).len(), 2);
    world
}

fn in_state(world: &World, wanted: TransportState) -> Vec<Id> {
    world
        .events
        .iter()
        .filter_map(|e| match e {
            Event::Transport { transport, state, .. } if *state == wanted => Some(transport.clone()),
            _ => None,
        })
        .collect()
}

fn film(world: &mut World, from: u64, count: u64) {
    for n in from..from + count {
        let payload = vp8(n == from, n as u16 & 0x7fff, 600);
        world.send("ada", 77, 96, n, n as u32 * 3000, &[], &payload);
        world.run(Duration::from_millis(33));
    }
}

fn path_of(world: &World, who: &str) -> Path {
    Path {
        local: world.server,
        remote: world.clients[who].address,
        protocol: Protocol::Udp,
    }
}

/// Packets of every kind from many addresses that ICE has not proven.
fn flood(world: &mut World, round: u32, mut stun: Vec<u8>) {
    let mut wire = Wire::default();
    let mut hello = vec![
        22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1, 0, 0, 88, 0, 0, 0, 0, 0, 0, 0, 88, 0xfe, 0xfd,
    ];
    hello.resize(113, 7);
    for n in 0..200u32 {
        let remote = format!("10.9.{}.{}:{}", round % 250, n % 250, 1000 + n)
            .parse()
            .unwrap();
        let path = Path {
            local: world.server,
            remote,
            protocol: Protocol::Udp,
        };
        // The true ufrags, a message integrity that does not hold.
        if let Some(last) = stun.last_mut() {
            *last = last.wrapping_add(1);
        }
        for packet in [
            &hello,
            &stun,
            &vec![0x80; 200],
            &vec![0x80, 200, 0, 6],
            &vec![n as u8; 60],
        ] {
            let now = world.now;
            world
                .router
                .handle_packet(&path, &mut packet.clone(), now, &mut wire);
        }
    }
    let now = world.now;
    world.router.flush(now, &mut wire);
    assert!(wire.0.is_empty(), "a stranger was answered: {:?}", wire.0[0].0);
}

/// A binding request for Ada's transport with an integrity attribute that was made with no key (RFC 8489 §5, §14.5).
fn forged_check() -> Vec<u8> {
    let name = b"srvada1:adafrag";
    let mut attributes = vec![0, 6, 0, name.len() as u8];
    attributes.extend(name);
    attributes.push(0);
    attributes.extend([0, 8, 0, 20]);
    attributes.extend([0x5a; 20]);
    let mut packet = vec![0, 1, 0, attributes.len() as u8, 0x21, 0x12, 0xa4, 0x42];
    packet.extend([9; 12]);
    packet.extend(attributes);
    packet
}

#[test]
fn a_join_goes_on_while_strangers_flood() {
    let mut world = invited();
    for round in 0..100 {
        flood(&mut world, round, forged_check());
        world.run(Duration::from_millis(10));
    }
    assert_eq!(in_state(&world, TransportState::Connected).len(), 2);
    film(&mut world, 1, 30);
    assert_eq!(world.client("bob").received.len(), 30);
    for round in 100..130 {
        flood(&mut world, round, forged_check());
    }
    film(&mut world, 31, 10);
    assert_eq!(world.client("bob").received.len(), 40);
}

/// A protected packet of Ada's, not sent yet.
fn sealed(world: &mut World, index: u64) -> Vec<u8> {
    let payload = vp8(false, index as u16, 300);
    let client = world.client("ada");
    let sender = client.transport.sender().unwrap();
    let mut packet = vec![0u8; 12 + payload.len() + sender.overhead()];
    let header = NewHeader {
        marker: true,
        payload_type: 96,
        sequence: index as u16,
        timestamp: index as u32 * 3000,
        ssrc: 77,
    };
    let at = header.write(&Block::default(), &mut packet).unwrap();
    packet[at..at + payload.len()].copy_from_slice(&payload);
    sender.protect_rtp(&mut packet, at, 77, index).unwrap();
    packet
}

#[test]
fn replayed_packets_are_forwarded_once() {
    let mut world = call();
    film(&mut world, 1, 10);
    let path = path_of(&world, "ada");
    let packets: Vec<Vec<u8>> = (11..31).map(|index| sealed(&mut world, index)).collect();
    let bob = world.client("bob").address;
    let mut forwarded = vec![];
    for _ in 0..5 {
        let mut count = 0;
        for packet in &packets {
            let now = world.now;
            let mut wire = Wire::default();
            world
                .router
                .handle_packet(&path, &mut packet.clone(), now, &mut wire);
            world.router.flush(now, &mut wire);
            let media = |p: &[u8]| p[0] >> 6 == 2 && !(192..=223).contains(&p[1]);
            count += wire
                .0
                .iter()
                .filter(|(to, p)| to.remote == bob && media(p))
                .count();
        }
        forwarded.push(count);
    }
    assert_eq!(forwarded, [20, 0, 0, 0, 0]);
}

#[test]
fn spoilt_packets_from_a_proven_address_change_nothing_for_others() {
    let mut world = call();
    film(&mut world, 1, 5);
    let path = path_of(&world, "bob");
    let mut seed = 88_172_645_463_325_252u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..20_000 {
        let first = [0u8, 1, 20, 21, 22, 23, 25, 63, 64, 79, 0x80, 0x90, 0xb0, 0xff][next() as usize % 14];
        let mut packet: Vec<u8> = (0..next() as usize % 120).map(|_| next() as u8).collect();
        if let Some(byte) = packet.first_mut() {
            *byte = first;
        }
        let now = world.now;
        world
            .router
            .handle_packet(&path, &mut packet, now, &mut Wire::default());
    }
    world.run(Duration::from_millis(200));
    assert!(in_state(&world, TransportState::Failed).is_empty());
    let before = world.client("bob").received.len();
    film(&mut world, 6, 20);
    assert_eq!(world.client("bob").received.len(), before + 20);
}

#[test]
fn who_vanishes_is_told_of_and_the_others_go_on() {
    let mut world = call();
    world.enter("eve", &[video("recvonly", "")]);
    world.run(Duration::from_secs(1));
    let address = world.client("eve").address;
    world.clients.remove("eve");
    film(&mut world, 1, 30 * 40);
    let gone = |state| in_state(&world, state).iter().any(|t| **t == *"TP_eve");
    assert!(
        gone(TransportState::Disconnected) || gone(TransportState::Failed),
        "{address} is silent"
    );
    assert!(in_state(&world, TransportState::Disconnected)
        .iter()
        .all(|t| **t == *"TP_eve"));
    assert_eq!(world.client("bob").received.len(), 30 * 40);
}

#[test]
fn offers_over_their_limit_are_refused_with_a_reason_and_the_call_goes_on() {
    let mut world = call();
    let long = "a=x-long:".to_owned() + &"y".repeat(70_000);
    for (request, sdp) in [
        (
            901,
            format!("v=0\r\no=- 1 9 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{long}\r\n"),
        ),
        (902, "v=0\r\n".repeat(20_000)),
        (903, "m=video".to_owned()),
        (904, String::new()),
        (905, "\0\u{fffd}\r\n".repeat(9)),
    ] {
        world.command(Command::RemoteOffer {
            request,
            transport: id("TP_bob"),
            sdp,
            credentials: Credentials {
                ufrag: format!("again{request}"),
                pwd: "server-password-with-24-chars".into(),
            },
        });
        let refusal = world.events.iter().find_map(|e| match e {
            Event::Refused {
                request: r,
                code,
                message,
            } if *r == request => Some((*code, message.clone())),
            _ => None,
        });
        let (code, message) = refusal.unwrap_or_else(|| panic!("{request} was taken"));
        assert!(code == "sdp_invalid" && message.len() < 300, "{code}: {message}");
    }
    film(&mut world, 1, 10);
    assert_eq!(world.client("bob").received.len(), 10);
}
