//! Layered video through the router on a virtual network: what a subscriber looks at decides which layers it gets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;
#[path = "support/svc.rs"]
mod svc;

use roomful_rtc::codec::dependency::DependencyReader;
use roomful_rtc::codec::vp9;
use roomful_rtc::rtcp::{self, Feedback};
use roomful_rtc::rtp::Extension;
use roomful_sfu::command::{Command, Layer, TrackSpec, ViewSettings};
use roomful_sfu::event::Event;
use std::time::Duration;
use support::specs::{layered, WATCH};
use support::{id, video_of, Received, World};
use svc::{Encoder, Mode};

const SSRC: u32 = 77;
struct Call {
    world: World,
    encoder: Encoder,
    codec: &'static str,
    /// Whether packets carry dependency descriptors.
    told: bool,
    next: u64,
    asked: usize,
    keys: usize,
}

impl Call {
    /// Ada publishes three layers of 320, 640 and 1280 pixels, Bob watches.
    fn new(codec: &'static str, told: bool, mode: Mode) -> Self {
        let mut world = World::new();
        world.enter("ada", &[]);
        let layer = |quality: u8| Layer {
            quality,
            width: 320 << quality,
            height: 180 << quality,
            bitrate_bps: 0,
            rid: String::new(),
        };
        world.command(Command::Publish {
            participant: id("PA_ada"),
            spec: TrackSpec {
                layers: (0..3).map(layer).collect(),
                ..layered("TR_v", codec, "cam")
            },
        });
        let sending = "a=msid:s cam\na=ssrc:77 cname:x\na=ssrc:78 cname:x\na=ssrc-group:FID 77 78\n";
        world.client("ada").sections = vec![video_of(codec, "sendonly", sending)];
        world.offer("ada");
        world.enter("bob", &[video_of(codec, "recvonly", "")]);
        world.command(Command::Subscribe {
            participant: id("PA_bob"),
            track: id("TR_v"),
            settings: WATCH,
        });
        world.offer("bob");
        world.run(Duration::from_secs(1));
        Self {
            world,
            encoder: Encoder::new(mode, 3, 3),
            codec,
            told,
            next: 40_000,
            asked: 0,
            keys: 0,
        }
    }

    fn view(&mut self, settings: ViewSettings) {
        self.world.command(Command::View {
            participant: id("PA_bob"),
            track: id("TR_v"),
            settings,
        });
    }

    /// Pictures at 30 a second, a key picture whenever the publisher was asked for one; returns what Bob got of them.
    fn pictures(&mut self, count: usize) -> Vec<Received> {
        let before = self.world.client("bob").received.len();
        for _ in 0..count {
            let mut asked = 0;
            for packet in &self.world.client("ada").rtcp {
                rtcp::read(packet, |f| {
                    asked += usize::from(matches!(f, Feedback::Pli { ssrc: SSRC }));
                });
            }
            let key = asked > self.asked || self.next == 40_000;
            self.asked = asked;
            self.keys += usize::from(key);
            for frame in self.encoder.picture(key) {
                for (first, last) in [(true, false), (false, true)] {
                    let descriptor = self.encoder.descriptor(&frame, first, last);
                    let extensions: &[(Extension, &[u8])] = if self.told {
                        &[(Extension::DependencyDescriptor, &descriptor)]
                    } else {
                        &[]
                    };
                    let payload = match self.codec {
                        "AV1" => vec![8 * u8::from(frame.key && frame.spatial == 0 && first), 1, 2],
                        _ => self.encoder.vp9(&frame, true, first, last),
                    };
                    let marker = last && frame.top;
                    let time = frame.timestamp;
                    self.world
                        .send_marked("ada", SSRC, 96, self.next, time, extensions, &payload, marker);
                    self.next += 1;
                }
            }
            self.world.run(Duration::from_millis(33));
        }
        self.world.client("bob").received[before..].to_vec()
    }
}

