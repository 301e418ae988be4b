//! Two peers on a virtual wire.
use super::*;
use crate::pipe::Outgoing;
use bytes::Bytes;
use roomful_rtc::dcep::Reliability;
use roomful_rtc::sdp::Kind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn entropy(seed: u64) -> Entropy {
    let state = AtomicU64::new(seed);
    Entropy::new(move |bytes| {
        for byte in bytes {
            let mut x = state.load(Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
            state.store(x, Ordering::Relaxed);
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (x >> 40) as u8;
        }
    })
}

fn peer(address: &str, seed: u64) -> Peer {
    Peer::new(
        PeerConfig {
            identity: DtlsIdentity::generate().unwrap(),
            hosts: vec![address.parse().unwrap()],
            servers: vec![],
            relay_only: false,
            entropy: entropy(seed),
        },
        Instant::now(),
    )
}

fn plain(label: &str) -> ChannelOptions {
    ChannelOptions {
        label: label.into(),
        protocol: String::new(),
        ordered: true,
        reliability: Reliability::Reliable,
    }
}

struct Wire {
    now: Instant,
    peers: [Peer; 2],
    told: [Vec<PeerEvent>; 2],
}

impl Wire {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            peers: [peer("10.0.0.1:1000", 1), peer("10.0.0.2:2000", 2)],
            told: [vec![], vec![]],
        }
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(10);
        for peer in &mut self.peers {
            peer.handle_timeout(self.now);
        }
        for _ in 0..20 {
            let mut quiet = true;
            for at in 0..2 {
                self.peers[at].turn(self.now);
                while let Some((from, to, packet)) = self.peers[at].poll_transmit(self.now) {
                    quiet = false;
                    self.peers[1 - at].handle_packet(to, from, &packet, self.now);
                }
                while let Some(event) = self.peers[at].poll_event() {
                    self.told[at].push(event);
                }
            }
            if quiet {
                break;
            }
        }
    }

    fn run(&mut self, steps: usize) {
        (0..steps).for_each(|_| self.step());
    }

    /// `from` offers, the other answers.
    fn negotiate(&mut self, from: usize) {
        let now = self.now;
        let offer = self.peers[from].create_offer(false).unwrap();
        self.peers[from]
            .set_local(Some(DescriptionKind::Offer), Some(&offer), now)
            .unwrap();
        let offer = self.peers[from].descriptions().pending_local.unwrap().1;
        self.peers[1 - from]
            .set_remote(DescriptionKind::Offer, &offer, now)
            .unwrap();
        self.peers[1 - from].set_local(None, None, now).unwrap();
        let answer = self.peers[1 - from].descriptions().current_local.unwrap().1;
        self.peers[from]
            .set_remote(DescriptionKind::Answer, &answer, now)
            .unwrap();
    }

    fn messages(&self, at: usize) -> Vec<(bool, Vec<u8>)> {
        let mut all = vec![];
        for event in &self.told[at] {
            if let PeerEvent::Messages { messages, .. } = event {
                all.extend(messages.iter().cloned());
            }
        }
        all
    }

    fn count(&self, at: usize) -> usize {
        let count = |event: &PeerEvent| match event {
            PeerEvent::Messages { messages, .. } => messages.len(),
            _ => 0,
        };
        self.told[at].iter().map(count).sum()
    }

    fn opened(&self, at: usize) -> Vec<(ChannelKey, Arc<Pipe>)> {
        let channel = |event: &PeerEvent| match event {
            PeerEvent::Channel { key, pipe, .. } => Some((*key, pipe.clone())),
            _ => None,
        };
        self.told[at].iter().filter_map(channel).collect()
    }

    fn closed(&self, at: usize) -> usize {
        let is = |event: &&PeerEvent| matches!(event, PeerEvent::Closed(..));
        self.told[at].iter().filter(is).count()
    }
}

fn text(message: &str) -> Outgoing {
    Outgoing {
        binary: false,
        data: Bytes::copy_from_slice(message.as_bytes()),
    }
}

