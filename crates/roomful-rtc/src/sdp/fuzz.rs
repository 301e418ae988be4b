//! What tests and fuzzers run on arbitrary bytes: read, answer everything, read the answer. Never called in service.
use super::*;

/// Panics only when an invariant breaks: what is read can be answered, what is written can be read and says the same.
pub fn fuzz_sdp(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(offer) = parse(&text, &Limits::default()) else {
        return;
    };
    let candidates = [candidate::host(
        candidate::Protocol::Udp,
        ([192, 0, 2, 1], 7882).into(),
        65_535,
    )];
    let fingerprint = ["AB"; 32].join(":");
    let local = LocalParameters {
        ufrag: "serverufrag",
        pwd: "a-password-of-enough-characters",
        fingerprint_sha256: &fingerprint,
        candidates: &candidates,
        end_of_candidates: true,
        session_id: 1,
        session_version: 1,
        ice_lite: true,
        setup: Setup::Passive,
    };
    let decisions: Vec<Decision> = offer.sections.iter().map(everything).collect();
    let written = answer(&offer, &local, &decisions);
    assert!(
        written.is_ok(),
        "decisions made of the offer itself must be answerable: {written:?}"
    );
    let written = written.unwrap_or_default();
    let read = parse(
        &written,
        &Limits {
            bytes: usize::MAX,
            ..Limits::default()
        },
    );
    assert!(read.is_ok(), "an answer of ours cannot be read: {read:?}");
    let read = read.unwrap_or_default();
    assert_eq!(read.sections.len(), offer.sections.len());
    for (theirs, ours) in offer.sections.iter().zip(&read.sections) {
        assert_eq!(ours.mid, theirs.mid);
        assert_eq!(ours.kind, theirs.kind);
        assert!(!theirs.rejected || ours.rejected);
        assert!(ours.rejected || theirs.unusable().is_none());
        // Directions say nothing about data channels.
        if ours.rejected || !ours.kind.is_media() {
            continue;
        }
        assert!(theirs.direction.receives() || !ours.direction.sends());
        assert!(theirs.direction.sends() || !ours.direction.receives());
        assert!(ours.codecs.iter().all(|codec| theirs.codec(codec.pt).is_some()));
    }
}

/// Accepts all that a section has.
fn everything(section: &Section) -> Decision {
    if section.kind == Kind::Application {
        return Decision::Data {
            port: 5000,
            max_message_size: 262_144,
        };
    }
    if !section.kind.is_media() {
        return Decision::Reject;
    }
    let (stream, track) = ("PA_a|TR_b".to_owned(), "TR_b".to_owned());
    let outgoing = Outgoing {
        ssrc: 1,
        rtx_ssrc: Some(2),
        stream,
        track,
        cname: "PA_a".to_owned(),
    };
    Decision::Media(MediaDecision {
        direction: Direction::SendRecv,
        codecs: section.codecs.clone(),
        extensions: vec![extension::MID, extension::RID, extension::TRANSPORT_CC],
        rids: section.sent_rids().into_iter().map(str::to_owned).collect(),
        outgoing: Some(outgoing),
    })
}
