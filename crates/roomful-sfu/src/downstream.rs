//! A subscription: one participant receiving one track, with the numbers it sees.
use crate::allocator::Held;
use crate::command::ViewSettings;
use crate::layers::Target;
use crate::rewrite::Rewriter;
use crate::select::Selector;
use crate::slab::Key;
use roomful_rtc::codec::Codec;
use roomful_rtc::rtp::ExtensionMap;
use std::time::{Duration, Instant};

/// One subscription.
#[derive(Debug)]
pub struct Downstream {
    pub participant: Key,
    pub track: Key,
    /// The connection and the section that carry it, once negotiated.
    pub connection: Option<Key>,
    pub mid: String,
    pub ssrc: u32,
    pub rtx_ssrc: u32,
    /// Payload types for the codec in use; empty until negotiated.
    pub payloads: Vec<Payload>,
    pub extensions: ExtensionMap,
    pub settings: ViewSettings,
    /// The stream that is sent.
    pub current: Option<usize>,
    /// What shall be sent.
    pub target: Option<Target>,
    /// What its share of the path allows.
    pub held: Held,
    /// Which of its packets.
    pub selector: Selector,
    pub rewriter: Option<Rewriter>,
    pub rtx_index: u64,
    /// How long its pictures shall be held back, as the playout-delay extension has it; `None` until loss made it worth saying.
    pub patience: Option<[u8; 3]>,
    /// The same in time, and since when less would do.
    pub waits: Duration,
    pub calm_since: Instant,
    pub packets: u32,
    pub octets: u32,
    /// When it was last begun out of the ring, and when its first picture went out.
    pub replayed_at: Option<Instant>,
    pub begun_at: Option<Instant>,
    /// A key frame was asked for while its transport came up.
    pub foreseen: bool,
    /// The first packet went out and was told.
    pub told: bool,
    /// "No codec in common" was told.
    pub refused: bool,
}

/// What a subscriber calls a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    pub codec: Codec,
    pub payload_type: u8,
    /// 0 when there is none.
    pub rtx: u8,
}

impl Downstream {
    pub fn new(
        participant: Key,
        track: Key,
        settings: ViewSettings,
        ssrc: u32,
        rtx_ssrc: u32,
        now: Instant,
    ) -> Self {
        Self {
            participant,
            track,
            connection: None,
            mid: String::new(),
            ssrc,
            rtx_ssrc,
            payloads: vec![],
            extensions: ExtensionMap::default(),
            settings,
            current: None,
            target: None,
            held: Held::Free,
            selector: Selector::default(),
            rewriter: None,
            rtx_index: 1,
            patience: None,
            waits: Duration::ZERO,
            calm_since: now,
            packets: 0,
            octets: 0,
            replayed_at: None,
            begun_at: None,
            foreseen: false,
            told: false,
            refused: false,
        }
    }

    #[inline]
    pub fn payload(&self, codec: Codec) -> Option<Payload> {
        self.payloads.iter().find(|p| p.codec == codec).copied()
    }
}
