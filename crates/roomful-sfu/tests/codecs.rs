//! Codecs that no browser of the tests sends, and RED, through the router on a virtual network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_rtc::rtcp::{self, Feedback};
use roomful_sfu::command::{Command, Kind, TrackSpec};
use std::time::Duration;
use support::specs::{spec, WATCH};
use support::{audio_of, id, video_of, Received, World};

const SSRC: u32 = 77;
const SENDS: &str = "a=msid:s cid\na=ssrc:77 cname:x\n";

/// Ada publishes in one codec.
fn call(kind: Kind, codec: &str, red: bool, section: String) -> World {
    let mut world = World::new();
    world.enter("ada", &[]);
    world.command(Command::Publish {
        participant: id("PA_ada"),
        spec: TrackSpec {
            red,
            ..spec("TR_1", kind, codec, "cid")
        },
    });
    world.client("ada").sections = vec![section];
    let answer = world.offer("ada");
    assert!(answer.contains("a=recvonly"), "{answer}");
    world.run(Duration::from_secs(1));
    world
}

fn admit(world: &mut World, name: &str, section: String) -> String {
    world.enter(name, &[section]);
    world.command(Command::Subscribe {
        participant: id(&format!("PA_{name}")),
        track: id("TR_1"),
        settings: WATCH,
    });
    let answer = world.offer(name);
    world.run(Duration::from_secs(1));
    answer
}

/// One row of a recording: timestamp, marker, payload.
type Row = (u32, bool, Vec<u8>);

/// `h265.json`: three groups of twelve frames, packed by FFmpeg.
fn recorded() -> Vec<Row> {
    let hex = |text: &str| -> Vec<u8> {
        let digits = (0..text.len()).step_by(2);
        digits
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };
    let text = include_str!("../../../tests/media/fixtures/h265.json");
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once(']'));
    rows.map(|(row, _)| {
        let columns: Vec<&str> = row.split(", ").collect();
        let payload = hex(columns[2].trim_matches('"'));
        (columns[0].parse().unwrap(), columns[1] == "1", payload)
    })
    .collect()
}

/// An aggregation packet (RFC 7798 §4.4.2): here the parameter sets, which come before each key picture.
fn is_key(payload: &[u8]) -> bool {
    payload[0] >> 1 & 0x3f == 48
}

fn send(world: &mut World, rows: &[Row], first: u64) {
    for (n, (timestamp, marker, payload)) in rows.iter().enumerate() {
        let (index, time) = (first + n as u64, timestamp + 5000);
        world.send_marked("ada", SSRC, 96, index, time, &[], payload, *marker);
        if *marker {
            world.run(Duration::from_millis(33));
        }
    }
}

/// Everything came, whole and in order; and in time, unless its beginning came out of the ring.
fn same(got: &[Received], sent: &[Row], timely: bool) {
    assert_eq!(got.len(), sent.len());
    for (one, (timestamp, marker, payload)) in got.iter().zip(sent) {
        let since = one.header.timestamp.wrapping_sub(got[0].header.timestamp);
        assert!(!timely || since == timestamp - sent[0].0);
        assert_eq!((one.header.marker, &one.payload), (*marker, payload));
    }
    assert!(got.windows(2).all(|p| p[1].index == p[0].index + 1));
}

#[test]
fn h265_goes_whole_and_a_newcomer_begins_at_a_key_picture() {
    let rows = recorded();
    let keys: Vec<usize> = (0..rows.len()).filter(|n| is_key(&rows[*n].2)).collect();
    assert_eq!((rows.len(), keys.len()), (59, 3));
    let mut world = call(Kind::Video, "h265", false, video_of("H265", "sendonly", SENDS));
    let answer = admit(&mut world, "bob", video_of("H265", "recvonly", ""));
    assert!(answer.contains("H265/90000"), "{answer}");
    // Carol comes in the middle of the second group, whose key picture is kept.
    let middle = keys[1] + (keys[2] - keys[1]) / 2;
    send(&mut world, &rows[..middle], 30_000);
    admit(&mut world, "carol", video_of("H265", "recvonly", ""));
    send(&mut world, &rows[middle..], 30_000 + middle as u64);
    same(&world.client("bob").received, &rows, true);
    same(&world.client("carol").received, &rows[keys[1]..], false);
}

