//! Participants that change rooms, and tracks that are shown in other rooms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_sfu::command::{Command, Kind, TrackSpec};
use roomful_sfu::event::{Event, TransportState};
use std::time::Duration;
use support::specs::{self, WATCH};
use support::{id, video, vp8, World};

fn spec(track: &str, cid: &str) -> TrackSpec {
    specs::spec(track, Kind::Video, "vp8", cid)
}

fn publish(world: &mut World, who: &str, track: &str, ssrc: u32) {
    world.command(Command::Publish {
        participant: id(&format!("PA_{who}")),
        spec: spec(track, who),
    });
    let sends = format!("a=msid:s {who}\na=ssrc:{ssrc} cname:x\n");
    world.client(who).sections.push(video("sendonly", &sends));
    world.offer(who);
}

fn subscribe(world: &mut World, who: &str, track: &str) {
    world.command(Command::Subscribe {
        participant: id(&format!("PA_{who}")),
        track: id(track),
        settings: WATCH,
    });
    world.offer(who);
}

fn go(world: &mut World, who: &str, room: &str) {
    world.command(Command::MoveParticipant {
        participant: id(&format!("PA_{who}")),
        room: id(room),
    });
}

/// Half a second of pictures, the first one a key frame.
fn film(world: &mut World, who: &str, ssrc: u32, from: &mut u64) {
    for n in 0..15 {
        let payload = vp8(n == 0, *from as u16 & 0x7fff, 600);
        world.send(who, ssrc, 96, *from, *from as u32 * 3000, &[], &payload);
        world.run(Duration::from_millis(33));
        *from += 1;
    }
}

fn pictures(world: &mut World, who: &str) -> usize {
    std::mem::take(&mut world.client(who).received).len()
}

/// Ada films in RM_1, Bob is there, Eve is in RM_2.
fn two_rooms() -> World {
    let mut world = World::new();
    world.command(Command::OpenRoom {
        room: id("RM_2"),
        beside: Some(id("RM_1")),
    });
    world.enter("ada", &[]);
    publish(&mut world, "ada", "TR_v", 77);
    for who in ["bob", "eve"] {
        world.enter(who, &[video("recvonly", "")]);
    }
    go(&mut world, "eve", "RM_2");
    world.run(Duration::from_secs(1));
    world
}

#[test]
fn who_moves_takes_its_transport_and_tracks_along() {
    let mut world = two_rooms();
    subscribe(&mut world, "bob", "TR_v");
    // Of another room: nothing comes of it.
    subscribe(&mut world, "eve", "TR_v");
    let mut at = 1000;
    film(&mut world, "ada", 77, &mut at);
    assert_eq!(
        (pictures(&mut world, "bob"), pictures(&mut world, "eve")),
        (15, 0)
    );
    world.events.clear();
    go(&mut world, "ada", "RM_2");
    let wants_offer =
        |e: &Event| matches!(e, Event::SectionsWanted { transport, .. } if transport == &id("TP_ada"));
    assert!(world.events.iter().any(wants_offer), "{:?}", world.events);
    subscribe(&mut world, "eve", "TR_v");
    film(&mut world, "ada", 77, &mut at);
    assert_eq!(
        (pictures(&mut world, "bob"), pictures(&mut world, "eve")),
        (0, 15)
    );
    let fallen =
        |e: &Event| matches!(e, Event::Transport { state, .. } if *state != TransportState::Connected);
    assert!(!world.events.iter().any(fallen), "no transport is touched");
    // What the old room ends with is not the mover's any more.
    world.command(Command::CloseRoom { room: id("RM_1") });
    film(&mut world, "ada", 77, &mut at);
    assert_eq!(pictures(&mut world, "eve"), 15);
}

#[test]
fn who_moves_receives_what_is_in_the_new_room_and_nothing_of_the_old() {
    let mut world = two_rooms();
    publish(&mut world, "eve", "TR_e", 88);
    subscribe(&mut world, "bob", "TR_v");
    let (mut of_ada, mut of_eve) = (1000, 2000);
    film(&mut world, "ada", 77, &mut of_ada);
    go(&mut world, "bob", "RM_2");
    pictures(&mut world, "bob");
    film(&mut world, "ada", 77, &mut of_ada);
    assert_eq!(pictures(&mut world, "bob"), 0);
    subscribe(&mut world, "bob", "TR_e");
    film(&mut world, "eve", 88, &mut of_eve);
    assert_eq!(pictures(&mut world, "bob"), 15);
    // There and back.
    go(&mut world, "bob", "RM_1");
    subscribe(&mut world, "bob", "TR_e");
    subscribe(&mut world, "bob", "TR_v");
    film(&mut world, "ada", 77, &mut of_ada);
    film(&mut world, "eve", 88, &mut of_eve);
    assert_eq!(pictures(&mut world, "bob"), 15);
}

#[test]
fn a_track_is_shown_in_another_room_until_it_is_hidden() {
    let mut world = two_rooms();
    let show = |room: &str| Command::Show {
        track: id("TR_v"),
        room: id(room),
    };
    world.command(show("RM_2"));
    world.command(show("RM_9"));
    subscribe(&mut world, "bob", "TR_v");
    subscribe(&mut world, "eve", "TR_v");
    let mut at = 1000;
    film(&mut world, "ada", 77, &mut at);
    assert_eq!(
        (pictures(&mut world, "bob"), pictures(&mut world, "eve")),
        (15, 15)
    );
    world.command(Command::Hide {
        track: id("TR_v"),
        room: id("RM_2"),
    });
    film(&mut world, "ada", 77, &mut at);
    assert_eq!(
        (pictures(&mut world, "bob"), pictures(&mut world, "eve")),
        (15, 0)
    );
    // A room that ends ends it too, and a later room under the same key shows nothing.
    world.command(show("RM_2"));
    world.command(Command::CloseRoom { room: id("RM_2") });
    world.command(Command::OpenRoom {
        room: id("RM_3"),
        beside: None,
    });
    world.enter("joe", &[video("recvonly", "")]);
    go(&mut world, "joe", "RM_3");
    world.run(Duration::from_secs(1));
    subscribe(&mut world, "joe", "TR_v");
    film(&mut world, "ada", 77, &mut at);
    assert_eq!(
        (pictures(&mut world, "bob"), pictures(&mut world, "joe")),
        (15, 0)
    );
}
