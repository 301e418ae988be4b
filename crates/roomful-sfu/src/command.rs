//! What the router can be asked to do. Written by services through the binding; handled by `router`.
//!
//! Names are the ids that people meet on the wire (`PA_…`, `TR_…`); the router maps them to small keys once.
//! Every id is made by the caller: the router makes no randomness but SSRCs from the seed it was given.
use std::sync::Arc;

/// A room, participant, track or transport id as text (`RM_…`, `PA_…`, `TR_…`, `TP_…`).
pub type Id = Arc<str>;

/// Which peer connections a participant owns, and what this one is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One association for both directions; the client always offers (v1, WHIP, WHEP).
    Single,
    /// Client to server; the client offers (v0).
    Publisher,
    /// Server to client; the server offers (v0).
    Subscriber,
}

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// What a participant may do in the media plane; a right taken away ends what it allowed at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// May receive tracks.
    pub subscribe: bool,
    /// May send data packets.
    pub publish_data: bool,
    /// Its data does not say who sent it.
    pub hidden: bool,
    /// Its data may speak for others.
    pub agent: bool,
}

/// One codec a track will be sent in. A track has more than one when it carries a backup codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackCodec {
    /// Lower-case name without the kind (`vp8`), empty for "whatever the offer says first".
    pub name: String,
    /// Client's id of the media track: the second part of `a=msid` in its offer.
    pub cid: String,
    /// One layered stream (SVC) rather than one stream per rid.
    pub svc: bool,
}

/// A layer as its publisher described it; index 0 is the lowest quality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// LiveKit's VideoQuality: 0 low, 1 medium, 2 high.
    pub quality: u8,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Bits per second, 0 when not said.
    pub bitrate_bps: u32,
    /// RTP stream id, empty when not said.
    pub rid: String,
}

/// A track that a participant has announced; matched to its offer's sections by `cid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackSpec {
    /// `TR_…`
    pub track: Id,
    /// Audio or video.
    pub kind: Kind,
    /// At least one entry.
    pub codecs: Vec<TrackCodec>,
    /// Empty for audio.
    pub layers: Vec<Layer>,
    /// Starts muted.
    pub muted: bool,
    /// Ask for two channels.
    pub stereo: bool,
    /// Ask for discontinuous transmission.
    pub dtx: bool,
    /// May be sent as RED.
    pub red: bool,
    /// End-to-end encrypted: payloads are opaque, key frames come from extensions or payload headers only.
    pub encrypted: bool,
    /// Screen share rather than camera.
    pub screen: bool,
    /// One codec at a time: when somebody cannot have the first, everybody gets the backup.
    pub one_codec: bool,
}

/// What a subscriber wants of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewSettings {
    /// Stop sending, keep the subscription.
    pub paused: bool,
    /// Highest quality wanted: 0 low, 1 medium, 2 high.
    pub quality: u8,
    /// Visible pixels, 0 when not said; chooses the layer when not 0.
    pub width: u32,
    /// Visible pixels, 0 when not said.
    pub height: u32,
    /// Frames per second wanted, 0 for all.
    pub fps: u32,
    /// Larger is more important.
    pub priority: u32,
}

/// Ice credentials made by the caller (RFC 8445 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// At least 4 characters; unique in the process.
    pub ufrag: String,
    /// At least 22 characters.
    pub pwd: String,
}

/// Reliability of a data packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// Ordered, retransmitted (`_reliable`).
    Reliable,
    /// Unordered, no retransmits (`_lossy`).
    Lossy,
    /// LiveKit data tracks (`_data_track`).
    Track,
}

/// Python's answer to a held data packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it as it is.
    Release,
    /// Send these bytes (a whole DataPacket) in its place.
    Replace(Vec<u8>),
    /// Forget it.
    Drop,
}