#[test]
fn without_a_key_picture_h265_is_not_sent_and_one_is_asked_for() {
    let rows = recorded();
    let mut world = call(Kind::Video, "h265", false, video_of("H265", "sendonly", SENDS));
    admit(&mut world, "bob", video_of("H265", "recvonly", ""));
    let between = rows.iter().position(|row| row.1).unwrap() + 1;
    let key = (between..rows.len()).find(|n| is_key(&rows[*n].2)).unwrap();
    send(&mut world, &rows[between..key], 30_000);
    assert_eq!(world.client("bob").received.len(), 0);
    let mut asked = 0;
    for packet in &world.client("ada").rtcp {
        rtcp::read(packet, |f| {
            asked += usize::from(matches!(f, Feedback::Pli { ssrc: SSRC }))
        });
    }
    assert!(asked > 0);
    send(&mut world, &rows[key..], 30_000 + (key - between) as u64);
    same(&world.client("bob").received, &rows[key..], true);
}

/// A RED payload (RFC 2198 §3): one earlier block, then the primary one.
fn red(earlier: &[u8], primary: &[u8]) -> Vec<u8> {
    let word = 1 << 31 | 111 << 24 | 960 << 10 | earlier.len() as u32;
    [&word.to_be_bytes(), &[111][..], earlier, primary].concat()
}

#[test]
fn red_goes_as_red_to_who_has_it_and_as_opus_to_who_has_not() {
    let both = [(63, "red/48000/2"), (111, "opus/48000/2")];
    let fmtp = "a=fmtp:63 111/111\n";
    let mut world = call(
        Kind::Audio,
        "opus",
        true,
        audio_of(&both, "sendonly", &format!("{fmtp}{SENDS}")),
    );
    admit(&mut world, "bob", audio_of(&both, "recvonly", fmtp));
    admit(&mut world, "carol", audio_of(&both[1..], "recvonly", ""));
    let block = |n: u8| vec![0xf8, n, n.wrapping_mul(3)];
    let sent: Vec<Vec<u8>> = (1..30).map(|n| red(&block(n - 1), &block(n))).collect();
    for (n, payload) in sent.iter().enumerate() {
        let (index, time) = (100 + n as u64, 960 * n as u32);
        world.send("ada", SSRC, 63, index, time, &[], payload);
        world.run(Duration::from_millis(20));
    }
    for (name, pt, want) in [
        ("bob", 63, sent.clone()),
        ("carol", 111, (1..30).map(block).collect()),
    ] {
        let got = world.client(name).received.clone();
        assert!(got.iter().all(|p| p.header.payload_type == pt), "{name}");
        assert_eq!(
            got.iter().map(|p| p.payload.clone()).collect::<Vec<_>>(),
            want,
            "{name}"
        );
        let steps = got
            .windows(2)
            .map(|p| p[1].header.timestamp.wrapping_sub(p[0].header.timestamp));
        assert!(steps.into_iter().all(|step| step == 960), "{name}");
    }
}

#[test]
fn g711_goes_to_who_has_it_and_to_nobody_else() {
    for (pt, name) in [(0, "pcmu"), (8, "pcma")] {
        let line = format!("{}/8000", name.to_uppercase());
        let codecs = [(pt, line.as_str()), (111, "opus/48000/2")];
        let mut world = call(Kind::Audio, name, false, audio_of(&codecs, "sendonly", SENDS));
        let answer = admit(&mut world, "bob", audio_of(&codecs, "recvonly", ""));
        assert!(answer.contains(&line), "{answer}");
        admit(&mut world, "carol", audio_of(&codecs[1..], "recvonly", ""));
        let sent: Vec<Vec<u8>> = (0..30).map(|n| vec![n; 160]).collect();
        for (n, payload) in sent.iter().enumerate() {
            let (index, time) = (100 + n as u64, 160 * n as u32);
            world.send("ada", SSRC, pt, index, time, &[], payload);
            world.run(Duration::from_millis(20));
        }
        let got = world.client("bob").received.clone();
        assert!(got.iter().all(|p| p.header.payload_type == pt));
        assert_eq!(got.iter().map(|p| p.payload.clone()).collect::<Vec<_>>(), sent);
        let mut steps = got
            .windows(2)
            .map(|p| p[1].header.timestamp.wrapping_sub(p[0].header.timestamp));
        assert!(steps.all(|step| step == 160));
        assert_eq!(world.client("carol").received.len(), 0);
    }
}
