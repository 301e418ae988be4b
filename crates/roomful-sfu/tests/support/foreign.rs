//! A room on a virtual network whose people are str0m: foreign SDP, RTP, RTCP, SRTP and frame assembly judge ours.
//!
//! str0m shares the ICE, DTLS and SCTP crates with us, so those three are judged by pion and browsers instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use super::{id, Wire};
use roomful_rtc::dtls::DtlsIdentity;
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::command::{Command, Credentials, Rights, Role};
use roomful_sfu::event::Event;
use roomful_sfu::{Router, RouterConfig};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::media::{MediaData, MediaTime, Mid, Pt, Rid};
use str0m::net::{Protocol as Net, Receive};
use str0m::{Candidate, Event as Foreign, Input, Output, Rtc};

/// One foreign peer connection.
pub struct Peer {
    pub rtc: Rtc,
    pub address: SocketAddr,
    pub pending: Option<SdpPendingOffer>,
    pub frames: Vec<MediaData>,
    pub channels: Vec<(ChannelId, String)>,
    pub messages: Vec<(ChannelId, Vec<u8>)>,
    /// How often a key frame was asked for.
    pub asked: usize,
    pub connected: bool,
    /// RTP packets by payload type: what the server sent here, before any loss.
    pub arrived: BTreeMap<u8, usize>,
    /// The same for what it sent to the server.
    pub sent: BTreeMap<u8, usize>,
}

pub struct World {
    pub now: Instant,
    pub router: Router,
    pub peers: BTreeMap<String, Peer>,
    pub events: Vec<Event>,
    /// RTP packets in a thousand that get lost, each way.
    pub loss: u64,
    server: SocketAddr,
    chance: u64,
    requests: u64,
}

impl World {
    pub fn new(codecs: &[&str]) -> Self {
        let now = Instant::now();
        let server: SocketAddr = "10.0.0.1:7882".parse().unwrap();
        let config = RouterConfig {
            identity: DtlsIdentity::generate().unwrap(),
            addresses: vec![(server, Protocol::Udp)],
            candidates: vec!["candidate:1 1 udp 2130706431 10.0.0.1 7882 typ host".into()],
            codecs: codecs.iter().map(|c| (*c).to_owned()).collect(),
            max_tracks: 8,
            max_subscriptions: 64,
        };
        let mut world = Self {
            now,
            router: Router::new(config, 7, now),
            peers: BTreeMap::new(),
            events: vec![],
            loss: 0,
            server,
            chance: 1,
            requests: 0,
        };
        world.command(Command::OpenRoom {
            room: id("RM_1"),
            beside: None,
        });
        world
    }

    pub fn command(&mut self, command: Command) {
        self.router.handle_command(command, self.now);
        self.collect();
    }

    /// Somebody enters; each role makes a peer connection called by the name it is given.
    pub fn enter(&mut self, who: &str, links: &[(&str, Role)]) {
        self.command(Command::AddParticipant {
            room: id("RM_1"),
            participant: id(&format!("PA_{who}")),
            identity: id(who),
            rights: Rights {
                subscribe: true,
                publish_data: true,
                ..Rights::default()
            },
        });
        for (link, role) in links {
            let address: SocketAddr = format!("10.0.0.2:{}", 5000 + self.peers.len()).parse().unwrap();
            let mut rtc = Rtc::builder().build(self.now);
            rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
            let peer = Peer {
                rtc,
                address,
                pending: None,
                frames: vec![],
                channels: vec![],
                messages: vec![],
                asked: 0,
                connected: false,
                arrived: BTreeMap::new(),
                sent: BTreeMap::new(),
            };
            self.peers.insert((*link).to_owned(), peer);
            self.command(Command::OpenTransport {
                participant: id(&format!("PA_{who}")),
                transport: id(&format!("TP_{link}")),
                role: *role,
                credentials: credentials(&format!("srv{link}")),
                tcp_only: false,
            });
        }
    }

    pub fn peer(&mut self, link: &str) -> &mut Peer {
        self.peers.get_mut(link).unwrap()
    }

    /// The peer offers what was changed by `change`, and takes our answer; gives both texts.
    pub fn offer<R>(
        &mut self,
        link: &str,
        change: impl FnOnce(&mut str0m::change::SdpApi) -> R,
    ) -> (R, String, String) {
        let peer = self.peer(link);
        let mut api = peer.rtc.sdp_api();
        let made = change(&mut api);
        let (offer, pending) = api.apply().expect("something to offer");
        let text = offer.to_sdp_string();
        self.requests += 1;
        let request = self.requests;
        self.command(Command::RemoteOffer {
            request,
            transport: id(&format!("TP_{link}")),
            sdp: text.clone(),
            credentials: credentials(&format!("srv{link}{request}")),
        });
        let answer = self
            .events
            .iter()
            .find_map(|e| match e {
                Event::Answer { request: r, sdp, .. } if *r == request => Some(sdp.clone()),
                Event::Refused {
                    request: r, message, ..
                } if *r == request => panic!("refused: {message}\n{text}"),
                _ => None,
            })
            .expect("an answer");
        let theirs = SdpAnswer::from_sdp_string(&answer).unwrap_or_else(|e| panic!("{e}\n{answer}"));
        let accepted = self.peer(link).rtc.sdp_api().accept_answer(pending, theirs);
        accepted.unwrap_or_else(|e| panic!("{e}\n{answer}"));
        (made, text, answer)
    }

