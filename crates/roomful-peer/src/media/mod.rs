//! Sound and video of one peer: transceivers, whose packet is whose, reports, retransmission, key frames. Sans-IO.
//!
//! Called by `peer`. Coded frames go in and come out; what is in them is the program's business.
pub mod payload;
pub mod receive;
pub mod send;

use crate::entropy::Entropy;
use crate::event::PeerEvent;
use crate::signaling::{AgreedMedia, MediaKey, Wanted};
use receive::{Frame, Inlet};
use roomful_rtc::codec::Codec;
use roomful_rtc::rtcp::{self, Feedback, TwccRecorder};
use roomful_rtc::rtp::{rtx_payload, Extension, ExtensionMap, RtpHeader};
use roomful_rtc::sdp::{CodecLine, Direction, Kind, Outgoing, Section};
use roomful_rtc::transport::Transport;
use rustc_hash::FxHashMap;
use send::{Outlet, Stream};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Transceivers of one peer.
pub const MAX_TRANSCEIVERS: usize = 256;
/// What is late or missing is looked for so often.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Arrival times are told so often while packets come.
const ARRIVALS_EVERY: Duration = Duration::from_millis(50);
/// Reports of sending and receiving.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Sources of the peer's that are known.
const MAX_SOURCES: usize = 512;

/// How a transceiver is wanted.
#[derive(Clone, Debug)]
pub struct MediaOptions {
    /// Audio or video.
    pub kind: Kind,
    /// Ours.
    pub direction: Direction,
    /// Best first.
    pub codecs: Vec<&'static str>,
    /// Names for `a=msid`.
    pub stream: String,
    /// As above.
    pub track: String,
}

/// All that can be sent and received as frames.
pub fn usual_codecs(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::Audio => vec!["opus"],
        Kind::Video => vec!["VP8", "H264"],
        Kind::Application | Kind::Other => vec![],
    }
}

struct Transceiver {
    key: MediaKey,
    options: MediaOptions,
    current: Direction,
    lines: Vec<CodecLine>,
    mid: String,
    extensions: ExtensionMap,
    stream: Stream,
    inlet: Option<Inlet>,
    /// Made by the peer's offer: never taken over by another section.
    assigned: bool,
    stopped: bool,
}

#[derive(Clone, Copy)]
struct Source {
    at: usize,
    rtx: bool,
}

/// See the module.
pub struct Media {
    all: Vec<Transceiver>,
    sources: FxHashMap<u32, Source>,
    arrivals: TwccRecorder,
    /// Of the source that arrival times are told about.
    heard: u32,
    next: MediaKey,
    cname: String,
    entropy: Entropy,
    origin: Instant,
    look: Option<Instant>,
    tell: Option<Instant>,
    report: Option<Instant>,
    outbox: VecDeque<Vec<u8>>,
}

impl Media {
    /// Empty. `now` is where its clock begins.
    pub fn new(entropy: Entropy, now: Instant) -> Self {
        Self {
            all: vec![],
            sources: FxHashMap::default(),
            arrivals: TwccRecorder::default(),
            heard: 0,
            next: 0,
            cname: entropy.text(12),
            entropy,
            origin: now,
            look: None,
            tell: None,
            report: None,
            outbox: VecDeque::new(),
        }
    }

    /// A transceiver under a key of the program's choice. False when there are too many.
    pub fn add(&mut self, key: MediaKey, options: MediaOptions) -> bool {
        if self.all.len() >= MAX_TRANSCEIVERS {
            return false;
        }
        let seed = self.entropy.number();
        let ssrc = (seed as u32).max(1);
        let stream = Stream::new(ssrc, ssrc.wrapping_add(1).max(1), (seed >> 40) as u16);
        self.all.push(Transceiver {
            key,
            options,
            current: Direction::Inactive,
            lines: vec![],
            mid: String::new(),
            extensions: ExtensionMap::default(),
            stream,
            inlet: None,
            assigned: false,
            stopped: false,
        });
        true
    }

