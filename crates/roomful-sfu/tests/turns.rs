//! What a turn sends and what it costs: packets of a frame leave in equal sizes, who asks again is answered at once, and who has
//! nothing to say is not looked at.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_rtc::rtcp::{nack, write};
use roomful_rtc::rtp::{NewHeader, RtpHeader};
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::command::{Command, Kind};
use std::time::Duration;
use support::specs::{spec, WATCH};
use support::{id, video, vp8, Wire, World};

const FRAME: Duration = Duration::from_millis(35);

/// Ada's camera and so many who watch it.
struct Stage {
    world: World,
    next: u64,
}

impl Stage {
    fn new(watchers: usize) -> Self {
        let mut world = World::new();
        world.enter("ada", &[]);
        world.command(Command::Publish {
            participant: id("PA_ada"),
            spec: spec("TR_v", Kind::Video, "vp8", "cam"),
        });
        world.client("ada").sections = vec![video("sendonly", "a=msid:s cam\na=ssrc:77 cname:x\n")];
        world.offer("ada");
        for n in 0..watchers {
            let name = format!("w{n}");
            world.enter(&name, &[video("recvonly", "")]);
            world.command(Command::Subscribe {
                participant: id(&format!("PA_{name}")),
                track: id("TR_v"),
                settings: WATCH,
            });
            world.offer(&name);
        }
        world.run(Duration::from_secs(1));
        Self { world, next: 1_000 }
    }

    fn path(&mut self, name: &str) -> Path {
        Path {
            local: self.world.server,
            remote: self.world.client(name).address,
            protocol: Protocol::Udp,
        }
    }

    /// A frame of these payload sizes in one turn; what the server sent.
    fn frame(&mut self, key: bool, sizes: &[usize]) -> Wire {
        let (path, now) = (self.path("ada"), self.world.now);
        let mut wire = Wire::default();
        for (n, size) in sizes.iter().enumerate() {
            let payload = vp8(key && n == 0, 1, *size);
            let sender = self.world.client("ada").transport.sender().unwrap();
            let mut packet = vec![0u8; 12 + payload.len() + sender.overhead()];
            let header = NewHeader {
                marker: n + 1 == sizes.len(),
                payload_type: 96,
                sequence: self.next as u16,
                timestamp: 9_000,
                ssrc: 77,
            };
            header.write(&Default::default(), &mut packet).unwrap();
            packet[12..12 + payload.len()].copy_from_slice(&payload);
            sender.protect_rtp(&mut packet, 12, 77, self.next).unwrap();
            self.world
                .router
                .handle_packet(&path, &mut packet, now, &mut wire);
            self.next += 1;
        }
        self.world.router.flush(now, &mut wire);
        wire
    }
}

fn media(wire: &Wire) -> Vec<&Vec<u8>> {
    let rtp = |packet: &&Vec<u8>| packet[0] >= 128 && !(192..=223).contains(&packet[1]);
    wire.0.iter().map(|(_, packet)| packet).filter(rtp).collect()
}

#[test]
fn the_packets_of_a_frame_leave_in_equal_sizes_and_say_what_is_padding() {
    let mut stage = Stage::new(1);
    let wire = stage.frame(true, &[500, 501, 504, 504, 390]);
    let sent: Vec<Vec<u8>> = media(&wire).into_iter().cloned().collect();
    let sizes: Vec<usize> = sent.iter().map(Vec::len).collect();
    assert!(sizes[..4].iter().all(|size| *size == sizes[0]), "{sizes:?}");
    assert!(sizes[4] < sizes[0]);
    let receiver = stage.world.client("w0").transport.receiver().unwrap();
    let mut payloads = vec![];
    for mut packet in sent {
        let (header, _, length) = receiver.unprotect_rtp(&mut packet).unwrap();
        payloads.push(header.payload(&packet[..length]).unwrap().len());
    }
    assert_eq!(payloads, [500, 501, 504, 504, 390]);
}

#[test]
fn who_asks_again_is_answered_in_the_same_turn() {
    let mut stage = Stage::new(1);
    let wire = stage.frame(true, &[500, 501, 504]);
    let header = RtpHeader::parse(media(&wire)[1]).unwrap();
    let mut ask = vec![];
    write::nack(&mut ask, 1, header.ssrc, &[header.sequence]);
    assert_eq!(nack::sequences(&ask[12..]).collect::<Vec<_>>(), [header.sequence]);
    let client = stage.world.client("w0");
    client
        .transport
        .sender_mut()
        .unwrap()
        .protect_rtcp(&mut ask)
        .unwrap();
    let (path, now) = (stage.path("w0"), stage.world.now);
    let mut wire = Wire::default();
    stage.world.router.handle_packet(&path, &mut ask, now, &mut wire);
    stage.world.router.flush(now, &mut wire);
    let again = media(&wire);
    assert_eq!(again.len(), 1);
    assert_ne!(RtpHeader::parse(again[0]).unwrap().ssrc, header.ssrc);
}

#[test]
fn who_only_watches_is_not_looked_at() {
    let mut stage = Stage::new(20);
    for n in 0..30 {
        let wire = stage.frame(n == 0, &[500, 500]);
        assert_eq!(media(&wire).len(), 40);
        stage.world.run(FRAME);
        assert!(
            stage.world.router.talking() <= 1,
            "{}",
            stage.world.router.talking()
        );
    }
    let heard = stage.world.client("ada").rtcp.len();
    assert!(heard >= 2, "the publisher gets its reports: {heard}");
    stage.world.run(Duration::from_secs(3));
    assert_eq!(stage.world.router.talking(), 0);
}