    /// The peer answers the newest offer that we made it; gives both texts.
    pub fn answer(&mut self, link: &str) -> (String, String) {
        let transport = id(&format!("TP_{link}"));
        let (number, text) = self
            .events
            .iter()
            .rev()
            .find_map(|e| match e {
                Event::Offer {
                    transport: t,
                    offer,
                    sdp,
                    ..
                } if *t == transport => Some((*offer, sdp.clone())),
                _ => None,
            })
            .expect("an offer");
        let peer = self.peer(link);
        // Against a lite agent str0m answers `passive`, as pion does: DTLS is ours to begin, nominating is theirs.
        peer.rtc.direct_api().set_ice_controlling(true);
        let offer = SdpOffer::from_sdp_string(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let answer = peer
            .rtc
            .sdp_api()
            .accept_offer(offer)
            .unwrap_or_else(|e| panic!("{e}\n{text}"));
        let answer = answer.to_sdp_string();
        self.requests += 1;
        self.command(Command::RemoteAnswer {
            request: self.requests,
            transport,
            offer: number,
            sdp: answer.clone(),
        });
        let request = self.requests;
        let refused = self
            .events
            .iter()
            .find(|e| matches!(e, Event::Refused { request: r, .. } if *r == request));
        assert!(refused.is_none(), "{refused:?}\n{answer}");
        (text, answer)
    }

    /// Sends a frame; `codec` chooses the payload type among those agreed on.
    pub fn write(
        &mut self,
        link: &str,
        mid: Mid,
        rid: Option<&str>,
        codec: str0m::format::Codec,
        time: MediaTime,
        frame: &[u8],
    ) {
        let now = self.now;
        let peer = self.peer(link);
        let writer = peer.rtc.writer(mid).expect("a section to write to");
        let pt: Pt = writer
            .payload_params()
            .find(|p| p.spec().codec == codec)
            .expect("the codec")
            .pt();
        let writer = match rid {
            Some(rid) => writer.rid(Rid::from(rid)),
            None => writer,
        };
        let writer = if codec.is_audio() {
            writer.audio_level(-20, true)
        } else {
            writer
        };
        writer.write(pt, now, time, frame.to_vec()).unwrap();
    }

    /// The network and the clock move on.
    pub fn run(&mut self, how_long: Duration) {
        let end = self.now + how_long;
        while self.now < end {
            self.now += Duration::from_millis(5);
            let links: Vec<String> = self.peers.keys().cloned().collect();
            for link in &links {
                let now = self.now;
                self.peer(link).rtc.handle_input(Input::Timeout(now)).unwrap();
                self.drain(link);
            }
            let mut wire = Wire::default();
            self.router.handle_timeout(self.now, &mut wire);
            self.router.flush(self.now, &mut wire);
            self.deliver(wire);
            self.collect();
        }
    }

    fn drain(&mut self, link: &str) {
        loop {
            let peer = self.peers.get_mut(link).unwrap();
            match peer.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Event(event) => peer.saw(event),
                Output::Transmit(packet) => {
                    let mut bytes = packet.contents.to_vec();
                    let path = Path {
                        local: packet.destination,
                        remote: peer.address,
                        protocol: Protocol::Udp,
                    };
                    if let Some(pt) = media(&bytes) {
                        *peer.sent.entry(pt).or_default() += 1;
                        if self.lost() {
                            continue;
                        }
                    }
                    let mut wire = Wire::default();
                    self.router.handle_packet(&path, &mut bytes, self.now, &mut wire);
                    self.router.flush(self.now, &mut wire);
                    self.deliver(wire);
                }
            }
        }
    }

    fn deliver(&mut self, wire: Wire) {
        for (path, packet) in wire.0 {
            let lost = media(&packet).is_some() && self.lost();
            let (now, server) = (self.now, self.server);
            let Some(peer) = self.peers.values_mut().find(|p| p.address == path.remote) else {
                continue;
            };
            if let Some(pt) = media(&packet) {
                *peer.arrived.entry(pt).or_default() += 1;
            }
            if !lost {
                let received = Receive::new(Net::Udp, server, peer.address, &packet).unwrap();
                peer.rtc.handle_input(Input::Receive(now, received)).unwrap();
            }
        }
    }

    fn lost(&mut self) -> bool {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % 1000 < self.loss
    }

    fn collect(&mut self) {
        while let Some(event) = self.router.poll_event() {
            self.events.push(event);
        }
    }
}

impl Peer {
    fn saw(&mut self, event: Foreign) {
        match event {
            Foreign::Connected => self.connected = true,
            Foreign::MediaData(frame) => self.frames.push(frame),
            Foreign::ChannelOpen(channel, label) => self.channels.push((channel, label)),
            Foreign::ChannelData(data) => self.messages.push((data.id, data.data.to_vec())),
            Foreign::KeyframeRequest(_) => self.asked += 1,
            _ => {}
        }
    }
}

/// The payload type, if it is RTP (RFC 7983, RFC 5761 §4).
fn media(packet: &[u8]) -> Option<u8> {
    ((128..192).contains(&packet[0]) && !(192..=223).contains(&packet[1])).then_some(packet[1] & 0x7f)
}

fn credentials(ufrag: &str) -> Credentials {
    Credentials {
        ufrag: ufrag.into(),
        pwd: "server-password-with-24-chars".into(),
    }
}
