//! The attributes that hang on payload types: `rtpmap`, `fmtp`, `rtcp-fb` and the formats of the `m=` line. Called by `attribute`
//! only.
use super::attribute::{push, MAX_TOKEN};
use super::model::{CodecLine, Feedback, Section};
use super::parse::Fault;

const MAX_CODECS: usize = 128;

pub(super) fn codec_lines(formats: &str) -> Result<Vec<CodecLine>, Fault> {
    let mut codecs: Vec<CodecLine> = Vec::new();
    for word in formats.split_ascii_whitespace() {
        let pt = payload_type(word)?;
        if codecs.iter().any(|codec| codec.pt == pt) {
            continue;
        }
        if codecs.len() >= MAX_CODECS {
            return Err(Fault::TooMany {
                what: "codecs",
                limit: MAX_CODECS,
            });
        }
        let (name, clock_rate) = static_codec(pt);
        let (fmtp, feedback) = (String::new(), Feedback::default());
        let name = name.to_owned();
        codecs.push(CodecLine {
            pt,
            name,
            clock_rate,
            channels: 1,
            fmtp,
            feedback,
            rtx_pt: None,
        });
    }
    Ok(codecs)
}

/// Payload types that need no `rtpmap` (RFC 3551 §6), as far as WebRTC uses them.
fn static_codec(pt: u8) -> (&'static str, u32) {
    match pt {
        0 => ("PCMU", 8000),
        8 => ("PCMA", 8000),
        9 => ("G722", 8000),
        13 => ("CN", 8000),
        _ => ("", 0),
    }
}

pub(super) fn payload_type(word: &str) -> Result<u8, Fault> {
    word.parse()
        .ok()
        .filter(|pt| *pt <= 127)
        .ok_or(Fault::Expected("a payload type from 0 to 127"))
}

/// Splits `<payload type> <rest>`.
fn typed<'v>(value: &'v str, expected: &'static str) -> Result<(u8, &'v str), Fault> {
    let (pt, rest) = value.trim().split_once(' ').ok_or(Fault::Expected(expected))?;
    Ok((payload_type(pt)?, rest.trim()))
}

fn codec_mut(section: &mut Section, pt: u8) -> Option<&mut CodecLine> {
    section.codecs.iter_mut().find(|codec| codec.pt == pt)
}

/// `a=rtpmap:<pt> <name>/<clock>[/<channels>]` (RFC 8866 §6.6).
pub(super) fn rtpmap(section: &mut Section, value: &str) -> Result<(), Fault> {
    const SHAPE: &str = "rtpmap:<payload type> <name>/<clock rate>[/<channels>]";
    let (pt, rest) = typed(value, SHAPE)?;
    let mut parts = rest.split('/');
    let name = parts
        .next()
        .filter(|name| !name.is_empty() && name.len() <= MAX_TOKEN);
    let name = name.ok_or(Fault::Expected(SHAPE))?;
    let clock_rate = parts
        .next()
        .and_then(|rate| rate.trim().parse().ok())
        .ok_or(Fault::Expected(SHAPE))?;
    let channels = match parts.next() {
        Some(word) => word
            .trim()
            .parse()
            .ok()
            .filter(|n| *n > 0)
            .ok_or(Fault::Expected(SHAPE))?,
        None => 1,
    };
    if let Some(codec) = codec_mut(section, pt) {
        name.clone_into(&mut codec.name);
        codec.clock_rate = clock_rate;
        codec.channels = channels;
    }
    Ok(())
}

/// `a=fmtp:<pt> <parameters>` (RFC 8866 §6.15), `apt=` of RTX (RFC 4588 §8.1).
pub(super) fn fmtp(section: &mut Section, rtx: &mut Vec<(u8, u8)>, value: &str) -> Result<(), Fault> {
    let (pt, rest) = typed(value, "fmtp:<payload type> <parameters>")?;
    if let Some(apt) = super::fmtp::parameter(rest, "apt") {
        push(
            rtx,
            (pt, payload_type(apt)?),
            "retransmission formats",
            MAX_CODECS,
        )?;
    }
    if let Some(codec) = codec_mut(section, pt) {
        rest.clone_into(&mut codec.fmtp);
    }
    Ok(())
}

/// `a=rtcp-fb:<pt or *> <what>` (RFC 4585 §4.2).
pub(super) fn feedback(section: &mut Section, value: &str) -> Result<(), Fault> {
    let (pt, what) = value
        .trim()
        .split_once(' ')
        .ok_or(Fault::Expected("rtcp-fb:<payload type or *> <kind of feedback>"))?;
    let mut feedback = Feedback::default();
    match what.trim() {
        "nack" => feedback.nack = true,
        "nack pli" => feedback.pli = true,
        "ccm fir" => feedback.fir = true,
        "goog-remb" => feedback.remb = true,
        "transport-cc" => feedback.transport_cc = true,
        _ => return Ok(()),
    }
    let all = pt == "*";
    let pt = if all { 0 } else { payload_type(pt)? };
    for codec in section.codecs.iter_mut().filter(|codec| all || codec.pt == pt) {
        codec.feedback = codec.feedback.or(feedback);
    }
    Ok(())
}
