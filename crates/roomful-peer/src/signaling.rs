//! Offer and answer (RFC 9429): which descriptions stand, which are proposed, and what the next one says. Pure.
//!
//! Called by `peer`, which does what an agreement means for the transport. A description of ours is kept as what it is made of and
//! written when it is asked for, with the candidates that are known by then.
use crate::error::PeerError;
use roomful_rtc::ice::Credentials;
use roomful_rtc::sctp::MAX_MESSAGE;
use roomful_rtc::sdp::{
    self, codec, extension, CodecLine, Decision, Description, Direction, ExtMap, Feedback, Kind, Limits,
    LocalParameters, MediaDecision, OfferedMedia, OfferedSection, Outgoing, RemoteTransport, Setup,
};

/// RFC 8841 §5.1, and everybody's.
const SCTP_PORT: u16 = 5000;

/// W3C's `RTCSignalingState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalingState {
    /// Nothing is proposed.
    Stable,
    /// We proposed.
    HaveLocalOffer,
    /// They proposed.
    HaveRemoteOffer,
}

impl SignalingState {
    /// W3C's word.
    pub fn as_str(self) -> &'static str {
        match self {
            SignalingState::Stable => "stable",
            SignalingState::HaveLocalOffer => "have-local-offer",
            SignalingState::HaveRemoteOffer => "have-remote-offer",
        }
    }
}

/// W3C's `RTCSdpType`, without `pranswer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptionKind {
    /// A proposal.
    Offer,
    /// Accepts one.
    Answer,
}

impl DescriptionKind {
    /// W3C's word.
    pub fn as_str(self) -> &'static str {
        match self {
            DescriptionKind::Offer => "offer",
            DescriptionKind::Answer => "answer",
        }
    }
}

/// The place of an `m=` line, which never changes hands while it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Slot {
    Data {
        mid: String,
    },
    Media {
        mid: String,
        /// The transceiver.
        key: MediaKey,
    },
    Stopped {
        mid: String,
        kind: Kind,
        proto: String,
        formats: String,
    },
}

impl Slot {
    fn mid(&self) -> &str {
        match self {
            Slot::Data { mid } | Slot::Media { mid, .. } | Slot::Stopped { mid, .. } => mid,
        }
    }
}

#[derive(Clone, Debug)]
enum Body {
    Offer(Vec<OfferedSection>),
    Answer(Box<Description>, Vec<Decision>),
}

/// A description of ours.
#[derive(Clone, Debug)]
pub struct Local {
    /// Offer or answer.
    pub kind: DescriptionKind,
    /// Of our transport in it.
    pub credentials: Credentials,
    /// The DTLS role that an answer takes.
    setup: Setup,
    version: u64,
    slots: Vec<Slot>,
    body: Body,
}

/// A description of theirs.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Offer or answer.
    pub kind: DescriptionKind,
    /// As it came.
    pub text: String,
    /// As it was read.
    pub description: Description,
}

/// A transceiver within its peer.
pub type MediaKey = u32;

/// A transceiver as it is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which.
    pub key: MediaKey,
    /// Audio or video.
    pub kind: Kind,
    /// Ours.
    pub direction: Direction,
    /// Names of codecs, best first.
    pub codecs: Vec<&'static str>,
    /// What would be sent.
    pub outgoing: Outgoing,
}

/// What both sides made of a transceiver.
#[derive(Clone, Debug)]
pub struct AgreedMedia {
    /// Which.
    pub key: MediaKey,
    /// Its section.
    pub mid: String,
    /// Ours.
    pub direction: Direction,
    /// What may be sent and received, best first.
    pub codecs: Vec<CodecLine>,
    /// Header extensions that both have.
    pub extensions: Vec<ExtMap>,
    /// Their sources: media, and the RTX of each.
    pub sources: Vec<(u32, Option<u32>)>,
    /// The stream their track belongs to.
    pub stream: String,
}

/// Retransmission, key frames and arrival times; no estimate of bandwidth.
const VIDEO: Feedback = Feedback {
    remb: false,
    ..Feedback::VIDEO
};
const EXTENSIONS: [&str; 2] = [extension::MID, extension::TRANSPORT_CC];

/// What an agreement says of the transport.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// Theirs.
    pub remote: RemoteTransport,
    /// Ours.
    pub local: Credentials,
    /// Whether we made the offer.
    pub offered: bool,
    /// Whether we begin the DTLS handshake.
    pub active: bool,
    /// Whether data channels can be.
    pub data: bool,
    /// Largest message that the peer takes, bytes; 0 for any.
    pub max_message_size: u64,
    /// Sound and video.
    pub media: Vec<AgreedMedia>,
    /// Transceivers whose section was refused or stopped.
    pub stopped: Vec<MediaKey>,
}

