//! Mutated offers and generated descriptions: nothing panics, and what is written reads the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
use proptest::prelude::*;
use roomful_rtc::sdp::*;

const FIXTURES: [&str; 5] = [
    include_str!("fixtures/sdp/chromium_publish_simulcast.sdp"),
    include_str!("fixtures/sdp/chromium_publish_vp9_svc.sdp"),
    include_str!("fixtures/sdp/chromium_data_only.sdp"),
    include_str!("fixtures/sdp/chromium_sendrecv.sdp"),
    include_str!("fixtures/sdp/firefox_publish_simulcast.sdp"),
];

/// Lines are what a description is made of: drop, repeat, swap, cut, and change bytes.
#[derive(Clone, Debug)]
enum Mutation {
    Drop(usize),
    Repeat(usize, usize),
    Swap(usize, usize),
    Cut(usize),
    Byte(usize, u8),
    Insert(usize, String),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        any::<usize>().prop_map(Mutation::Drop),
        (any::<usize>(), 1..80usize).prop_map(|(at, times)| Mutation::Repeat(at, times)),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        any::<usize>().prop_map(Mutation::Cut),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        (any::<usize>(), "[a-z]=[a-z-]{1,12}:[ -~é]{0,40}").prop_map(|(at, line)| Mutation::Insert(at, line)),
    ]
}

fn mutated(fixture: &str, mutations: &[Mutation]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = fixture
        .split_inclusive('\n')
        .map(|line| line.as_bytes().to_vec())
        .collect();
    for mutation in mutations {
        let count = lines.len().max(1);
        if lines.is_empty() {
            break;
        }
        match mutation {
            Mutation::Drop(at) => drop(lines.remove(at % count)),
            Mutation::Repeat(at, times) => {
                let line = lines[at % count].clone();
                lines.splice(at % count..at % count, vec![line; *times]);
            }
            Mutation::Swap(a, b) => lines.swap(a % count, b % count),
            Mutation::Cut(at) => {
                let line = &mut lines[at % count];
                line.truncate(at / count % (line.len() + 1));
            }
            Mutation::Byte(at, byte) => {
                let line = &mut lines[at % count];
                if !line.is_empty() {
                    let place = at / count % line.len();
                    line[place] = *byte;
                }
            }
            Mutation::Insert(at, line) => lines.insert(at % count, format!("{line}\r\n").into_bytes()),
        }
    }
    lines.concat()
}

fn word() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_|{}-]{1,16}"
}

fn section(index: usize) -> impl Strategy<Value = OfferedSection> {
    let names = proptest::sample::subsequence(vec!["VP8", "VP9", "H264", "AV1", "H265"], 1..=5);
    let uris = proptest::sample::subsequence(
        vec![extension::MID, extension::RID, extension::TRANSPORT_CC],
        0..=3,
    );
    (
        any::<bool>(),
        names,
        uris,
        word(),
        word(),
        any::<u32>(),
        0..2u8,
        any::<bool>(),
    )
        .prop_map(move |(video, names, uris, stream, track, ssrc, way, rtx)| {
            let kind = if video { Kind::Video } else { Kind::Audio };
            let names: &[&str] = if video { &names } else { &["opus", "PCMU"] };
            let direction = if way == 0 {
                Direction::SendOnly
            } else {
                Direction::Inactive
            };
            let outgoing = Outgoing {
                ssrc,
                rtx_ssrc: (rtx && video).then(|| ssrc.wrapping_add(1)),
                stream,
                track,
                cname: "c".into(),
            };
            OfferedSection::Media {
                mid: format!("m{index}"),
                media: OfferedMedia {
                    kind,
                    direction,
                    codecs: codec::offered(kind, names),
                    extensions: uris.iter().filter_map(|uri| extension::offered(uri)).collect(),
                    outgoing: Some(outgoing),
                },
            }
        })
}

fn sections() -> impl Strategy<Value = Vec<OfferedSection>> {
    (1..8usize).prop_flat_map(|count| (0..count).map(section).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_offers_are_harmless(which in 0..FIXTURES.len(), mutations in prop::collection::vec(mutation(), 1..12)) {
        fuzz_sdp(&mutated(FIXTURES[which], &mutations));
    }

    #[test]
    fn arbitrary_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz_sdp(&bytes);
        fuzz_sdp(&[b"v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=", bytes.as_slice()].concat());
    }

    #[test]
    fn what_is_offered_is_read(sections in sections(), version in 0..i64::MAX as u64) {
        let fingerprint = ["AB"; 32].join(":");
        let local = LocalParameters {
            ufrag: "server01",
            pwd: "abcdefghijklmnopqrstuvwx",
            fingerprint_sha256: &fingerprint,
            candidates: &[],
            end_of_candidates: false,
            session_id: 5,
            session_version: version,
            ice_lite: true,
            setup: Setup::Passive,
        };
        let text = offer(&local, &sections);
        prop_assert!(webrtc_sdp::parse_sdp(&text, true).is_ok());
        let read = parse(&text, &Limits::default()).unwrap();
        prop_assert_eq!(read.session_version, version);
        prop_assert_eq!(read.sections.len(), sections.len());
        for (theirs, ours) in read.sections.iter().zip(&sections) {
            let OfferedSection::Media { mid, media } = ours else { unreachable!() };
            prop_assert_eq!(&theirs.mid, mid);
            prop_assert_eq!(&theirs.codecs, &media.codecs);
            prop_assert_eq!(&theirs.extmaps, &media.extensions);
            prop_assert_eq!(theirs.direction, media.direction);
            let outgoing = media.outgoing.as_ref().unwrap();
            let sends = media.direction.sends();
            let msid = Msid { stream: outgoing.stream.clone(), track: outgoing.track.clone() };
            prop_assert_eq!(&theirs.msid, &sends.then_some(msid));
            let rtx = outgoing.rtx_ssrc.filter(|_| sends);
            prop_assert_eq!(theirs.rtx_of(outgoing.ssrc), rtx);
        }
        // The other side accepting everything gives everything.
        let mirrored = text.replace("a=sendonly", "a=recvonly").replace("actpass", "active");
        let answered = read_answer(&sections, &parse(&mirrored, &Limits::default()).unwrap()).unwrap();
        for (answered, ours) in answered.iter().zip(&sections) {
            let OfferedSection::Media { media, .. } = ours else { unreachable!() };
            prop_assert_eq!(&answered.codecs, &media.codecs);
            prop_assert_eq!(answered.direction, media.direction);
        }
    }
}
