//! A room on a virtual network with a virtual clock: the router, and clients made of full-ICE transports.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_arguments,
    clippy::type_complexity,
    dead_code
)]
pub mod foreign;
pub mod specs;

use roomful_rtc::dtls::DtlsIdentity;
use roomful_rtc::ice::Credentials as IceCredentials;
use roomful_rtc::rtcp::TwccRecorder;
use roomful_rtc::rtp::extension::{Block, Extension, ExtensionMap};
use roomful_rtc::rtp::{NewHeader, RtpHeader};
use roomful_rtc::sdp::parse::{parse, Limits};
use roomful_rtc::transport::{Path, Protocol, Transport, TransportConfig};
use roomful_sfu::command::{Command, Credentials, Id, Rights, Role};
use roomful_sfu::egress::Egress;
use roomful_sfu::event::Event;
use roomful_sfu::{Router, RouterConfig};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Packets that a slow way holds; more are lost.
const QUEUE: usize = 60;

/// Collects what the router sends.
#[derive(Default)]
pub struct Wire(pub Vec<(Path, Vec<u8>)>);

impl Egress for Wire {
    fn slot(&mut self, path: &Path, len: usize) -> &mut [u8] {
        self.0.push((*path, vec![0; len]));
        &mut self.0.last_mut().unwrap().1
    }
}

/// A received media packet.
#[derive(Clone, Debug)]
pub struct Received {
    pub header: RtpHeader,
    pub index: u64,
    pub payload: Vec<u8>,
    /// The section it says it belongs to.
    pub section: Option<String>,
    /// Its dependency descriptor.
    pub descriptor: Option<Vec<u8>>,
    /// The least that it shall be held back, in ms.
    pub delay_ms: Option<u16>,
}

/// A link of one rate with a buffer. What passes it is seen at once, and told of by when it would have arrived.
pub struct Link {
    pub rate_bps: f64,
    pub buffer: Duration,
    free_at: Instant,
    waiting: Vec<(u16, Instant)>,
    recorder: TwccRecorder,
    told_at: Instant,
}

impl Link {
    pub fn new(rate_bps: f64, now: Instant) -> Self {
        Self {
            rate_bps,
            buffer: Duration::from_millis(300),
            free_at: now,
            waiting: vec![],
            recorder: TwccRecorder::default(),
            told_at: now,
        }
    }

    /// Whether a packet passes.
    fn pass(&mut self, number: u16, size: usize, now: Instant) -> bool {
        let starts = self.free_at.max(now);
        if starts - now > self.buffer {
            return false;
        }
        self.free_at = starts + Duration::from_secs_f64((size + 28) as f64 * 8.0 / self.rate_bps);
        self.waiting.push((number, self.free_at));
        true
    }

    /// Feedback, every 100 ms.
    fn tell(&mut self, origin: Instant, now: Instant) -> Vec<u8> {
        let mut out = vec![];
        if now - self.told_at >= Duration::from_millis(100) {
            self.told_at = now;
            let recorder = &mut self.recorder;
            self.waiting.retain(|(number, at)| {
                if *at <= now {
                    recorder.on_packet(*number, (*at - origin).as_micros() as i64);
                }
                *at > now
            });
            recorder.write(&mut out, 1, 2);
        }
        out
    }
}

pub struct Client {
    pub name: String,
    pub transport: Transport,
    pub address: SocketAddr,
    pub sections: Vec<String>,
    pub version: u32,
    pub received: Vec<Received>,
    pub rtcp: Vec<Vec<u8>>,
    /// Media packets that the network loses on their way here: asked with each packet's header.
    pub lose: Option<Box<dyn FnMut(&RtpHeader) -> bool>>,
    /// Bytes of DTLS that its way here carries in 5 ms; `None` for all.
    pub rate: Option<usize>,
    queue: VecDeque<Vec<u8>>,
    credit: usize,
    /// A narrow link on the way here, about which transport-wide feedback is sent.
    pub link: Option<Link>,
    pub setup: &'static str,
    fingerprint: String,
    ufrag: String,
    pwd: String,
}

pub struct World {
    pub now: Instant,
    pub router: Router,
    pub server: SocketAddr,
    pub clients: HashMap<String, Client>,
    pub events: Vec<Event>,
    origin: Instant,
    requests: u64,
    next: u16,
}

pub fn id(text: &str) -> Id {
    text.into()
}

impl Client {
    /// What a slow way has carried since.
    fn pass(&mut self, now: Instant) {
        self.credit = (self.credit + self.rate.unwrap_or(0)).min(self.rate.unwrap_or(0) + 1500);
        while self.queue.front().is_some_and(|p| p.len() <= self.credit) {
            let packet = self.queue.pop_front().unwrap();
            self.credit -= packet.len();
            self.transport.handle_dtls(&packet, now);
        }
    }
}

