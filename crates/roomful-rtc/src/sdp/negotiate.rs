//! Answers: one decision for each section of an offer becomes the text that goes back. Called by the router for every client
//! that offers. Pure, and never more than the offer allows: the writer of the offer is always right about what it can do.
use super::extension::ExtMap;
use super::model::{CodecLine, Description, Direction, Kind, Section, Setup};
use super::write::{write, Body, Draft, Media, Session};

/// Our side of the transport and of the session.
#[derive(Clone, Copy, Debug)]
pub struct LocalParameters<'a> {
    /// ICE user fragment, 4–256 characters.
    pub ufrag: &'a str,
    /// ICE password, 22–256 characters.
    pub pwd: &'a str,
    /// SHA-256 of our certificate, `AB:CD:…`.
    pub fingerprint_sha256: &'a str,
    /// Values of `a=candidate` (each with `candidate:`), from `candidate::host`.
    pub candidates: &'a [String],
    /// No more will follow.
    pub end_of_candidates: bool,
    /// Of `o=`: stays for the life of the transport, below 2⁶³.
    pub session_id: u64,
    /// Of `o=`: one more with every description that is written.
    pub session_version: u64,
    /// Write `a=ice-lite`.
    pub ice_lite: bool,
    /// The DTLS role we take when the other side leaves the choice: `Passive` or `Active`. After the first negotiation give
    /// the role that was taken. Not used by offers, which always say `actpass`.
    pub setup: Setup,
}

/// What we send in a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Source of the media.
    pub ssrc: u32,
    /// Source of the retransmissions; leave out when no codec has RTX.
    pub rtx_ssrc: Option<u32>,
    /// First half of `a=msid` (LiveKit: `PA_…|…`).
    pub stream: String,
    /// Second half (`TR_…`).
    pub track: String,
    /// RTCP CNAME; streams with the same one are played in sync.
    pub cname: String,
}

/// What becomes of an audio or video section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaDecision {
    /// Ours. Narrowed to what the offer leaves.
    pub direction: Direction,
    /// Lines of the offered section, from `codec::choose`, changed where wanted; best first. Empty rejects the section.
    pub codecs: Vec<CodecLine>,
    /// URIs of the header extensions that are kept when they are offered; ids are the offerer's.
    pub extensions: Vec<&'static str>,
    /// Simulcast layers we accept, in the order of the offer. Those not offered are left out.
    pub rids: Vec<String>,
    /// Needed to send.
    pub outgoing: Option<Outgoing>,
}

/// What becomes of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Port 0; the other side may use the section again for something else.
    Reject,
    /// Accept data channels.
    Data {
        /// Our SCTP port, 5000.
        port: u16,
        /// Largest message that we take, bytes, 0 for any.
        max_message_size: u64,
    },
    /// Accept media, or keep an idle section (`Direction::Inactive`).
    Media(MediaDecision),
}

impl Decision {
    /// The other side sends to us.
    pub fn receive(codecs: Vec<CodecLine>, extensions: Vec<&'static str>, rids: Vec<String>) -> Self {
        Decision::Media(MediaDecision {
            direction: Direction::RecvOnly,
            codecs,
            extensions,
            rids,
            outgoing: None,
        })
    }

    /// We send to the other side.
    pub fn send(codecs: Vec<CodecLine>, extensions: Vec<&'static str>, outgoing: Outgoing) -> Self {
        let (direction, rids) = (Direction::SendOnly, Vec::new());
        Decision::Media(MediaDecision {
            direction,
            codecs,
            extensions,
            rids,
            outgoing: Some(outgoing),
        })
    }

    /// Nobody sends for now.
    pub fn inactive(codecs: Vec<CodecLine>, extensions: Vec<&'static str>) -> Self {
        let (direction, rids) = (Direction::Inactive, Vec::new());
        Decision::Media(MediaDecision {
            direction,
            codecs,
            extensions,
            rids,
            outgoing: None,
        })
    }
}

/// Why offer and decisions, or offer and answer, do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// One decision or answered section is needed for each section.
    #[error("{sections} sections were offered, {answered} were answered")]
    Count {
        /// In the offer.
        sections: usize,
        /// Decisions, or sections of the answer.
        answered: usize,
    },
    /// Data decided for media, or the reverse; or the answer changed the kind.
    #[error("section {mid}: the answer is of another kind than the offer")]
    Kind {
        /// The section.
        mid: String,
    },
    /// A codec that the section did not offer.
    #[error("section {mid}: payload type {pt} was not offered")]
    Codec {
        /// The section.
        mid: String,
        /// As decided.
        pt: u8,
    },
    /// The answer names its sections otherwise.
    #[error("section {expected}: the answer calls it {found}")]
    Mid {
        /// In the offer.
        expected: String,
        /// In the answer.
        found: String,
    },
    /// A direction that sends without a source.
    #[error("section {mid}: nothing to send was given")]
    Outgoing {
        /// The section.
        mid: String,
    },
}

