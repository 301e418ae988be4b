//! What the router tells. Read in batches by the engine shell; state events are never dropped, levels are overwritten.
use crate::command::{DataKind, Id};
use std::net::SocketAddr;

/// How a transport stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportState {
    /// ICE and DTLS are up.
    Connected,
    /// No ICE checks for a while; it may come back.
    Disconnected,
    /// Gone for good: the fingerprint did not match, the handshake failed or it timed out.
    Failed,
    /// The other side closed it.
    Closed,
}

/// How good a participant's connection is (LiveKit's ConnectionQuality).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// Noticeable trouble.
    Poor,
    /// Some loss.
    Good,
    /// Nothing to see.
    Excellent,
    /// Nothing arrives.
    Lost,
}

/// Somebody's loudness.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// `PA_…`
    pub participant: Id,
    /// 0.0 silence … 1.0 full.
    pub level: f32,
    /// Speaking now.
    pub active: bool,
}

/// Which qualities of one codec of a track are watched (dynacast): [low, medium, high].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// `vp8` …
    pub codec: String,
    /// One for each quality.
    pub watched: [bool; 3],
}

/// Told by the router.
#[derive(Clone, Debug)]
pub enum Event {
    /// Answers `RemoteOffer`.
    Answer {
        /// Echoed.
        request: u64,
        /// `TP_…`
        transport: Id,
        /// The text.
        sdp: String,
        /// (mid, `TR_…`) of every section that carries a track downstream.
        mids: Vec<(String, Id)>,
    },
    /// Answers `RemoteAnswer`.
    Accepted {
        /// Echoed.
        request: u64,
    },
    /// A request could not be met; `code` is stable text.
    Refused {
        /// Echoed.
        request: u64,
        /// `sdp_invalid`, `not_found`, `wrong_state`, `limit`.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// A subscriber transport offers (v0).
    Offer {
        /// `TP_…`
        transport: Id,
        /// Counts up; the answer names it.
        offer: u32,
        /// The text.
        sdp: String,
        /// (mid, `TR_…`).
        mids: Vec<(String, Id)>,
    },
    /// A single transport wants this many more receiving sections (v1): the client adds them and offers. Both are 0 when
    /// an offer alone is wanted, to fill sections that are free.
    SectionsWanted {
        /// `TP_…`
        transport: Id,
        /// More audio sections.
        audios: u32,
        /// More video sections.
        videos: u32,
    },
    /// A transport's state changed.
    Transport {
        /// `TP_…`
        transport: Id,
        /// The new state.
        state: TransportState,
        /// Where the other side is.
        remote: Option<SocketAddr>,
        /// `udp` or `tcp`.
        protocol: &'static str,
        /// Why, for people; empty when there is nothing to say.
        reason: String,
    },
    /// A section of an offer was matched to an announced track (its media may now come).
    TrackBound {
        /// `TR_…`
        track: Id,
        /// The section.
        mid: String,
        /// `vp8`, `opus` …
        codec: String,
        /// rids in order of the offer, lowest quality first when known.
        rids: Vec<String>,
    },
    /// A track's last section stopped sending: its publisher took it back.
    TrackEnded {
        /// `TR_…`
        track: Id,
    },
    /// First media packet of a track.
    TrackStarted {
        /// `TR_…`
        track: Id,
    },
    /// First packet of a track went to a subscriber.
    Subscribed {
        /// `PA_…`
        participant: Id,
        /// `TR_…`
        track: Id,
    },
    /// A subscription cannot be met: no codec in common. Nothing will come.
    Unsupported {
        /// `PA_…`
        participant: Id,
        /// `TR_…`
        track: Id,
    },
    /// What is watched of a track changed (dynacast).
    Demand {
        /// `TR_…`
        track: Id,
        /// For each codec of the track.
        codecs: Vec<Demand>,
    },
    /// A stream is paused or flows again for want of bandwidth.
    StreamState {
        /// The subscriber, `PA_…`
        participant: Id,
        /// `TR_…`
        track: Id,
        /// Paused.
        paused: bool,
    },
    /// Loudness in a room, speakers and those who just fell silent. Overwritten, never queued twice.
    Speakers {
        /// `RM_…`
        room: Id,
        /// Loudest first.
        levels: Vec<Level>,
    },
    /// A participant's connection quality changed.
    Quality {
        /// `PA_…`
        participant: Id,
        /// The word.
        quality: Quality,
        /// 0.0–5.0.
        score: f32,
    },
    /// A data packet passed (only when watched).
    Data {
        /// `RM_…`
        room: Id,
        /// `PA_…`
        participant: Id,
        /// Reliability.
        kind: DataKind,
        /// A whole DataPacket.
        packet: Vec<u8>,
    },
    /// A data packet of a watched topic came, or one of a stream that such a packet opened. It goes on meanwhile, or waits
    /// behind its stream's header when that is held. A held packet itself is told as `DataHeld` alone.
    DataSeen {
        /// `RM_…`
        room: Id,
        /// `PA_…`
        participant: Id,
        /// A whole DataPacket.
        packet: Vec<u8>,
    },
    /// A data packet waits for `Command::Decide`.
    DataHeld {
        /// `RM_…`
        room: Id,
        /// For the answer.
        hold: u64,
        /// `PA_…`
        participant: Id,
        /// Its topic.
        topic: String,
        /// A whole DataPacket.
        packet: Vec<u8>,
    },
    /// A participant did not read its reliable data: it must go.
    SlowReader {
        /// `PA_…`
        participant: Id,
    },
    /// Answers `AskReceived`.
    Received {
        /// Echoed.
        request: u64,
        /// The sender's count, 0 before the first.
        sequence: u32,
    },
    /// Answers `AskStats` with JSON text.
    Stats {
        /// Echoed.
        request: u64,
        /// An object.
        json: String,
    },
}