    /// For a section of the peer's offer: one of ours of its kind that has none and sends, or a new one that receives.
    pub fn assign(&mut self, section: &Section, events: &mut VecDeque<PeerEvent>) -> Option<MediaKey> {
        let fits = |t: &&mut Transceiver| {
            !t.assigned
                && !t.stopped
                && t.mid.is_empty()
                && t.options.kind == section.kind
                && t.options.direction.sends()
        };
        if let Some(free) = self.all.iter_mut().find(fits) {
            free.assigned = true;
            return Some(free.key);
        }
        let key = MediaKey::MAX - self.next;
        let options = MediaOptions {
            kind: section.kind,
            direction: Direction::RecvOnly,
            codecs: usual_codecs(section.kind),
            stream: "-".to_owned(),
            track: self.entropy.text(16),
        };
        if !self.add(key, options) {
            return None;
        }
        self.next += 1;
        if let Some(made) = self.all.last_mut() {
            made.assigned = true;
        }
        events.push_back(PeerEvent::Transceiver {
            key,
            kind: section.kind,
            sends: section.direction.sends(),
        });
        Some(key)
    }

    /// What the next description says.
    pub fn wanted(&self) -> Vec<Wanted> {
        let live = self.all.iter().filter(|t| !t.stopped);
        live.map(|t| Wanted {
            key: t.key,
            kind: t.options.kind,
            direction: t.options.direction,
            codecs: t.options.codecs.clone(),
            outgoing: Outgoing {
                ssrc: t.stream.ssrc,
                rtx_ssrc: (t.options.kind == Kind::Video).then_some(t.stream.rtx_ssrc),
                stream: t.options.stream.clone(),
                track: t.options.track.clone(),
                cname: self.cname.clone(),
            },
        })
        .collect()
    }

    /// Whether a new offer would say something else of one of ours.
    pub fn needs(&self, carries: impl Fn(MediaKey) -> bool) -> bool {
        self.all.iter().any(|t| {
            let sends_less = t.options.direction.sends() != t.current.sends();
            !t.stopped && (!carries(t.key) || sends_less)
        })
    }

    /// Changes what is wanted.
    pub fn set_direction(&mut self, key: MediaKey, direction: Direction) {
        if let Some(one) = self.all.iter_mut().find(|t| t.key == key) {
            one.options.direction = direction;
        }
    }

    /// What both agreed on.
    pub fn agree(&mut self, agreed: &[AgreedMedia], stopped: &[MediaKey], events: &mut VecDeque<PeerEvent>) {
        for (at, one) in self.all.iter_mut().enumerate() {
            if stopped.contains(&one.key) && !one.stopped {
                one.stopped = true;
                one.current = Direction::Inactive;
                one.stream.outlet = None;
                one.inlet = None;
                events.push_back(PeerEvent::MediaEnded(one.key));
            }
            let Some(agreed) = agreed.iter().find(|a| a.key == one.key) else {
                continue;
            };
            one.mid = agreed.mid.clone();
            one.current = agreed.direction;
            one.lines = agreed.codecs.clone();
            one.extensions =
                ExtensionMap::new(agreed.extensions.iter().map(|map| (map.id, map.uri.as_ref())));
            let first = one.lines.iter().find_map(|line| {
                let codec = Codec::from_name(&line.name).filter(|c| payload::is_known(*c))?;
                Some((codec, line))
            });
            one.stream.outlet = first
                .filter(|_| agreed.direction.sends())
                .map(|(codec, line)| Outlet {
                    codec,
                    pt: line.pt,
                    rtx_pt: line.rtx_pt,
                    extensions: one.extensions,
                    mid: one.mid.clone(),
                });
            for (ssrc, rtx) in &agreed.sources {
                self.sources.insert(*ssrc, Source { at, rtx: false });
                if let Some(rtx) = rtx {
                    self.sources.insert(*rtx, Source { at, rtx: true });
                }
            }
            events.push_back(PeerEvent::Media {
                key: one.key,
                mid: one.mid.clone(),
                direction: agreed.direction,
                codec: one.stream.outlet.as_ref().map(|o| o.codec),
                stream: agreed.stream.clone(),
            });
        }
    }

    /// A coded frame to send; `timestamp` in the codec's clock.
    pub fn send(&mut self, key: MediaKey, frame: &[u8], timestamp: u32, transport: &Transport, now: Instant) {
        let (Some(sender), Some(one)) = (transport.sender(), self.all.iter_mut().find(|t| t.key == key))
        else {
            return;
        };
        let mut out = vec![];
        one.stream.send(sender, frame, timestamp, now, &mut out);
        self.outbox.extend(out);
        self.report.get_or_insert(now + REPORT_EVERY);
    }

    /// Asks the peer for a key frame.
    pub fn want_key(&mut self, key: MediaKey, now: Instant) {
        if let Some(inlet) = self
            .all
            .iter_mut()
            .find(|t| t.key == key)
            .and_then(|t| t.inlet.as_mut())
        {
            inlet.want_key();
            self.look = Some(now);
        }
    }