impl Call {
    /// Four pictures, a key picture first, the first packet of which is repaired at the end.
    fn picture_without_its_first_packet(&mut self) {
        let mut held = None;
        for n in 0..4 {
            for frame in self.encoder.picture(n == 0) {
                for (first, last) in [(true, false), (false, true)] {
                    let descriptor = self.encoder.descriptor(&frame, first, last);
                    let payload = vec![8 * u8::from(frame.key && frame.spatial == 0 && first), 1, 2];
                    let (index, time) = (self.next, frame.timestamp);
                    self.next += 1;
                    if n == 0 && first && frame.spatial == 0 {
                        held = Some((index, time, descriptor, payload));
                        continue;
                    }
                    let extensions = [(Extension::DependencyDescriptor, &descriptor[..])];
                    let marker = last && frame.top;
                    self.world
                        .send_marked("ada", SSRC, 96, index, time, &extensions, &payload, marker);
                }
            }
            self.world.run(Duration::from_millis(10));
        }
        let (index, time, descriptor, payload) = held.unwrap();
        let mut rtx = (index as u16).to_be_bytes().to_vec();
        rtx.extend(payload);
        let extensions = [(Extension::DependencyDescriptor, &descriptor[..])];
        self.world.send("ada", 78, 97, 5, time, &extensions, &rtx);
        self.world.run(Duration::from_millis(20));
    }
}

/// Spatial layers seen, pictures seen, and whether each picture ends with a marker.
fn summary(packets: &[Received], reader: &mut Option<DependencyReader>) -> (Vec<u8>, usize) {
    let mut spatial = vec![];
    for packet in packets {
        spatial.push(match reader {
            Some(reader) => reader.read(packet.descriptor.as_ref().unwrap()).unwrap().spatial,
            None => vp9::Descriptor::parse(&packet.payload).unwrap().spatial,
        });
    }
    let pictures = packets
        .iter()
        .zip(packets.iter().skip(1))
        .filter(|(a, b)| {
            let ends = a.header.timestamp != b.header.timestamp;
            assert_eq!(
                a.header.marker, ends,
                "a marker ends each picture and nothing else"
            );
            ends
        })
        .count()
        + 1;
    spatial.sort_unstable();
    spatial.dedup();
    (spatial, pictures)
}

fn check_numbers(call: &mut Call) {
    let received = &call.world.client("bob").received;
    assert!(received.windows(2).all(|p| p[1].index == p[0].index + 1));
    let step = |p: &[Received]| p[1].header.timestamp.wrapping_sub(p[0].header.timestamp) as i32;
    assert!(received.windows(2).all(|p| step(p) >= 0));
}

#[test]
fn quality_size_and_rate_choose_the_layers() {
    for (codec, told, mode) in [
        ("AV1", true, Mode::Full),
        ("AV1", true, Mode::Key),
        ("AV1", true, Mode::Apart),
        ("VP9", true, Mode::Key),
        ("VP9", false, Mode::Full),
        ("VP9", false, Mode::Key),
    ] {
        let label = format!("{codec} {told} {mode:?}");
        let mut call = Call::new(codec, told, mode);
        let mut reader = told.then(DependencyReader::default);
        let all = call.pictures(60);
        let (layers, pictures) = summary(&all, &mut reader);
        assert_eq!((layers.last(), pictures), (Some(&2), 60), "{label}");

        let quality = |quality| ViewSettings { quality, ..WATCH };
        let width = |width| ViewSettings {
            width,
            height: width * 9 / 16,
            ..WATCH
        };
        for (settings, top) in [
            (quality(0), 0),
            (quality(1), 1),
            (quality(2), 2),
            (width(300), 0),
            (width(640), 1),
            (width(2000), 2),
            (width(100), 0),
        ] {
            call.view(settings);
            summary(&call.pictures(30), &mut reader);
            let (layers, pictures) = summary(&call.pictures(20), &mut reader);
            assert_eq!(
                (layers.last(), pictures),
                (Some(&top), 20),
                "{label} {settings:?}"
            );
            if mode != Mode::Full {
                assert_eq!(layers, vec![top], "{label}: lower layers are not needed");
            }
        }
        for (fps, expected) in [(15, 20), (7, 10), (0, 40)] {
            call.view(ViewSettings { fps, ..WATCH });
            summary(&call.pictures(30), &mut reader);
            let (_, pictures) = summary(&call.pictures(40), &mut reader);
            assert_eq!(pictures, expected, "{label} at {fps}");
        }
        check_numbers(&mut call);
        if mode == Mode::Full {
            // Down and temporal changes need no key frame: the first one or two, and five ways up.
            assert!(call.keys <= 7, "{label}: {} key pictures", call.keys);
        }
        assert!(call.keys <= 12, "{label}: {} key pictures", call.keys);
    }
}

