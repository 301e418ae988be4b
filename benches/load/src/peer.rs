//! One participant: a signal connection and, as version 0 of the protocol has it, a peer connection for each direction.

use crate::link::Link;
use crate::pattern;
use crate::signal::Signal;
use crate::wire::{AddTrack, Description, Leave, Ping, Request, Response};
use std::error::Error;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::Candidate;

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
    /// The next frame is to be a key frame.
    pub key: bool,
}

/// What the links change.
pub struct State {
    pub began: Instant,
    pub sender: Option<Sender>,
    pub seen: Seen,
}

pub struct Peer {
    signal: Signal,
    pinged: Instant,
    pending: Option<SdpPendingOffer>,
    up: Option<Link>,
    down: Link,
    pub state: State,
}

impl Peer {
    /// Opens the signal connection; media follows in `poll_signal`. `publish` is `Some(true)` for video.
    pub fn open(address: &str, token: &str, publish: Option<bool>) -> Result<Self, Box<dyn Error>> {
        let began = Instant::now();
        let signal = Signal::open(address, token, publish.is_none())?;
        let ip = signal.stream().local_addr()?.ip();
        let mut peer = Self {
            signal,
            pinged: began,
            pending: None,
            up: None,
            down: Link::new(ip, began, publish.is_none())?,
            state: State {
                began,
                sender: None,
                seen: Seen::default(),
            },
        };
        if let Some(video) = publish {
            peer.publish(Link::new(ip, began, true)?, video)?;
        }
        Ok(peer)
    }

    pub fn signal_stream(&self) -> &std::net::TcpStream {
        self.signal.stream()
    }

    pub fn links(&mut self) -> impl Iterator<Item = &mut Link> {
        [Some(&mut self.down), self.up.as_mut()].into_iter().flatten()
    }

    fn publish(&mut self, mut link: Link, video: bool) -> Result<(), Box<dyn Error>> {
        let (width, height) = if video { (1280, 720) } else { (0, 0) };
        let (kind, source) = (i32::from(video), if video { 1 } else { 2 });
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
        let mut change = link.rtc.sdp_api();
        let media = if video { MediaKind::Video } else { MediaKind::Audio };
        let mid = change.add_media(media, Direction::SendOnly, Some("load".into()), Some(cid), None);
        let (offer, pending) = change.apply().ok_or("no offer came of adding media")?;
        self.pending = Some(pending);
        self.state.sender = Some(Sender {
            mid,
            pt: None,
            video,
            frame: 0,
            seq: 1,
            due: None,
            key: true,
        });
        self.up = Some(link);
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
                timestamp: self.state.began.elapsed().as_millis() as i64,
                rtt: 1,
            });
            self.signal.send(Request {
                ping,
                ..Request::default()
            })?;
        }
        if let Some(up) = &mut self.up {
            up.drain(&mut self.state)?;
        }
        self.down.drain(&mut self.state)
    }

    fn heard(&mut self, response: Response) -> Result<(), Box<dyn Error>> {
        if response.join.is_some() {
            self.state.seen.join = Some(self.state.began.elapsed());
        }
        if let Some(leave) = response.leave {
            return Err(format!("the server sent us away, reason {}", leave.reason).into());
        }
        if let (Some(answer), Some(up)) = (response.answer, &mut self.up) {
            let pending = self.pending.take().ok_or("an answer to no offer")?;
            up.rtc
                .sdp_api()
                .accept_answer(pending, SdpAnswer::from_sdp_string(&answer.sdp)?)?;
            if let Some(sender) = &mut self.state.sender {
                let wanted = if sender.video { Codec::Vp8 } else { Codec::Opus };
                let codecs = up.rtc.codec_config().params();
                sender.pt = codecs.iter().find(|p| p.spec().codec == wanted).map(|p| p.pt());
            }
        }
        if let Some(offer) = response.offer {
            self.answer(&offer)?;
        }
        if let Some(trickle) = response.trickle {
            let json: serde_json::Value = serde_json::from_str(&trickle.candidate)?;
            let candidate = Candidate::from_sdp_string(json["candidate"].as_str().unwrap_or_default());
            let link = if trickle.target == 0 {
                self.up.as_mut()
            } else {
                Some(&mut self.down)
            };
            if let (Ok(candidate), Some(link)) = (candidate, link) {
                link.rtc.add_remote_candidate(candidate);
            }
        }
        Ok(())
    }

    fn answer(&mut self, offer: &Description) -> Result<(), Box<dyn Error>> {
        let mut direct = self.down.rtc.direct_api();
        // Browsers answer `actpass` with `active`; str0m by itself would wait. Once DTLS has its part, str0m leaves
        // ICE's as it is: against a lite agent it is ours to nominate.
        direct.set_ice_controlling(offer.sdp.contains("a=ice-lite"));
        direct.start_dtls(true)?;
        let answer = self
            .down
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
        })
    }

    /// Reads the sockets until they are empty.
    pub fn poll_sockets(&mut self, buffer: &mut [u8]) -> Result<(), Box<dyn Error>> {
        if let Some(up) = &mut self.up {
            up.poll_socket(buffer, &mut self.state)?;
        }
        self.down.poll_socket(buffer, &mut self.state)
    }

    pub fn tick(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        if let Some(up) = &mut self.up {
            up.tick(now, &mut self.state)?;
        }
        self.down.tick(now, &mut self.state)
    }

    /// Sends the frame that is due. Packets are numbered from `number` on.
    pub fn send_due(&mut self, now: Instant, number: &mut u64) -> Result<(), Box<dyn Error>> {
        let connected = self.state.seen.connected.is_some();
        let (Some(sender), Some(up)) = (&mut self.state.sender, &mut self.up) else {
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
        let sizes = if video { pattern::split(frame, key) } else { &[0] };
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
            let mut direct = up.rtc.direct_api();
            let stream = direct.stream_tx_by_mid(mid, None).ok_or("no stream to send on")?;
            stream.set_unpaced(true);
            stream.write_rtp(write);
            *number += 1;
            // str0m wants to be drained after each change.
            up.advance(now, &mut self.state)?;
        }
        Ok(())
    }

    pub fn leave(&mut self) {
        self.signal
            .send(Request {
                leave: Some(Leave { reason: 1 }),
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