/// What stays the same in all descriptions of ours.
#[derive(Clone, Debug)]
pub struct Identity {
    /// SHA-256 of our certificate.
    pub fingerprint: String,
    /// Of `o=`.
    pub session_id: u64,
}

/// See the module.
pub struct Signaling {
    identity: Identity,
    state: SignalingState,
    slots: Vec<Slot>,
    /// As the peer's offer would have them.
    proposed: Vec<Slot>,
    version: u64,
    /// Ours that was made last, of each kind, as text for comparison.
    made: Option<(Local, String)>,
    current: (Option<Local>, Option<Remote>),
    pending: (Option<Local>, Option<Remote>),
    /// The DTLS role, once it was agreed on.
    active: Option<bool>,
}

impl Signaling {
    /// Nothing was said yet.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            state: SignalingState::Stable,
            slots: vec![],
            proposed: vec![],
            version: 0,
            made: None,
            current: (None, None),
            pending: (None, None),
            active: None,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> SignalingState {
        self.state
    }

    /// Ours that stands, and ours that is proposed.
    pub fn local(&self) -> (Option<&Local>, Option<&Local>) {
        (self.current.0.as_ref(), self.pending.0.as_ref())
    }

    /// Theirs that stands, and theirs that is proposed.
    pub fn remote(&self) -> (Option<&Remote>, Option<&Remote>) {
        (self.current.1.as_ref(), self.pending.1.as_ref())
    }

    /// Whether data channels are wanted and no section carries them yet.
    pub fn lacks_data(&self) -> bool {
        !self.slots.iter().any(|slot| matches!(slot, Slot::Data { .. }))
    }

    /// Whether a transceiver has a section.
    pub fn carries(&self, key: MediaKey) -> bool {
        has(&self.slots, key)
    }

    /// The mid and place of the section that candidates belong to: the first in use.
    pub fn tagged(&self) -> Option<(String, u16)> {
        let slots = match &self.pending.0 {
            Some(local) => &local.slots,
            None => &self.slots,
        };
        (0u16..)
            .zip(slots)
            .find(|(_, slot)| !matches!(slot, Slot::Stopped { .. }))
            .map(|(index, slot)| (slot.mid().to_owned(), index))
    }

    /// Makes an offer. `data`: data channels are wanted.
    pub fn create_offer(
        &mut self,
        credentials: Credentials,
        data: bool,
        wanted: &[Wanted],
    ) -> Result<Local, PeerError> {
        if self.state == SignalingState::HaveRemoteOffer {
            return Err(PeerError::state("an offer of the peer's waits for an answer"));
        }
        let mut slots = self.slots.clone();
        if data && self.lacks_data() {
            let mid = free_mid(&slots);
            slots.push(Slot::Data { mid });
        }
        for one in wanted {
            if !has(&slots, one.key) {
                let mid = free_mid(&slots);
                slots.push(Slot::Media { mid, key: one.key });
            }
        }
        if slots.is_empty() {
            return Err(PeerError::state(
                "there is nothing to offer: create a data channel or add a track first",
            ));
        }
        let sections = slots.iter().map(|slot| offered(slot, wanted)).collect();
        self.version += 1;
        let local = Local {
            kind: DescriptionKind::Offer,
            credentials,
            setup: Setup::ActPass,
            version: self.version,
            slots,
            body: Body::Offer(sections),
        };
        self.made(local)
    }

    /// Makes the answer to the peer's offer.
    pub fn create_answer(&mut self, credentials: Credentials, wanted: &[Wanted]) -> Result<Local, PeerError> {
        let (SignalingState::HaveRemoteOffer, Some(offer)) = (self.state, &self.pending.1) else {
            return Err(PeerError::state("there is no offer of the peer's to answer"));
        };
        let description = offer.description.clone();
        let slots = self.proposed.clone();
        let decisions = slots
            .iter()
            .zip(&description.sections)
            .map(|(slot, section)| decided(slot, section, wanted))
            .collect();
        self.version += 1;
        let setup = match self.active {
            Some(false) => Setup::Passive,
            _ => Setup::Active,
        };
        let local = Local {
            kind: DescriptionKind::Answer,
            credentials,
            setup,
            version: self.version,
            slots,
            body: Body::Answer(Box::new(description), decisions),
        };
        self.made(local)
    }