#[test]
fn messages_pass_both_ways_and_channels_close() {
    let mut wire = Wire::new();
    let pipe = Arc::new(Pipe::new());
    let now = wire.now;
    wire.peers[0].open_channel(0, plain("chat"), None, pipe.clone(), now);
    pipe.put(text("before it is open")).unwrap();
    wire.negotiate(0);
    wire.run(100);
    assert_eq!(wire.peers[0].connection(), State::Connected);
    assert_eq!(wire.peers[1].connection(), State::Connected);
    assert_eq!(wire.messages(1), [(false, b"before it is open".to_vec())]);
    let back = wire.opened(1)[0].1.clone();
    let large = vec![9u8; 200_000];
    back.put(Outgoing {
        binary: true,
        data: Bytes::from(large.clone()),
    })
    .unwrap();
    pipe.put(text("")).unwrap();
    wire.run(50);
    assert_eq!(wire.messages(0), [(true, large)]);
    assert_eq!(wire.messages(1)[1], (false, vec![]));
    assert_eq!((pipe.buffered(), back.buffered()), (0, 0));
    pipe.put(text("last words")).unwrap();
    wire.peers[0].close_channel(0);
    wire.run(50);
    assert_eq!(wire.messages(1)[2], (false, b"last words".to_vec()));
    assert_eq!((wire.closed(0), wire.closed(1)), (1, 1));
    assert!(back.is_closed());
}

#[test]
fn much_is_sent_without_loss_and_the_threshold_is_told() {
    let mut wire = Wire::new();
    let pipe = Arc::new(Pipe::new());
    let now = wire.now;
    wire.peers[1].open_channel(0, plain("bulk"), None, pipe.clone(), now);
    pipe.set_low(1 << 20);
    wire.negotiate(1);
    for n in 0..60u32 {
        let mut data = vec![0; 100_000];
        data[..4].copy_from_slice(&n.to_be_bytes());
        let data = Bytes::from(data);
        pipe.put(Outgoing { binary: true, data }).unwrap();
    }
    wire.run(400);
    let numbers: Vec<u32> = wire
        .messages(0)
        .iter()
        .map(|(_, data)| u32::from_be_bytes(data[..4].try_into().unwrap()))
        .collect();
    assert_eq!(numbers, (0..60).collect::<Vec<_>>());
    let low = |event: &&PeerEvent| matches!(event, PeerEvent::Buffered(0, fell) if fell.low);
    assert_eq!(wire.told[1].iter().filter(low).count(), 1);
}

#[test]
fn a_reader_that_stops_holds_the_sender_back() {
    let mut wire = Wire::new();
    let pipe = Arc::new(Pipe::new());
    let now = wire.now;
    wire.peers[0].open_channel(0, plain("bulk"), None, pipe.clone(), now);
    wire.negotiate(0);
    wire.run(100);
    let reader = wire.opened(1)[0].1.clone();
    reader.set_paused(true);
    wire.step();
    let chunk = Bytes::from(vec![1; 65_536]);
    let mut sent = 0;
    for _ in 0..150 {
        while sent < 400 {
            let message = Outgoing {
                binary: true,
                data: chunk.clone(),
            };
            if pipe.put(message).is_err() {
                break;
            }
            sent += 1;
        }
        wire.step();
    }
    assert!(sent < 400, "nothing held the sender back");
    let before = wire.count(1);
    assert!(before * 65_536 <= RECEIVE_WINDOW as usize + 65_536);
    reader.set_paused(false);
    for _ in 0..250 {
        while sent < 400 {
            let message = Outgoing {
                binary: true,
                data: chunk.clone(),
            };
            if pipe.put(message).is_err() {
                break;
            }
            sent += 1;
        }
        let read = wire.count(1);
        wire.step();
        // The program takes what it is told.
        let news = wire.count(1) - read;
        reader.taken(news, news * 65_536);
    }
    assert_eq!((sent, wire.count(1)), (400, 400));
}

