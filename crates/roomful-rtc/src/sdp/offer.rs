//! Offers of our own, for clients whose subscriber transport is offered to, and what their answers accept. Called by the router,
//! which keeps the list of sections: a stopped one stays in it, inactive, until a track of its kind takes it over.
use super::codec::same_format;
use super::extension::ExtMap;
use super::model::{CodecLine, Description, Direction, Kind, Section, Setup};
use super::negotiate::{AnswerError, LocalParameters, Outgoing};
use super::write::{write, Body, Draft, Media, Session};

/// An audio or video section of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedMedia {
    /// Audio or video.
    pub kind: Kind,
    /// `SendOnly`, or `Inactive` when stopped.
    pub direction: Direction,
    /// From `codec::offered`. The same codec must have the same payload type in all sections.
    pub codecs: Vec<CodecLine>,
    /// From `extension::offered`. The same URI must have the same id in all sections.
    pub extensions: Vec<ExtMap>,
    /// What is sent; not written while the section is inactive.
    pub outgoing: Option<Outgoing>,
}

/// A section of ours. Its place and its mid never change once it was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferedSection {
    /// Data channels.
    Data {
        /// Its name.
        mid: String,
        /// Our SCTP port, 5000.
        port: u16,
        /// Largest message that we take, bytes, 0 for any.
        max_message_size: u64,
    },
    /// Media.
    Media {
        /// Its name.
        mid: String,
        /// The rest.
        media: OfferedMedia,
    },
    /// Refused or stopped: keeps its place, port 0.
    Stopped {
        /// Its name.
        mid: String,
        /// What it was.
        kind: Kind,
        /// As it stood in the `m=` line.
        proto: String,
        /// As they stood there.
        formats: String,
    },
}

impl OfferedSection {
    /// Its name.
    pub fn mid(&self) -> &str {
        match self {
            OfferedSection::Data { mid, .. }
            | OfferedSection::Media { mid, .. }
            | OfferedSection::Stopped { mid, .. } => mid,
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            OfferedSection::Data { .. } => Kind::Application,
            OfferedSection::Media { media, .. } => media.kind,
            OfferedSection::Stopped { kind, .. } => *kind,
        }
    }
}

/// Writes an offer: all sections bundled, `setup:actpass`.
pub fn offer(local: &LocalParameters<'_>, sections: &[OfferedSection]) -> String {
    let drafts: Vec<Draft<'_>> = sections.iter().map(draft).collect();
    let session = Session {
        setup: Setup::ActPass,
        bundle: true,
        extmap_allow_mixed: true,
        sections: &drafts,
    };
    write(local, &session)
}

fn draft(section: &OfferedSection) -> Draft<'_> {
    let (proto, body) = match section {
        OfferedSection::Data {
            port,
            max_message_size,
            ..
        } => (
            "UDP/DTLS/SCTP",
            Body::Data {
                port: *port,
                max_message_size: *max_message_size,
            },
        ),
        OfferedSection::Media { media, .. } => ("UDP/TLS/RTP/SAVPF", Body::Media(media_body(media))),
        OfferedSection::Stopped { proto, formats, .. } => (proto.as_str(), Body::Rejected { formats }),
    };
    Draft {
        media: section.kind().as_str(),
        proto,
        mid: section.mid(),
        body,
    }
}

fn media_body(media: &OfferedMedia) -> Media<'_> {
    Media {
        direction: media.direction,
        codecs: &media.codecs,
        extensions: media.extensions.clone(),
        rids: &[],
        rtcp_rsize: true,
        outgoing: media.outgoing.as_ref(),
    }
}

/// What the other side made of one of our sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredSection {
    /// Its name.
    pub mid: String,
    /// Port 0, or left out of the BUNDLE group.
    pub rejected: bool,
    /// Ours: what is left of the offered direction.
    pub direction: Direction,
    /// What may be sent, in the answerer's order and with its payload types; feedback is what both sides speak.
    pub codecs: Vec<CodecLine>,
    /// Header extensions that both have.
    pub extensions: Vec<ExtMap>,
}

/// Reads the answer to an offer that was made of `sections`.
pub fn read_answer(
    sections: &[OfferedSection],
    answer: &Description,
) -> Result<Vec<AnsweredSection>, AnswerError> {
    if sections.len() != answer.sections.len() {
        return Err(AnswerError::Count {
            sections: sections.len(),
            answered: answer.sections.len(),
        });
    }
    sections
        .iter()
        .zip(&answer.sections)
        .map(|(ours, theirs)| read_section(ours, theirs))
        .collect()
}

fn read_section(ours: &OfferedSection, theirs: &Section) -> Result<AnsweredSection, AnswerError> {
    let mid = ours.mid().to_owned();
    if theirs.has_mid && theirs.mid != mid {
        return Err(AnswerError::Mid {
            expected: mid,
            found: theirs.mid.clone(),
        });
    }
    if theirs.kind != ours.kind() {
        return Err(AnswerError::Kind { mid });
    }
    let rejected = theirs.unusable().is_some();
    let OfferedSection::Media { media, .. } = ours else {
        let (codecs, extensions) = (Vec::new(), Vec::new());
        return Ok(AnsweredSection {
            mid,
            rejected,
            direction: Direction::SendRecv,
            codecs,
            extensions,
        });
    };
    if rejected {
        let (codecs, extensions) = (Vec::new(), Vec::new());
        return Ok(AnsweredSection {
            mid,
            rejected,
            direction: Direction::Inactive,
            codecs,
            extensions,
        });
    }
    let mut codecs = Vec::with_capacity(theirs.codecs.len());
    for codec in &theirs.codecs {
        if let Some(offered) = media.codecs.iter().find(|offered| same_format(offered, codec)) {
            let mut codec = codec.clone();
            codec.feedback = codec.feedback.and(offered.feedback);
            codecs.push(codec);
        }
    }
    let shared = |map: &&ExtMap| {
        media
            .extensions
            .iter()
            .any(|ours| ours.id == map.id && ours.uri == map.uri)
    };
    let extensions = theirs.extmaps.iter().filter(shared).cloned().collect();
    let direction = media.direction.within(theirs.direction.reversed());
    Ok(AnsweredSection {
        mid,
        rejected,
        direction,
        codecs,
        extensions,
    })
}
