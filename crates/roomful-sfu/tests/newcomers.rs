//! Whoever comes gets a picture at once, and the publisher is asked for few key frames.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_rtc::rtcp::{self, write, Feedback};
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::command::{Command, Kind};
use std::time::Duration;
use support::specs::{spec, WATCH};
use support::{id, video, vp8, Wire, World};

const FRAME: Duration = Duration::from_millis(35);

/// Ada's camera: a frame of three packets every 35 ms, a key frame when one was asked for.
struct Camera {
    world: World,
    frame: u64,
    next: u64,
    heard: usize,
    /// When requests came, in milliseconds.
    asked: Vec<u64>,
}

impl Camera {
    fn new() -> Self {
        let mut world = World::new();
        world.enter("ada", &[]);
        world.command(Command::Publish {
            participant: id("PA_ada"),
            spec: spec("TR_v", Kind::Video, "vp8", "cam"),
        });
        world.client("ada").sections = vec![video("sendonly", "a=msid:s cam\na=ssrc:77 cname:x\n")];
        world.offer("ada");
        world.run(Duration::from_secs(1));
        Self {
            world,
            frame: 0,
            next: 30_000,
            heard: 0,
            asked: vec![],
        }
    }

    fn millis(&self) -> u64 {
        self.frame * FRAME.as_millis() as u64
    }

    fn film(&mut self, frames: usize) {
        for _ in 0..frames {
            let mut key = self.frame == 0;
            for packet in self.world.client("ada").rtcp.split_off(self.heard) {
                rtcp::read(&packet, |f| key |= matches!(f, Feedback::Pli { ssrc: 77 }));
            }
            self.heard = self.world.client("ada").rtcp.len();
            if key {
                self.asked.push(self.millis());
            }
            for part in 0..3u8 {
                let mut payload = vp8(key && part == 0, self.frame as u16 & 0x7fff, 400);
                // Only the first packet of a frame starts a partition.
                payload[0] = if part == 0 { 0x90 } else { 0x80 };
                let timestamp = 9_000 + self.frame as u32 * 3_150;
                self.world
                    .send("ada", 77, 96, self.next, timestamp, &[], &payload);
                self.next += 1;
            }
            self.frame += 1;
            self.world.run(FRAME);
        }
    }

    fn admit(&mut self, name: &str) {
        self.world.enter(name, &[video("recvonly", "")]);
        self.world.command(Command::Subscribe {
            participant: id(&format!("PA_{name}")),
            track: id("TR_v"),
            settings: WATCH,
        });
        self.world.offer(name);
    }

    fn plead(&mut self, name: &str) {
        let (server, now) = (self.world.server, self.world.now);
        let client = self.world.client(name);
        let ssrc = client.received[0].header.ssrc;
        let mut packet = vec![];
        write::pli(&mut packet, 1, ssrc);
        client
            .transport
            .sender_mut()
            .unwrap()
            .protect_rtcp(&mut packet)
            .unwrap();
        let path = Path {
            local: server,
            remote: client.address,
            protocol: Protocol::Udp,
        };
        let mut wire = Wire::default();
        self.world
            .router
            .handle_packet(&path, &mut packet, now, &mut wire);
    }
}

fn is_key(payload: &[u8]) -> bool {
    payload[0] & 0x10 != 0 && payload[4] & 1 == 0
}

#[test]
fn many_who_come_at_once_cost_few_key_frames_and_none_of_them_waits() {
    let mut camera = Camera::new();
    camera.film(60);
    let names: Vec<String> = (0..40).map(|n| format!("p{n}")).collect();
    let began = camera.millis();
    for name in &names {
        camera.admit(name);
        camera.film(1);
    }
    camera.film(10);
    let took = camera.millis() - began;
    assert!(
        camera.asked.windows(2).all(|pair| pair[1] - pair[0] >= 450),
        "{:?}",
        camera.asked
    );
    assert!(camera.asked.len() as u64 <= took / 500 + 3, "{:?}", camera.asked);
    for (n, name) in names.iter().enumerate() {
        let client = camera.world.client(name);
        assert!(client.transport.is_connected());
        let got = &client.received;
        assert!(is_key(&got[0].payload), "{name}");
        assert!(got.windows(2).all(|p| p[1].index == p[0].index + 1), "{name}");
        let steps: Vec<u32> = got
            .windows(2)
            .map(|p| p[1].header.timestamp.wrapping_sub(p[0].header.timestamp))
            .collect();
        assert!(steps.iter().all(|step| *step <= 3_150), "{name}: {steps:?}");
        assert_eq!(steps.last(), Some(&0));
        // All frames since it came: connecting takes a few turns here, and then nothing is missed.
        let since = (names.len() - n + 10) * 3;
        assert!(got.len() + 9 >= since, "{name} got {} of {since}", got.len());
    }
}

#[test]
fn a_newcomer_alone_is_asked_for_at_once() {
    let mut camera = Camera::new();
    camera.film(60);
    let before = camera.asked.len();
    camera.admit("bob");
    // A step of the network, far less than the housekeeping's.
    camera.world.run(Duration::from_millis(5));
    let mut asked = 0;
    for packet in &camera.world.client("ada").rtcp.split_off(camera.heard) {
        rtcp::read(packet, |f| {
            asked += usize::from(matches!(f, Feedback::Pli { .. }))
        });
    }
    assert_eq!((before, asked), (1, 1));
}

#[test]
fn a_first_picture_that_was_lost_comes_again_without_asking_the_publisher() {
    let mut camera = Camera::new();
    camera.film(60);
    camera.admit("bob");
    camera.film(6);
    let (asked, got) = (camera.asked.len(), camera.world.client("bob").received.len());
    camera.plead("bob");
    camera.plead("bob");
    camera.film(2);
    let again = camera.world.client("bob").received.split_off(got);
    assert_eq!(camera.asked.len(), asked);
    assert_eq!(again.iter().filter(|p| is_key(&p.payload)).count(), 1);
    // Later it is a loss like any other.
    camera.film(70);
    camera.plead("bob");
    camera.film(2);
    assert_eq!(camera.asked.len(), asked + 1);
}

#[test]
fn an_offer_that_changes_nothing_for_a_picture_does_not_stop_it() {
    let mut camera = Camera::new();
    camera.film(60);
    camera.admit("bob");
    camera.film(40);
    let (asked, got) = (camera.asked.len(), camera.world.client("bob").received.len());
    camera.world.client("bob").sections.push(video("recvonly", ""));
    camera.world.offer("bob");
    camera.film(10);
    let after = camera.world.client("bob").received.split_off(got);
    assert_eq!((camera.asked.len(), after.len()), (asked, 30));
    assert!(after.iter().all(|p| !is_key(&p.payload)));
}

#[test]
fn somebody_who_never_connects_costs_one_key_frame() {
    let mut camera = Camera::new();
    camera.film(60);
    camera.admit("bob");
    camera.world.clients.remove("bob");
    camera.film(100);
    assert_eq!(camera.asked.len(), 2);
}