#[test]
fn who_gets_less_is_told_which_targets_are_sent() {
    let mut call = Call::new("AV1", true, Mode::Full);
    call.view(ViewSettings { quality: 1, ..WATCH });
    let packets = call.pictures(30);
    let mut reader = DependencyReader::default();
    let first = reader.read(packets[0].descriptor.as_ref().unwrap()).unwrap();
    assert!(first.structure_attached && first.mask_told);
    assert_eq!((first.number, reader.active()), (1, 0b0_0011_1111));
    for packet in &packets[1..] {
        reader.read(packet.descriptor.as_ref().unwrap()).unwrap();
    }
    let keys = call.keys;
    call.view(ViewSettings {
        quality: 0,
        fps: 7,
        ..WATCH
    });
    for packet in call.pictures(40) {
        reader.read(packet.descriptor.as_ref().unwrap()).unwrap();
    }
    assert_eq!((reader.active(), call.keys), (0b1, keys));
}

#[test]
fn a_newcomer_gets_the_structure_with_a_key_frame() {
    let mut call = Call::new("AV1", true, Mode::Key);
    call.pictures(30);
    call.world.enter("eve", &[video_of("AV1", "recvonly", "")]);
    call.world.command(Command::Subscribe {
        participant: id("PA_eve"),
        track: id("TR_v"),
        settings: WATCH,
    });
    call.world.offer("eve");
    call.pictures(60);
    let eve = &call.world.client("eve").received;
    assert!(eve.len() > 60);
    let mut reader = DependencyReader::default();
    assert!(eve
        .iter()
        .all(|p| reader.read(p.descriptor.as_ref().unwrap()).is_some()));
}

#[test]
fn a_key_frame_whose_first_packet_comes_late_is_sent_whole() {
    // Bob has a picture already, or waits for his first one.
    for before in [10, 0] {
        let mut call = Call::new("AV1", true, Mode::Full);
        call.pictures(before);
        call.picture_without_its_first_packet();
        call.pictures(10);
        let mut received = call.world.client("bob").received.clone();
        received.sort_by_key(|p| p.index);
        assert_eq!(received.len(), (before + 4 + 10) * 6);
        assert!(received.windows(2).all(|p| p[1].index == p[0].index + 1));
    }
}

#[test]
fn the_publisher_is_told_what_is_watched() {
    let mut call = Call::new("VP9", true, Mode::Key);
    call.pictures(10);
    let told = |world: &World| {
        let demand = world.events.iter().rev().find_map(|e| match e {
            Event::Demand { codecs, .. } => Some(codecs.clone()),
            _ => None,
        });
        let demand = demand.unwrap();
        (demand[0].codec.clone(), demand[0].watched)
    };
    assert_eq!(told(&call.world), ("vp9".to_owned(), [true; 3]));
    call.view(ViewSettings { quality: 0, ..WATCH });
    call.pictures(200);
    // A client that cannot switch layers of one stream off takes any quality for all of it.
    assert_eq!(told(&call.world).1, [true, false, false]);
    call.view(ViewSettings {
        paused: true,
        ..WATCH
    });
    call.pictures(200);
    assert_eq!(told(&call.world).1, [false; 3]);
    call.view(WATCH);
    assert_eq!(told(&call.world).1, [true; 3]);
}
