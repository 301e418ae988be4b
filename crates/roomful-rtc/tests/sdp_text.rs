//! Small descriptions: errors with their lines, bounds, inheritance, BUNDLE, roles.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
use roomful_rtc::sdp::codec::{compatible, offered, same_format};
use roomful_rtc::sdp::*;

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";

fn read(text: &str) -> Result<Description, SdpError> {
    parse(text, &Limits::default())
}

fn one(section: &str) -> Section {
    read(&format!("{HEAD}{section}")).unwrap().sections.remove(0)
}

#[test]
fn errors_name_the_line_and_what_was_expected() {
    let cases = [
        ("hello", 1, "v=0"),
        ("v=0\nnonsense\n", 2, "a line of the form x=…"),
        ("v=0\no=- 1\n", 2, "o=<user> <session id> <version> …"),
        ("v=0\nm=audio x UDP/TLS/RTP/SAVPF 0\n", 2, "a port up to 65535"),
        (
            "v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 128\n",
            2,
            "a payload type from 0 to 127",
        ),
        ("v=0\nm=audio 9\n", 2, "m=<media> <port> <proto> <formats>"),
        ("v=0\na=fingerprint:sha-256 AB:CD\n", 2, "32 bytes of SHA-256"),
        (
            "v=0\na=fingerprint:sha-1 +1:CD\n",
            2,
            "fingerprint:<hash> <hex pairs separated by :>",
        ),
        (
            "v=0\nm=audio 9 P 0\na=mid:a\nm=audio 9 P 0\na=mid:a\n",
            6,
            "each mid once",
        ),
        ("v=0\ns=a\u{b}b\n", 2, "no control characters"),
        ("v=0\ns=a\u{7f}b\n", 2, "no control characters"),
        ("v=0\nm=video 9 P 96\na=rid:x both\n", 3, "rid:<id> send or recv"),
        (
            "v=0\nm=video 9 P 96\na=setup:now\n",
            3,
            "active, passive, actpass or holdconn",
        ),
    ];
    for (text, line, expected) in cases {
        match read(text) {
            Err(SdpError::Malformed {
                line: l, expected: e, ..
            }) => assert_eq!((l, e), (line, expected), "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(read("v=0\r\ns=-\r\n"), Err(SdpError::NoSections { line: 3 }));
    let error = read("v=0\nm=audio 9 P 300\n").unwrap_err().to_string();
    assert_eq!(
        error,
        "line 2: expected a payload type from 0 to 127, found \"m=audio 9 P 300\""
    );
}

#[test]
fn everything_is_bounded() {
    let limits = Limits {
        bytes: 64 * 1024,
        sections: 3,
        attributes: 5,
    };
    let long = "v=0\n".repeat(20_000);
    assert_eq!(
        parse(&long, &limits),
        Err(SdpError::TooLong {
            bytes: 80_000,
            limit: 65_536
        })
    );
    let sections = format!("v=0\n{}", "m=audio 9 P 0\n".repeat(4));
    assert_eq!(
        parse(&sections, &limits),
        Err(SdpError::TooMany {
            line: 5,
            what: "sections",
            limit: 3
        })
    );
    let attributes = format!("v=0\nm=audio 9 P 0\n{}", "a=x\n".repeat(6));
    assert_eq!(
        parse(&attributes, &limits),
        Err(SdpError::TooMany {
            line: 8,
            what: "attributes",
            limit: 5
        })
    );
    let many = |line: &str, n: usize| {
        let lines: String = (0..n).map(|i| line.replace('#', &(i + 1).to_string())).collect();
        read(&format!("{HEAD}m=video 9 P 96\n{lines}"))
    };
    assert!(matches!(
        many("a=ssrc:# cname:x\n", 200),
        Err(SdpError::TooMany { what: "sources", .. })
    ));
    assert!(matches!(
        many("a=rid:# send\n", 200),
        Err(SdpError::TooMany { what: "rids", .. })
    ));
    assert!(matches!(
        many("a=extmap:# urn:#\n", 200),
        Err(SdpError::TooMany {
            what: "header extensions",
            ..
        })
    ));
    assert!(matches!(
        many("a=ssrc-group:FID # 2\n", 200),
        Err(SdpError::TooMany {
            what: "source groups",
            ..
        })
    ));
    // Candidates are hints: more than enough is enough.
    let candidates = many("a=candidate:# 1 udp 1 192.0.2.1 9 typ host\n", 200).unwrap();
    assert_eq!(candidates.sections[0].candidates.len(), MAX_CANDIDATES);
}

#[test]
fn sections_inherit_from_the_session() {
    let digest = ["01"; 32].join(":");
    let other = ["02"; 32].join(":");
    let text = format!(
        "{HEAD}a=ice-ufrag:sess\na=ice-pwd:sessionsessionsessions\na=fingerprint:SHA-256 {digest}\na=setup:active\n\
         a=group:BUNDLE a b\na=extmap:3 {}\na=inactive\n{AUDIO}a=mid:a\n{AUDIO}a=mid:b\na=ice-ufrag:own\n\
         a=fingerprint:sha-256 {other}\na=sendrecv\n",
        extension::MID
    );
    let read = read(&text).unwrap();
    let [a, b] = read.sections.as_slice() else {
        panic!()
    };
    assert_eq!((a.ice_ufrag.as_str(), b.ice_ufrag.as_str()), ("sess", "own"));
    assert_eq!(
        (a.direction, b.direction),
        (Direction::Inactive, Direction::SendRecv)
    );
    assert_eq!(
        (
            a.fingerprints[0].digest[0],
            b.fingerprints.len(),
            b.fingerprints[0].digest[0]
        ),
        (1, 1, 2)
    );
    assert_eq!(
        (a.setup, b.extension(extension::MID)),
        (Some(Setup::Active), Some(3))
    );
}

#[test]
fn only_what_is_bundled_and_muxed_is_usable() {
    let text = format!(
        "{HEAD}a=group:BUNDLE a c\n{AUDIO}a=mid:a\n{AUDIO}a=mid:b\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:c\n\
         m=video 0 UDP/TLS/RTP/SAVPF 96\na=mid:d\n\
         m=text 9 RTP/AVP 98\na=mid:e\n"
    );
    let read = read(&text).unwrap();
    let why: Vec<Option<&str>> = read.sections.iter().map(Section::unusable).collect();
    assert_eq!(
        why,
        [
            None,
            Some("not in the BUNDLE group"),
            Some("no rtcp-mux"),
            Some("stopped by the other side"),
            Some("not in the BUNDLE group")
        ]
    );
    // One section alone needs no group, and a bundle-only section has port 0 without being rejected.
    assert_eq!(one(AUDIO).unusable(), None);
    let only = format!("{HEAD}a=group:BUNDLE 0 1\n{AUDIO}a=mid:0\nm=video 0 UDP/TLS/RTP/SAVPF 96\na=mid:1\na=bundle-only\na=rtcp-mux\n");
    let only = parse(&only, &Limits::default()).unwrap();
    assert_eq!(only.sections[1].unusable(), None);
}

#[test]
fn codecs_and_feedback_are_bound_to_their_payload_types() {
    let section = one(
        "m=video 9 UDP/TLS/RTP/SAVPF 97 96 100 50\na=fmtp:97 apt=96\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\n\
         a=rtcp-fb:* nack\na=rtcp-fb:96 ccm fir\na=rtcp-fb:96 unheard of\na=rtpmap:100 vp9/90000\na=fmtp:100 profile-id=2; x\n",
    );
    let [vp8, vp9] = section.codecs.as_slice() else {
        panic!("{:?}", section.codecs)
    };
    assert_eq!(
        (vp8.pt, vp8.rtx_pt, vp8.feedback.nack, vp8.feedback.fir),
        (96, Some(97), true, true)
    );
    assert_eq!(
        (vp9.rtx_pt, vp9.feedback.fir, vp9.parameter("PROFILE-ID")),
        (None, false, Some("2"))
    );
    assert_eq!(vp9.parameter("x"), Some(""));
    // Payload types of RFC 3551 need no rtpmap.
    let audio = one(AUDIO);
    assert_eq!(
        (audio.codecs[1].name.as_str(), audio.codecs[1].clock_rate),
        ("PCMU", 8000)
    );
}

#[test]
fn profiles_decide_what_can_be_forwarded() {
    let section = one(
        "m=video 9 UDP/TLS/RTP/SAVPF 1 2 3 4 5\na=rtpmap:1 H264/90000\na=fmtp:1 packetization-mode=0;profile-level-id=42e01f\n\
         a=rtpmap:2 H264/90000\na=fmtp:2 packetization-mode=1;profile-level-id=42001f\n\
         a=rtpmap:3 H264/90000\na=fmtp:3 profile-level-id=640c1f;packetization-mode=1\n\
         a=rtpmap:4 VP9/90000\na=rtpmap:5 VP9/90000\na=fmtp:5 profile-id=2\n",
    );
    let ours = offered(Kind::Video, &["h264", "VP9"]);
    let [baseline, high, vp9] = ours.as_slice() else {
        panic!()
    };
    let found = |codec| compatible(&section, codec).map(|line| line.pt);
    assert_eq!(
        [found(baseline), found(high), found(vp9)],
        [Some(2), Some(3), Some(4)]
    );
    assert!(!same_format(baseline, high));
    let vp8 = offered(Kind::Video, &["VP8"]);
    assert_eq!(found(&vp8[0]), None);
}

#[test]
fn the_answer_takes_the_dtls_role_that_is_left() {
    let role = |offered: &str, ours: Setup| {
        let offer = read(&format!("{HEAD}{AUDIO}{offered}")).unwrap();
        let fingerprint = ["AB"; 32].join(":");
        let local = LocalParameters {
            ufrag: "ufrag",
            pwd: "abcdefghijklmnopqrstuvwx",
            fingerprint_sha256: &fingerprint,
            candidates: &[],
            end_of_candidates: false,
            session_id: 1,
            session_version: 1,
            ice_lite: false,
            setup: ours,
        };
        let codecs = offer.sections[0].codecs.clone();
        let text = answer(&offer, &local, &[Decision::receive(codecs, vec![], vec![])]).unwrap();
        assert!(!text.contains("a=mid") && !text.contains("BUNDLE") && !text.contains("ice-lite"));
        read(&text).unwrap().sections[0].setup.unwrap()
    };
    assert_eq!(role("a=setup:actpass\n", Setup::Passive), Setup::Passive);
    assert_eq!(role("a=setup:actpass\n", Setup::Active), Setup::Active);
    assert_eq!(role("a=setup:active\n", Setup::Active), Setup::Passive);
    assert_eq!(role("a=setup:passive\n", Setup::Passive), Setup::Active);
    assert_eq!(role("", Setup::Passive), Setup::Passive);
}

#[test]
fn simulcast_lists_are_read() {
    let section = one(
        "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rid:1 send pt=96;max-width=640\na=rid:2 send\na=rid:3 recv\n\
         a=simulcast:send 2;~1,9 recv 3\n",
    );
    assert_eq!(section.sent_rids(), ["2", "1"]);
    assert!(section.simulcast_send[1].paused && !section.simulcast_send[0].paused);
    assert_eq!(section.simulcast_recv[0].rid, "3");
    assert_eq!(section.rids[0].restrictions, "pt=96;max-width=640");
    let without = one("m=video 9 UDP/TLS/RTP/SAVPF 96\na=rid:b send\na=rid:a send\na=rid:c recv\n");
    assert_eq!(without.sent_rids(), ["b", "a"]);
}
