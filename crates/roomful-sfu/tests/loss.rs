//! Lost packets on the virtual network: who is asked for them when, how often they go out again, and how long they are waited for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_rtc::rtcp::{self, nack, write, Feedback, ReportBlock};
use roomful_sfu::command::{Command, Kind};
use std::time::Duration;
use support::specs::{spec, WATCH};
use support::{audio, id, video, vp8, World};

const FRAME: Duration = Duration::from_millis(33);

/// Ada's camera (77) and microphone (55), and Bob, who gets both.
struct Call {
    world: World,
    frame: u64,
}

impl Call {
    fn new() -> Self {
        let mut world = World::new();
        world.enter("ada", &[]);
        for one in [
            spec("TR_v", Kind::Video, "vp8", "cam"),
            spec("TR_a", Kind::Audio, "opus", "mic"),
        ] {
            world.command(Command::Publish {
                participant: id("PA_ada"),
                spec: one,
            });
        }
        world.client("ada").sections = vec![
            video(
                "sendonly",
                "a=msid:s cam\na=ssrc-group:FID 77 78\na=ssrc:77 cname:x\na=ssrc:78 cname:x\n",
            ),
            audio("sendonly", "a=msid:s mic\na=ssrc:55 cname:x\n"),
        ];
        world.offer("ada");
        world.enter("bob", &[video("recvonly", ""), audio("recvonly", "")]);
        for track in ["TR_v", "TR_a"] {
            world.command(Command::Subscribe {
                participant: id("PA_bob"),
                track: id(track),
                settings: WATCH,
            });
        }
        let answer = world.offer("bob");
        assert!(answer.contains("a=rtcp-fb:111 nack"), "{answer}");
        world.run(Duration::from_secs(1));
        Self { world, frame: 0 }
    }

    fn see(&mut self, frames: u64) {
        for _ in 0..frames {
            let n = self.frame;
            let picture = vp8(n == 0, n as u16 & 0x7fff, 500);
            self.world
                .send("ada", 77, 96, 1_000 + n, n as u32 * 3_000, &[], &picture);
            self.frame += 1;
            self.world.run(FRAME);
        }
    }

    /// Bob reports loss once a second, while pictures come.
    fn lose(&mut self, share: f32, seconds: u64) {
        let ssrc = self.video_ssrc();
        for _ in 0..seconds {
            let block = ReportBlock {
                ssrc,
                fraction_lost: (share * 256.0) as u8,
                cumulative_lost: 0,
                highest: 0,
                jitter: 0,
                last_sr: 0,
                delay: 0,
            };
            let mut packet = vec![];
            write::receiver_report(&mut packet, 1, &[block]);
            self.world.tell("bob", packet);
            self.see(30);
        }
    }

    fn video_ssrc(&mut self) -> u32 {
        let mut received = self.world.client("bob").received.iter();
        received
            .find(|p| p.header.payload_type == 96)
            .unwrap()
            .header
            .ssrc
    }

    fn ask(&mut self, sequence: u16) {
        let ssrc = self.video_ssrc();
        let mut packet = vec![];
        write::nack(&mut packet, 1, ssrc, &[sequence]);
        self.world.tell("bob", packet);
    }

    /// Retransmissions that Bob got in the next moment.
    fn answers(&mut self, within_ms: u64) -> usize {
        let from = self.world.client("bob").received.len();
        self.world.run(Duration::from_millis(within_ms));
        let new = &self.world.client("bob").received[from..];
        new.iter().filter(|p| p.header.payload_type == 97).count()
    }

    fn delay_ms(&mut self) -> Option<u16> {
        let received = &self.world.client("bob").received;
        received.last().unwrap().delay_ms
    }
}

#[test]
fn lost_sound_is_asked_for_at_once_and_goes_on_when_it_comes() {
    let mut call = Call::new();
    for n in (0..20u64).filter(|n| *n != 10) {
        call.world
            .send("ada", 55, 111, 400 + n, n as u32 * 960, &[], &[n as u8; 80]);
        let wait = if n == 11 { 10 } else { 20 };
        call.world.run(Duration::from_millis(wait));
        if n == 11 {
            let mut asked = vec![];
            for packet in &call.world.client("ada").rtcp {
                rtcp::read(packet, |f| {
                    if let Feedback::Nack { ssrc: 55, pairs } = f {
                        asked.extend(nack::sequences(pairs));
                    }
                });
            }
            assert_eq!(asked, [410]);
            // The same packet again: sound has no RTX.
            call.world.send("ada", 55, 111, 410, 10 * 960, &[], &[10; 80]);
        }
    }
    let received = &call.world.client("bob").received;
    let mut got: Vec<(u64, u8)> = received.iter().map(|p| (p.index, p.payload[0])).collect();
    got.sort_unstable();
    assert_eq!(got.len(), 20);
    assert!(got
        .windows(2)
        .all(|p| p[1].0 == p[0].0 + 1 && p[1].1 == p[0].1 + 1));
}

#[test]
fn a_subscriber_is_answered_in_the_same_turn_and_again_only_when_the_answer_may_be_lost() {
    let mut call = Call::new();
    call.see(10);
    let sequence = call.world.client("bob").received[4].header.sequence;
    call.ask(sequence);
    assert_eq!(call.answers(5), 1);
    call.ask(sequence);
    assert_eq!(call.answers(5), 0);
    call.world.run(Duration::from_millis(60));
    call.ask(sequence);
    assert_eq!(call.answers(60), 1);
}

#[test]
fn where_much_gets_lost_an_answer_goes_out_twice() {
    let mut call = Call::new();
    call.see(10);
    call.lose(0.15, 3);
    let sequence = call.world.client("bob").received.last().unwrap().header.sequence;
    call.ask(sequence);
    assert_eq!(call.answers(5), 1);
    assert_eq!(call.answers(60), 1);
    assert_eq!(call.answers(200), 0);
}

#[test]
fn pictures_are_held_back_while_packets_get_lost_and_no_longer() {
    let mut call = Call::new();
    call.see(60);
    call.lose(0.0, 2);
    assert_eq!(call.delay_ms(), None);
    call.lose(0.06, 6);
    let held = call.delay_ms().unwrap();
    assert!((150..=400).contains(&held), "{held}");
    call.lose(0.0, 45);
    assert_eq!(call.delay_ms(), Some(0));
}

#[test]
fn sound_and_pictures_of_one_camera_are_one_stream() {
    let mut call = Call::new();
    let answer = call.world.offer("bob");
    let streams: Vec<&str> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("a=msid:")?.split(' ').next())
        .collect();
    assert_eq!(streams, ["PA_ada|camera", "PA_ada|camera"]);
}
