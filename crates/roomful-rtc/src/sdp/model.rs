//! What a session description says, as plain values.
//!
//! Made by `parse`, read by the negotiation and by the router, written back by `write`. Never decides anything.
use super::extension::ExtMap;

/// Kind of a media section (RFC 8866 §5.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `m=audio`
    Audio,
    /// `m=video`
    Video,
    /// `m=application` over `UDP/DTLS/SCTP`: data channels (RFC 8841).
    Application,
    /// Anything else; only ever rejected.
    Other,
}

impl Kind {
    /// The word of the `m=` line; `Other` has none of its own.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Audio => "audio",
            Kind::Video => "video",
            Kind::Application => "application",
            Kind::Other => "text",
        }
    }

    /// Audio or video.
    pub fn is_media(self) -> bool {
        matches!(self, Kind::Audio | Kind::Video)
    }
}

/// Direction from the view of whoever wrote the description (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways; the default when nothing is said.
    #[default]
    SendRecv,
    /// The writer sends.
    SendOnly,
    /// The writer receives.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// From its two halves.
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// The writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// The writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same as seen by the other side.
    pub fn reversed(self) -> Self {
        Direction::new(self.receives(), self.sends())
    }

    /// What is left of this direction when `allowed` is the most there may be.
    pub fn within(self, allowed: Direction) -> Self {
        Direction::new(
            self.sends() && allowed.sends(),
            self.receives() && allowed.receives(),
        )
    }

    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

/// DTLS role (RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setup {
    /// DTLS client.
    Active,
    /// DTLS server.
    Passive,
    /// Either; offers only.
    ActPass,
    /// Keep what there is.
    HoldConn,
}

impl Setup {
    /// The attribute's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::ActPass => "actpass",
            Setup::HoldConn => "holdconn",
        }
    }
}

/// RTCP feedback of one codec (RFC 4585, 5104); kinds the server does not speak are not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Feedback {
    /// `nack`: lost packets are asked for.
    pub nack: bool,
    /// `nack pli`
    pub pli: bool,
    /// `ccm fir`
    pub fir: bool,
    /// `goog-remb`
    pub remb: bool,
    /// `transport-cc`
    pub transport_cc: bool,
}

impl Feedback {
    /// All that video can have.
    pub const VIDEO: Feedback = Feedback {
        nack: true,
        pli: true,
        fir: true,
        remb: true,
        transport_cc: true,
    };
    /// What audio has unless a decision adds `nack`.
    pub const AUDIO: Feedback = Feedback {
        nack: false,
        pli: false,
        fir: false,
        remb: false,
        transport_cc: true,
    };

    /// What both have.
    #[must_use]
    pub fn and(self, other: Feedback) -> Feedback {
        Feedback {
            nack: self.nack && other.nack,
            pli: self.pli && other.pli,
            fir: self.fir && other.fir,
            remb: self.remb && other.remb,
            transport_cc: self.transport_cc && other.transport_cc,
        }
    }

    /// What either has.
    #[must_use]
    pub fn or(self, other: Feedback) -> Feedback {
        Feedback {
            nack: self.nack || other.nack,
            pli: self.pli || other.pli,
            fir: self.fir || other.fir,
            remb: self.remb || other.remb,
            transport_cc: self.transport_cc || other.transport_cc,
        }
    }
}

/// One codec of a section with all that hangs on its payload type. RTX is no codec of its own but `rtx_pt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecLine {
    /// RTP payload type, 0–127.
    pub pt: u8,
    /// Encoding name as written; compare without regard to case (`opus`, `VP8`, `red`).
    pub name: String,
    /// Hz.
    pub clock_rate: u32,
    /// Audio channels, 1 when not said.
    pub channels: u8,
    /// Format parameters (`a=fmtp`), empty when there are none.
    pub fmtp: String,
    /// RTCP feedback.
    pub feedback: Feedback,
    /// Payload type of its retransmissions (RFC 4588).
    pub rtx_pt: Option<u8>,
}

impl CodecLine {
    /// Whether this is the codec of that name.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Value of a format parameter, empty for one without a value.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        super::fmtp::parameter(&self.fmtp, key)
    }
}

/// One source of a section (RFC 5576).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ssrc {
    /// The number.
    pub ssrc: u32,
    /// `cname`, empty when not said.
    pub cname: String,
    /// `msid` of this source, when it has one.
    pub msid: Option<Msid>,
}

