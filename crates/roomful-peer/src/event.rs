//! What a peer tells. Made by `peer`, carried by the shell, turned into Python's objects by the binding.
use crate::media::receive::Frame;
use crate::pipe::{Fell, Pipe};
use crate::signaling::{DescriptionKind, MediaKey, SignalingState};
use roomful_rtc::codec::Codec;
use roomful_rtc::dcep::ChannelOptions;
use roomful_rtc::sctp::ChannelId;
use roomful_rtc::sdp::{Direction, Kind};
use std::sync::Arc;

/// A channel within its peer; never used twice.
pub type ChannelKey = u32;

/// W3C's `RTCIceConnectionState`, and with DTLS in it `RTCPeerConnectionState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing happened.
    New,
    /// The peer is looked for.
    Connecting,
    /// Found.
    Connected,
    /// Not heard for a while.
    Disconnected,
    /// Given up.
    Failed,
    /// By us, or by the peer.
    Closed,
}

/// W3C's `RTCIceGatheringState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatheringState {
    /// Not begun.
    New,
    /// Servers are asked.
    Gathering,
    /// All have answered, or will not.
    Complete,
}

/// Descriptions as text, with the candidates that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptions {
    /// Ours that stands.
    pub current_local: Option<(DescriptionKind, String)>,
    /// Ours that is proposed.
    pub pending_local: Option<(DescriptionKind, String)>,
    /// Theirs that stands.
    pub current_remote: Option<(DescriptionKind, String)>,
    /// Theirs that is proposed.
    pub pending_remote: Option<(DescriptionKind, String)>,
}

/// See the module.
#[derive(Clone)]
pub enum PeerEvent {
    /// Descriptions changed, or candidates came to ours.
    Signaling(SignalingState, Box<Descriptions>),
    /// A new offer is needed for what was asked.
    NegotiationNeeded,
    /// A candidate of ours; `None` is the end of them.
    Candidate {
        /// The attribute's value, with `candidate:`.
        text: Option<String>,
        /// Section.
        mid: String,
        /// Its place.
        index: u16,
        /// Of the credentials that it goes with.
        ufrag: String,
    },
    /// How far gathering is.
    Gathering(GatheringState),
    /// How far ICE is.
    Ice(State),
    /// How far all of it is.
    Connection(State),
    /// Why it failed, for people.
    Trouble(String),
    /// The peer opened a channel.
    Channel {
        /// Ours for it.
        key: ChannelKey,
        /// Its stream.
        id: ChannelId,
        /// As the peer wants it.
        options: ChannelOptions,
        /// For sending.
        pipe: Arc<Pipe>,
    },
    /// A channel may be used.
    Open {
        /// Which.
        key: ChannelKey,
        /// Its stream.
        id: ChannelId,
    },
    /// Messages of one channel, in order.
    Messages {
        /// Which.
        key: ChannelKey,
        /// Whoever takes them says so to it.
        pipe: Arc<Pipe>,
        /// (bytes or text, all of it)
        messages: Vec<(bool, Vec<u8>)>,
    },
    /// The peer's offer brought a transceiver.
    Transceiver {
        /// Ours for it.
        key: MediaKey,
        /// Audio or video.
        kind: Kind,
        /// Whether the peer sends in it.
        sends: bool,
    },
    /// What both made of a transceiver.
    Media {
        /// Which.
        key: MediaKey,
        /// Its section.
        mid: String,
        /// Ours.
        direction: Direction,
        /// What is sent, when anything is.
        codec: Option<Codec>,
        /// The peer's name for the stream that its track belongs to.
        stream: String,
    },
    /// Frames of the peer's, in order.
    Frames {
        /// Of which transceiver.
        key: MediaKey,
        /// At least one.
        frames: Vec<Frame>,
    },
    /// The peer needs a key frame of what we send.
    KeyFrameWanted(MediaKey),
    /// A transceiver is of no more use.
    MediaEnded(MediaKey),
    /// What waits to be sent fell to a mark.
    Buffered(ChannelKey, Fell),
    /// A channel is no more, with a reason when it is somebody's fault.
    Closed(ChannelKey, Option<String>),
}
