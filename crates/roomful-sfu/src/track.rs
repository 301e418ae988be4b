//! A publication: the streams that came in for one track, and what is known of each.
use crate::bitrates::Bitrates;
use crate::command::{Id, Kind, TrackSpec};
use crate::loudest::Voice;
use crate::rates::Rates;
use crate::ring::Ring;
use crate::slab::Key;
use crate::speaker::Loudness;
use roomful_rtc::codec::dependency::{DependencyReader, Frame};
use roomful_rtc::codec::Codec;
use roomful_rtc::rtcp::{NackGenerator, ReceiverStats, SenderReport};
use roomful_rtc::rtp::Extension;
use std::time::{Duration, Instant};

/// Packets kept for retransmission.
const VIDEO_RING: usize = 1024;
const AUDIO_RING: usize = 128;
/// A stream that was silent for so long is not alive: nobody is switched to it.
pub const ALIVE_WITHIN: Duration = Duration::from_millis(1500);
/// Key frames of a track are asked for at most so often; each costs the publisher about a second's worth of bits.
pub const KEY_REQUEST_EVERY: Duration = Duration::from_millis(500);
/// A key frame is recent for so long. Longer than [`KEY_REQUEST_EVERY`] and a round trip, so that whoever comes while none may be
/// asked for finds one.
pub const KEY_RECENT: Duration = Duration::from_millis(800);
/// Packets behind the newest within which a key frame serves a newcomer. The ring, and a subscriber's history, hold more.
const KEY_REACH: u64 = 400;

/// Where the latest key frame of a stream begins.
#[derive(Clone, Copy, Debug)]
pub struct KeyFrame {
    /// Of its first packet.
    pub index: u64,
    pub timestamp: u32,
    /// When that came.
    pub at: Instant,
}

/// One RTP stream of a track: a simulcast layer, or all there is.
#[derive(Debug)]
pub struct Stream {
    /// Which entry of the track's codecs.
    pub codec_at: usize,
    pub codec: Codec,
    pub ssrc: u32,
    pub rtx_ssrc: u32,
    pub rid: String,
    /// 0 low … 2 high.
    pub quality: u8,
    pub width: u32,
    pub height: u32,
    pub ring: Ring,
    pub stats: ReceiverStats,
    pub nack: NackGenerator,
    pub clock: Option<SenderReport>,
    pub last_packet: Option<Instant>,
    /// Somebody waits for a key frame.
    pub key_wanted: bool,
    /// The latest one.
    pub key: Option<KeyFrame>,
    /// Highest index that came.
    pub highest: u64,
    /// Frame dependencies, where packets tell them.
    pub dependencies: DependencyReader,
    /// The packet that brought the structure in force.
    structure_at: u64,
    /// Highest spatial layer that is known of; 0 unless the stream is SVC.
    pub top_spatial: u8,
    /// Of its temporal layers.
    pub rates: Rates,
    /// Of all its layers.
    pub bitrates: Bitrates,
}

impl Stream {
    pub fn new(codec_at: usize, codec: Codec, ssrc: u32, rid: &str, quality: u8) -> Self {
        Self {
            codec_at,
            codec,
            ssrc,
            rtx_ssrc: 0,
            rid: rid.to_owned(),
            quality,
            width: 0,
            height: 0,
            ring: Ring::new(if codec.is_video() { VIDEO_RING } else { AUDIO_RING }),
            stats: ReceiverStats::new(codec.clock_rate()),
            nack: NackGenerator::default(),
            clock: None,
            last_packet: None,
            key_wanted: false,
            key: None,
            highest: 0,
            dependencies: DependencyReader::default(),
            structure_at: 0,
            top_spatial: 0,
            rates: Rates::default(),
            bitrates: Bitrates::default(),
        }
    }

    /// Reads a packet's dependency descriptor. A structure that is older than the one in force explains its own packet alone.
    pub fn read_dependencies(&mut self, index: u64, value: &[u8]) -> Option<Frame> {
        let attached = value.get(3).is_some_and(|flags| flags & 0x80 != 0);
        if index < self.highest && !(attached && index > self.structure_at) {
            return self.dependencies.read_late(value);
        }
        let frame = self.dependencies.read(value);
        if attached && frame.is_some() {
            self.structure_at = index;
        }
        frame
    }

    /// Learns of layers from a packet that was just kept.
    pub fn learn_layers(&mut self, index: u64, now: Instant) {
        let Some(slot) = self.ring.get(index) else {
            return;
        };
        let temporal = slot.frame.map_or(slot.info.temporal, |frame| frame.temporal);
        let spatial = slot.frame.map_or(slot.info.spatial, |frame| frame.spatial);
        self.bitrates
            .on_packet(spatial, temporal, slot.payload.len(), now);
        if !slot.payload.is_empty() {
            self.rates.on_packet(temporal, slot.timestamp, now);
        }
        let told = match slot.frame {
            Some(frame) if frame.structure_attached => {
                self.dependencies.targets().iter().map(|t| t.spatial).max()
            }
            Some(_) => None,
            None => slot.info.spatial_layers.map(|count| count.saturating_sub(1)),
        };
        self.top_spatial = told.unwrap_or(self.top_spatial).max(slot.info.spatial);
    }

