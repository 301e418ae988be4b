//! Hundreds who may speak, and few who are sent on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_rtc::rtp::Extension;
use roomful_sfu::command::{Command, Kind};
use roomful_sfu::event::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use support::specs::{self, WATCH};
use support::{audio, id, World};

const PEOPLE: usize = 200;
const MOST: usize = 3;

struct Hall {
    world: World,
    next: u64,
}

impl Hall {
    /// Two hundred with open microphones, and one who listens to all of them.
    fn new() -> Self {
        let mut world = World::new();
        world.command(Command::LimitVoices {
            room: id("RM_1"),
            count: MOST,
        });
        for n in 0..PEOPLE {
            let name = format!("v{n}");
            world.enter(&name, &[]);
            world.command(Command::Publish {
                participant: id(&format!("PA_{name}")),
                spec: specs::spec(&format!("TR_{n}"), Kind::Audio, "opus", &name),
            });
            let sends = format!("a=msid:s {name}\na=ssrc:{} cname:x\n", 1_000 + n);
            world.client(&name).sections = vec![audio("sendonly", &sends)];
            world.offer(&name);
        }
        world.enter("lis", &[audio("recvonly", "")]);
        for n in 0..PEOPLE {
            world.command(Command::Subscribe {
                participant: id("PA_lis"),
                track: id(&format!("TR_{n}")),
                settings: WATCH,
            });
        }
        world.run(Duration::from_secs(1));
        Self { world, next: 100 }
    }

    /// Everybody's packets for a while; those named speak. Returns whose sound reached the listener: packets by speaker.
    fn talk(&mut self, speakers: &[usize], packets: usize) -> BTreeMap<usize, usize> {
        let before = self.world.client("lis").received.len();
        for _ in 0..packets {
            for n in 0..PEOPLE {
                let level = if speakers.contains(&n) {
                    20
                } else {
                    70 + (n % 40) as u8
                };
                let name = format!("v{n}");
                let payload = [n as u8, (n >> 8) as u8, 1, 2];
                self.world.send(
                    &name,
                    1_000 + n as u32,
                    111,
                    self.next,
                    self.next as u32 * 960,
                    &[(Extension::AudioLevel, &[level])],
                    &payload,
                );
            }
            self.next += 1;
            self.world.run(Duration::from_millis(20));
            self.answer();
        }
        let mut heard = BTreeMap::new();
        for packet in &self.world.client("lis").received[before..] {
            let who = usize::from(packet.payload[0]) | usize::from(packet.payload[1]) << 8;
            *heard.entry(who).or_default() += 1;
        }
        heard
    }

    /// The listener adds the sections it is asked for.
    fn answer(&mut self) {
        let mut wanted = 0;
        self.world.events.retain(|event| match event {
            Event::SectionsWanted {
                transport, audios, ..
            } if transport == &id("TP_lis") => {
                wanted += 1 + *audios;
                false
            }
            _ => true,
        });
        if wanted > 0 {
            for _ in 1..wanted {
                self.world.client("lis").sections.push(audio("recvonly", ""));
            }
            self.world.offer("lis");
        }
    }

    fn sources(&mut self) -> BTreeSet<u32> {
        let received = &self.world.client("lis").received;
        received.iter().map(|packet| packet.header.ssrc).collect()
    }
}

#[test]
fn of_hundreds_the_loudest_are_heard_and_nobody_else_takes_a_section() {
    let mut hall = Hall::new();
    hall.talk(&[5, 17, 42], 40);
    let heard = hall.talk(&[5, 17, 42], 50);
    assert_eq!(heard.keys().copied().collect::<Vec<_>>(), [5, 17, 42]);
    assert!(heard.values().all(|packets| *packets == 50), "{heard:?}");
    // Somebody else speaks up while one of them has fallen silent.
    hall.talk(&[5, 42, 60], 60);
    let heard = hall.talk(&[5, 42, 60], 50);
    assert_eq!(heard.keys().copied().collect::<Vec<_>>(), [5, 42, 60]);
    // And the first one again, in the section it had.
    hall.talk(&[17, 42, 60], 60);
    let heard = hall.talk(&[17, 42, 60], 50);
    assert_eq!(heard.keys().copied().collect::<Vec<_>>(), [17, 42, 60]);
    assert!(hall.sources().len() <= 8, "{:?}", hall.sources());
    assert!(hall.world.client("lis").sections.len() <= 8);
    // A voice that goes and comes leaves no gap in its numbers.
    let mut indices: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for packet in &hall.world.client("lis").received {
        indices.entry(packet.header.ssrc).or_default().push(packet.index);
    }
    for (ssrc, indices) in indices {
        assert!(
            indices.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "{ssrc}: {indices:?}"
        );
    }
    // Without the limit everybody is heard.
    hall.world.command(Command::LimitVoices {
        room: id("RM_1"),
        count: 0,
    });
    hall.answer();
    hall.talk(&[], 10);
    assert_eq!(hall.talk(&[], 5).len(), PEOPLE);
}
