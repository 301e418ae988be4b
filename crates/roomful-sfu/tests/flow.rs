//! The router with clients on a virtual network: publish, subscribe, switch, repair, mute, leave.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_rtc::rtcp::{self, write, Feedback};
use roomful_rtc::rtp::Extension;
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::command::{Command, Kind, Layer, TrackSpec, ViewSettings};
use roomful_sfu::event::{Event, TransportState};
use std::time::Duration;
use support::specs::{self, WATCH};
use support::{audio, id, video, vp8, Wire, World};

fn spec(track: &str, kind: Kind, cid: &str, layers: &[(u8, u32, u32, &str)]) -> TrackSpec {
    let layers = layers.iter().map(|(quality, width, height, rid)| Layer {
        quality: *quality,
        width: *width,
        height: *height,
        bitrate_bps: 0,
        rid: (*rid).into(),
    });
    let codec = if kind == Kind::Video { "vp8" } else { "opus" };
    TrackSpec {
        layers: layers.collect(),
        ..specs::spec(track, kind, codec, cid)
    }
}

fn publish(world: &mut World, who: &str, spec: TrackSpec) {
    world.command(Command::Publish {
        participant: id(&format!("PA_{who}")),
        spec,
    });
}

fn subscribe(world: &mut World, who: &str, track: &str) {
    world.command(Command::Subscribe {
        participant: id(&format!("PA_{who}")),
        track: id(track),
        settings: WATCH,
    });
}

/// Ada publishes a camera, Bob has a section to receive it and is subscribed.
fn call() -> World {
    let mut world = World::new();
    world.enter("ada", &[]);
    publish(
        &mut world,
        "ada",
        spec("TR_v", Kind::Video, "cam", &[(2, 640, 360, "")]),
    );
    world.client("ada").sections = vec![video(
        "sendonly",
        "a=msid:s cam\na=ssrc:77 cname:x\na=ssrc:78 cname:x\na=ssrc-group:FID 77 78\n",
    )];
    world.offer("ada");
    world.enter("bob", &[video("recvonly", ""), audio("recvonly", "")]);
    subscribe(&mut world, "bob", "TR_v");
    world.offer("bob");
    world.run(Duration::from_secs(1));
    assert_eq!(connected(&world), 2);
    world
}

fn connected(world: &World) -> usize {
    world
        .events
        .iter()
        .filter(|e| {
            matches!(
                e,
                Event::Transport {
                    state: TransportState::Connected,
                    ..
                }
            )
        })
        .count()
}

/// Sends frames of one packet each at 30 fps, the first one a key frame; returns the next index.
fn frames(world: &mut World, ssrc: u32, from: u64, count: u64, rid: Option<&str>) -> u64 {
    for n in from..from + count {
        let extensions: Vec<(Extension, &[u8])> = rid
            .map(|r| vec![(Extension::Mid, &b"0"[..]), (Extension::Rid, r.as_bytes())])
            .unwrap_or_default();
        world.send(
            "ada",
            ssrc,
            96,
            n,
            n as u32 * 3000,
            &extensions,
            &vp8(n == from, n as u16 & 0x7fff, 800),
        );
        world.run(Duration::from_millis(33));
    }
    from + count
}

