//! Forwarding layered video allocates nothing on our side, whatever is cut from it and however often the subscribers switch.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#[path = "../../roomful-rtc/tests/support/counting.rs"]
mod counting;
mod support;
#[path = "support/svc.rs"]
mod svc;

use counting::allocations;
use roomful_rtc::rtp::extension::{Block, Extension};
use roomful_rtc::rtp::NewHeader;
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::command::{Command, ViewSettings};
use roomful_sfu::egress::Egress;
use std::time::Duration;
use support::specs::{layered, WATCH};
use support::{id, ids, video_of, World};
use svc::{Encoder, Mode};

/// Counts datagrams, and keeps none.
struct Sink {
    arena: Vec<u8>,
    packets: usize,
}

impl Egress for Sink {
    fn slot(&mut self, _path: &Path, len: usize) -> &mut [u8] {
        self.packets += 1;
        &mut self.arena[..len]
    }
}

#[test]
fn layered_video_is_forwarded_without_allocating() {
    assert_eq!(allocations(|| drop(vec![1u8])), 1, "the counter counts");
    for codec in ["AV1", "VP9"] {
        let mut world = World::new();
        world.enter("ada", &[]);
        world.command(Command::Publish {
            participant: id("PA_ada"),
            spec: layered("TR_v", codec, "cam"),
        });
        world.client("ada").sections = vec![video_of(codec, "sendonly", "a=msid:s cam\na=ssrc:77 cname:x\n")];
        world.offer("ada");
        let people = ["bob", "eve", "fay"];
        for (quality, name) in people.iter().enumerate() {
            world.enter(name, &[video_of(codec, "recvonly", "")]);
            let quality = quality as u8;
            world.command(Command::Subscribe {
                participant: id(&format!("PA_{name}")),
                track: id("TR_v"),
                settings: ViewSettings { quality, ..WATCH },
            });
            world.offer(name);
        }
        world.run(Duration::from_secs(1));

        let mut encoder = Encoder::new(Mode::Full, 3, 3);
        let mut sink = Sink {
            arena: vec![0; 2_000],
            packets: 0,
        };
        let mut index = 40_000;
        // The ring has to be full once.
        for picture in 0..1_000 {
            // A key picture now and then; its structure is kept in a list.
            let key = picture % 200 == 0;
            let mut packets = vec![];
            for frame in encoder.picture(key) {
                let descriptor = encoder.descriptor(&frame, true, true);
                let mut block = Block::default();
                if codec == "AV1" {
                    let extension = ids().id(Extension::DependencyDescriptor).unwrap();
                    block.push(extension, &descriptor);
                }
                let mut payload = match codec {
                    "AV1" => vec![8 * u8::from(frame.key && frame.spatial == 0), 1, 2],
                    _ => encoder.vp9(&frame, true, true, true),
                };
                payload.resize(60, 0xaa); // kept packets grow to the largest size that came
                let sender = world.client("ada").transport.sender().unwrap();
                let mut packet = vec![0u8; 12 + block.bytes().len() + payload.len() + sender.overhead()];
                let header = NewHeader {
                    marker: frame.top,
                    payload_type: 96,
                    sequence: index as u16,
                    timestamp: frame.timestamp,
                    ssrc: 77,
                };
                let at = header.write(&block, &mut packet).unwrap();
                packet[at..at + payload.len()].copy_from_slice(&payload);
                sender.protect_rtp(&mut packet, at, 77, index).unwrap();
                packets.push(packet);
                index += 1;
            }
            world.now += Duration::from_millis(33);
            let (server, address, now) = (world.server, world.client("ada").address, world.now);
            let path = Path {
                local: server,
                remote: address,
                protocol: Protocol::Udp,
            };
            sink.packets = 0;
            let router = &mut world.router;
            let made = allocations(|| {
                for packet in &mut packets {
                    router.handle_packet(&path, packet, now, &mut sink);
                }
                router.flush(now, &mut sink);
            });
            if picture > 500 && !key {
                assert_eq!(made, 0, "{codec}, picture {picture}");
                assert!((5..=6).contains(&sink.packets), "{codec}: {}", sink.packets);
            }
        }
    }
}
