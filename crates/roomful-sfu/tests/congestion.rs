//! Subscribers behind narrow links, on the virtual network: they get what fits, and all of it when there is room again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_rtc::rtp::Extension;
use roomful_sfu::command::{Command, Kind, Layer, TrackSpec, ViewSettings};
use roomful_sfu::event::{Event, Quality};
use std::time::Duration;
use support::specs::{spec, WATCH};
use support::{id, video, vp8, Link, World};

const FRAME: Duration = Duration::from_millis(33);
/// (ssrc, rid, packets of a picture, bytes of each): 120, 400 and 1,400 kbit/s.
const LAYERS: [(u32, &str, u64, usize); 3] = [(11, "q", 1, 430), (22, "h", 2, 780), (33, "f", 5, 1_110)];

/// Ada's camera in three layers, and Bob who watches the best.
struct Call {
    world: World,
    next: [u64; 3],
    frame: u64,
}

impl Call {
    fn new() -> Self {
        let mut world = World::new();
        world.enter("ada", &[]);
        let layer = |quality: u8| Layer {
            quality,
            width: 320 << quality,
            height: 180 << quality,
            bitrate_bps: 0,
            rid: LAYERS[usize::from(quality)].1.into(),
        };
        world.command(Command::Publish {
            participant: id("PA_ada"),
            spec: TrackSpec {
                layers: (0..3).map(layer).collect(),
                ..spec("TR_v", Kind::Video, "vp8", "cam")
            },
        });
        let rids = "a=msid:s cam\na=rid:q send\na=rid:h send\na=rid:f send\na=simulcast:send q;h;f\n";
        world.client("ada").sections = vec![video("sendonly", rids)];
        world.offer("ada");
        world.enter("bob", &[video("recvonly", "")]);
        world.command(Command::Subscribe {
            participant: id("PA_bob"),
            track: id("TR_v"),
            settings: ViewSettings {
                width: 1280,
                height: 720,
                ..WATCH
            },
        });
        world.offer("bob");
        world.run(Duration::from_secs(1));
        Self {
            world,
            next: [9_000, 65_450, 300],
            frame: 0,
        }
    }

    /// Pictures for a while, with a key frame every second. Returns the media packets that Bob got in each second, by layer.
    fn run(&mut self, seconds: u64) -> Vec<[usize; 3]> {
        let mut got = vec![];
        for _ in 0..seconds {
            let from = self.world.client("bob").received.len();
            for _ in 0..30 {
                let key = self.frame % 30 == 0;
                for (layer, (ssrc, rid, packets, size)) in LAYERS.iter().enumerate() {
                    for packet in 0..*packets {
                        let index = self.next[layer];
                        self.next[layer] += 1;
                        let named: [(Extension, &[u8]); 2] =
                            [(Extension::Mid, b"0"), (Extension::Rid, rid.as_bytes())];
                        let mut payload = vp8(key, self.frame as u16 & 0x7fff, *size);
                        if packet > 0 {
                            payload[0] &= !0x10; // it starts no picture
                        }
                        let (marker, timestamp) = (packet + 1 == *packets, self.frame as u32 * 3_000);
                        self.world
                            .send_marked("ada", *ssrc, 96, index, timestamp, &named, &payload, marker);
                    }
                }
                self.frame += 1;
                self.world.run(FRAME);
            }
            let count = |size: usize, got: &[support::Received]| {
                got.iter()
                    .filter(|p| p.payload.len() == size && p.header.payload_type == 96)
                    .count()
            };
            let new = &self.world.client("bob").received[from..];
            got.push(LAYERS.map(|(.., size)| count(size, new)));
        }
        got
    }

    fn link(&mut self, rate_bps: f64) {
        let now = self.world.now;
        match &mut self.world.client("bob").link {
            Some(link) => link.rate_bps = rate_bps,
            none => *none = Some(Link::new(rate_bps, now)),
        }
    }

    fn paused(&self) -> Vec<bool> {
        let told = |e: &Event| match e {
            Event::StreamState { paused, .. } => Some(*paused),
            _ => None,
        };
        self.world.events.iter().filter_map(told).collect()
    }
}

#[test]
fn a_wide_link_gets_everything_always() {
    let mut call = Call::new();
    call.link(20e6);
    for (second, got) in call.run(30).into_iter().enumerate().skip(1) {
        assert_eq!(got, [0, 0, 150], "second {second}");
    }
    let told = |e: &&Event| matches!(e, Event::Quality { quality, .. } if *quality != Quality::Excellent);
    assert_eq!(call.world.events.iter().filter(told).count(), 0);
}

#[test]
fn a_link_that_narrows_gets_the_layer_that_fits_and_the_top_again_when_it_widens() {
    let mut call = Call::new();
    call.link(5e6);
    assert_eq!(call.run(5).last(), Some(&[0, 0, 150]));
    call.link(500e3);
    let narrow = call.run(25);
    for (second, got) in narrow.iter().enumerate().skip(3) {
        let pictures = got[0] + got[1] / 2 + got[2] / 5;
        assert!(pictures >= 15 && got[2] == 0, "second {second}: {narrow:?}");
    }
    let best = narrow[8..].iter().filter(|got| got[1] >= 50).count();
    assert!(best >= 10, "the middle layer fits: {narrow:?}");
    assert_eq!(call.paused(), []);
    let quality = |e: &Event| match e {
        Event::Quality {
            quality, participant, ..
        } if **participant == *"PA_bob" => Some(*quality),
        _ => None,
    };
    assert_eq!(
        call.world.events.iter().rev().find_map(quality),
        Some(Quality::Good)
    );
    call.link(5e6);
    let wide = call.run(15);
    for got in &wide[9..] {
        assert_eq!(*got, [0, 0, 150], "{wide:?}");
    }
    assert_eq!(
        call.world.events.iter().rev().find_map(quality),
        Some(Quality::Excellent)
    );
}

#[test]
fn a_link_that_carries_no_layer_pauses_the_video_and_says_so() {
    let mut call = Call::new();
    call.link(5e6);
    call.run(3);
    call.link(35e3);
    let narrow = call.run(20);
    assert_eq!(call.paused().last(), Some(&true), "{narrow:?}");
    call.link(5e6);
    let wide = call.run(15);
    assert_eq!(wide.last(), Some(&[0, 0, 150]), "{wide:?}");
    assert_eq!(call.paused().last(), Some(&false));
}

#[test]
fn what_is_paused_comes_back_by_a_probe_and_not_by_patience() {
    let mut call = Call::new();
    call.link(5e6);
    call.run(3);
    call.link(35e3);
    call.run(12);
    assert_eq!(call.paused().last(), Some(&true));
    call.link(600e3);
    let wide = call.run(6);
    let pictures = |got: &[usize; 3]| got[0] + got[1] / 2 + got[2] / 5;
    assert!(wide[4..].iter().all(|got| pictures(got) >= 20), "{wide:?}");
    assert_eq!(call.paused().last(), Some(&false));
}

#[test]
fn a_limit_from_outside_holds_where_nothing_is_measured_and_ends() {
    let mut call = Call::new();
    call.run(2);
    let limit = |call: &mut Call, bps| {
        let participant = id("PA_bob");
        call.world.command(Command::LimitBandwidth { participant, bps });
    };
    limit(&mut call, 500_000);
    assert_eq!(call.run(5).last(), Some(&[0, 60, 0]));
    limit(&mut call, 200_000);
    assert_eq!(call.run(5).last(), Some(&[30, 0, 0]));
    limit(&mut call, 0);
    assert_eq!(call.run(5).last(), Some(&[0, 0, 150]));
}