    fn made(&mut self, local: Local) -> Result<Local, PeerError> {
        let text = self.write(&local, &[], false)?;
        self.made = Some((local.clone(), text));
        Ok(local)
    }

    /// The text of a description of ours with these candidates; `all`: no more will follow.
    pub fn write(&self, local: &Local, candidates: &[String], all: bool) -> Result<String, PeerError> {
        let parameters = LocalParameters {
            ufrag: &local.credentials.ufrag,
            pwd: &local.credentials.pwd,
            fingerprint_sha256: &self.identity.fingerprint,
            candidates,
            end_of_candidates: all,
            session_id: self.identity.session_id,
            session_version: local.version,
            ice_lite: false,
            setup: local.setup,
        };
        Ok(match &local.body {
            Body::Offer(sections) => sdp::offer(&parameters, sections),
            Body::Answer(offer, decisions) => sdp::answer(offer, &parameters, decisions)?,
        })
    }

    /// Takes a description of ours, which must be the one that was made last; `text` is checked for that when it is given.
    pub fn set_local(
        &mut self,
        kind: DescriptionKind,
        text: Option<&str>,
    ) -> Result<Option<Agreed>, PeerError> {
        let allowed = match kind {
            DescriptionKind::Offer => self.state != SignalingState::HaveRemoteOffer,
            DescriptionKind::Answer => self.state == SignalingState::HaveRemoteOffer,
        };
        if !allowed {
            return Err(PeerError::State(format!(
                "the state {} has no place for an {} of ours",
                self.state.as_str(),
                kind.as_str()
            )));
        }
        let Some((local, made)) = self.made.clone().filter(|(local, _)| local.kind == kind) else {
            return Err(PeerError::State(format!("no {} was made", kind.as_str())));
        };
        // Candidates may have been added since, by us or by whoever carries it.
        if text.is_some_and(|text| !text.is_empty() && bare(text) != bare(&made)) {
            return Err(PeerError::Modified(
                "this is not the description that was made last: changed descriptions are not taken"
                    .to_owned(),
            ));
        }
        match kind {
            DescriptionKind::Offer => {
                self.pending.0 = Some(local);
                self.state = SignalingState::HaveLocalOffer;
                Ok(None)
            }
            DescriptionKind::Answer => {
                let Some(remote) = self.pending.1.take() else {
                    return Err(PeerError::state("there is no offer of the peer's to answer"));
                };
                self.agree(local, remote, false).map(Some)
            }
        }
    }

    /// Takes a description of the peer's. One of ours that waits for an answer gives way to an offer (RFC 9429 §5.10, W3C's implicit
    /// rollback).
    pub fn set_remote(
        &mut self,
        kind: DescriptionKind,
        text: &str,
        assign: &mut dyn FnMut(&sdp::Section) -> Option<MediaKey>,
    ) -> Result<Option<Agreed>, PeerError> {
        let description = sdp::parse(text, &Limits::default())?;
        let transport = description.transport();
        match kind {
            DescriptionKind::Offer => {
                let live = description.sections.iter().any(|s| s.unusable().is_none());
                if live && transport.is_none() {
                    return Err(PeerError::Unacceptable(
                        "the offer has no ICE credentials or no certificate's fingerprint".to_owned(),
                    ));
                }
                if !live && description.sections.is_empty() {
                    return Err(PeerError::Unacceptable("the offer has no sections".to_owned()));
                }
                self.check_places(&description)?;
                self.proposed = answered_slots(&description, &self.slots, assign);
                self.made = None;
                self.pending = (None, None);
                self.pending.1 = Some(Remote {
                    kind,
                    text: text.to_owned(),
                    description,
                });
                self.state = SignalingState::HaveRemoteOffer;
                Ok(None)
            }
            DescriptionKind::Answer => {
                let (SignalingState::HaveLocalOffer, Some(local)) = (self.state, self.pending.0.clone())
                else {
                    return Err(PeerError::State(format!(
                        "the state {} has no place for an answer of the peer's",
                        self.state.as_str()
                    )));
                };
                let Body::Offer(sections) = &local.body else {
                    return Err(PeerError::state("no offer waits for an answer"));
                };
                sdp::read_answer(sections, &description)?;
                if transport.is_none() && description.sections.iter().any(|s| s.unusable().is_none()) {
                    return Err(PeerError::Unacceptable(
                        "the answer has no ICE credentials or no certificate's fingerprint".to_owned(),
                    ));
                }
                let remote = Remote {
                    kind,
                    text: text.to_owned(),
                    description,
                };
                self.agree(local, remote, true).map(Some)
            }
        }
    }

