//! NAL unit headers of H.264 (RFC 6184) and H.265 (RFC 7798).
use crate::rtp::u16_at;

const H264_IDR: u8 = 5;
const H264_SPS: u8 = 7;

/// Whether a decoder can start at this packet: it holds an SPS, or the beginning of an IDR slice.
pub fn h264_key_start(payload: &[u8]) -> bool {
    let starts = |kind: u8| kind == H264_SPS || kind == H264_IDR;
    let Some(&first) = payload.first() else { return false };
    match first & 0x1f {
        24 => units(payload, 1, 0).any(|nal| nal.first().is_some_and(|b| starts(b & 0x1f))),
        28 | 29 => payload.get(1).is_some_and(|fu| fu & 0x80 != 0 && starts(fu & 0x1f)),
        kind => starts(kind),
    }
}

/// The same for H.265: VPS, SPS, or the beginning of an IRAP picture (types 16–23).
pub fn h265_key_start(payload: &[u8]) -> bool {
    let starts = |kind: u8| (16..=23).contains(&kind) || kind == 32 || kind == 33;
    let Some(&first) = payload.first() else { return false };
    match first >> 1 & 0x3f {
        48 => units(payload, 2, 0).any(|nal| nal.first().is_some_and(|b| starts(b >> 1 & 0x3f))),
        49 => payload.get(2).is_some_and(|fu| fu & 0x80 != 0 && starts(fu & 0x3f)),
        kind => starts(kind),
    }
}

/// The NAL units of an aggregation packet, each behind its 16-bit length.
fn units(payload: &[u8], header: usize, skip: usize) -> impl Iterator<Item = &[u8]> {
    let mut at = header + skip;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(payload, at)?);
        let unit = payload.get(at + 2..at + 2 + length)?;
        at += 2 + length;
        Some(unit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_are_found_however_they_are_packed() {
        assert!(h264_key_start(&[0x67, 1, 2]));
        assert!(h264_key_start(&[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1]));
        assert!(h264_key_start(&[0x7c, 0x85, 0]));
        assert!(!h264_key_start(&[0x7c, 0x05, 0]), "the middle of an IDR slice is no place to start");
        assert!(!h264_key_start(&[0x41, 0]));
        assert!(h265_key_start(&[0x40, 1]) && h265_key_start(&[0x62, 1, 0x93]));
        assert!(!h265_key_start(&[0x02, 1]));
    }
}
