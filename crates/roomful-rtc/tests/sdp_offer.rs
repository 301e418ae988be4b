//! Offers of our own and the answers to them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
use roomful_rtc::sdp::codec::offered;
use roomful_rtc::sdp::*;

fn local(fingerprint: &str) -> LocalParameters<'_> {
    LocalParameters {
        ufrag: "server01",
        pwd: "abcdefghijklmnopqrstuvwx",
        fingerprint_sha256: fingerprint,
        candidates: &[],
        end_of_candidates: true,
        session_id: 1,
        session_version: 1,
        ice_lite: true,
        setup: Setup::Passive,
    }
}

fn media(mid: &str, kind: Kind, names: &[&str], direction: Direction) -> OfferedSection {
    let extensions = [extension::MID, extension::TRANSPORT_CC]
        .iter()
        .filter_map(|uri| extension::offered(uri))
        .collect();
    let (stream, track) = ("PA_a".to_owned(), format!("TR_{mid}"));
    let outgoing = Some(Outgoing {
        ssrc: 7,
        rtx_ssrc: Some(8),
        stream,
        track,
        cname: "PA_a".into(),
    });
    let codecs = offered(kind, names);
    OfferedSection::Media {
        mid: mid.into(),
        media: OfferedMedia {
            kind,
            direction,
            codecs,
            extensions,
            outgoing,
        },
    }
}

fn sections() -> Vec<OfferedSection> {
    vec![
        OfferedSection::Data {
            mid: "data".into(),
            port: 5000,
            max_message_size: 65_536,
        },
        media(
            "0",
            Kind::Audio,
            &["opus", "red", "PCMU", "PCMA"],
            Direction::SendOnly,
        ),
        media(
            "1",
            Kind::Video,
            &["VP8", "VP9", "H264", "AV1", "H265"],
            Direction::SendOnly,
        ),
        media("2", Kind::Video, &["VP8"], Direction::Inactive),
    ]
}

fn read(text: &str) -> Description {
    parse(text, &Limits::default()).unwrap()
}

fn written() -> String {
    offer(&local(&["AB"; 32].join(":")), &sections())
}

#[test]
fn an_offer_says_what_is_in_it() {
    let text = written();
    webrtc_sdp::parse_sdp(&text, true).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let read = read(&text);
    assert_eq!(read.bundle, ["data", "0", "1", "2"]);
    assert!(read
        .sections
        .iter()
        .all(|section| section.setup == Some(Setup::ActPass) && !section.rejected));
    let [_, audio, video, stopped] = read.sections.as_slice() else {
        panic!()
    };
    assert_eq!(
        audio.codecs,
        offered(Kind::Audio, &["opus", "red", "PCMU", "PCMA"])
    );
    assert_eq!(
        video.codecs,
        offered(Kind::Video, &["VP8", "VP9", "H264", "AV1", "H265"])
    );
    assert_eq!(video.rtx_of(7), Some(8));
    assert_eq!(
        (stopped.direction, stopped.ssrcs.len(), &stopped.msid),
        (Direction::Inactive, 0, &None)
    );
}

#[test]
fn payload_types_and_extension_ids_are_used_once() {
    let mut all = offered(Kind::Audio, &["opus", "red", "PCMU", "PCMA"]);
    all.extend(offered(Kind::Video, &["VP8", "VP9", "H264", "AV1", "H265"]));
    let mut types: Vec<u8> = all
        .iter()
        .flat_map(|codec| [Some(codec.pt), codec.rtx_pt])
        .flatten()
        .collect();
    let count = types.len();
    types.sort_unstable();
    types.dedup();
    assert_eq!((types.len(), count), (count, 16));
    // RTCP's packet types must not be mistaken for RTP's (RFC 5761 §4).
    assert!(types.iter().all(|pt| !(64..=95).contains(pt)));
}

#[test]
fn the_answer_narrows_the_offer() {
    let answer = written()
        .replace("a=setup:actpass", "a=setup:active")
        .replace("a=sendonly", "a=recvonly")
        .replace("UDP/TLS/RTP/SAVPF 96 97 98 99", "UDP/TLS/RTP/SAVPF 98 99")
        .replace("a=rtcp-fb:98 transport-cc\r\n", "")
        .replace("a=extmap:5 ", "a=extmap:6 ");
    let answered = read_answer(&sections(), &read(&answer)).unwrap();
    let [data, audio, video, stopped] = answered.as_slice() else {
        panic!()
    };
    assert!(!data.rejected && data.codecs.is_empty());
    assert_eq!(
        (audio.direction, stopped.direction),
        (Direction::SendOnly, Direction::Inactive)
    );
    assert_eq!(
        (video.codecs[0].name.as_str(), video.codecs[0].rtx_pt),
        ("VP9", Some(99))
    );
    assert!(!video.codecs[0].feedback.transport_cc && video.codecs[0].feedback.nack);
    assert!(video.codecs.iter().all(|codec| !codec.is("VP8")));
    // An id that we did not give is not ours to use.
    assert_eq!(video.extensions.iter().map(|map| map.id).collect::<Vec<_>>(), [1]);
}

#[test]
fn sections_can_be_refused() {
    let text = written()
        .replace("m=audio 9 ", "m=audio 0 ")
        .replace("BUNDLE data 0 1 2", "BUNDLE data 1 2");
    let answered = read_answer(&sections(), &read(&text)).unwrap();
    assert!(answered[1].rejected && answered[1].codecs.is_empty());
    assert_eq!(
        (answered[1].direction, answered[2].rejected),
        (Direction::Inactive, false)
    );
}

#[test]
fn answers_that_do_not_fit_are_errors() {
    let theirs = read(&written());
    assert_eq!(
        read_answer(&sections()[..3], &theirs),
        Err(AnswerError::Count {
            sections: 3,
            answered: 4
        })
    );
    let mut ours = sections();
    ours[2] = media("1", Kind::Audio, &["opus"], Direction::SendOnly);
    assert_eq!(
        read_answer(&ours, &theirs),
        Err(AnswerError::Kind { mid: "1".into() })
    );
    ours[2] = media("9", Kind::Video, &["VP8"], Direction::SendOnly);
    let error = AnswerError::Mid {
        expected: "9".into(),
        found: "1".into(),
    };
    assert_eq!(read_answer(&ours, &theirs), Err(error));
}
