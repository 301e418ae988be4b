//! Floods of reliable data through the router on a virtual network, with receivers of different speed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod support;

use roomful_rtc::dcep::{ChannelOptions, Reliability};
use roomful_rtc::sctp::ChannelId;
use roomful_rtc::transport::TransportEvent;
use roomful_sfu::event::Event;
use std::collections::HashMap;
use std::time::Duration;
use support::{id, World};

const SECTION: &str = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:5000\n";
const SIZE: usize = 1000;
const STEP: Duration = Duration::from_millis(5);

struct Call {
    world: World,
    channels: HashMap<&'static str, ChannelId>,
    /// Numbers of a sender's messages that a receiver got.
    got: HashMap<(&'static str, u8), Vec<u32>>,
    sent: u32,
}

impl Call {
    fn new(names: &[&'static str]) -> Self {
        let mut world = World::new();
        for name in names {
            world.enter(name, &[SECTION.to_owned()]);
        }
        world.run(Duration::from_secs(1));
        let now = world.now;
        let mut channels = HashMap::new();
        for name in names {
            let options = ChannelOptions {
                label: "_reliable".to_owned(),
                protocol: String::new(),
                ordered: true,
                reliability: Reliability::Reliable,
            };
            let opened = world.client(name).transport.open_channel(options, now);
            channels.insert(*name, opened.expect("SCTP is up"));
        }
        world.run(Duration::from_millis(200));
        let (got, sent) = (HashMap::new(), 0);
        Self {
            world,
            channels,
            got,
            sent,
        }
    }

    /// A LiveKit packet (`user`, its payload marked with its sender's letter and number).
    fn send(&mut self, from: &'static str, number: u32, size: usize) {
        let mut payload = vec![from.as_bytes()[0]];
        payload.extend(number.to_be_bytes());
        payload.resize(size, 0x55);
        let long = |n: usize| [n as u8 & 0x7f | 0x80, (n >> 7) as u8];
        let mut packet = vec![0x12];
        packet.extend(long(payload.len() + 3));
        packet.push(0x12);
        packet.extend(long(payload.len()));
        packet.extend(payload);
        let (channel, now) = (self.channels[from], self.world.now);
        let transport = &mut self.world.client(from).transport;
        transport.send_data(channel, true, &packet).unwrap();
        transport.flush_data(now);
    }

    /// Ada sends as much as her transport takes, up to so many messages in all.
    fn flood(&mut self, limit: u32) {
        let channel = self.channels["ada"];
        while self.sent < limit && self.world.client("ada").transport.buffered(channel) < 200_000 {
            self.send("ada", self.sent, SIZE);
            self.sent += 1;
        }
    }

    fn step(&mut self) {
        self.world.run(STEP);
        for name in self.channels.keys().copied() {
            while let Some(event) = self.world.client(name).transport.poll_event() {
                let TransportEvent::Message { data, .. } = event else {
                    continue;
                };
                // The payload follows two tags of three bytes each.
                let at = data
                    .windows(2)
                    .position(|w| w[0] == 0x12 && w[1] & 0x80 != 0)
                    .unwrap()
                    + 6;
                let number = u32::from_be_bytes(data[at + 1..at + 5].try_into().unwrap());
                self.got.entry((name, data[at])).or_default().push(number);
            }
        }
    }

    fn count(&self, who: &'static str, from: u8) -> usize {
        self.got.get(&(who, from)).map_or(0, Vec::len)
    }

    fn let_go(&self) -> Vec<&str> {
        let events = self.world.events.iter();
        events
            .filter_map(|event| match event {
                Event::SlowReader { participant } => Some(&**participant),
                _ => None,
            })
            .collect()
    }
}

#[test]
fn a_flood_goes_as_fast_as_the_slower_receiver_takes_it() {
    let mut call = Call::new(&["ada", "bob", "carol", "dave"]);
    // 400 kB a second; 12 MB in all, more than may wait for one receiver.
    call.world.client("carol").rate = Some(2000);
    let (limit, mut said, mut ahead, mut late) = (12_000, 0, 0, 0);
    for step in 0..12_000 {
        call.flood(limit);
        if step % 20 == 0 && call.count("bob", b'a') < limit as usize {
            call.send("dave", said, 200);
            said += 1;
        }
        call.step();
        ahead = ahead.max(call.count("bob", b'a') - call.count("carol", b'a'));
        late = late.max(said as usize - call.count("bob", b'd'));
        if call.count("carol", b'a') == limit as usize {
            break;
        }
    }
    let all: Vec<u32> = (0..limit).collect();
    assert_eq!(call.let_go(), Vec::<&str>::new());
    assert_eq!(
        call.got[&("carol", b'a')],
        all,
        "carol got {}",
        call.count("carol", b'a')
    );
    assert_eq!(call.got[&("bob", b'a')], all);
    // What waits here for Carol at most: the mark at which Ada is held, and her window.
    assert!(ahead * SIZE < 3 << 20, "{ahead} messages waited");
    // Dave, who says little, is heard at once all the time.
    assert!(said > 100 && late <= 2, "{late} of {said} messages late");
}

#[test]
fn a_receiver_that_takes_nothing_is_not_waited_for_and_let_go() {
    let mut call = Call::new(&["ada", "bob", "carol"]);
    call.world.client("carol").rate = Some(0);
    let limit = 12_000;
    for _ in 0..4000 {
        call.flood(limit);
        call.step();
        if call.count("bob", b'a') == limit as usize {
            break;
        }
    }
    assert_eq!(call.got[&("bob", b'a')], (0..limit).collect::<Vec<_>>());
    assert_eq!(call.let_go(), [&*id("PA_carol")]);
}