    /// A structure came late: packets behind it that could not be read now can. Returns their indices.
    pub fn read_again(&mut self, index: u64) -> impl Iterator<Item = u64> + '_ {
        (index + 1..=self.highest).filter(|later| {
            let Some(slot) = self.ring.get_mut(*later) else {
                return false;
            };
            if !slot.told_dependencies || slot.frame.is_some() {
                return false;
            }
            let value = slot.passed(Extension::DependencyDescriptor);
            slot.frame = value.and_then(|value| self.dependencies.read(value));
            slot.frame.is_some()
        })
    }

    /// Packets came lately.
    pub fn is_alive(&self, now: Instant) -> bool {
        self.last_packet
            .is_some_and(|at| now.saturating_duration_since(at) < ALIVE_WITHIN)
    }

    /// A packet that may begin a key frame came. Parameter sets and pictures of one key frame count once.
    pub fn on_key_start(&mut self, index: u64, timestamp: u32, now: Instant) {
        self.key_wanted = false;
        match &mut self.key {
            Some(key) if key.timestamp == timestamp => key.index = key.index.min(index),
            Some(key) if index < key.index => {}
            key => {
                let at = now;
                *key = Some(KeyFrame { index, timestamp, at });
            }
        }
    }

    /// A key frame that came within `age`, with all that follows it in the ring.
    pub fn recent_key(&self, now: Instant, age: Duration) -> Option<KeyFrame> {
        self.key.filter(|key| {
            now.saturating_duration_since(key.at) < age
                && self.highest.saturating_sub(key.index) < KEY_REACH
                && self.ring.get(key.index).is_some()
        })
    }
}

/// A track.
#[derive(Debug)]
pub struct Track {
    pub id: Id,
    pub owner: Key,
    pub room: Key,
    /// Other rooms whose people may receive it.
    pub shown: Vec<Key>,
    pub spec: TrackSpec,
    /// Connection on which it arrives, once bound.
    pub connection: Option<Key>,
    /// (mid, codec entry) of bound sections.
    pub bound: Vec<(String, usize)>,
    pub streams: Vec<Stream>,
    /// Subscriptions, by key.
    pub subscribers: Vec<Key>,
    pub muted: bool,
    pub started: bool,
    pub loudness: Option<Loudness>,
    /// Whether it is among the loudest.
    pub voice: Voice,
    key_asked: Option<Instant>,
    /// The codec that all subscribers fell back to, as an index.
    pub fallen_to: usize,
    /// Last demand told: (codec, watched).
    pub told: Vec<(String, [bool; 3])>,
    /// When the demand may be lowered.
    pub lower_at: Option<Instant>,
}

impl Track {
    pub fn new(owner: Key, room: Key, spec: TrackSpec, now: Instant) -> Self {
        let loudness = (spec.kind == Kind::Audio).then(|| Loudness::new(now));
        Self {
            id: spec.track.clone(),
            owner,
            room,
            shown: vec![],
            muted: spec.muted,
            spec,
            connection: None,
            bound: vec![],
            streams: vec![],
            subscribers: vec![],
            started: false,
            loudness,
            voice: Voice::new(true),
            key_asked: None,
            fallen_to: 0,
            told: vec![],
            lower_at: None,
        }
    }

    /// Streams to ask for a key frame now, by source; asks again until one came. One encoder makes all layers, and most make all
    /// their key frames together, so the pace is the track's.
    pub fn key_requests(&mut self, now: Instant) -> impl Iterator<Item = u32> + '_ {
        let due = self
            .key_asked
            .is_none_or(|at| now.saturating_duration_since(at) >= KEY_REQUEST_EVERY);
        let wanted = |s: &&Stream| s.key_wanted && s.ssrc != 0;
        if due && self.streams.iter().any(|s| wanted(&s)) {
            self.key_asked = Some(now);
        }
        self.streams
            .iter()
            .filter(move |s| due && wanted(s))
            .map(|s| s.ssrc)
    }

    pub fn is_video(&self) -> bool {
        self.spec.kind == Kind::Video
    }

    /// Quality and size of a stream: by rid where the publisher named them, by position otherwise.
    pub fn describe(&self, rid: &str, position: usize, of: usize) -> (u8, u32, u32) {
        let named = self.spec.layers.iter().find(|l| !rid.is_empty() && l.rid == rid);
        // LiveKit's SDKs call their layers q, h and f.
        let by_rid = match rid {
            "q" => Some(0),
            "h" => Some(1),
            "f" => Some(2),
            _ => None,
        };
        let quality =
            named
                .map(|l| l.quality)
                .or(by_rid)
                .unwrap_or(if of <= 1 { 2 } else { position.min(2) as u8 });
        let layer = named.or_else(|| self.spec.layers.iter().find(|l| l.quality == quality));
        let layer = layer.or_else(|| self.spec.layers.last().filter(|_| of <= 1));
        (
            quality,
            layer.map_or(0, |l| l.width),
            layer.map_or(0, |l| l.height),
        )
    }
}