/// Writes the answer to an offer, one decision for each section in order. Sections that are `unusable` are rejected whatever
/// was decided. The direction is narrowed to the offered one, header extensions and rids to the offered ones.
pub fn answer(
    offer: &Description,
    local: &LocalParameters<'_>,
    decisions: &[Decision],
) -> Result<String, AnswerError> {
    if offer.sections.len() != decisions.len() {
        return Err(AnswerError::Count {
            sections: offer.sections.len(),
            answered: decisions.len(),
        });
    }
    let rids: Vec<Vec<String>> = offer
        .sections
        .iter()
        .zip(decisions)
        .map(|(section, decision)| accepted_rids(section, decision))
        .collect();
    let mut drafts = Vec::with_capacity(offer.sections.len());
    let mut setup = None;
    for ((section, decision), rids) in offer.sections.iter().zip(decisions).zip(&rids) {
        let draft = draft(section, decision, rids)?;
        if setup.is_none() && !matches!(draft.body, Body::Rejected { .. }) {
            setup = Some(answered_setup(section.setup, local.setup));
        }
        drafts.push(draft);
    }
    let session = Session {
        setup: setup.unwrap_or(Setup::Passive),
        bundle: !offer.bundle.is_empty(),
        extmap_allow_mixed: offer.extmap_allow_mixed,
        sections: &drafts,
    };
    Ok(write(local, &session))
}

/// RFC 8842 §5.3: the answerer takes the role that the offer leaves, its own choice when it leaves both.
fn answered_setup(offered: Option<Setup>, ours: Setup) -> Setup {
    match (offered, ours) {
        (Some(Setup::Active), _) => Setup::Passive,
        (Some(Setup::Passive), _) | (_, Setup::Active) => Setup::Active,
        _ => Setup::Passive,
    }
}

fn accepted_rids(section: &Section, decision: &Decision) -> Vec<String> {
    match decision {
        Decision::Media(media) if !media.rids.is_empty() => {
            let offered = section.sent_rids();
            media
                .rids
                .iter()
                .filter(|rid| offered.contains(&rid.as_str()))
                .cloned()
                .collect()
        }
        _ => Vec::new(),
    }
}

fn draft<'a>(
    section: &'a Section,
    decision: &'a Decision,
    rids: &'a [String],
) -> Result<Draft<'a>, AnswerError> {
    let body = match decision {
        _ if section.unusable().is_some() => Body::Rejected {
            formats: &section.formats,
        },
        Decision::Media(media) if media.codecs.is_empty() => Body::Rejected {
            formats: &section.formats,
        },
        Decision::Reject => Body::Rejected {
            formats: &section.formats,
        },
        Decision::Data {
            port,
            max_message_size,
        } if section.kind == Kind::Application => Body::Data {
            port: *port,
            max_message_size: *max_message_size,
        },
        Decision::Media(media) if section.kind.is_media() => Body::Media(media_body(section, media, rids)?),
        Decision::Data { .. } | Decision::Media(_) => {
            return Err(AnswerError::Kind {
                mid: section.mid.clone(),
            })
        }
    };
    let mid = if section.has_mid { section.mid.as_str() } else { "" };
    Ok(Draft {
        media: &section.media,
        proto: &section.proto,
        mid,
        body,
    })
}

fn media_body<'a>(
    section: &'a Section,
    media: &'a MediaDecision,
    rids: &'a [String],
) -> Result<Media<'a>, AnswerError> {
    let unknown = media
        .codecs
        .iter()
        .find(|codec| section.codec(codec.pt).is_none());
    if let Some(codec) = unknown {
        return Err(AnswerError::Codec {
            mid: section.mid.clone(),
            pt: codec.pt,
        });
    }
    let direction = media.direction.within(section.direction.reversed());
    if direction.sends() && media.outgoing.is_none() {
        return Err(AnswerError::Outgoing {
            mid: section.mid.clone(),
        });
    }
    Ok(Media {
        direction,
        codecs: &media.codecs,
        extensions: answered_extensions(section, media, direction),
        rids,
        rtcp_rsize: section.rtcp_rsize,
        outgoing: media.outgoing.as_ref(),
    })
}

/// Wanted and offered, with the direction turned round (RFC 8285 §6), without those that would never be used in ours.
fn answered_extensions(section: &Section, media: &MediaDecision, ours: Direction) -> Vec<ExtMap> {
    let wanted = section
        .extmaps
        .iter()
        .filter(|map| media.extensions.contains(&map.uri.as_ref()));
    let turned = wanted.map(|map| ExtMap {
        direction: map.direction.reversed(),
        ..map.clone()
    });
    turned
        .filter(|map| ours == Direction::Inactive || map.direction.within(ours) != Direction::Inactive)
        .collect()
}
