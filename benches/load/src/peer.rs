//! One participant: a signal connection, and a str0m `Rtc` on a UDP socket of its own.

use crate::pattern;
use crate::signal::Signal;
use crate::wire::{AddTrack, Description, Ping, Request, Response};
use quinn_udp::{RecvMeta, UdpSocketState};
use std::error::Error;
use std::io::{ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// What a peer saw; times since its WebSocket began to open.
#[derive(Default)]
pub struct Seen {
    pub join: Option<Duration>,
    pub connected: Option<Duration>,
    pub first_media: Option<Duration>,
    /// Numbers of the packets that came, and nanoseconds they took, while `counting`.
    pub arrived: Vec<(u64, u64)>,
    pub counting: bool,
}

/// What a publisher sends and how far it is.
pub struct Sender {
    mid: Mid,
    pt: Option<Pt>,
    video: bool,
    frame: usize,
    seq: u64,
    due: Option<Instant>,
    key: bool,
}

pub struct Peer {
    began: Instant,
    signal: Signal,
    pub socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    rtc: Rtc,
    pub timeout: Instant,
    pinged: Instant,
    pending: Option<SdpPendingOffer>,
    pub sender: Option<Sender>,
    pub seen: Seen,
}

impl Peer {
    /// Opens the signal connection; media follows in `poll_signal`. `publish` is `Some(true)` for video.
    pub fn open(address: &str, token: &str, publish: Option<bool>) -> Result<Self, Box<dyn Error>> {
        let began = Instant::now();
        let signal = Signal::open(address, token, publish.is_none())?;
        let socket = UdpSocket::bind((signal.stream().local_addr()?.ip(), 0))?;
        let state = UdpSocketState::new((&socket).into())?;
        state.set_recv_buffer_size((&socket).into(), 4 << 20).ok();
        let local = socket.local_addr()?;
        let mut rtc = Rtc::builder().set_rtp_mode(true).build(began);
        rtc.add_local_candidate(Candidate::host(local, "udp")?);
        let sender = publish.map(|video| Sender {
            mid: Mid::new(),
            pt: None,
            video,
            frame: 0,
            seq: 1,
            due: None,
            key: true,
        });
        let mut peer = Self {
            began,
            signal,
            socket,
            state,
            local,
            rtc,
            timeout: began,
            pinged: began,
            pending: None,
            sender,
            seen: Seen::default(),
        };
        if let Some(video) = publish {
            peer.publish(video)?;
        }
        Ok(peer)
    }

    pub fn signal_stream(&self) -> &std::net::TcpStream {
        self.signal.stream()
    }

    fn publish(&mut self, video: bool) -> Result<(), Box<dyn Error>> {
        let (width, height) = if video { (1280, 720) } else { (0, 0) };
        let kind = i32::from(video);
        let source = if video { 1 } else { 2 };
        let cid = "loadtrack".to_owned();
        let add_track = Some(AddTrack {
            cid: cid.clone(),
            name: "load".into(),
            kind,
            width,
            height,
            source,
            disable_red: true,
        });
        self.signal.send(Request {
            add_track,
            ..Request::default()
        })?;
        let mut change = self.rtc.sdp_api();
        let media = if video { MediaKind::Video } else { MediaKind::Audio };
        let mid = change.add_media(media, Direction::SendOnly, Some("load".into()), Some(cid), None);
        let (offer, pending) = change.apply().ok_or("no offer came of adding media")?;
        self.pending = Some(pending);
        if let Some(sender) = &mut self.sender {
            sender.mid = mid;
        }
        let offer = Some(Description {
            kind: "offer".into(),
            sdp: offer.to_sdp_string(),
            id: 1,
        });
        self.signal.send(Request {
            offer,
            ..Request::default()
        })
    }

    /// Takes what came by signaling.
    pub fn poll_signal(&mut self) -> Result<(), Box<dyn Error>> {
        while let Some(response) = self.signal.next()? {
            self.heard(response)?;
        }
        if self.pinged.elapsed() > Duration::from_secs(4) {
            self.pinged = Instant::now();
            let ping = Some(Ping {
                timestamp: self.began.elapsed().as_millis() as i64,
                rtt: 1,
            });
            self.signal.send(Request {
                ping,
                ..Request::default()
            })?;
        }
        self.drain()
    }

    fn heard(&mut self, response: Response) -> Result<(), Box<dyn Error>> {
        if response.join.is_some() {
            self.seen.join = Some(self.began.elapsed());
        }
        if let Some(leave) = response.leave {
            return Err(format!("the server sent us away, reason {}", leave.reason).into());
        }
        if let Some(answer) = response.answer {
            let pending = self.pending.take().ok_or("an answer to no offer")?;
            self.rtc
                .sdp_api()
                .accept_answer(pending, SdpAnswer::from_sdp_string(&answer.sdp)?)?;
            self.find_payload_type()?;
        }
        // What a publisher is offered to receive on, it leaves: it hears nobody.
        if let Some(offer) = response.offer.filter(|_| self.sender.is_none()) {
            // Browsers answer `actpass` with `active`; str0m by itself would wait.
            // Once DTLS has its part, str0m leaves ICE's as it is: against a lite agent it is ours to nominate.
            let lite = offer.sdp.contains("a=ice-lite");
            let mut direct = self.rtc.direct_api();
            direct.set_ice_controlling(lite);
            direct.start_dtls(true)?;
            let answer = self
                .rtc
                .sdp_api()
                .accept_offer(SdpOffer::from_sdp_string(&offer.sdp)?)?;
            let answer = Some(Description {
                kind: "answer".into(),
                sdp: answer.to_sdp_string(),
                id: offer.id,
            });
            self.signal.send(Request {
                answer,
                ..Request::default()
            })?;
        }
        if let Some(trickle) = response.trickle {
            // A publisher has but its own transport here, a subscriber but the other.
            if trickle.target == i32::from(self.sender.is_none()) {
                let json: serde_json::Value = serde_json::from_str(&trickle.candidate)?;
                let text = json["candidate"].as_str().unwrap_or_default();
                if let Ok(candidate) = Candidate::from_sdp_string(text) {
                    self.rtc.add_remote_candidate(candidate);
                }
            }
        }
        Ok(())
    }

    fn find_payload_type(&mut self) -> Result<(), Box<dyn Error>> {
        let Some(sender) = &mut self.sender else {
            return Ok(());
        };
        let wanted = if sender.video { Codec::Vp8 } else { Codec::Opus };
        let codecs = self.rtc.codec_config().params();
        sender.pt = codecs.iter().find(|p| p.spec().codec == wanted).map(|p| p.pt());
        sender
            .pt
            .map(|_| ())
            .ok_or_else(|| "the answer has not our codec".into())
    }

    /// Reads the socket until it is empty.
    pub fn poll_socket(&mut self, buffer: &mut [u8]) -> Result<(), Box<dyn Error>> {
        loop {
            let mut meta = [RecvMeta::default()];
            let mut slices = [IoSliceMut::new(buffer)];
            match self.state.recv((&self.socket).into(), &mut slices, &mut meta) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error.into()),
            }
            let now = Instant::now();
            for packet in buffer[..meta[0].len].chunks(meta[0].stride.max(1)) {
                if let Ok(received) = Receive::new(Protocol::Udp, meta[0].addr, self.local, packet) {
                    self.rtc.handle_input(Input::Receive(now, received))?;
                    self.drain()?;
                }
            }
        }
    }

    pub fn tick(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        if now >= self.timeout {
            self.rtc.handle_input(Input::Timeout(now))?;
            self.drain()?;
        }
        Ok(())
    }

    /// Takes what str0m has to give: packets to send, events, and when to call again.
    fn drain(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.timeout = at;
                    return Ok(());
                }
                Output::Transmit(packet) => {
                    self.socket.send_to(&packet.contents, packet.destination).ok();
                }
                Output::Event(event) => self.saw(event),
            }
        }
    }

    fn saw(&mut self, event: Event) {
        match event {
            Event::RtpPacket(packet) => {
                let Some((number, sent)) = pattern::read(&packet.payload) else {
                    return;
                };
                self.seen.first_media.get_or_insert_with(|| self.began.elapsed());
                if self.seen.counting {
                    self.seen.arrived.push((number, now_ns().saturating_sub(sent)));
                }
            }
            Event::Connected => self.seen.connected = Some(self.began.elapsed()),
            Event::KeyframeRequest(_) => {
                if let Some(sender) = &mut self.sender {
                    sender.key = true;
                }
            }
            _ => {}
        }
    }

    /// Sends the frame that is due. Packets are numbered from `number` on.
    pub fn send_due(&mut self, now: Instant, number: &mut u64) -> Result<(), Box<dyn Error>> {
        let connected = self.seen.connected.is_some();
        let Some(sender) = &mut self.sender else {
            return Ok(());
        };
        let Some(pt) = sender.pt.filter(|_| connected) else {
            return Ok(());
        };
        let due = *sender.due.get_or_insert(now);
        if now < due {
            return Ok(());
        }
        let (step_us, ticks) = if sender.video {
            (33_333, 3000)
        } else {
            (20_000, 960)
        };
        sender.due = Some(due + Duration::from_micros(step_us));
        let (mid, video, frame, first_seq) = (sender.mid, sender.video, sender.frame, sender.seq);
        let key = std::mem::take(&mut sender.key);
        let sizes = if video {
            pattern::split(frame, key)
        } else {
            vec![0]
        };
        sender.seq += sizes.len() as u64;
        sender.frame += 1;
        for (i, size) in sizes.iter().enumerate() {
            let payload = if video {
                pattern::vp8(*size, i == 0, key, (frame & 0x7fff) as u16, *number, now_ns())
            } else {
                pattern::opus(frame, *number, now_ns())
            };
            let ext = ExtensionValues {
                audio_level: (!video).then_some(-30),
                voice_activity: (!video).then_some(true),
                ..ExtensionValues::default()
            };
            let time = (frame as u32).wrapping_mul(ticks);
            let write = RtpWrite::new(pt, (first_seq + i as u64).into(), time, now, payload)
                .marker(video && i + 1 == sizes.len())
                .nackable(true)
                .ext_vals(ext);
            let mut direct = self.rtc.direct_api();
            let stream = direct.stream_tx_by_mid(mid, None).ok_or("no stream to send on")?;
            stream.set_unpaced(true);
            stream.write_rtp(write);
            *number += 1;
            // str0m wants to be drained after each change.
            self.rtc.handle_input(Input::Timeout(now))?;
            self.drain()?;
        }
        Ok(())
    }

    pub fn leave(&mut self) {
        self.signal
            .send(Request {
                leave: Some(crate::wire::Leave { reason: 1 }),
                ..Request::default()
            })
            .ok();
    }
}

/// Nanoseconds since the process first asked.
pub fn now_ns() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}
