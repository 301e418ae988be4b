//! str0m as a correctness peer: publish and subscribe in both offer styles, repair under loss, simulcast, data.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_sfu::command::{Command, Kind, Layer, Role, TrackSpec, ViewSettings};
use roomful_sfu::event::Event;
use std::time::Duration;
use str0m::format::Codec;
use str0m::media::{Direction, Frequency, MediaData, MediaKind, MediaTime, Mid, Simulcast, SimulcastLayer};
use support::foreign::World;
use support::id;
use support::specs::{spec, WATCH};

const CODECS: [&str; 3] = ["opus", "vp8", "h264"];
fn announce(world: &mut World, who: &str, track: &str, kind: Kind, rids: &[&str]) {
    let name = if kind == Kind::Video { "vp8" } else { "opus" };
    let layers = rids.iter().enumerate().map(|(n, rid)| Layer {
        quality: n as u8,
        width: 160 << n,
        height: 90 << n,
        bitrate_bps: 0,
        rid: (*rid).into(),
    });
    world.command(Command::Publish {
        participant: id(&format!("PA_{who}")),
        spec: TrackSpec {
            layers: layers.collect(),
            ..spec(track, kind, name, &format!("cid{track}"))
        },
    });
}

fn watch(world: &mut World, who: &str, track: &str, settings: ViewSettings) {
    world.command(Command::Subscribe {
        participant: id(&format!("PA_{who}")),
        track: id(track),
        settings,
    });
}

/// The publisher's section of a track.
fn section(world: &mut World, link: &str, track: &str, kind: MediaKind, rids: &[&str]) -> Mid {
    let simulcast = (!rids.is_empty()).then(|| Simulcast {
        send: rids.iter().map(|rid| SimulcastLayer::new(rid)).collect(),
        recv: vec![],
    });
    let cid = Some(format!("cid{track}"));
    world
        .offer(link, |api| {
            api.add_media(kind, Direction::SendOnly, Some("s".into()), cid, simulcast)
        })
        .0
}

/// A VP8 frame: its header (RFC 6386 §9.1), then its number and layer, then filling to `size`.
fn vp8(key: bool, number: u32, layer: u8, size: usize) -> Vec<u8> {
    let mut frame = vec![0x10 | u8::from(!key), 0, 0];
    if key {
        frame.extend([0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00]);
    }
    frame.resize(10, 0);
    frame.extend(number.to_be_bytes());
    frame.push(layer);
    frame.extend((frame.len()..size).map(|n| (n as u32).wrapping_mul(number | 1) as u8));
    frame
}

fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[10..14].try_into().unwrap())
}

fn time(number: u32) -> MediaTime {
    MediaTime::new(u64::from(number) * 3000, Frequency::NINETY_KHZ)
}

/// Sends frames at 30 a second; a key frame first, and whenever one is asked for. Gives what was sent.
fn film(world: &mut World, link: &str, mid: Mid, numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    let mut sent = vec![];
    let mut asked = world.peer(link).asked;
    for n in numbers.clone() {
        let now_asked = world.peer(link).asked;
        let key = n == numbers.start || now_asked > asked;
        asked = now_asked;
        let frame = vp8(key, n, 0, 2500 + (n as usize * 37) % 900);
        world.write(link, mid, None, Codec::Vp8, time(n), &frame);
        sent.push(frame);
        world.run(Duration::from_millis(33));
    }
    sent
}

/// What came is what was sent, from some key frame on, every frame once and in order.
fn whole(world: &mut World, link: &str, sent: &[Vec<u8>]) -> usize {
    let frames = &world.peer(link).frames;
    assert!(!frames.is_empty(), "{link} saw nothing");
    let first = number(&frames[0].data);
    let start = sent.iter().position(|f| number(f) == first).unwrap();
    assert_eq!(sent[start][0] & 1, 0, "begins with a key frame");
    for (came, went) in frames.iter().zip(&sent[start..]) {
        assert_eq!(number(&came.data), number(went));
        assert!(*came.data == **went, "frame {} is changed", number(went));
    }
    assert!(frames.iter().skip(1).all(|f| f.contiguous));
    let stamps: Vec<u64> = frames.iter().map(|f| f.time.numer()).collect();
    assert!(stamps.windows(2).all(|t| t[1] - t[0] == 3000), "{stamps:?}");
    frames.len()
}

