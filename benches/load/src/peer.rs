//! One participant: a signal connection and a peer connection for each direction that it uses.

use crate::args::Server;
use crate::link::Link;
use crate::pattern::{self, Layer};
use crate::signal::{Heard, Media, Signal, Wish};
use std::error::Error;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::Candidate;

/// A packet that came while `counting`.
pub struct Arrived {
    /// The source it came from, and its place there.
    pub ssrc: u32,
    pub sequence: u64,
    /// The number its publisher gave it.
    pub number: u64,
    /// On the way.
    pub nanos: u64,
}

/// What a peer saw; times since its WebSocket began to open.
#[derive(Default)]
pub struct Seen {
    pub join: Option<Duration>,
    pub connected: Option<Duration>,
    pub first_media: Option<Duration>,
    pub arrived: Vec<Arrived>,
    pub counting: bool,
}

/// What a publisher sends and how far it is.
pub struct Sender {
    mid: Mid,
    pt: Option<Pt>,
    media: Media,
    frame: usize,
    /// Next sequence number of each layer.
    seq: [u64; 3],
    due: Option<Instant>,
    /// The next frame is to be a key frame.
    pub key: bool,
}

/// What the links change.
pub struct State {
    pub began: Instant,
    pub sender: Option<Sender>,
    pub seen: Seen,
    pub subscribes: bool,
}

pub struct Peer {
    signal: Signal,
    pinged: Instant,
    pending: Option<SdpPendingOffer>,
    up: Option<Link>,
    down: Link,
    /// Whose picture is large here.
    looks_at: Option<String>,
    pub state: State,
}

impl Peer {
    /// Opens the signal connection; media follows in `poll_signal`.
    pub fn open(
        server: &Server,
        wish: Wish,
        looks_at: Option<String>,
        loss: u32,
    ) -> Result<Self, Box<dyn Error>> {
        let began = Instant::now();
        let signal = Signal::open(server, wish)?;
        let ip = signal.stream().local_addr()?.ip();
        let mut peer = Self {
            signal,
            pinged: began,
            pending: None,
            up: None,
            down: Link::new(ip, began, wish.publish.is_none(), loss)?,
            looks_at,
            state: State {
                began,
                sender: None,
                seen: Seen::default(),
                subscribes: wish.subscribe,
            },
        };
        if let Some(media) = wish.publish {
            peer.publish(Link::new(ip, began, true, 0)?, media)?;
        } else if server.whip {
            peer.watch()?;
        }
        Ok(peer)
    }

    pub fn signal_stream(&self) -> &std::net::TcpStream {
        self.signal.stream()
    }

    pub fn links(&mut self) -> impl Iterator<Item = &mut Link> {
        [Some(&mut self.down), self.up.as_mut()].into_iter().flatten()
    }

    fn publish(&mut self, mut link: Link, media: Media) -> Result<(), Box<dyn Error>> {
        let cid = "loadtrack".to_owned();
        let mut change = link.rtc.sdp_api();
        let kind = if media.is_video() {
            MediaKind::Video
        } else {
            MediaKind::Audio
        };
        let simulcast = (media == Media::Simulcast).then(|| {
            let mut simulcast = Simulcast::new();
            for layer in Layer::ALL {
                simulcast.add_send_layer(SimulcastLayer::new(layer.rid()));
            }
            simulcast
        });
        let mid = change.add_media(
            kind,
            Direction::SendOnly,
            Some("load".into()),
            Some(cid.clone()),
            simulcast,
        );
        let (offer, pending) = change.apply().ok_or("no offer came of adding media")?;
        self.pending = Some(pending);
        self.state.sender = Some(Sender {
            mid,
            pt: None,
            media,
            frame: 0,
            seq: [1; 3],
            due: None,
            key: true,
        });
        self.up = Some(link);
        self.signal.offer(media, &cid, offer.to_sdp_string())
    }

    /// Offers to receive a picture, where the client is the one who offers (WHEP).
    fn watch(&mut self) -> Result<(), Box<dyn Error>> {
        let mut change = self.down.rtc.sdp_api();
        change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = change.apply().ok_or("no offer came of adding media")?;
        self.pending = Some(pending);
        self.signal.offer(Media::Video, "", offer.to_sdp_string())
    }

    /// Takes what came by signaling.
    pub fn poll_signal(&mut self) -> Result<(), Box<dyn Error>> {
        while let Some(heard) = self.signal.next()? {
            self.heard(heard)?;
        }
        if self.pinged.elapsed() > Duration::from_secs(4) {
            self.pinged = Instant::now();
            self.signal.ping(self.state.began.elapsed())?;
        }
        if let Some(up) = &mut self.up {
            up.drain(&mut self.state)?;
        }
        self.down.drain(&mut self.state)
    }

