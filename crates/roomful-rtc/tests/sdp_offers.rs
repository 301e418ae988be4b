//! Offers recorded from Chromium 156 and Firefox 153: what is read of them, and what is answered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
use roomful_rtc::sdp::codec::choose;
use roomful_rtc::sdp::fmtp::{opus_receive, opus_send, OpusWishes};
use roomful_rtc::sdp::*;

const SIMULCAST: &str = include_str!("fixtures/sdp/chromium_publish_simulcast.sdp");
const SVC: &str = include_str!("fixtures/sdp/chromium_publish_vp9_svc.sdp");
const RECVONLY: &str = include_str!("fixtures/sdp/chromium_recvonly_3_3.sdp");
const DATA: &str = include_str!("fixtures/sdp/chromium_data_only.sdp");
const SENDRECV: &str = include_str!("fixtures/sdp/chromium_sendrecv.sdp");
const FIREFOX: &str = include_str!("fixtures/sdp/firefox_publish_simulcast.sdp");
const FIREFOX_RECVONLY: &str = include_str!("fixtures/sdp/firefox_recvonly_3_3.sdp");
const ALL: [&str; 7] = [
    SIMULCAST,
    SVC,
    RECVONLY,
    DATA,
    SENDRECV,
    FIREFOX,
    FIREFOX_RECVONLY,
];

const VIDEO: [&str; 5] = ["VP8", "VP9", "H264", "AV1", "H265"];

fn read(text: &str) -> Description {
    parse(text, &Limits::default()).unwrap()
}

struct Local {
    fingerprint: String,
    candidates: Vec<String>,
}

impl Local {
    fn new() -> Self {
        let address = "192.0.2.1:7882".parse().unwrap();
        let candidates = vec![
            candidate::host(candidate::Protocol::Udp, address, 65_535),
            candidate::host(candidate::Protocol::Tcp, address, 65_535),
        ];
        Local {
            fingerprint: ["AB"; 32].join(":"),
            candidates,
        }
    }

    fn parameters(&self) -> LocalParameters<'_> {
        LocalParameters {
            ufrag: "server01",
            pwd: "abcdefghijklmnopqrstuvwx",
            fingerprint_sha256: &self.fingerprint,
            candidates: &self.candidates,
            end_of_candidates: true,
            session_id: 9_007,
            session_version: 3,
            ice_lite: true,
            setup: Setup::Passive,
        }
    }
}

fn outgoing(number: u32, rtx: bool) -> Outgoing {
    Outgoing {
        ssrc: number,
        rtx_ssrc: rtx.then_some(number + 1),
        stream: "PA_a|camera".into(),
        track: format!("TR_{number}"),
        cname: "PA_a".into(),
    }
}

fn decide(index: usize, section: &Section) -> Decision {
    let wanted = vec![
        extension::MID,
        extension::RID,
        extension::REPAIRED_RID,
        extension::DEPENDENCY_DESCRIPTOR,
    ];
    let codecs = match section.kind {
        Kind::Application => {
            return Decision::Data {
                port: 5000,
                max_message_size: 262_144,
            }
        }
        Kind::Audio => choose(section, &["opus"], Feedback::AUDIO),
        _ => choose(section, &VIDEO, Feedback::VIDEO),
    };
    if section.direction.sends() {
        let rids = section.sent_rids().into_iter().map(str::to_owned).collect();
        return Decision::receive(codecs, wanted, rids);
    }
    let rtx = codecs[0].rtx_pt.is_some();
    Decision::send(codecs, wanted, outgoing(1000 + 2 * index as u32, rtx))
}

fn answered(text: &str) -> (Description, String) {
    let offer = read(text);
    let decisions: Vec<Decision> = offer
        .sections
        .iter()
        .enumerate()
        .map(|(i, s)| decide(i, s))
        .collect();
    let local = Local::new();
    let written = answer(&offer, &local.parameters(), &decisions).unwrap();
    (offer, written)
}