    /// A packet that may be RTP or RTCP.
    pub fn handle(
        &mut self,
        transport: &mut Transport,
        packet: &mut [u8],
        events: &mut VecDeque<PeerEvent>,
        now: Instant,
    ) {
        // RFC 5761 §4: payload types 64 to 95 with the marker are RTCP.
        if packet.get(1).is_some_and(|b| (192..=223).contains(b)) {
            self.handle_rtcp(transport, packet, events, now);
            return;
        }
        let Some(receiver) = transport.receiver() else {
            return;
        };
        let Ok((header, _, length)) = receiver.unprotect_rtp(packet) else {
            return;
        };
        transport.heard(now);
        let Some(plain) = packet.get(..length) else { return };
        self.handle_rtp(&header, plain, now);
        self.look.get_or_insert(now + LOOK_EVERY);
        self.report.get_or_insert(now + REPORT_EVERY);
    }

    fn handle_rtp(&mut self, header: &RtpHeader, plain: &[u8], now: Instant) {
        let Some(source) = self.source(header, plain) else {
            return;
        };
        let Some(one) = self.all.get_mut(source.at) else {
            return;
        };
        if !one.current.receives() {
            return;
        }
        if let Some(id) = one.extensions.id(Extension::TransportCc) {
            let found = header.extensions(plain).find(|(found, _)| *found == id);
            if let Some([high, low]) = found.and_then(|(_, v)| v.first_chunk::<2>().copied()) {
                let at = now.saturating_duration_since(self.origin).as_micros() as i64;
                self.arrivals.on_packet(u16::from_be_bytes([high, low]), at);
                self.heard = header.ssrc;
                self.tell.get_or_insert(now + ARRIVALS_EVERY);
            }
        }
        let Some(payload) = header.payload(plain) else {
            return;
        };
        let (line, sequence, payload) = if source.rtx {
            let Some((sequence, rest)) = rtx_payload(payload) else {
                return;
            };
            let line = one.lines.iter().find(|l| l.rtx_pt == Some(header.payload_type));
            (line, sequence, rest)
        } else {
            let line = one.lines.iter().find(|l| l.pt == header.payload_type);
            (line, header.sequence, payload)
        };
        let codec = line.and_then(|l| Codec::from_name(&l.name));
        let Some(codec) = codec.filter(|c| payload::is_known(*c)) else {
            return;
        };
        let video = one.options.kind == Kind::Video;
        if one.inlet.is_none() || !source.rtx && one.inlet.as_ref().is_some_and(|i| i.ssrc != header.ssrc) {
            if source.rtx {
                return;
            }
            // A new source in this section: what the old one left is of no use.
            one.inlet = Some(Inlet::new(header.ssrc, video, codec.clock_rate()));
        }
        if let Some(inlet) = &mut one.inlet {
            let (timestamp, marker) = (header.timestamp, header.marker);
            inlet.on_packet(codec, sequence, timestamp, marker, payload, source.rtx, now);
        }
    }

    /// By source, by section, by payload type (RFC 8843 §9.2).
    fn source(&mut self, header: &RtpHeader, plain: &[u8]) -> Option<Source> {
        if let Some(source) = self.sources.get(&header.ssrc) {
            return Some(*source);
        }
        if self.sources.len() >= MAX_SOURCES {
            return None;
        }
        let pt = header.payload_type;
        let of_pt = |t: &Transceiver| t.lines.iter().any(|l| l.pt == pt || l.rtx_pt == Some(pt));
        let named = self.all.iter().position(|t| {
            let Some(id) = t.extensions.id(Extension::Mid) else {
                return false;
            };
            let mut values = header.extensions(plain);
            values.any(|(found, value)| found == id && value == t.mid.as_bytes())
        });
        let at = named.or_else(|| {
            let mut fitting = self
                .all
                .iter()
                .enumerate()
                .filter(|(_, t)| t.current.receives() && of_pt(t));
            let (at, _) = fitting.next()?;
            fitting.next().is_none().then_some(at)
        })?;
        let one = self.all.get(at)?;
        let rtx = one.lines.iter().any(|l| l.rtx_pt == Some(pt));
        let source = Source { at, rtx };
        self.sources.insert(header.ssrc, source);
        Some(source)
    }

