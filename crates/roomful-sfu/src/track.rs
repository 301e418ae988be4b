//! A publication: the streams that came in for one track, and what is known of each.
use crate::command::{Id, Kind, TrackSpec};
use crate::ring::Ring;
use crate::slab::Key;
use crate::speaker::Loudness;
use roomful_rtc::codec::Codec;
use roomful_rtc::rtcp::{NackGenerator, ReceiverStats, SenderReport};
use std::time::{Duration, Instant};

/// Packets kept for retransmission.
const VIDEO_RING: usize = 1024;
const AUDIO_RING: usize = 128;
/// A stream that was silent for so long is not alive: nobody is switched to it.
pub const ALIVE_WITHIN: Duration = Duration::from_millis(1500);
/// Key frames are asked for at most so often; each costs the publisher about a second's worth of bits.
const KEY_REQUEST_EVERY: Duration = Duration::from_millis(500);

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
    key_asked: Option<Instant>,
    /// Highest index that came.
    pub highest: u64,
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
            key_asked: None,
            highest: 0,
        }
    }

    /// Packets came lately.
    pub fn is_alive(&self, now: Instant) -> bool {
        self.last_packet
            .is_some_and(|at| now.saturating_duration_since(at) < ALIVE_WITHIN)
    }

    /// Whether to ask for a key frame now; asks again until one came.
    pub fn take_key_request(&mut self, now: Instant) -> bool {
        let due = self
            .key_asked
            .is_none_or(|at| now.saturating_duration_since(at) >= KEY_REQUEST_EVERY);
        let ask = self.key_wanted && due && self.ssrc != 0;
        if ask {
            self.key_asked = Some(now);
        }
        ask
    }
}

/// A track.
#[derive(Debug)]
pub struct Track {
    pub id: Id,
    pub owner: Key,
    pub room: Key,
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
            muted: spec.muted,
            spec,
            connection: None,
            bound: vec![],
            streams: vec![],
            subscribers: vec![],
            started: false,
            loudness,
            told: vec![],
            lower_at: None,
        }
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