#[test]
fn chromium_simulcast_is_read() {
    let offer = read(SIMULCAST);
    assert_eq!(offer.bundle, ["0", "1", "2"]);
    assert!(offer.extmap_allow_mixed && !offer.ice_lite);
    let [audio, video, data] = offer.sections.as_slice() else {
        panic!()
    };
    assert_eq!(
        [audio.kind, video.kind, data.kind],
        [Kind::Audio, Kind::Video, Kind::Application]
    );
    assert!(offer.sections.iter().all(|s| s.unusable().is_none() && s.bundled));
    assert_eq!(video.direction, Direction::SendOnly);
    assert_eq!(video.sent_rids(), ["q", "h", "f"]);
    assert_eq!(
        video.msid.as_ref().unwrap().track,
        "2fbfb1c8-bf74-4038-82aa-d9d91ea7aaa8"
    );
    let vp8 = video.codec_named("vp8").unwrap();
    assert_eq!(
        (vp8.pt, vp8.clock_rate, vp8.rtx_pt, vp8.feedback),
        (96, 90_000, Some(97), Feedback::VIDEO)
    );
    assert_eq!(video.codec_named("AV1").unwrap().rtx_pt, Some(46));
    assert_eq!(video.extension(extension::MID), Some(4));
    assert_eq!(video.extension(extension::DEPENDENCY_DESCRIPTOR), Some(12));
    assert!(video.codecs.iter().all(|codec| !codec.is("rtx")));
    let opus = audio.codec_named("opus").unwrap();
    assert_eq!((opus.channels, opus.parameter("useinbandfec")), (2, Some("1")));
    assert_eq!(audio.ssrcs.len(), 1);
    assert_eq!(audio.media_ssrcs(), [audio.ssrcs[0].ssrc]);
    assert_eq!((data.sctp_port, data.max_message_size), (5000, 262_144));
}

#[test]
fn chromium_sources_and_transport_are_read() {
    let offer = read(SENDRECV);
    let video = offer.sections.iter().find(|s| s.kind == Kind::Video).unwrap();
    let media = video.media_ssrcs();
    assert_eq!(media.len(), 1);
    assert_eq!(video.ssrcs.len(), 2);
    assert_eq!(video.rtx_of(media[0]), Some(video.ssrcs[1].ssrc));
    let transport = offer.transport().unwrap();
    assert_eq!(transport.setup, Some(Setup::ActPass));
    assert!(transport.ufrag.len() >= 4 && transport.pwd.len() >= 22);
    assert_eq!(
        (
            transport.fingerprints[0].algorithm.as_str(),
            transport.fingerprints[0].digest.len()
        ),
        ("sha-256", 32)
    );
    for text in &transport.candidates {
        candidate::parse(text).unwrap();
    }
    assert!(!transport.candidates.is_empty());
}

#[test]
fn firefox_is_read() {
    let offer = read(FIREFOX);
    let [audio, video, _] = offer.sections.as_slice() else {
        panic!()
    };
    assert!(audio.msid.as_ref().unwrap().stream.starts_with('{'));
    // The fingerprint stands at the session.
    assert_eq!(video.fingerprints.len(), 1);
    assert_eq!(video.sent_rids(), ["q", "h", "f"]);
    let rid = video
        .extmaps
        .iter()
        .find(|map| map.uri == extension::RID)
        .unwrap();
    assert_eq!((rid.id, rid.direction), (9, Direction::SendOnly));
    assert_eq!(video.codec_named("VP8").unwrap().rtx_pt, Some(124));
    for text in &offer.transport().unwrap().candidates {
        let candidate = candidate::parse(text).unwrap();
        assert!(matches!(candidate.address, candidate::Address::Name(name) if name.ends_with(".local")));
    }
}

#[test]
fn simulcast_is_answered_with_the_layers_that_are_taken() {
    for text in [SIMULCAST, FIREFOX] {
        let (offer, written) = answered(text);
        let ours = read(&written);
        let (theirs, ours) = (&offer.sections[1], &ours.sections[1]);
        assert_eq!(ours.direction, Direction::RecvOnly);
        let received: Vec<&str> = ours
            .simulcast_recv
            .iter()
            .map(|stream| stream.rid.as_str())
            .collect();
        assert_eq!(received, ["q", "h", "f"]);
        assert!(ours.rids.iter().all(|rid| !rid.sends));
        assert_eq!(ours.extension(extension::RID), theirs.extension(extension::RID));
        assert_eq!(ours.extension(extension::AUDIO_LEVEL), None);
        assert!(ours.ssrcs.is_empty() && ours.msid.is_none());
        assert_eq!(
            ours.codec_named("VP8").unwrap().rtx_pt,
            theirs.codec_named("VP8").unwrap().rtx_pt
        );
    }
    // Firefox only sends the rid; the answer says so from our side.
    assert!(answered(FIREFOX)
        .1
        .contains("a=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"));
}

