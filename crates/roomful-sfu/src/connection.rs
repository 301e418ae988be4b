//! A transport in use: what was negotiated on it, and what arrives and leaves on which source.
use crate::command::{Id, Role};
use crate::slab::Key;
use roomful_rtc::codec::Codec;
use roomful_rtc::rtcp::TwccRecorder;
use roomful_rtc::rtp::ExtensionMap;
use roomful_rtc::sctp::ChannelId;
use roomful_rtc::sdp::model::CodecLine;
use roomful_rtc::transport::{Path, Transport};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Sources that one peer may make us know.
pub const MAX_SOURCES: usize = 512;
/// Paths remembered for one peer.
pub const MAX_PATHS: usize = 8;

/// What a source that arrives is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Media of (track, stream).
    Media(Key, usize),
    /// Retransmissions of (track, stream).
    Repair(Key, usize),
    /// Nothing we want.
    Ignored,
}

/// What a section carries towards us.
#[derive(Clone, Debug)]
pub struct Inbound {
    pub mid: String,
    pub track: Key,
    pub codec_at: usize,
    pub rids: Vec<String>,
    /// Payload type → codec, and RTX type → payload type.
    pub codecs: Vec<(u8, Codec)>,
    pub repairs: Vec<(u8, u8)>,
}

/// A section of ours (v0 subscriber).
#[derive(Clone, Debug)]
pub struct Offered {
    pub mid: String,
    pub video: bool,
    /// The subscription in it; `None` when it is free.
    pub down: Option<Key>,
    pub codecs: Vec<CodecLine>,
}

/// A transport and its negotiated state.
pub struct Connection {
    pub id: Id,
    pub participant: Key,
    pub role: Role,
    pub transport: Transport,
    /// Only TCP addresses are announced.
    pub tcp_only: bool,
    pub session_id: u64,
    pub session_version: u64,
    pub extensions: ExtensionMap,
    pub inbound: Vec<Inbound>,
    pub sources: HashMap<u32, Source>,
    /// Subscriptions by what they are sent under, for feedback.
    pub downs: HashMap<u32, Key>,
    /// Receiving sections of the client's (v1): mid → (video, subscription).
    pub slots: Vec<(String, bool, Option<Key>)>,
    /// Sections asked for and not offered yet: audio, video.
    pub asked: (u32, u32),
    /// An offer was asked for that lets go of sections.
    pub releasing: bool,
    /// Sections of ours (v0), the data section apart.
    pub offered: Vec<Offered>,
    pub offer_id: u32,
    pub outstanding: bool,
    pub dirty: bool,
    /// Channels by purpose.
    pub reliable: Option<ChannelId>,
    pub lossy: Option<ChannelId>,
    pub track_data: Option<ChannelId>,
    pub twcc: TwccRecorder,
    /// Any source, for feedback about the whole transport.
    pub media_ssrc: u32,
    pub round_trip: Duration,
    pub paths: Vec<Path>,
    pub ufrags: Vec<String>,
    pub timer: Option<Instant>,
    pub reports_at: Instant,
    /// Data waits to be sent.
    pub data_waiting: bool,
    /// RTCP to send, not yet sealed.
    pub rtcp: Vec<u8>,
    /// Loss towards and from this peer, 0.0–1.0, smoothed.
    pub loss: f32,
}

impl Connection {
    pub fn new(
        id: Id,
        participant: Key,
        role: Role,
        transport: Transport,
        session_id: u64,
        now: Instant,
    ) -> Self {
        Self {
            id,
            participant,
            role,
            transport,
            tcp_only: false,
            session_id,
            session_version: 0,
            extensions: ExtensionMap::default(),
            inbound: vec![],
            sources: HashMap::new(),
            downs: HashMap::new(),
            slots: vec![],
            asked: (0, 0),
            releasing: false,
            offered: vec![],
            offer_id: 0,
            outstanding: false,
            dirty: false,
            reliable: None,
            lossy: None,
            track_data: None,
            twcc: TwccRecorder::default(),
            media_ssrc: 0,
            round_trip: Duration::from_millis(80),
            paths: vec![],
            ufrags: vec![],
            timer: None,
            reports_at: now,
            data_waiting: false,
            rtcp: vec![],
            loss: 0.0,
        }
    }
}