fn gap_free(indices: &[u64]) -> bool {
    indices.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

#[test]
fn media_flows_with_the_subscribers_own_numbers() {
    let mut world = call();
    frames(&mut world, 77, 40_000, 60, None);
    let bob = world.client("bob");
    assert_eq!(bob.received.len(), 60);
    assert!(gap_free(
        &bob.received.iter().map(|p| p.index).collect::<Vec<_>>()
    ));
    assert!(bob
        .received
        .iter()
        .all(|p| p.header.ssrc != 77 && p.header.payload_type == 96 && p.header.marker));
    let steps: Vec<u32> = bob
        .received
        .windows(2)
        .map(|p| p[1].header.timestamp.wrapping_sub(p[0].header.timestamp))
        .collect();
    assert!(steps.iter().all(|s| *s == 3000));
    assert!(world
        .events
        .iter()
        .any(|e| matches!(e, Event::Subscribed { track, .. } if **track == *"TR_v")));
    assert!(world
        .events
        .iter()
        .any(|e| matches!(e, Event::TrackStarted { .. })));
}

#[test]
fn a_subscriber_waits_for_a_key_frame_and_the_publisher_is_asked_for_one() {
    let mut world = call();
    for n in 0..30u64 {
        world.send(
            "ada",
            77,
            96,
            100 + n,
            n as u32 * 3000,
            &[],
            &vp8(false, n as u16, 500),
        );
        world.run(Duration::from_millis(33));
    }
    assert!(world.client("bob").received.is_empty());
    let mut asked = 0;
    for packet in &world.client("ada").rtcp {
        rtcp::read(packet, |f| {
            asked += usize::from(matches!(f, Feedback::Pli { ssrc: 77 }))
        });
    }
    assert!((2..=5).contains(&asked), "asked {asked} times in two seconds");
    frames(&mut world, 77, 130, 3, None);
    assert_eq!(world.client("bob").received.len(), 3);
}

#[test]
fn lost_packets_are_sent_again_from_the_ring() {
    let mut world = call();
    frames(&mut world, 77, 500, 10, None);
    let ssrc = world.client("bob").received[0].header.ssrc;
    let mut lost = vec![];
    world.client("bob").lose = Some(Box::new(move |h| h.ssrc == ssrc && h.sequence % 7 == 3));
    frames(&mut world, 77, 510, 30, None);
    let got: Vec<u64> = world.client("bob").received.iter().map(|p| p.index).collect();
    for n in got[0]..=*got.last().unwrap() {
        if !got.contains(&n) {
            lost.push(n as u16);
        }
    }
    assert!(lost.len() >= 4);
    let mut packet = vec![];
    write::nack(&mut packet, 1, ssrc, &lost);
    let (server, now) = (world.server, world.now);
    let bob = world.client("bob");
    bob.transport
        .sender_mut()
        .unwrap()
        .protect_rtcp(&mut packet)
        .unwrap();
    let path = Path {
        local: server,
        remote: bob.address,
        protocol: Protocol::Udp,
    };
    world
        .router
        .handle_packet(&path, &mut packet, now, &mut Wire::default());
    world.run(Duration::from_millis(100));
    let again: Vec<u16> = world
        .client("bob")
        .received
        .iter()
        .filter(|p| p.header.ssrc != ssrc)
        .map(|p| u16::from_be_bytes([p.payload[0], p.payload[1]]))
        .collect();
    assert_eq!(again, lost);
}

#[test]
fn the_publisher_is_asked_for_what_was_lost_on_the_way_in() {
    let mut world = call();
    for n in (0..40u64).filter(|n| *n != 20 && *n != 21) {
        world.send(
            "ada",
            77,
            96,
            1000 + n,
            n as u32 * 3000,
            &[],
            &vp8(n == 0, n as u16, 500),
        );
        world.run(Duration::from_millis(10));
    }
    let mut asked = vec![];
    for packet in &world.client("ada").rtcp {
        rtcp::read(packet, |f| {
            if let Feedback::Nack { ssrc: 77, pairs } = f {
                asked.extend(rtcp::nack::sequences(pairs));
            }
        });
    }
    assert!(asked.contains(&1020) && asked.contains(&1021) && !asked.contains(&1019));
    // It comes late, by RTX, and fills the gap at the subscriber's side.
    let mut rtx = 1020u16.to_be_bytes().to_vec();
    rtx.extend(vp8(false, 20, 500));
    world.send("ada", 78, 97, 5, 20 * 3000, &[], &rtx);
    world.run(Duration::from_millis(20));
    let bob = world.client("bob");
    let (first, late) = (bob.received[0].index, bob.received.last().unwrap().index);
    assert_eq!(late - first, 20);
}

#[test]
fn layers_switch_at_key_frames_without_a_gap() {
    let mut world = World::new();
    world.enter("ada", &[]);
    let layers = [(0, 160, 90, "q"), (1, 320, 180, "h"), (2, 640, 360, "f")];
    publish(&mut world, "ada", spec("TR_v", Kind::Video, "cam", &layers));
    let rids = "a=msid:s cam\na=rid:q send\na=rid:h send\na=rid:f send\na=simulcast:send q;h;f\n";
    world.client("ada").sections = vec![video("sendonly", rids)];
    world.offer("ada");
    world.enter("bob", &[video("recvonly", "")]);
    subscribe(&mut world, "bob", "TR_v");
    world.offer("bob");
    world.run(Duration::from_secs(1));
    let mut at = [(11u32, "q", 9_000u64), (22, "h", 65_450), (33, "f", 300)];
    let mut view = |world: &mut World, width: u32, seconds: u64| {
        world.command(Command::View {
            participant: id("PA_bob"),
            track: id("TR_v"),
            settings: ViewSettings {
                width,
                height: width * 9 / 16,
                ..WATCH
            },
        });
        for n in 0..seconds * 30 {
            for (ssrc, rid, index) in at.iter_mut() {
                let extensions: [(Extension, &[u8]); 2] =
                    [(Extension::Mid, b"0"), (Extension::Rid, rid.as_bytes())];
                let payload = vp8(n % 15 == 0, *index as u16 & 0x7fff, 100 + *ssrc as usize);
                world.send(
                    "ada",
                    *ssrc,
                    96,
                    *index,
                    *index as u32 * 3000,
                    &extensions,
                    &payload,
                );
                *index += 1;
            }
            world.run(Duration::from_millis(33));
        }
    };
    view(&mut world, 640, 2);
    view(&mut world, 150, 2);
    view(&mut world, 320, 2);
    let bob = world.client("bob");
    assert!(gap_free(
        &bob.received.iter().map(|p| p.index).collect::<Vec<_>>()
    ));
    let sizes: Vec<usize> = bob.received.iter().map(|p| p.payload.len()).collect();
    for size in [111, 122, 133] {
        assert!(
            sizes.iter().filter(|s| **s == size).count() > 30,
            "{size}: {sizes:?}"
        );
    }
    assert!(bob
        .received
        .windows(2)
        .all(|p| (p[1].header.timestamp.wrapping_sub(p[0].header.timestamp) as i32) > 0));
    let pictures: Vec<u16> = bob
        .received
        .iter()
        .map(|p| u16::from_be_bytes([p.payload[2], p.payload[3]]) & 0x7fff)
        .collect();
    assert!(
        pictures.windows(2).all(|p| p[1] == (p[0] + 1) & 0x7fff),
        "{pictures:?}"
    );
}

#[test]
fn a_muted_track_is_not_sent_and_comes_back_with_a_key_frame() {
    let mut world = call();
    let next = frames(&mut world, 77, 10, 10, None);
    world.command(Command::Mute {
        track: id("TR_v"),
        muted: true,
    });
    let next = frames(&mut world, 77, next, 10, None);
    assert_eq!(world.client("bob").received.len(), 10);
    world.command(Command::Mute {
        track: id("TR_v"),
        muted: false,
    });
    frames(&mut world, 77, next, 10, None);
    assert_eq!(world.client("bob").received.len(), 20);
    assert!(gap_free(
        &world
            .client("bob")
            .received
            .iter()
            .map(|p| p.index)
            .collect::<Vec<_>>()
    ));
}

#[test]
fn sections_are_asked_for_and_used_again() {
    let mut world = call();
    publish(&mut world, "ada", spec("TR_w", Kind::Video, "cam2", &[]));
    let second = video("sendonly", "a=msid:s cam2\na=ssrc:87 cname:x\n");
    world.client("ada").sections.push(second);
    world.offer("ada");
    subscribe(&mut world, "bob", "TR_w");
    let wanted = |e: &Event| {
        matches!(
            e,
            Event::SectionsWanted {
                audios: 0,
                videos: 1,
                ..
            }
        )
    };
    assert!(world.events.iter().any(wanted), "{:?}", world.events.last());
    // The first track ends instead: its section is free for the second.
    world.command(Command::Unsubscribe {
        participant: id("PA_bob"),
        track: id("TR_v"),
    });
    let answer = world.offer("bob");
    assert!(
        answer.contains("PA_ada|camera TR_w") && !answer.contains("TR_v"),
        "{answer}"
    );
    for n in 0..10u64 {
        world.send(
            "ada",
            87,
            96,
            n + 5,
            n as u32 * 3000,
            &[],
            &vp8(n == 0, n as u16, 300),
        );
        world.run(Duration::from_millis(33));
    }
    assert_eq!(world.client("bob").received.len(), 10);
}

#[test]
fn a_subscription_that_ends_while_its_track_goes_on_asks_for_an_offer() {
    let mut world = call();
    world.events.clear();
    for _ in 0..2 {
        world.command(Command::Unsubscribe {
            participant: id("PA_bob"),
            track: id("TR_v"),
        });
    }
    let asked = |world: &World| {
        let wants = |e: &&Event| {
            matches!(
                e,
                Event::SectionsWanted {
                    audios: 0,
                    videos: 0,
                    ..
                }
            )
        };
        world.events.iter().filter(wants).count()
    };
    assert_eq!(asked(&world), 1);
    let answer = world.offer("bob");
    assert!(
        answer.contains("a=inactive") && !answer.contains("TR_v"),
        "{answer}"
    );
}

#[test]
fn loud_people_are_told_and_silence_too() {
    let mut world = World::new();
    world.enter("ada", &[]);
    publish(&mut world, "ada", spec("TR_a", Kind::Audio, "mic", &[]));
    world.client("ada").sections = vec![audio("sendonly", "a=msid:s mic\na=ssrc:9 cname:x\n")];
    world.offer("ada");
    world.run(Duration::from_secs(1));
    let talk = |world: &mut World, level: u8, from: u64| {
        for n in from..from + 60 {
            world.send(
                "ada",
                9,
                111,
                n,
                n as u32 * 960,
                &[(Extension::AudioLevel, &[level])],
                &[0xfc, 1, 2],
            );
            world.run(Duration::from_millis(20));
        }
    };
    talk(&mut world, 20, 0);
    let active = |world: &World| {
        world.events.iter().rev().find_map(|e| match e {
            Event::Speakers { levels, .. } => levels.first().map(|l| l.active),
            _ => None,
        })
    };
    assert_eq!(active(&world), Some(true));
    talk(&mut world, 127, 60);
    assert_eq!(active(&world), Some(false));
}

#[test]
fn a_client_that_waits_for_the_handshake_is_called() {
    let mut world = World::new();
    world.enter_as("ada", &[audio("recvonly", "")], "passive");
    world.run(Duration::from_secs(1));
    assert_eq!(connected(&world), 1);
    // The role stands, whatever a later offer allows.
    world.client("ada").setup = "actpass";
    let answer = world.offer("ada");
    assert!(answer.contains("a=setup:active"), "{answer}");
}

#[test]
fn packets_from_unproven_addresses_change_nothing() {
    let mut world = call();
    let stranger = Path {
        local: world.server,
        remote: "10.9.9.9:1".parse().unwrap(),
        protocol: Protocol::Udp,
    };
    let before = world.events.len();
    let mut wire = Wire::default();
    for n in 0..2000u32 {
        for first in [0u8, 1, 22, 0x80, 0x90] {
            let mut packet = vec![first; 60];
            packet[1..5].copy_from_slice(&n.to_be_bytes());
            assert!(!world
                .router
                .handle_packet(&stranger, &mut packet, world.now, &mut wire));
        }
    }
    assert!(wire.0.is_empty());
    assert_eq!(world.events.len(), before);
    frames(&mut world, 77, 1, 5, None);
    assert_eq!(world.client("bob").received.len(), 5);
}

#[test]
fn whoever_leaves_leaves_nothing_behind() {
    let mut world = call();
    frames(&mut world, 77, 1, 5, None);
    world.command(Command::RemoveParticipant {
        participant: id("PA_ada"),
    });
    world.command(Command::AskStats {
        request: 99,
        room: id("RM_1"),
    });
    let json = world
        .events
        .iter()
        .find_map(|e| match e {
            Event::Stats { request: 99, json } => Some(json.clone()),
            _ => None,
        })
        .unwrap();
    assert!(!json.contains("PA_ada") && !json.contains("TR_v"), "{json}");
    let answer = world.offer("bob");
    assert!(
        answer.contains("a=inactive") && !answer.contains("sendonly"),
        "{answer}"
    );
}