#[test]
fn some_layers_can_be_refused() {
    let offer = read(SIMULCAST);
    let mut decisions: Vec<Decision> = offer
        .sections
        .iter()
        .enumerate()
        .map(|(i, s)| decide(i, s))
        .collect();
    let Decision::Media(video) = &mut decisions[1] else {
        panic!()
    };
    video.rids = vec!["h".into(), "never-offered".into()];
    let local = Local::new();
    let written = answer(&offer, &local.parameters(), &decisions).unwrap();
    assert!(written.contains("a=rid:h recv\r\na=simulcast:recv h\r\n"));
    assert!(!written.contains("never-offered"));
}

#[test]
fn downstream_sections_carry_what_is_sent() {
    let (offer, written) = answered(RECVONLY);
    let ours = read(&written);
    assert_eq!(ours.bundle, offer.bundle);
    assert!(ours.ice_lite);
    for (index, (section, theirs)) in ours.sections.iter().zip(&offer.sections).enumerate() {
        assert_eq!(section.mid, theirs.mid);
        assert_eq!(section.setup, Some(Setup::Passive));
        if section.kind == Kind::Application {
            continue;
        }
        let number = 1000 + 2 * index as u32;
        assert_eq!(section.direction, Direction::SendOnly);
        assert_eq!(
            section.msid,
            Some(Msid {
                stream: "PA_a|camera".into(),
                track: format!("TR_{number}")
            })
        );
        assert_eq!(section.media_ssrcs(), [number]);
        let rtx = (section.kind == Kind::Video).then_some(number + 1);
        assert_eq!(section.rtx_of(number), rtx);
        assert!(section.ssrcs.iter().all(|source| source.cname == "PA_a"));
    }
    // The other sections share the transport of the first.
    assert_eq!(ours.sections[0].candidates.len(), 2);
    assert!(ours.sections[1..]
        .iter()
        .all(|section| section.candidates.is_empty()));
}

#[test]
fn every_answer_is_read_by_another_reader() {
    for text in ALL {
        let (offer, written) = answered(text);
        let session = webrtc_sdp::parse_sdp(&written, true).unwrap_or_else(|e| panic!("{e}\n{written}"));
        assert_eq!(session.media.len(), offer.sections.len());
    }
}