    /// Forgets what is proposed.
    pub fn rollback(&mut self) -> Result<(), PeerError> {
        if self.state == SignalingState::Stable {
            return Err(PeerError::state("there is nothing to roll back"));
        }
        self.pending = (None, None);
        self.made = None;
        self.state = SignalingState::Stable;
        Ok(())
    }

    fn agree(&mut self, local: Local, remote: Remote, offered: bool) -> Result<Agreed, PeerError> {
        let Some(transport) = remote.description.transport() else {
            return Err(PeerError::Unacceptable(
                "no section is left that both sides use".to_owned(),
            ));
        };
        let theirs = &remote.description.sections;
        let mut slots = local.slots.clone();
        let (mut media, mut ended) = (vec![], vec![]);
        for (at, (slot, section)) in slots.iter_mut().zip(theirs).enumerate() {
            let key = match slot {
                Slot::Media { key, .. } => Some(*key),
                _ => None,
            };
            let agreed = key.and_then(|key| agreed_media(&local, at, key, section));
            let refused = section.rejected || section.unusable().is_some();
            match (key, agreed) {
                (Some(_), Some(agreed)) if !refused => media.push(agreed),
                (Some(key), _) => {
                    ended.push(key);
                    *slot = stopped(slot.mid(), section);
                }
                (None, _) if refused => *slot = stopped(slot.mid(), section),
                (None, _) => {}
            }
        }
        let active = match (self.active, offered) {
            // RFC 8842 §5.3: the answer decides.
            (None, true) => transport.setup == Some(Setup::Passive),
            (None, false) => transport.setup != Some(Setup::Active),
            (Some(active), _) => active,
        };
        self.active = Some(active);
        let data = slots.iter().any(|slot| matches!(slot, Slot::Data { .. }));
        let max_message_size = theirs
            .iter()
            .find(|s| s.kind == Kind::Application && s.unusable().is_none())
            .map_or(u64::from(MAX_MESSAGE), |s| s.max_message_size);
        let agreed = Agreed {
            remote: transport,
            local: local.credentials.clone(),
            offered,
            active,
            data,
            max_message_size,
            media,
            stopped: ended,
        };
        self.slots = slots;
        self.current = (Some(local), Some(remote));
        self.pending = (None, None);
        self.made = None;
        self.state = SignalingState::Stable;
        Ok(agreed)
    }

    /// Sections keep their places and their names (RFC 9429 §5.2.2).
    fn check_places(&self, offer: &Description) -> Result<(), PeerError> {
        if offer.sections.len() < self.slots.len() {
            return Err(PeerError::Unacceptable(format!(
                "{} sections were agreed on, the offer has {}",
                self.slots.len(),
                offer.sections.len()
            )));
        }
        for (slot, section) in self.slots.iter().zip(&offer.sections) {
            let used = !matches!(slot, Slot::Stopped { .. });
            if used && section.has_mid && section.mid != slot.mid() {
                return Err(PeerError::Unacceptable(format!(
                    "section {}: the offer calls it {}",
                    slot.mid(),
                    section.mid
                )));
            }
        }
        Ok(())
    }
}

/// What is left of a media section; nothing when no codec is.
fn agreed_media(local: &Local, at: usize, key: MediaKey, theirs: &sdp::Section) -> Option<AgreedMedia> {
    let allowed = theirs.direction.reversed();
    let (direction, codecs, extensions) = match &local.body {
        Body::Offer(sections) => {
            let OfferedSection::Media { media, .. } = sections.get(at)? else {
                return None;
            };
            let codecs: Vec<CodecLine> = theirs
                .codecs
                .iter()
                .filter(|line| media.codecs.iter().any(|ours| codec::same_format(ours, line)))
                .cloned()
                .collect();
            (media.direction, codecs, &theirs.extmaps)
        }
        Body::Answer(_, decisions) => {
            let Decision::Media(media) = decisions.get(at)? else {
                return None;
            };
            (media.direction, media.codecs.clone(), &theirs.extmaps)
        }
    };
    if codecs.is_empty() {
        return None;
    }
    let known = |map: &&ExtMap| EXTENSIONS.contains(&map.uri.as_ref());
    let sources = theirs.media_ssrcs();
    Some(AgreedMedia {
        key,
        mid: theirs.mid.clone(),
        direction: direction.within(allowed),
        codecs,
        extensions: extensions.iter().filter(known).cloned().collect(),
        sources: sources.iter().map(|ssrc| (*ssrc, theirs.rtx_of(*ssrc))).collect(),
        stream: theirs.msid.as_ref().map(|m| m.stream.clone()).unwrap_or_default(),
    })
}