impl World {
    pub fn new() -> Self {
        let now = Instant::now();
        let server: SocketAddr = "10.0.0.1:7882".parse().unwrap();
        let config = RouterConfig {
            identity: DtlsIdentity::generate().unwrap(),
            addresses: vec![(server, Protocol::Udp)],
            candidates: vec![format!(
                "candidate:1 1 udp 2130706431 {} {} typ host",
                server.ip(),
                server.port()
            )],
            codecs: ["opus", "red", "pcmu", "pcma", "vp8", "h264", "vp9", "av1", "h265"]
                .map(str::to_owned)
                .to_vec(),
            max_tracks: 8,
            max_subscriptions: 512,
        };
        let mut world = Self {
            now,
            router: Router::new(config, 7, now),
            server,
            clients: HashMap::new(),
            events: vec![],
            origin: now,
            requests: 0,
            next: 5000,
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

    /// Somebody enters with one transport, and offers these sections.
    pub fn enter(&mut self, name: &str, sections: &[String]) {
        self.enter_as(name, sections, "actpass");
    }

    /// The same, with a role in DTLS (`a=setup`).
    pub fn enter_as(&mut self, name: &str, sections: &[String], setup: &'static str) {
        self.next += 1;
        let address: SocketAddr = format!("10.0.0.2:{}", self.next).parse().unwrap();
        let identity = DtlsIdentity::generate().unwrap();
        let (ufrag, pwd) = (
            format!("{name}frag"),
            format!("{name}-password-with-24-characters"),
        );
        let transport = Transport::new(
            &TransportConfig {
                identity: &identity,
                credentials: &IceCredentials {
                    ufrag: ufrag.clone(),
                    pwd: pwd.clone(),
                },
                addresses: &[(address, Protocol::Udp)],
                ice_lite: false,
                controlling: true,
                active: setup != "passive",
            },
            self.now,
        );
        let client = Client {
            name: name.to_owned(),
            transport,
            address,
            sections: sections.to_vec(),
            version: 0,
            received: vec![],
            rtcp: vec![],
            lose: None,
            rate: None,
            queue: VecDeque::new(),
            credit: 0,
            link: None,
            setup,
            fingerprint: identity.fingerprint().to_owned(),
            ufrag,
            pwd,
        };
        self.clients.insert(name.to_owned(), client);
        self.command(Command::AddParticipant {
            room: id("RM_1"),
            participant: id(&format!("PA_{name}")),
            identity: id(name),
            rights: Rights {
                subscribe: true,
                publish_data: true,
                ..Rights::default()
            },
        });
        self.command(Command::OpenTransport {
            participant: id(&format!("PA_{name}")),
            transport: id(&format!("TP_{name}")),
            role: Role::Single,
            tcp_only: false,
            credentials: Credentials {
                ufrag: format!("srv{name}"),
                pwd: "server-password-with-24-chars".into(),
            },
        });
        if !sections.is_empty() {
            self.offer(name);
        }
    }

    /// The client offers what it has now; returns the answer.
    pub fn offer(&mut self, name: &str) -> String {
        let client = self.clients.get_mut(name).unwrap();
        client.version += 1;
        let mids: Vec<String> = (0..client.sections.len()).map(|n| n.to_string()).collect();
        let mut sdp = format!(
            "v=0\r\no=- 1 {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=extmap-allow-mixed\r\n",
            client.version,
            mids.join(" ")
        );
        for (mid, section) in client.sections.iter().enumerate() {
            let (line, rest) = section.split_once('\n').unwrap();
            sdp += &format!(
                "{line}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {}\r\na=setup:{}\r\n{}",
                client.ufrag,
                client.pwd,
                client.fingerprint,
                client.setup,
                rest.replace('\n', "\r\n")
            );
        }
        self.requests += 1;
        let request = self.requests;
        self.command(Command::RemoteOffer {
            request,
            transport: id(&format!("TP_{name}")),
            sdp,
            credentials: Credentials {
                ufrag: format!("srv{name}{request}"),
                pwd: "server-password-with-24-chars".into(),
            },
        });
        let answer = self
            .events
            .iter()
            .find_map(|e| match e {
                Event::Answer { request: r, sdp, .. } if *r == request => Some(sdp.clone()),
                Event::Refused {
                    request: r, message, ..
                } if *r == request => panic!("refused: {message}"),
                _ => None,
            })
            .expect("an answer");
        let remote = parse(&answer, &Limits::default()).unwrap().transport().unwrap();
        let digests = remote.fingerprints.iter().map(|f| f.digest.clone()).collect();
        let client = self.clients.get_mut(name).unwrap();
        client.transport.set_remote(
            &IceCredentials {
                ufrag: remote.ufrag,
                pwd: remote.pwd,
            },
            digests,
            self.now,
        );
        client
            .transport
            .add_remote_candidate(self.server, Protocol::Udp, self.now);
        answer
    }

    /// The network and the clock move on.
    pub fn run(&mut self, how_long: Duration) {
        let end = self.now + how_long;
        while self.now < end {
            self.now += Duration::from_millis(5);
            let mut wire = Wire::default();
            let server = self.server;
            for client in self.clients.values_mut() {
                client.transport.handle_timeout(self.now);
                while let Some((_, mut packet)) = client.transport.poll_transmit() {
                    let path = Path {
                        local: server,
                        remote: client.address,
                        protocol: Protocol::Udp,
                    };
                    self.router.handle_packet(&path, &mut packet, self.now, &mut wire);
                }
            }
            self.router.handle_timeout(self.now, &mut wire);
            self.router.flush(self.now, &mut wire);
            self.deliver(wire);
            let now = self.now;
            for client in self.clients.values_mut() {
                client.pass(now);
            }
            self.tell_of_links();
            self.collect();
        }
    }

    fn tell_of_links(&mut self) {
        for client in self.clients.values_mut() {
            let Some(link) = &mut client.link else { continue };
            let mut packet = link.tell(self.origin, self.now);
            if packet.is_empty() {
                continue;
            }
            let sender = client.transport.sender_mut().unwrap();
            sender.protect_rtcp(&mut packet).unwrap();
            let path = Path {
                local: self.server,
                remote: client.address,
                protocol: Protocol::Udp,
            };
            let mut wire = Wire::default();
            self.router.handle_packet(&path, &mut packet, self.now, &mut wire);
        }
    }

    fn deliver(&mut self, wire: Wire) {
        for (path, mut packet) in wire.0 {
            let Some(client) = self.clients.values_mut().find(|c| c.address == path.remote) else {
                continue;
            };
            let theirs = Path {
                local: client.address,
                remote: path.local,
                protocol: path.protocol,
            };
            match packet[0] {
                0..=3 => {
                    client.transport.handle_stun(&theirs, &packet, self.now);
                }
                20..=63 if client.rate.is_some() => {
                    if client.queue.len() < QUEUE {
                        client.queue.push_back(packet);
                    }
                }
                20..=63 => client.transport.handle_dtls(&packet, self.now),
                _ if (192..=223).contains(&packet[1]) => {
                    let n = client
                        .transport
                        .receiver()
                        .unwrap()
                        .unprotect_rtcp(&mut packet)
                        .unwrap();
                    client.rtcp.push(packet[..n].to_vec());
                }
                _ => {
                    let header = RtpHeader::parse(&packet).unwrap();
                    if client.lose.as_mut().is_some_and(|lose| lose(&header)) {
                        continue;
                    }
                    let size = packet.len();
                    let (header, index, n) = client
                        .transport
                        .receiver()
                        .unwrap()
                        .unprotect_rtp(&mut packet)
                        .unwrap();
                    let number = ids().id(Extension::TransportCc).unwrap();
                    let number = header.extensions(&packet[..n]).find(|(i, _)| *i == number);
                    if let (Some(link), Some((_, number))) = (&mut client.link, number) {
                        let number = u16::from_be_bytes([number[0], number[1]]);
                        if !link.pass(number, size, self.now) {
                            continue;
                        }
                    }
                    let payload = header.payload(&packet[..n]).unwrap().to_vec();
                    let value = |extension| {
                        let id = ids().id(extension);
                        let mut extensions = header.extensions(&packet[..n]);
                        extensions.find(|(i, _)| Some(*i) == id).map(|(_, v)| v.to_vec())
                    };
                    let section = value(Extension::Mid).map(|v| String::from_utf8(v).unwrap());
                    let descriptor = value(Extension::DependencyDescriptor);
                    let delay = value(Extension::PlayoutDelay);
                    let delay_ms = delay.map(|v| (u16::from(v[0]) << 4 | u16::from(v[1]) >> 4) * 10);
                    client.received.push(Received {
                        header,
                        index,
                        payload,
                        section,
                        descriptor,
                        delay_ms,
                    });
                }
            }
        }
    }

    fn collect(&mut self) {
        while let Some(event) = self.router.poll_event() {
            self.events.push(event);
        }
    }

    /// A client sends one media packet, with extensions by the ids of these sections.
    pub fn send(
        &mut self,
        name: &str,
        ssrc: u32,
        pt: u8,
        index: u64,
        timestamp: u32,
        extensions: &[(Extension, &[u8])],
        payload: &[u8],
    ) {
        self.send_marked(name, ssrc, pt, index, timestamp, extensions, payload, true);
    }

    /// The same, with the marker said.
    pub fn send_marked(
        &mut self,
        name: &str,
        ssrc: u32,
        pt: u8,
        index: u64,
        timestamp: u32,
        extensions: &[(Extension, &[u8])],
        payload: &[u8],
        marker: bool,
    ) {
        let mut packet = self.seal(name, ssrc, pt, index, timestamp, extensions, payload, marker);
        let path = Path {
            local: self.server,
            remote: self.clients[name].address,
            protocol: Protocol::Udp,
        };
        let mut wire = Wire::default();
        self.router.handle_packet(&path, &mut packet, self.now, &mut wire);
        self.router.flush(self.now, &mut wire);
        self.deliver(wire);
        self.collect();
    }

    /// A media packet as a client sends it, not sent yet.
    pub fn seal(
        &mut self,
        name: &str,
        ssrc: u32,
        pt: u8,
        index: u64,
        timestamp: u32,
        extensions: &[(Extension, &[u8])],
        payload: &[u8],
        marker: bool,
    ) -> Vec<u8> {
        let mut block = Block::default();
        for (extension, value) in extensions {
            block.push(ids().id(*extension).unwrap(), value);
        }
        let client = self.clients.get_mut(name).unwrap();
        let sender = client.transport.sender().expect("connected");
        let mut packet = vec![0u8; 12 + block.bytes().len() + payload.len() + sender.overhead()];
        let header = NewHeader {
            marker,
            payload_type: pt,
            sequence: index as u16,
            timestamp,
            ssrc,
        };
        let at = header.write(&block, &mut packet).unwrap();
        packet[at..at + payload.len()].copy_from_slice(payload);
        sender.protect_rtp(&mut packet, at, ssrc, index).unwrap();
        packet
    }

    /// A client sends RTCP.
    pub fn tell(&mut self, name: &str, mut packet: Vec<u8>) {
        let client = self.clients.get_mut(name).unwrap();
        client
            .transport
            .sender_mut()
            .unwrap()
            .protect_rtcp(&mut packet)
            .unwrap();
        let path = Path {
            local: self.server,
            remote: client.address,
            protocol: Protocol::Udp,
        };
        let mut wire = Wire::default();
        self.router.handle_packet(&path, &mut packet, self.now, &mut wire);
        self.deliver(wire);
    }

    pub fn client(&mut self, name: &str) -> &mut Client {
        self.clients.get_mut(name).unwrap()
    }
}

/// Extension ids that all test sections use.
pub fn ids() -> ExtensionMap {
    ExtensionMap::new(EXTENSIONS.iter().map(|(id, e)| (*id, e.uri())))
}

const EXTENSIONS: [(u8, Extension); 6] = [
    (1, Extension::Mid),
    (2, Extension::Rid),
    (4, Extension::AudioLevel),
    (5, Extension::TransportCc),
    (6, Extension::DependencyDescriptor),
    (7, Extension::PlayoutDelay),
];

fn extmaps() -> String {
    EXTENSIONS
        .iter()
        .map(|(id, e)| format!("a=extmap:{id} {}\n", e.uri()))
        .collect()
}

/// A VP8 section; `extra` holds msid, ssrc or rid lines.
pub fn video(direction: &str, extra: &str) -> String {
    video_of("VP8", direction, extra)
}

/// The same for another codec.
pub fn video_of(codec: &str, direction: &str, extra: &str) -> String {
    format!(
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97\na={direction}\na=rtcp-mux\na=rtpmap:96 {codec}/90000\na=rtcp-fb:96 nack\na=rtcp-fb:96 nack pli\n\
         a=rtcp-fb:96 transport-cc\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n{}{extra}",
        extmaps()
    )
}

/// An Opus section.
pub fn audio(direction: &str, extra: &str) -> String {
    format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\na={direction}\na=rtcp-mux\na=rtpmap:111 opus/48000/2\n{}{extra}",
        extmaps()
    )
}

/// A sound section of these payload types, each with what stands behind it in `a=rtpmap`.
pub fn audio_of(codecs: &[(u8, &str)], direction: &str, extra: &str) -> String {
    let types: Vec<String> = codecs.iter().map(|(pt, _)| pt.to_string()).collect();
    let maps = codecs.iter().map(|(pt, name)| format!("a=rtpmap:{pt} {name}\n"));
    format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF {}\na={direction}\na=rtcp-mux\n{}{}{extra}",
        types.join(" "),
        maps.collect::<String>(),
        extmaps()
    )
}

/// A VP8 payload: `key` starts a key frame; picture ids of 15 bits.
pub fn vp8(key: bool, picture: u16, size: usize) -> Vec<u8> {
    let mut out = vec![
        0x90,
        0x80,
        0x80 | (picture >> 8) as u8 & 0x7f,
        picture as u8,
        u8::from(!key),
    ];
    out.resize(size.max(5), 0xaa);
    out
}