/// `a=ssrc-group`: `FID` pairs media with RTX, `SIM` lists simulcast layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsrcGroup {
    /// `FID`, `SIM`, `FEC-FR` …
    pub semantics: String,
    /// In the order written.
    pub ssrcs: Vec<u32>,
}

/// Names of the MediaStream and its track (RFC 8830).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Msid {
    /// `-` for no stream.
    pub stream: String,
    /// Empty when not said.
    pub track: String,
}

/// One `a=rid` (RFC 8851).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rid {
    /// The id.
    pub id: String,
    /// Whether the writer sends it; else it receives it.
    pub sends: bool,
    /// `pt=…;max-width=…` as written, empty when there are none.
    pub restrictions: String,
}

/// One stream of `a=simulcast` (RFC 8853). Of alternatives only the first is kept: nobody sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulcastStream {
    /// Names an `a=rid`.
    pub rid: String,
    /// Marked `~`: initially paused.
    pub paused: bool,
}

/// `a=fingerprint` (RFC 8122).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Lower-case name of the hash, `sha-256`.
    pub algorithm: String,
    /// The digest.
    pub digest: Vec<u8>,
}

/// One media section with what it inherits from the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Kind.
    pub kind: Kind,
    /// First word of the `m=` line as written.
    pub media: String,
    /// As written, `UDP/TLS/RTP/SAVPF`.
    pub proto: String,
    /// Port of the `m=` line.
    pub port: u16,
    /// Formats as written, for echoing a section that is rejected.
    pub formats: String,
    /// `a=mid`; when absent the parser numbers the section (`0`, `1` …) and `has_mid` is false.
    pub mid: String,
    /// Whether `a=mid` was there.
    pub has_mid: bool,
    /// Port 0 without `a=bundle-only`: stopped or refused.
    pub rejected: bool,
    /// Part of the BUNDLE group, or the only section that is not rejected.
    pub bundled: bool,
    /// From the writer's view.
    pub direction: Direction,
    /// In the writer's order of preference.
    pub codecs: Vec<CodecLine>,
    /// Header extensions (RFC 8285).
    pub extmaps: Vec<ExtMap>,
    /// Sources in the order written.
    pub ssrcs: Vec<Ssrc>,
    /// Their groups.
    pub ssrc_groups: Vec<SsrcGroup>,
    /// First `a=msid` of the section, or that of its first source.
    pub msid: Option<Msid>,
    /// `a=rid` lines in order.
    pub rids: Vec<Rid>,
    /// What `a=simulcast` sends, in order of the attribute.
    pub simulcast_send: Vec<SimulcastStream>,
    /// What `a=simulcast` receives.
    pub simulcast_recv: Vec<SimulcastStream>,
    /// Empty when not said.
    pub ice_ufrag: String,
    /// Empty when not said.
    pub ice_pwd: String,
    /// `a=ice-options` as written (`trickle`, `renomination`).
    pub ice_options: String,
    /// All of them; comparing is for the transport.
    pub fingerprints: Vec<Fingerprint>,
    /// DTLS role.
    pub setup: Option<Setup>,
    /// Values of `a=candidate` lines, each with its `candidate:`.
    pub candidates: Vec<String>,
    /// `a=end-of-candidates`
    pub end_of_candidates: bool,
    /// `a=rtcp-mux` or `-only`
    pub rtcp_mux: bool,
    /// `a=rtcp-rsize`
    pub rtcp_rsize: bool,
    /// `a=bundle-only`
    pub bundle_only: bool,
    /// `a=extmap-allow-mixed` here or at the session.
    pub extmap_allow_mixed: bool,
    /// `a=sctp-port`, 5000 when a data section does not say.
    pub sctp_port: u16,
    /// `a=max-message-size` in bytes, 65,536 when not said (RFC 8841 §6), 0 for "any".
    pub max_message_size: u64,
    /// `b=AS` (kbps ×1000) or `b=TIAS`, bits per second.
    pub bandwidth_bps: Option<u64>,
}

