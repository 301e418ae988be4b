//! Every packet says which section it belongs to, and a section that has been silent says so before others begin: a client may have
//! our packets before it has the answer that names their sources.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_rtc::rtcp::write;
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::command::{Command, Kind};
use std::time::Duration;
use support::specs::{spec, WATCH};
use support::{audio, id, video, vp8, Received, Wire, World};

fn publish(world: &mut World, who: &str, track: &str, kind: Kind, source: u32) {
    let (codec, cid) = (if kind == Kind::Video { "vp8" } else { "opus" }, track);
    world.enter(who, &[]);
    world.command(Command::Publish {
        participant: id(&format!("PA_{who}")),
        spec: spec(track, kind, codec, cid),
    });
    let names = format!("a=msid:s {cid}\na=ssrc:{source} cname:x\n");
    world.client(who).sections = vec![match kind {
        Kind::Video => video("sendonly", &names),
        Kind::Audio => audio("sendonly", &names),
    }];
    world.offer(who);
}

fn subscribe(world: &mut World, track: &str) {
    world.command(Command::Subscribe {
        participant: id("PA_fox"),
        track: id(track),
        settings: WATCH,
    });
    world.offer("fox");
}

fn told(received: &[Received]) -> Vec<(&str, usize)> {
    received
        .iter()
        .map(|r| (r.section.as_deref().unwrap_or("none"), r.payload.len()))
        .collect()
}

#[test]
fn sound_pictures_and_what_is_sent_again_name_their_section() {
    let mut world = World::new();
    publish(&mut world, "ada", "TR_v", Kind::Video, 77);
    publish(&mut world, "bob", "TR_a", Kind::Audio, 88);
    world.enter("fox", &[video("recvonly", ""), audio("recvonly", "")]);
    subscribe(&mut world, "TR_v");
    subscribe(&mut world, "TR_a");
    world.run(Duration::from_secs(1));
    for n in 0..4u16 {
        world.send(
            "ada",
            77,
            96,
            30_000 + u64::from(n),
            9_000,
            &[],
            &vp8(n == 0, n, 200),
        );
        world.send("bob", 88, 111, 40_000 + u64::from(n), 9_000, &[], &[1; 40]);
    }
    let fox = world.client("fox");
    assert_eq!(
        told(&fox.received),
        [("0", 200), ("1", 40)].repeat(4),
        "each packet by the offer's order of sections"
    );
    let lost = &fox.received[2].header;
    let mut packet = vec![];
    write::nack(&mut packet, 1, lost.ssrc, &[lost.sequence]);
    fox.transport
        .sender_mut()
        .unwrap()
        .protect_rtcp(&mut packet)
        .unwrap();
    let (path, now) = (
        Path {
            local: world.server,
            remote: world.client("fox").address,
            protocol: Protocol::Udp,
        },
        world.now,
    );
    world
        .router
        .handle_packet(&path, &mut packet, now, &mut Wire::default());
    world.run(Duration::from_millis(50));
    let again = &world.client("fox").received[8];
    assert_eq!(
        (again.header.payload_type, again.section.as_deref()),
        (97, Some("0"))
    );
}

#[test]
fn a_silent_section_is_told_of_before_another_begins() {
    let mut world = World::new();
    publish(&mut world, "ada", "TR_a", Kind::Audio, 77);
    publish(&mut world, "bob", "TR_b", Kind::Audio, 88);
    world.enter("fox", &[audio("recvonly", ""), audio("recvonly", "")]);
    subscribe(&mut world, "TR_a");
    world.run(Duration::from_secs(1));
    assert_eq!(told(&world.client("fox").received), [], "Ada says nothing");
    subscribe(&mut world, "TR_b");
    world.send("bob", 88, 111, 40_000, 9_000, &[], &[1; 40]);
    world.send("ada", 77, 111, 30_000, 9_000, &[], &[2; 40]);
    let received = &world.client("fox").received;
    assert_eq!(told(received), [("0", 0), ("1", 40), ("0", 40)]);
    let (empty, ada) = (&received[0], &received[2]);
    assert_eq!(empty.header.ssrc, ada.header.ssrc);
    assert_eq!(empty.index + 1, ada.index, "no gap that would be asked for again");
    // Who was heard needs no more of it.
    world.offer("fox");
    world.run(Duration::from_millis(50));
    assert_eq!(world.client("fox").received.len(), 3);
}