#[test]
fn channels_that_both_agreed_on_say_nothing() {
    let mut wire = Wire::new();
    let pipes = [Arc::new(Pipe::new()), Arc::new(Pipe::new())];
    let now = wire.now;
    for (peer, pipe) in wire.peers.iter_mut().zip(&pipes) {
        peer.open_channel(0, plain("same"), Some(7), pipe.clone(), now);
    }
    wire.negotiate(0);
    wire.run(100);
    pipes[1].put(text("hello")).unwrap();
    wire.run(20);
    assert_eq!(wire.messages(0), [(false, b"hello".to_vec())]);
    assert!(wire.opened(0).is_empty() && wire.opened(1).is_empty());
}

#[test]
fn an_offer_makes_ours_give_way() {
    let mut wire = Wire::new();
    let now = wire.now;
    for at in 0..2 {
        let pipe = Arc::new(Pipe::new());
        wire.peers[at].open_channel(0, plain("x"), None, pipe, now);
        wire.peers[at].set_local(None, None, now).unwrap();
    }
    let offer = wire.peers[0].descriptions().pending_local.unwrap().1;
    wire.peers[1]
        .set_remote(DescriptionKind::Offer, &offer, now)
        .unwrap();
    wire.peers[1].set_local(None, None, now).unwrap();
    let answer = wire.peers[1].descriptions().current_local.unwrap().1;
    wire.peers[0]
        .set_remote(DescriptionKind::Answer, &answer, now)
        .unwrap();
    wire.run(100);
    assert_eq!(wire.peers[0].connection(), State::Connected);
    assert_eq!((wire.opened(0).len(), wire.opened(1).len()), (1, 1));
}

#[test]
fn ice_begins_anew_while_messages_go_on() {
    let mut wire = Wire::new();
    let pipe = Arc::new(Pipe::new());
    let now = wire.now;
    wire.peers[0].open_channel(0, plain("x"), None, pipe.clone(), now);
    wire.negotiate(0);
    wire.run(100);
    let before = wire.peers[0].descriptions().current_local.unwrap().1;
    wire.peers[0].restart_ice();
    wire.negotiate(0);
    wire.run(100);
    let after = wire.peers[0].descriptions().current_local.unwrap().1;
    let ufrag = |sdp: &str| {
        sdp.lines()
            .find(|l| l.starts_with("a=ice-ufrag"))
            .map(str::to_owned)
    };
    assert_ne!(ufrag(&before), ufrag(&after));
    pipe.put(text("still here")).unwrap();
    wire.run(50);
    assert_eq!(wire.messages(1), [(false, b"still here".to_vec())]);
}

#[test]
fn closing_is_heard() {
    let mut wire = Wire::new();
    let pipe = Arc::new(Pipe::new());
    let now = wire.now;
    wire.peers[0].open_channel(0, plain("x"), None, pipe, now);
    wire.negotiate(0);
    wire.run(100);
    wire.peers[1].close();
    wire.run(5);
    assert_eq!(wire.peers[0].connection(), State::Closed);
    assert_eq!((wire.closed(0), wire.closed(1)), (1, 1));
    assert!(wire.peers[0].create_offer(false).is_err());
}

#[test]
fn wrong_words_are_refused_and_change_nothing() {
    let mut one = peer("10.0.0.1:1000", 1);
    let now = Instant::now();
    assert_eq!(one.create_offer(false).unwrap_err().code(), "invalid_state");
    assert_eq!(one.create_answer().unwrap_err().code(), "invalid_state");
    assert_eq!(
        one.add_candidate("x", None, now).unwrap_err().code(),
        "invalid_state"
    );
    assert_eq!(one.rollback().unwrap_err().code(), "invalid_state");
    let wrong = one
        .set_remote(DescriptionKind::Offer, "nonsense", now)
        .unwrap_err();
    assert_eq!(wrong.code(), "syntax");
    one.open_channel(0, plain("x"), None, Arc::new(Pipe::new()), now);
    let offer = one.create_offer(false).unwrap();
    let changed = offer.replace("sctp-port:5000", "sctp-port:5001");
    let error = one
        .set_local(Some(DescriptionKind::Offer), Some(&changed), now)
        .unwrap_err();
    assert_eq!(error.code(), "invalid_modification");
    one.set_local(Some(DescriptionKind::Offer), Some(&offer), now)
        .unwrap();
    // An answer to something else.
    let other = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    assert!(one.set_remote(DescriptionKind::Answer, other, now).is_err());
    assert_eq!(one.signaling.state(), SignalingState::HaveLocalOffer);
    one.rollback().unwrap();
    assert_eq!(one.signaling.state(), SignalingState::Stable);
}