/// Ada publishes a camera; Bob (v1: he offers) and Eve (v0: we offer) watch it.
fn call() -> (World, Mid) {
    let mut world = World::new(&CODECS);
    world.enter("ada", &[("ada", Role::Single)]);
    announce(&mut world, "ada", "TR_v", Kind::Video, &[]);
    let mid = section(&mut world, "ada", "TR_v", MediaKind::Video, &[]);
    world.enter("bob", &[("bob", Role::Single)]);
    watch(&mut world, "bob", "TR_v", WATCH);
    world.offer("bob", |api| {
        api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    });
    world.enter("eve", &[("eve-up", Role::Publisher), ("eve", Role::Subscriber)]);
    watch(&mut world, "eve", "TR_v", WATCH);
    // The first offer went out with the transport; the next carries the track.
    for _ in 0..2 {
        world.run(Duration::from_millis(50));
        let (_, answer) = world.answer("eve");
        assert!(answer.contains("a=setup:passive"), "{answer}");
    }
    world.run(Duration::from_secs(1));
    for link in ["ada", "bob", "eve"] {
        assert!(world.peer(link).connected, "{link} is not connected");
    }
    (world, mid)
}

#[test]
fn frames_arrive_whole_in_both_offer_styles() {
    let (mut world, mid) = call();
    let sent = film(&mut world, "ada", mid, 0..90);
    world.run(Duration::from_millis(200));
    for link in ["bob", "eve"] {
        assert!(whole(&mut world, link, &sent) >= 85);
    }
}

#[test]
fn what_is_lost_either_way_is_repaired_by_retransmission() {
    let (mut world, mid) = call();
    let mut sent = film(&mut world, "ada", mid, 0..10);
    let before = (world.peer("ada").sent.clone(), world.peer("bob").arrived.clone());
    world.loss = 50;
    sent.extend(film(&mut world, "ada", mid, 10..160));
    world.loss = 0;
    sent.extend(film(&mut world, "ada", mid, 160..175));
    world.run(Duration::from_millis(300));
    for link in ["bob", "eve"] {
        assert!(whole(&mut world, link, &sent) >= 165);
    }
    // Both ends used a second payload type for it.
    assert_eq!((before.0.len(), before.1.len()), (1, 1), "{before:?}");
    let (up, down) = (&world.peers["ada"].sent, &world.peers["bob"].arrived);
    assert!(up.len() == 2 && up.values().all(|n| *n > 5), "{up:?}");
    assert!(down.len() == 2 && down.values().all(|n| *n > 5), "{down:?}");
}

#[test]
fn simulcast_layers_follow_the_window_without_a_torn_frame() {
    let mut world = World::new(&CODECS);
    let rids = ["q", "h", "f"];
    world.enter("ada", &[("ada", Role::Single)]);
    announce(&mut world, "ada", "TR_v", Kind::Video, &rids);
    let mid = section(&mut world, "ada", "TR_v", MediaKind::Video, &rids);
    world.enter("bob", &[("bob", Role::Single)]);
    watch(&mut world, "bob", "TR_v", WATCH);
    world.offer("bob", |api| {
        api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None)
    });
    world.run(Duration::from_secs(1));
    let mut n = 0;
    for (quality, width) in [(2, 640u32), (0, 160), (1, 320)] {
        world.command(Command::View {
            participant: id("PA_bob"),
            track: id("TR_v"),
            settings: ViewSettings {
                quality,
                width,
                height: width * 9 / 16,
                ..WATCH
            },
        });
        for _ in 0..60 {
            for (layer, rid) in rids.iter().enumerate() {
                let frame = vp8(n % 15 == 0, n, layer as u8, 900 << layer);
                world.write("ada", mid, Some(rid), Codec::Vp8, time(n), &frame);
            }
            n += 1;
            world.run(Duration::from_millis(33));
        }
    }
    world.run(Duration::from_millis(200));
    let frames = &world.peer("bob").frames;
    let layers: Vec<u8> = frames.iter().map(|f| f.data[14]).collect();
    let mut runs = layers.clone();
    runs.dedup();
    // It may begin lower than asked; then it follows.
    assert!(runs.ends_with(&[2, 0, 1]), "{runs:?}");
    for layer in [0, 1, 2] {
        assert!(layers.iter().filter(|l| **l == layer).count() > 30, "{layers:?}");
    }
    for frame in frames {
        let key = number(&frame.data) % 15 == 0;
        assert!(*frame.data == *vp8(key, number(&frame.data), frame.data[14], 900 << frame.data[14]));
    }
    // While the layers start one after the other, a frame may be left unfinished for the key frame of a better one.
    let torn: Vec<String> = frames
        .windows(2)
        .filter(|f| !f[1].contiguous && number(&f[1].data) > 0)
        .map(|f| {
            let tell = |f: &MediaData| format!("{} layer {} {:?}", number(&f.data), f.data[14], f.seq_range);
            format!("{} → {}", tell(&f[0]), tell(&f[1]))
        })
        .collect();
    assert!(torn.is_empty(), "{torn:?}");
    let pairs = || frames.windows(2).filter(|f| f[0].data[14] != f[1].data[14]);
    assert!(pairs().all(|f| f[1].data[0] & 1 == 0), "switches at key frames");
    assert!(frames.windows(2).all(|f| f[1].time > f[0].time));
}

