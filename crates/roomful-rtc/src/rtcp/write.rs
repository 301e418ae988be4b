//! Writers: each appends one packet to the caller's buffer.
use super::report::ReportBlock;
use super::SenderReport;

fn word(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Starts a packet; [`finish`] fills in its length.
pub(super) fn start(out: &mut Vec<u8>, count: u8, kind: u8) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0x80 | count & 0x1f, kind, 0, 0]);
    at
}

pub(super) fn finish(out: &mut Vec<u8>, at: usize) {
    while (out.len() - at) % 4 != 0 {
        out.push(0);
    }
    let words = ((out.len() - at) / 4 - 1) as u16;
    if let Some(length) = out.get_mut(at + 2..at + 4) {
        length.copy_from_slice(&words.to_be_bytes());
    }
}

/// RFC 3550 §6.4.1, without report blocks.
pub fn sender_report(out: &mut Vec<u8>, report: &SenderReport) {
    let at = start(out, 0, 200);
    word(out, report.ssrc);
    out.extend_from_slice(&report.ntp.to_be_bytes());
    word(out, report.rtp);
    word(out, report.packets);
    word(out, report.octets);
    finish(out, at);
}

/// RFC 3550 §6.4.2; more than 31 blocks are split over several packets.
pub fn receiver_report(out: &mut Vec<u8>, sender: u32, blocks: &[ReportBlock]) {
    if blocks.is_empty() {
        let at = start(out, 0, 201);
        word(out, sender);
        finish(out, at);
    }
    for part in blocks.chunks(31) {
        let at = start(out, part.len() as u8, 201);
        word(out, sender);
        for block in part {
            block.write(out);
        }
        finish(out, at);
    }
}

/// RFC 3550 §6.5 with a CNAME (at most 255 bytes are written).
pub fn cname(out: &mut Vec<u8>, ssrc: u32, name: &str) {
    let name = name.as_bytes().get(..name.len().min(255)).unwrap_or(&[]);
    let at = start(out, 1, 202);
    word(out, ssrc);
    out.extend_from_slice(&[1, name.len() as u8]);
    out.extend_from_slice(name);
    out.push(0);
    finish(out, at);
}

/// RFC 3550 §6.6.
pub fn bye(out: &mut Vec<u8>, ssrc: u32) {
    let at = start(out, 1, 203);
    word(out, ssrc);
    finish(out, at);
}

/// RFC 4585 §6.3.1.
pub fn pli(out: &mut Vec<u8>, sender: u32, ssrc: u32) {
    let at = start(out, 1, 206);
    word(out, sender);
    word(out, ssrc);
    finish(out, at);
}

/// RFC 5104 §4.3.1; `number` counts requests.
pub fn fir(out: &mut Vec<u8>, sender: u32, ssrc: u32, number: u8) {
    let at = start(out, 4, 206);
    word(out, sender);
    word(out, 0);
    word(out, ssrc);
    out.extend_from_slice(&[number, 0, 0, 0]);
    finish(out, at);
}

/// RFC 4585 §6.2.1. `sequences` in rising order make the shortest packet; at most 16 of one mask are joined.
pub fn nack(out: &mut Vec<u8>, sender: u32, ssrc: u32, sequences: &[u16]) {
    let at = start(out, 1, 205);
    word(out, sender);
    word(out, ssrc);
    let mut left = sequences;
    while let Some((&first, rest)) = left.split_first() {
        let mut mask = 0u16;
        let mut taken = 0;
        for next in rest {
            match next.wrapping_sub(first) {
                step @ 1..=16 => mask |= 1 << (step - 1),
                _ => break,
            }
            taken += 1;
        }
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&mask.to_be_bytes());
        left = rest.get(taken..).unwrap_or(&[]);
    }
    finish(out, at);
}

/// draft-alvestrand-rmcat-remb-03 §2.2.
pub fn remb(out: &mut Vec<u8>, sender: u32, bitrate_bps: u64, ssrcs: &[u32]) {
    let at = start(out, 15, 206);
    word(out, sender);
    word(out, 0);
    out.extend_from_slice(b"REMB");
    let exponent = (64 - bitrate_bps.leading_zeros()).saturating_sub(18);
    let mantissa = (bitrate_bps >> exponent) as u32 & 0x3_ffff;
    let ssrcs = ssrcs.get(..ssrcs.len().min(255)).unwrap_or(&[]);
    word(out, (ssrcs.len() as u32) << 24 | exponent << 18 | mantissa);
    for ssrc in ssrcs {
        word(out, *ssrc);
    }
    finish(out, at);
}