fn video(direction: Direction) -> MediaOptions {
    MediaOptions {
        kind: Kind::Video,
        direction,
        codecs: crate::media::usual_codecs(Kind::Video),
        stream: "stream".into(),
        track: "track".into(),
    }
}

fn frames(told: &[PeerEvent]) -> Vec<crate::media::receive::Frame> {
    let mut all = vec![];
    for event in told {
        if let PeerEvent::Frames { frames, .. } = event {
            all.extend(frames.iter().cloned());
        }
    }
    all
}

#[test]
fn frames_pass_and_losses_are_mended() {
    let mut wire = Wire::new();
    wire.peers[0].add_transceiver(0, video(Direction::SendRecv));
    wire.negotiate(0);
    wire.run(100);
    assert_eq!(wire.peers[1].connection(), State::Connected);
    let key = |told: &[PeerEvent]| {
        told.iter().find_map(|event| match event {
            PeerEvent::Transceiver { key, .. } => Some(*key),
            _ => None,
        })
    };
    assert!(key(&wire.told[1]).is_some());
    let mut lost = 0;
    for n in 0..60u32 {
        let mut frame = vec![n as u8; 5000];
        frame[0] = u8::from(n != 0);
        let now = wire.now;
        wire.peers[0].send_frame(0, &frame, n * 3000, now);
        // Every seventh frame loses a packet on its way.
        wire.peers[0].turn(now);
        let mut at = 0;
        while let Some((from, to, packet)) = wire.peers[0].poll_transmit(now) {
            at += 1;
            if n % 7 == 3 && at == 2 {
                lost += 1;
                continue;
            }
            wire.peers[1].handle_packet(to, from, &packet, now);
        }
        wire.step();
    }
    wire.run(30);
    let got = frames(&wire.told[1]);
    assert!(lost > 5);
    assert_eq!(
        got.iter().map(|f| f.timestamp / 3000).collect::<Vec<_>>(),
        (0..60).collect::<Vec<_>>()
    );
    assert!(got
        .iter()
        .enumerate()
        .all(|(n, f)| f.data.len() == 5000 && f.key == (n == 0)));
    wire.peers[1].want_key(key(&wire.told[1]).unwrap(), wire.now);
    wire.run(5);
    assert!(wire.told[0]
        .iter()
        .any(|e| matches!(e, PeerEvent::KeyFrameWanted(0))));
}

#[test]
fn sound_goes_both_ways_in_one_section() {
    let mut wire = Wire::new();
    for at in 0..2 {
        let options = MediaOptions {
            kind: Kind::Audio,
            codecs: crate::media::usual_codecs(Kind::Audio),
            ..video(Direction::SendRecv)
        };
        wire.peers[at].add_transceiver(0, options);
    }
    wire.negotiate(0);
    wire.run(100);
    for n in 0..20u32 {
        let now = wire.now;
        for peer in &mut wire.peers {
            peer.send_frame(0, &[n as u8; 80], n * 960, now);
        }
        wire.run(2);
    }
    for told in &wire.told {
        let got: Vec<u32> = frames(told).iter().map(|f| f.timestamp / 960).collect();
        assert_eq!(got, (0..20).collect::<Vec<_>>());
        assert!(!told.iter().any(|e| matches!(e, PeerEvent::Transceiver { .. })));
    }
    let sections = wire.peers[0].descriptions().current_local.unwrap().1;
    assert_eq!(sections.matches("m=audio").count(), 1);
}