impl Section {
    /// Why this server cannot use the section, or nothing. Such sections are always answered with a rejection.
    pub fn unusable(&self) -> Option<&'static str> {
        if self.rejected {
            return Some("stopped by the other side");
        }
        if !self.bundled {
            return Some("not in the BUNDLE group");
        }
        match self.kind {
            Kind::Other => Some("neither audio, video nor data"),
            Kind::Application if !self.proto.ends_with("DTLS/SCTP") => Some("no SCTP over DTLS"),
            Kind::Application => None,
            _ if !self.rtcp_mux => Some("no rtcp-mux"),
            _ if !self.proto.contains("RTP/SAVP") => Some("no SRTP"),
            _ => None,
        }
    }

    /// The codec of a payload type; not found by that of its RTX.
    pub fn codec(&self, pt: u8) -> Option<&CodecLine> {
        self.codecs.iter().find(|codec| codec.pt == pt)
    }

    /// First codec of that name.
    pub fn codec_named(&self, name: &str) -> Option<&CodecLine> {
        self.codecs.iter().find(|codec| codec.is(name))
    }

    /// Id of a header extension.
    pub fn extension(&self, uri: &str) -> Option<u8> {
        self.extmaps.iter().find(|map| map.uri == uri).map(|map| map.id)
    }

    /// rids the writer sends, in the order of `a=simulcast`, or of the `a=rid` lines without one.
    pub fn sent_rids(&self) -> Vec<&str> {
        if self.simulcast_send.is_empty() {
            return self
                .rids
                .iter()
                .filter(|rid| rid.sends)
                .map(|rid| rid.id.as_str())
                .collect();
        }
        self.simulcast_send
            .iter()
            .map(|stream| stream.rid.as_str())
            .collect()
    }

    /// The RTX source of a media source (`a=ssrc-group:FID`).
    pub fn rtx_of(&self, ssrc: u32) -> Option<u32> {
        self.ssrc_groups
            .iter()
            .find_map(|group| match group.ssrcs.as_slice() {
                [media, rtx] if *media == ssrc && group.semantics == "FID" => Some(*rtx),
                _ => None,
            })
    }

    /// Media sources without those that only retransmit or repair, in order.
    pub fn media_ssrcs(&self) -> Vec<u32> {
        let repairs = |ssrc: u32| {
            self.ssrc_groups.iter().any(|group| {
                group.semantics != "SIM" && group.ssrcs.iter().skip(1).any(|other| *other == ssrc)
            })
        };
        self.ssrcs
            .iter()
            .map(|source| source.ssrc)
            .filter(|ssrc| !repairs(*ssrc))
            .collect()
    }
}

/// A whole description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Of `o=`, as written.
    pub session_id: String,
    /// Of `o=`; larger in each new description.
    pub session_version: u64,
    /// In the order of the `m=` lines.
    pub sections: Vec<Section>,
    /// mids of the first `a=group:BUNDLE`.
    pub bundle: Vec<String>,
    /// `a=ice-lite`
    pub ice_lite: bool,
    /// `a=extmap-allow-mixed` at the session.
    pub extmap_allow_mixed: bool,
}

/// The other side's transport: all sections share it (RFC 8843).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteTransport {
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password.
    pub pwd: String,
    /// At least one.
    pub fingerprints: Vec<Fingerprint>,
    /// `None` is to be read as `ActPass` in an offer, `Active` in an answer.
    pub setup: Option<Setup>,
    /// Values with `candidate:`; more may trickle.
    pub candidates: Vec<String>,
    /// Whether the other side is ICE-lite.
    pub ice_lite: bool,
}

impl Description {
    /// The section of a mid.
    pub fn section(&self, mid: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.mid == mid)
    }

    /// Transport of the BUNDLE group: that of its first section in use which tells one.
    /// `None` when no section has credentials and a fingerprint.
    pub fn transport(&self) -> Option<RemoteTransport> {
        let tagged = self.sections.iter().find(|section| {
            section.unusable().is_none() && !section.ice_ufrag.is_empty() && !section.fingerprints.is_empty()
        })?;
        let live = self
            .sections
            .iter()
            .filter(|section| section.unusable().is_none());
        let mut candidates: Vec<String> = Vec::new();
        for candidate in live.flat_map(|section| &section.candidates) {
            if candidates.len() < super::MAX_CANDIDATES && !candidates.contains(candidate) {
                candidates.push(candidate.clone());
            }
        }
        Some(RemoteTransport {
            ufrag: tagged.ice_ufrag.clone(),
            pwd: tagged.ice_pwd.clone(),
            fingerprints: tagged.fingerprints.clone(),
            setup: tagged.setup,
            candidates,
            ice_lite: self.ice_lite,
        })
    }
}