    fn heard(&mut self, heard: Heard) -> Result<(), Box<dyn Error>> {
        match heard {
            Heard::Joined => self.state.seen.join = Some(self.state.began.elapsed()),
            Heard::Answer(sdp) => self.answered(&sdp)?,
            Heard::Offer(sdp, number) => self.answer(&sdp, number)?,
            Heard::Candidate(text, up) => {
                let candidate = Candidate::from_sdp_string(&text);
                let link = if up {
                    self.up.as_mut()
                } else {
                    Some(&mut self.down)
                };
                if let (Ok(candidate), Some(link)) = (candidate, link) {
                    link.rtc.add_remote_candidate(candidate);
                }
            }
            Heard::Track { id, owner } => {
                if let Some(looks_at) = &self.looks_at {
                    self.signal.view(id, owner == *looks_at)?;
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, sdp: &str) -> Result<(), Box<dyn Error>> {
        let up = self.up.as_mut().unwrap_or(&mut self.down);
        let pending = self.pending.take().ok_or("an answer to no offer")?;
        up.rtc
            .sdp_api()
            .accept_answer(pending, SdpAnswer::from_sdp_string(sdp)?)?;
        if let Some(sender) = &mut self.state.sender {
            let wanted = if sender.media.is_video() {
                Codec::Vp8
            } else {
                Codec::Opus
            };
            let codecs = up.rtc.codec_config().params();
            sender.pt = codecs.iter().find(|p| p.spec().codec == wanted).map(|p| p.pt());
        }
        Ok(())
    }

    fn answer(&mut self, sdp: &str, number: u32) -> Result<(), Box<dyn Error>> {
        // A server without a word for it: who is offered something has joined.
        self.state.seen.join.get_or_insert(self.state.began.elapsed());
        let mut direct = self.down.rtc.direct_api();
        // Browsers answer `actpass` with `active`; str0m by itself would wait. Once DTLS has its part, str0m leaves
        // ICE's as it is: against a lite agent it is ours to nominate.
        direct.set_ice_controlling(sdp.contains("a=ice-lite"));
        direct.start_dtls(true)?;
        let answer = self
            .down
            .rtc
            .sdp_api()
            .accept_offer(SdpOffer::from_sdp_string(sdp)?)?;
        self.signal.answer(answer.to_sdp_string(), number)
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
        let step_us = if sender.media.is_video() { 33_333 } else { 20_000 };
        sender.due = Some(due + Duration::from_micros(step_us));
        let key = std::mem::take(&mut sender.key);
        let (mid, media, frame, seq) = (sender.mid, sender.media, sender.frame, sender.seq);
        sender.frame += 1;
        let layers: &[Layer] = match media {
            Media::Simulcast => &Layer::ALL,
            _ => &[Layer::Full],
        };
        for (at, layer) in layers.iter().enumerate() {
            let sizes = if media.is_video() {
                pattern::split(frame, key, *layer)
            } else {
                &[0]
            };
            let rid = (media == Media::Simulcast).then(|| Rid::from(layer.rid()));
            for (i, size) in sizes.iter().enumerate() {
                let (payload, ext) = packet(media, *size, i == 0, key, frame, *number);
                let time = (frame as u32).wrapping_mul(if media.is_video() { 3000 } else { 960 });
                let write = RtpWrite::new(pt, (seq[at] + i as u64).into(), time, now, payload)
                    .marker(media.is_video() && i + 1 == sizes.len())
                    .nackable(true)
                    .ext_vals(ext);
                let mut direct = up.rtc.direct_api();
                let stream = direct.stream_tx_by_mid(mid, rid).ok_or("no stream to send on")?;
                stream.set_unpaced(true);
                stream.write_rtp(write);
                *number += 1;
                // str0m wants to be drained after each change.
                up.advance(now, &mut self.state)?;
            }
            if let Some(sender) = &mut self.state.sender {
                sender.seq[at] += sizes.len() as u64;
            }
        }
        Ok(())
    }

    pub fn leave(&mut self) {
        self.signal.leave();
    }
}

fn packet(
    media: Media,
    size: usize,
    first: bool,
    key: bool,
    frame: usize,
    number: u64,
) -> (Vec<u8>, ExtensionValues) {
    if media.is_video() {
        let payload = pattern::vp8(size, first, key, (frame & 0x7fff) as u16, number, now_ns());
        return (payload, ExtensionValues::default());
    }
    let ext = ExtensionValues {
        audio_level: Some(-30),
        voice_activity: Some(true),
        ..ExtensionValues::default()
    };
    (pattern::opus(frame, number, now_ns()), ext)
}

/// Nanoseconds since the process first asked.
pub fn now_ns() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}
