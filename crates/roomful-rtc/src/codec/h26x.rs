//! NAL unit headers of H.264 (RFC 6184) and H.265 (RFC 7798).
use crate::rtp::u16_at;

/// Whether a decoder can start at this packet: it holds an SPS, or the beginning of an IDR picture. The second slice of a
/// picture is no beginning: its first bit after the NAL header, first_mb_in_slice as ue(v), is 0.
pub fn h264_key_start(payload: &[u8]) -> bool {
    let starts = |kind: u8, body: Option<&u8>| match kind & 0x1f {
        7 => true,
        5 => first_slice(body),
        _ => false,
    };
    let Some(&first) = payload.first() else {
        return false;
    };
    match first & 0x1f {
        24 => units(payload, 1).any(|nal| nal.first().is_some_and(|b| starts(*b, nal.get(1)))),
        28 => payload
            .get(1)
            .is_some_and(|fu| fu & 0x80 != 0 && starts(*fu, payload.get(2))),
        kind => starts(kind, payload.get(1)),
    }
}

/// The same for H.265: VPS, SPS, or the beginning of an IRAP picture (types 16–23, first_slice_segment_in_pic_flag).
pub fn h265_key_start(payload: &[u8]) -> bool {
    let starts = |kind: u8, body: Option<&u8>| match kind {
        32 | 33 => true,
        16..=23 => first_slice(body),
        _ => false,
    };
    let Some(&first) = payload.first() else {
        return false;
    };
    match first >> 1 & 0x3f {
        48 => units(payload, 2).any(|nal| nal.first().is_some_and(|b| starts(b >> 1 & 0x3f, nal.get(2)))),
        49 => payload
            .get(2)
            .is_some_and(|fu| fu & 0x80 != 0 && starts(fu & 0x3f, payload.get(3))),
        kind => starts(kind, payload.get(2)),
    }
}

fn first_slice(body: Option<&u8>) -> bool {
    body.is_some_and(|byte| byte & 0x80 != 0)
}

/// The NAL units of an aggregation packet, each behind its 16-bit length.
fn units(payload: &[u8], mut at: usize) -> impl Iterator<Item = &[u8]> {
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
        assert!(h264_key_start(&[0x65, 0x88]) && h264_key_start(&[0x7c, 0x85, 0x88]));
        assert!(
            !h264_key_start(&[0x7c, 0x05, 0x88]),
            "the middle of an IDR slice is no place to start"
        );
        assert!(
            !h264_key_start(&[0x65, 0x40]) && !h264_key_start(&[0x7c, 0x85, 0x40]),
            "nor is a second slice"
        );
        assert!(!h264_key_start(&[0x41, 0x88]));
        assert!(h265_key_start(&[0x40, 1]) && h265_key_start(&[0x62, 1, 0x93, 0x80]));
        assert!(h265_key_start(&[0x60, 1, 0, 3, 0x26, 1, 0xaf]));
        assert!(!h265_key_start(&[0x62, 1, 0x93, 0x20]) && !h265_key_start(&[0x62, 1, 0x13, 0x80]));
        assert!(!h265_key_start(&[0x02, 1]));
    }
}