/// Asked of the router. `request` numbers come back in the event that answers.
#[derive(Clone, Debug)]
pub enum Command {
    /// Makes a room; its thread is chosen by the engine.
    OpenRoom {
        /// `RM_…`
        room: Id,
        /// `RM_…` whose thread is to be the new one's, too: people will go from one to the other.
        beside: Option<Id>,
    },
    /// Ends it and all in it.
    CloseRoom {
        /// `RM_…`
        room: Id,
    },
    /// Somebody enters.
    AddParticipant {
        /// `RM_…`
        room: Id,
        /// `PA_…`
        participant: Id,
        /// Written into data packets.
        identity: Id,
        /// What it may do.
        rights: Rights,
    },
    /// Rights changed.
    SetRights {
        /// `PA_…`
        participant: Id,
        /// What it may do from now on.
        rights: Rights,
    },
    /// Somebody left: transports, tracks and subscriptions go with them.
    RemoveParticipant {
        /// `PA_…`
        participant: Id,
    },
    /// Somebody goes to another room with its transports, tracks and data tracks. What it received, and what others received of
    /// it, ends; orders that follow say what it receives there.
    MoveParticipant {
        /// `PA_…`
        participant: Id,
        /// `RM_…`, which is there.
        room: Id,
    },
    /// Makes a transport. A `Subscriber` one answers with `Event::Offer` as soon as it exists.
    OpenTransport {
        /// `PA_…`
        participant: Id,
        /// `TP_…`
        transport: Id,
        /// What it is for.
        role: Role,
        /// Announce TCP addresses only, where there are some.
        tcp_only: bool,
        /// Ours.
        credentials: Credentials,
    },
    /// The client's offer; answered by `Event::Answer` or `Event::Refused`.
    RemoteOffer {
        /// Echoed.
        request: u64,
        /// `TP_…`
        transport: Id,
        /// The text.
        sdp: String,
        /// Used when the offer restarts ICE.
        credentials: Credentials,
    },
    /// The client's answer to `Event::Offer` number `offer`; `Event::Accepted` or `Event::Refused` follows.
    RemoteAnswer {
        /// Echoed.
        request: u64,
        /// `TP_…`
        transport: Id,
        /// Id of the offer it answers, 0 when the client does not say.
        offer: u32,
        /// The text.
        sdp: String,
    },
    /// A candidate of the client's (value of `a=candidate`); hints only, an ICE-lite side learns by checks.
    RemoteCandidate {
        /// `TP_…`
        transport: Id,
        /// `candidate:…`
        candidate: String,
    },
    /// Subscriber transports: offer again with new ICE credentials (a resume).
    RestartIce {
        /// `TP_…`
        transport: Id,
        /// Ours, new.
        credentials: Credentials,
    },
    /// A publication is announced, or gains a codec (same track id again).
    Publish {
        /// `PA_…`
        participant: Id,
        /// What will come.
        spec: TrackSpec,
    },
    /// It ends.
    Unpublish {
        /// `TR_…`
        track: Id,
    },
    /// Muted by its publisher or by the server: nothing of it is forwarded.
    Mute {
        /// `TR_…`
        track: Id,
        /// On or off.
        muted: bool,
    },
    /// Of a room's voices only the loudest are sent on.
    LimitVoices {
        /// `RM_…`
        room: Id,
        /// So many; 0 for all.
        count: usize,
    },
    /// People of another room may receive a track, too.
    Show {
        /// `TR_…`
        track: Id,
        /// `RM_…`
        room: Id,
    },
    /// And no longer.
    Hide {
        /// `TR_…`
        track: Id,
        /// `RM_…`
        room: Id,
    },
    /// A participant shall receive a track.
    Subscribe {
        /// `PA_…`
        participant: Id,
        /// `TR_…`
        track: Id,
        /// First settings.
        settings: ViewSettings,
    },
    /// And no longer.
    Unsubscribe {
        /// `PA_…`
        participant: Id,
        /// `TR_…`
        track: Id,
    },
    /// What is looked at.
    View {
        /// `PA_…`
        participant: Id,
        /// `TR_…`
        track: Id,
        /// All of it, in place of the old.
        settings: ViewSettings,
    },
    /// A participant's path carries no more than this, whatever is measured (LiveKit's simulation of a narrow link).
    LimitBandwidth {
        /// `PA_…`
        participant: Id,
        /// Bits a second of all its videos, 0 for no limit.
        bps: u64,
    },
    /// A data packet from the server or from a participant whose packet came by other ways.
    SendData {
        /// `RM_…`
        room: Id,
        /// Reliability.
        kind: DataKind,
        /// A whole LiveKit DataPacket.
        packet: Vec<u8>,
        /// Participant ids; empty for everybody.
        to: Vec<Id>,
    },
    /// Topics whose packets are held for Python's answer; replaces the list.
    HoldTopics {
        /// `RM_…`
        room: Id,
        /// Exact names.
        topics: Vec<String>,
    },
    /// Topics whose packets are told as `Event::DataSeen`, with what follows in streams that they open; replaces the list.
    WatchTopics {
        /// `RM_…`
        room: Id,
        /// Exact names.
        topics: Vec<String>,
    },
    /// The answer to `Event::DataHeld`.
    Decide {
        /// `RM_…`
        room: Id,
        /// From the event.
        hold: u64,
        /// What to do.
        verdict: Verdict,
    },
    /// Whether `Event::Data` is wanted for each packet of the room (a hook listens).
    WatchData {
        /// `RM_…`
        room: Id,
        /// On or off.
        on: bool,
    },
    /// Send a resumed participant the reliable packets it missed.
    ReplayData {
        /// `PA_…`
        participant: Id,
        /// (publisher's `PA_…`, last sequence seen).
        seen: Vec<(Id, u32)>,
    },
    /// The last reliable packet that came from a participant, answered by `Event::Received`.
    AskReceived {
        /// Echoed.
        request: u64,
        /// `PA_…`
        participant: Id,
    },
    /// A publisher's data track (LiveKit data tracks), by its own 16-bit handle.
    PublishDataTrack {
        /// `PA_…`
        participant: Id,
        /// `DTR_…`
        track: Id,
        /// Not 0.
        handle: u16,
    },
    /// It ends.
    UnpublishDataTrack {
        /// `DTR_…`
        track: Id,
    },
    /// A participant shall receive a data track under `handle`.
    SubscribeDataTrack {
        /// `PA_…`
        participant: Id,
        /// `DTR_…`
        track: Id,
        /// The subscriber's handle.
        handle: u16,
    },
    /// And no longer.
    UnsubscribeDataTrack {
        /// `PA_…`
        participant: Id,
        /// `DTR_…`
        track: Id,
    },
    /// Counters of a room, answered by `Event::Stats`.
    AskStats {
        /// Echoed.
        request: u64,
        /// `RM_…`
        room: Id,
    },
}