fn has(slots: &[Slot], wanted: MediaKey) -> bool {
    slots
        .iter()
        .any(|slot| matches!(slot, Slot::Media { key, .. } if *key == wanted))
}

fn free_mid(slots: &[Slot]) -> String {
    let taken = |mid: &String| slots.iter().any(|slot| slot.mid() == mid);
    (slots.len()..)
        .map(|n| n.to_string())
        .find(|mid| !taken(mid))
        .unwrap_or_default()
}

fn lines(kind: Kind, names: &[&str]) -> Vec<CodecLine> {
    let mut lines = codec::offered(kind, names);
    for line in lines.iter_mut().filter(|_| kind == Kind::Video) {
        line.feedback = VIDEO;
    }
    lines
}

fn offered(slot: &Slot, wanted: &[Wanted]) -> OfferedSection {
    match slot {
        Slot::Media { mid, key } => {
            let one = wanted.iter().find(|one| one.key == *key);
            let kind = one.map_or(Kind::Audio, |one| one.kind);
            OfferedSection::Media {
                mid: mid.clone(),
                media: OfferedMedia {
                    kind,
                    direction: one.map_or(Direction::Inactive, |one| one.direction),
                    codecs: one.map_or_else(Vec::new, |one| lines(kind, &one.codecs)),
                    extensions: EXTENSIONS.into_iter().filter_map(extension::offered).collect(),
                    outgoing: one.map(|one| one.outgoing.clone()),
                },
            }
        }
        Slot::Data { mid } => OfferedSection::Data {
            mid: mid.clone(),
            port: SCTP_PORT,
            max_message_size: u64::from(MAX_MESSAGE),
        },
        Slot::Stopped {
            mid,
            kind,
            proto,
            formats,
        } => OfferedSection::Stopped {
            mid: mid.clone(),
            kind: *kind,
            proto: proto.clone(),
            formats: formats.clone(),
        },
    }
}

fn decided(slot: &Slot, section: &sdp::Section, wanted: &[Wanted]) -> Decision {
    match slot {
        Slot::Media { key, .. } => {
            let Some(one) = wanted.iter().find(|one| one.key == *key) else {
                return Decision::Reject;
            };
            let feedback = if one.kind == Kind::Video {
                VIDEO
            } else {
                Feedback::AUDIO
            };
            Decision::Media(MediaDecision {
                direction: one.direction,
                codecs: codec::choose(section, &one.codecs, feedback),
                extensions: EXTENSIONS.to_vec(),
                rids: vec![],
                outgoing: Some(one.outgoing.clone()),
            })
        }
        Slot::Data { .. } => Decision::Data {
            port: SCTP_PORT,
            max_message_size: u64::from(MAX_MESSAGE),
        },
        Slot::Stopped { .. } => Decision::Reject,
    }
}

/// One data section is taken, the first. `assign` finds or makes a transceiver for a media section that has none.
fn answered_slots(
    offer: &Description,
    before: &[Slot],
    assign: &mut dyn FnMut(&sdp::Section) -> Option<MediaKey>,
) -> Vec<Slot> {
    let mut data = false;
    let mut slots = vec![];
    for (at, section) in offer.sections.iter().enumerate() {
        let mid = section.mid.clone();
        let usable = section.unusable().is_none();
        let known = match before.get(at) {
            Some(Slot::Media { key, .. }) => Some(*key),
            _ => None,
        };
        let slot = match section.kind {
            Kind::Application if usable && !data => {
                data = true;
                Slot::Data { mid }
            }
            Kind::Audio | Kind::Video if usable => match known.or_else(|| assign(section)) {
                Some(key) => Slot::Media { mid, key },
                None => stopped(&section.mid, section),
            },
            _ => stopped(&section.mid, section),
        };
        slots.push(slot);
    }
    slots
}

fn stopped(mid: &str, section: &sdp::Section) -> Slot {
    Slot::Stopped {
        mid: mid.to_owned(),
        kind: section.kind,
        proto: section.proto.clone(),
        formats: section.formats.clone(),
    }
}

/// A description without its candidates and line ends.
fn bare(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim_end)
        .filter(|line| {
            !line.is_empty() && !line.starts_with("a=candidate:") && *line != "a=end-of-candidates"
        })
        .collect()
}