#[test]
fn voices_arrive_and_are_known_as_speaking() {
    let mut world = World::new(&CODECS);
    world.enter("ada", &[("ada", Role::Single)]);
    announce(&mut world, "ada", "TR_a", Kind::Audio, &[]);
    let mid = section(&mut world, "ada", "TR_a", MediaKind::Audio, &[]);
    world.enter("bob", &[("bob", Role::Single)]);
    watch(&mut world, "bob", "TR_a", WATCH);
    world.offer("bob", |api| {
        api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None)
    });
    world.run(Duration::from_secs(1));
    for n in 0..100u32 {
        let mut frame = vec![0xf8];
        frame.extend(n.to_be_bytes());
        let at = MediaTime::new(u64::from(n) * 960, Frequency::FORTY_EIGHT_KHZ);
        world.write("ada", mid, None, Codec::Opus, at, &frame);
        world.run(Duration::from_millis(20));
    }
    let frames = &world.peer("bob").frames;
    assert!(frames.len() >= 95, "{}", frames.len());
    assert!(frames.windows(2).all(|f| f[1].data[1..] > f[0].data[1..]));
    assert!(frames.iter().all(|f| f.ext_vals.audio_level == Some(-20)));
    let speaks = |e: &Event| matches!(e, Event::Speakers { levels, .. } if levels.iter().any(|l| l.active));
    assert!(world.events.iter().any(speaks));
}

/// A LiveKit DataPacket from somebody who claims to be Eve: user { payload, topic }, participant_identity.
fn packet(text: &[u8]) -> Vec<u8> {
    let mut user = vec![0x12, text.len() as u8];
    user.extend(text);
    user.extend(b"\x22\x05greet");
    let mut packet = vec![0x12, user.len() as u8];
    packet.extend(user);
    packet.extend(b"\x22\x03eve");
    packet
}

#[test]
fn data_goes_both_ways_in_both_styles_under_the_senders_own_name() {
    let mut world = World::new(&CODECS);
    world.enter("ada", &[("ada", Role::Single)]);
    world.offer("ada", |api| api.add_channel("_reliable".into()));
    world.enter("bob", &[("bob-up", Role::Publisher), ("bob", Role::Subscriber)]);
    world.offer("bob-up", |api| api.add_channel("_reliable".into()));
    world.run(Duration::from_millis(50));
    world.answer("bob");
    world.run(Duration::from_secs(2));
    let channel = |world: &World, link: &str| {
        let open = &world.peers[link].channels;
        open.iter()
            .find(|c| c.1 == "_reliable")
            .unwrap_or_else(|| panic!("{link}: {open:?}"))
            .0
    };
    for (from, to, who) in [("ada", "bob", "ada"), ("bob-up", "ada", "bob")] {
        let (writes, reads) = (channel(&world, from), channel(&world, to));
        for n in 0..50u8 {
            let bytes = packet(format!("hello {n:02}").as_bytes());
            assert!(world
                .peer(from)
                .rtc
                .channel(writes)
                .unwrap()
                .write(true, &bytes)
                .unwrap());
            world.run(Duration::from_millis(10));
        }
        world.run(Duration::from_millis(300));
        let got = &world.peers[to].messages;
        assert_eq!(got.len(), 50, "from {from} to {to}");
        for (n, (channel, message)) in got.iter().enumerate() {
            let has = |text: &str| message.windows(text.len()).any(|w| w == text.as_bytes());
            assert_eq!(*channel, reads);
            assert!(
                has(&format!("hello {n:02}")) && has(who) && !has("eve"),
                "{message:?}"
            );
        }
    }
}