#[test]
fn a_hundred_sections_are_read_and_answered() {
    let start = RECVONLY.find("m=").unwrap();
    let sections: Vec<String> = RECVONLY[start..]
        .split_inclusive("\r\n")
        .fold(Vec::new(), |mut list: Vec<String>, line| {
            if line.starts_with("m=") {
                list.push(String::new());
            }
            list.last_mut().unwrap().push_str(line);
            list
        })
        .into_iter()
        .filter(|section| !section.starts_with("m=application"))
        .collect();
    let mut text = String::from("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    (0..100).for_each(|mid| text.push_str(&format!(" {mid}")));
    text.push_str("\r\n");
    for mid in 0..100 {
        let section = &sections[mid % sections.len()];
        let own = section.lines().find(|line| line.starts_with("a=mid:")).unwrap();
        text.push_str(&section.replace(&format!("{own}\r\n"), &format!("a=mid:{mid}\r\n")));
    }
    let (offer, written) = answered(&text);
    assert_eq!(offer.sections.len(), 100);
    let ours = read(&written);
    assert!(ours
        .sections
        .iter()
        .all(|section| section.direction == Direction::SendOnly));
}

#[test]
fn what_is_decided_is_kept_within_the_offer() {
    let offer = read(RECVONLY);
    let local = Local::new();
    // We would receive, they only receive: nobody sends.
    let decisions: Vec<Decision> = offer
        .sections
        .iter()
        .map(|section| match section.kind {
            Kind::Application => Decision::Reject,
            _ => Decision::receive(choose(section, &["opus", "VP8"], Feedback::VIDEO), vec![], vec![]),
        })
        .collect();
    let ours = read(&answer(&offer, &local.parameters(), &decisions).unwrap());
    for section in &ours.sections {
        let data = section.kind == Kind::Application;
        assert_eq!((section.rejected, section.direction), (data, Direction::Inactive));
        assert_eq!(ours.bundle.contains(&section.mid), !data);
    }
}

#[test]
fn decisions_that_do_not_fit_are_errors() {
    let offer = read(SIMULCAST);
    let local = Local::new();
    let ask = |decisions: &[Decision]| answer(&offer, &local.parameters(), decisions).unwrap_err();
    let fitting = || -> Vec<Decision> {
        offer
            .sections
            .iter()
            .enumerate()
            .map(|(i, s)| decide(i, s))
            .collect()
    };
    assert_eq!(
        ask(&fitting()[..2]),
        AnswerError::Count {
            sections: 3,
            answered: 2
        }
    );
    let mut decisions = fitting();
    decisions.swap(1, 2);
    assert_eq!(ask(&decisions), AnswerError::Kind { mid: "1".into() });
    let mut decisions = fitting();
    let Decision::Media(audio) = &mut decisions[0] else {
        panic!()
    };
    audio.codecs[0].pt = 77;
    assert_eq!(
        ask(&decisions),
        AnswerError::Codec {
            mid: "0".into(),
            pt: 77
        }
    );
    let recvonly = read(RECVONLY);
    let mut decisions: Vec<Decision> = recvonly
        .sections
        .iter()
        .enumerate()
        .map(|(i, s)| decide(i, s))
        .collect();
    let index = recvonly
        .sections
        .iter()
        .position(|s| s.kind == Kind::Audio)
        .unwrap();
    let Decision::Media(audio) = &mut decisions[index] else {
        panic!()
    };
    audio.outgoing = None;
    let mid = recvonly.sections[index].mid.clone();
    let error = answer(&recvonly, &local.parameters(), &decisions).unwrap_err();
    assert_eq!(error, AnswerError::Outgoing { mid });
}

#[test]
fn no_value_starts_a_line_of_its_own() {
    let offer = read(RECVONLY);
    let local = Local::new();
    let mut decisions: Vec<Decision> = offer
        .sections
        .iter()
        .enumerate()
        .map(|(i, s)| decide(i, s))
        .collect();
    for decision in &mut decisions {
        if let Decision::Media(media) = decision {
            media.outgoing.as_mut().unwrap().stream = "PA_a\r\na=ice-pwd:stolen\n".into();
        }
    }
    let written = answer(&offer, &local.parameters(), &decisions).unwrap();
    assert!(!written
        .lines()
        .any(|line| line.contains("stolen") && !line.contains("msid:PA_a")));
}

#[test]
fn opus_says_what_each_side_wants() {
    let offered = "minptime=10;useinbandfec=1;stereo=1;usedtx=1";
    let plain = opus_receive(offered, OpusWishes::default());
    assert_eq!(plain, "minptime=10;useinbandfec=1");
    let music = OpusWishes {
        stereo: true,
        dtx: true,
        max_average_bitrate_bps: Some(510_000),
    };
    let asked = opus_receive(offered, music);
    assert_eq!(
        asked,
        "minptime=10;useinbandfec=1;usedtx=1;stereo=1;maxaveragebitrate=510000"
    );
    assert_eq!(opus_receive(&asked, music), asked);
    assert_eq!(
        opus_send("minptime=10", true),
        "minptime=10;sprop-stereo=1;stereo=1"
    );
    assert_eq!(opus_send("minptime=10;sprop-stereo=1", false), "minptime=10");
}

#[test]
fn red_is_only_taken_with_its_opus() {
    let offer = read(SIMULCAST);
    let audio = &offer.sections[0];
    let names =
        |chosen: Vec<CodecLine>| -> Vec<String> { chosen.into_iter().map(|codec| codec.name).collect() };
    assert_eq!(
        names(choose(audio, &["red", "opus"], Feedback::AUDIO)),
        ["red", "opus"]
    );
    assert!(choose(audio, &["red"], Feedback::AUDIO).is_empty());
}