    fn handle_rtcp(
        &mut self,
        transport: &mut Transport,
        packet: &mut [u8],
        events: &mut VecDeque<PeerEvent>,
        now: Instant,
    ) {
        let Some(receiver) = transport.receiver() else {
            return;
        };
        let Ok(length) = receiver.unprotect_rtcp(packet) else {
            return;
        };
        transport.heard(now);
        let Some(plain) = packet.get(..length) else { return };
        let (all, mut again) = (&mut self.all, vec![]);
        rtcp::read(plain, |said| match said {
            Feedback::SenderReport(report) => {
                let inlet = all
                    .iter_mut()
                    .filter_map(|t| t.inlet.as_mut())
                    .find(|i| i.ssrc == report.ssrc);
                if let Some(inlet) = inlet {
                    inlet.stats.on_sender_report(report.ntp, now);
                }
            }
            Feedback::Pli { ssrc } | Feedback::Fir { ssrc } => {
                if let Some(one) = all.iter().find(|t| t.stream.ssrc == ssrc) {
                    let wanted = PeerEvent::KeyFrameWanted(one.key);
                    let told = events
                        .iter()
                        .any(|e| matches!(e, PeerEvent::KeyFrameWanted(k) if *k == one.key));
                    if !told {
                        events.push_back(wanted);
                    }
                }
            }
            Feedback::Nack { ssrc, pairs } => {
                if let Some(at) = all.iter().position(|t| t.stream.ssrc == ssrc) {
                    // As many as a burst may lose; more is an outage.
                    again.extend(rtcp::nack::sequences(pairs).take(256).map(|n| (at, n)));
                }
            }
            _ => {}
        });
        let Some(sender) = transport.sender() else { return };
        let mut out = vec![];
        for (at, sequence) in again {
            if let Some(one) = self.all.get_mut(at) {
                one.stream.again(sender, sequence, &mut out);
            }
        }
        self.outbox.extend(out);
    }

    /// Tells of frames, asks for what is missing, reports. Called after each batch and when time passes.
    pub fn turn(&mut self, transport: &mut Transport, events: &mut VecDeque<PeerEvent>, now: Instant) {
        let mut compound = vec![];
        let mut waits = false;
        let speaker = self.all.first().map_or(1, |t| t.stream.ssrc);
        for one in &mut self.all {
            let Some(inlet) = &mut one.inlet else { continue };
            let mut frames: Vec<Frame> = vec![];
            inlet.take(now, &mut frames);
            if !frames.is_empty() {
                let key = one.key;
                events.push_back(PeerEvent::Frames { key, frames });
            }
            if self.look.is_some_and(|at| at <= now) {
                let mut missing = vec![];
                inlet.missing(now, &mut missing);
                if !missing.is_empty() {
                    missing.sort_unstable();
                    rtcp::write::nack(&mut compound, speaker, inlet.ssrc, &missing);
                }
                if inlet.asks_key(now) {
                    rtcp::write::pli(&mut compound, speaker, inlet.ssrc);
                }
            }
            waits |= inlet.is_waiting();
        }
        if self.look.is_some_and(|at| at <= now) {
            self.look = waits.then_some(now + LOOK_EVERY);
        }
        if self.tell.is_some_and(|at| at <= now) {
            self.tell = None;
            self.arrivals.write(&mut compound, speaker, self.heard);
        }
        if self.report.is_some_and(|at| at <= now) {
            self.report = Some(now + REPORT_EVERY);
            self.write_reports(speaker, &mut compound, now);
        }
        if !compound.is_empty() {
            if let Some(sender) = transport.sender_mut() {
                if sender.protect_rtcp(&mut compound).is_ok() {
                    self.outbox.push_back(compound);
                }
            }
        }
    }

    fn write_reports(&mut self, speaker: u32, out: &mut Vec<u8>, now: Instant) {
        let since = now.saturating_duration_since(self.origin);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        let ntp = (since.as_secs() + 1) << 32 | fraction;
        let mut blocks = vec![];
        for one in &mut self.all {
            one.stream.report(ntp, &self.cname, now, out);
            if let Some(inlet) = &mut one.inlet {
                blocks.extend(inlet.stats.report(inlet.ssrc, now));
            }
        }
        if !blocks.is_empty() || out.is_empty() {
            rtcp::write::receiver_report(out, speaker, &blocks);
        }
    }

    /// When time matters next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.look, self.tell, self.report].into_iter().flatten().min()
    }

    /// A sealed packet for the peer.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    /// Nothing comes or goes any more.
    pub fn end(&mut self, events: &mut VecDeque<PeerEvent>) {
        (self.look, self.tell, self.report) = (None, None, None);
        for one in self.all.iter_mut().filter(|t| !t.stopped) {
            one.stopped = true;
            events.push_back(PeerEvent::MediaEnded(one.key));
        }
    }
}
