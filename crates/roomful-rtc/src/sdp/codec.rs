//! Codecs: the table of our own offers, and matching of lines of two descriptions.
//!
//! Called by the router. Payload types of our offers are the same in every section, as BUNDLE demands; in answers the
//! offerer's are echoed.
use super::model::{CodecLine, Feedback, Kind, Section};

struct Row {
    name: &'static str,
    pt: u8,
    clock_rate: u32,
    channels: u8,
    fmtp: &'static str,
    rtx_pt: Option<u8>,
}

const fn video(name: &'static str, pt: u8, rtx_pt: u8, fmtp: &'static str) -> Row {
    Row {
        name,
        pt,
        clock_rate: 90_000,
        channels: 1,
        fmtp,
        rtx_pt: Some(rtx_pt),
    }
}

const fn audio(name: &'static str, pt: u8, clock_rate: u32, channels: u8, fmtp: &'static str) -> Row {
    Row {
        name,
        pt,
        clock_rate,
        channels,
        fmtp,
        rtx_pt: None,
    }
}

/// H.264 parameters: constrained baseline 3.1 and constrained high 3.1 (RFC 6184 §8.1).
const BASELINE: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
const HIGH: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f";

const AUDIO: [Row; 4] = [
    audio("opus", 111, 48_000, 2, "minptime=10;useinbandfec=1"),
    audio("red", 63, 48_000, 2, "111/111"),
    audio("PCMU", 0, 8_000, 1, ""),
    audio("PCMA", 8, 8_000, 1, ""),
];

const VIDEO: [Row; 6] = [
    video("VP8", 96, 97, ""),
    video("VP9", 98, 99, "profile-id=0"),
    video("H264", 102, 103, BASELINE),
    video("H264", 104, 105, HIGH),
    video("AV1", 106, 107, "level-idx=5;profile=0;tier=0"),
    video(
        "H265",
        108,
        109,
        "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST",
    ),
];

impl Row {
    fn line(&self, feedback: Feedback) -> CodecLine {
        CodecLine {
            pt: self.pt,
            name: self.name.to_owned(),
            clock_rate: self.clock_rate,
            channels: self.channels,
            fmtp: self.fmtp.to_owned(),
            feedback,
            rtx_pt: self.rtx_pt,
        }
    }
}

/// Lines of our own offers for the named codecs, in the order of the names. A name may have several lines (H264);
/// unknown names have none.
pub fn offered(kind: Kind, names: &[&str]) -> Vec<CodecLine> {
    let (rows, feedback): (&[Row], _) = match kind {
        Kind::Audio => (&AUDIO, Feedback::AUDIO),
        Kind::Video => (&VIDEO, Feedback::VIDEO),
        Kind::Application | Kind::Other => (&[], Feedback::default()),
    };
    let named = names
        .iter()
        .flat_map(|name| rows.iter().filter(|row| row.name.eq_ignore_ascii_case(name)));
    named.map(|row| row.line(feedback)).collect()
}

/// Lines of an offered section for the named codecs, in the order of the names and then of the offer, with the feedback
/// that both sides speak. RED is taken only next to the Opus it carries.
pub fn choose(section: &Section, names: &[&str], feedback: Feedback) -> Vec<CodecLine> {
    let mut chosen: Vec<CodecLine> = Vec::new();
    for name in names {
        for codec in section.codecs.iter().filter(|codec| codec.is(name)) {
            if chosen.iter().any(|other| other.pt == codec.pt) {
                continue;
            }
            let mut codec = codec.clone();
            codec.feedback = if codec.is("red") {
                Feedback::default()
            } else {
                codec.feedback.and(feedback)
            };
            chosen.push(codec);
        }
    }
    let opus: Vec<u8> = chosen
        .iter()
        .filter(|codec| codec.is("opus"))
        .map(|codec| codec.pt)
        .collect();
    chosen.retain(|codec| !codec.is("red") || opus.iter().any(|pt| red_carries(codec, *pt)));
    chosen
}

/// Whether a RED line (RFC 2198) carries that payload type.
pub fn red_carries(red: &CodecLine, pt: u8) -> bool {
    red.fmtp.split('/').any(|entry| entry.trim().parse() == Ok(pt))
}

/// Whether a packet of one line can be decoded as the other: same codec, clock and profile. Levels are not compared.
pub fn same_format(one: &CodecLine, other: &CodecLine) -> bool {
    one.is(&other.name)
        && one.clock_rate == other.clock_rate
        && one.channels == other.channels
        && profile(one) == profile(other)
}

/// The line of a section in which packets of `codec` can go; an exact match of the parameters comes before others.
pub fn compatible<'a>(section: &'a Section, codec: &CodecLine) -> Option<&'a CodecLine> {
    let exact = |line: &&CodecLine| same_format(line, codec) && line.fmtp.eq_ignore_ascii_case(&codec.fmtp);
    let lines = || section.codecs.iter();
    lines()
        .find(exact)
        .or_else(|| lines().find(|line| same_format(line, codec)))
}

/// What distinguishes lines of one codec that cannot stand for each other.
fn profile(codec: &CodecLine) -> (u32, u32) {
    let number = |key: &str, default: u32| {
        codec
            .parameter(key)
            .map_or(default, |v| v.parse().unwrap_or(default))
    };
    if codec.is("H264") {
        // profile_idc alone: constrained and plain baseline decode alike in every browser (RFC 6184 §8.1).
        let idc = codec.parameter("profile-level-id").and_then(|id| id.get(..2));
        let idc = idc
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .unwrap_or(0x42);
        return (idc, number("packetization-mode", 0));
    }
    if codec.is("VP9") {
        return (number("profile-id", 0), 0);
    }
    if codec.is("AV1") {
        return (number("profile", 0), 0);
    }
    if codec.is("H265") {
        return (number("profile-id", 1), 0);
    }
    (0, 0)
}
