//! Frames to RTP payloads and back: Opus (RFC 7587), VP8 (RFC 7741), H.264 (RFC 6184). Pure; never looks into what is coded beyond its
//! first bytes.
use roomful_rtc::codec::vp8::Descriptor;
use roomful_rtc::codec::Codec;

/// Most bytes of one payload: header, extensions, SRTP tag and RTX number stay within a 1,200-byte datagram.
pub const MAX_PAYLOAD: usize = 1100;
const FU_A: u8 = 28;
const STAP_A: u8 = 24;

/// Whether this can be sent and received as frames.
pub fn is_known(codec: Codec) -> bool {
    matches!(codec, Codec::Opus | Codec::Vp8 | Codec::H264)
}

/// Cuts a frame into payloads; `each(payload, last)`. `picture` numbers VP8 frames. Nothing comes of an empty frame.
pub fn split(codec: Codec, frame: &[u8], picture: u16, mut each: impl FnMut(&[u8], bool)) {
    match codec {
        Codec::Vp8 => {
            let count = frame.len().div_ceil(MAX_PAYLOAD - 4).max(1);
            let size = frame.len().div_ceil(count).max(1);
            let mut buffer = Vec::with_capacity(MAX_PAYLOAD);
            for (at, part) in frame.chunks(size).enumerate() {
                let start = if at == 0 { 0x10 } else { 0 };
                let [high, low] = (picture | 0x8000).to_be_bytes();
                buffer.clear();
                buffer.extend_from_slice(&[0x80 | start, 0x80, high, low]);
                buffer.extend_from_slice(part);
                each(&buffer, at + 1 == count);
            }
        }
        Codec::H264 => {
            let units: Vec<&[u8]> = units(frame).collect();
            for (at, unit) in units.iter().enumerate() {
                split_unit(unit, at + 1 == units.len(), &mut each);
            }
        }
        _ if !frame.is_empty() => each(frame, true),
        _ => {}
    }
}

fn split_unit(unit: &[u8], last: bool, each: &mut impl FnMut(&[u8], bool)) {
    let Some((&head, body)) = unit.split_first() else {
        return;
    };
    if unit.len() <= MAX_PAYLOAD {
        each(unit, last);
        return;
    }
    let count = body.len().div_ceil(MAX_PAYLOAD - 2);
    let size = body.len().div_ceil(count);
    let mut buffer = Vec::with_capacity(MAX_PAYLOAD);
    for (at, part) in body.chunks(size).enumerate() {
        let start = if at == 0 { 0x80 } else { 0 };
        let end = if at + 1 == count { 0x40 } else { 0 };
        buffer.clear();
        buffer.extend_from_slice(&[head & 0xe0 | FU_A, start | end | head & 0x1f]);
        buffer.extend_from_slice(part);
        each(&buffer, last && end != 0);
    }
}

/// NAL units between start codes (Annex B); a frame without one is a unit.
fn units(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts: Vec<(usize, usize)> = vec![];
    let mut at = 0;
    while let Some(found) = frame
        .get(at..)
        .and_then(|rest| rest.windows(3).position(|w| w == [0, 0, 1]))
    {
        let start = at + found;
        starts.push((start, start + 3));
        at = start + 3;
    }
    if starts.is_empty() {
        starts.push((0, 0));
    }
    let ends: Vec<usize> = starts
        .iter()
        .skip(1)
        .map(|(s, _)| *s)
        .chain([frame.len()])
        .collect();
    starts.into_iter().zip(ends).filter_map(move |((_, from), to)| {
        let unit = frame.get(from..to)?;
        // A four-byte start code, and trailing zeros, leave zeros behind.
        let length = unit.iter().rposition(|b| *b != 0)? + 1;
        unit.get(..length)
    })
}

/// Whether a payload may be the first of a frame that a decoder can go on from.
pub fn starts_frame(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Vp8 => Descriptor::parse(payload).is_some_and(|d| d.starts_frame),
        Codec::H264 => match payload {
            [head, fu, ..] if head & 0x1f == FU_A => fu & 0x80 != 0,
            [_, ..] => true,
            [] => false,
        },
        _ => true,
    }
}

/// Adds a payload to a frame; `None` when it is malformed.
pub fn join(codec: Codec, payload: &[u8], frame: &mut Vec<u8>) -> Option<()> {
    match codec {
        Codec::Vp8 => {
            let descriptor = Descriptor::parse(payload)?;
            frame.extend_from_slice(payload.get(descriptor.len..)?);
        }
        Codec::H264 => join_unit(payload, frame)?,
        _ => frame.extend_from_slice(payload),
    }
    Some(())
}

fn join_unit(payload: &[u8], frame: &mut Vec<u8>) -> Option<()> {
    let (&head, body) = payload.split_first()?;
    match head & 0x1f {
        FU_A => {
            let (&fu, part) = body.split_first()?;
            if fu & 0x80 != 0 {
                frame.extend_from_slice(&[0, 0, 0, 1, head & 0xe0 | fu & 0x1f]);
            }
            frame.extend_from_slice(part);
        }
        STAP_A => {
            let mut rest = body;
            while let Some((length, after)) = rest.split_first_chunk::<2>() {
                let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
                frame.extend_from_slice(&[0, 0, 0, 1]);
                frame.extend_from_slice(unit);
                rest = after;
            }
        }
        _ => {
            frame.extend_from_slice(&[0, 0, 0, 1]);
            frame.extend_from_slice(payload);
        }
    }
    Some(())
}

/// Whether a decoder can begin with this frame.
pub fn is_key(codec: Codec, frame: &[u8]) -> bool {
    match codec {
        Codec::Vp8 => frame.first().is_some_and(|b| b & 1 == 0),
        Codec::H264 => units(frame).any(|unit| unit.first().is_some_and(|b| b & 0x1f == 5)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn through(codec: Codec, frame: &[u8]) -> (Vec<u8>, usize) {
        let (mut out, mut count, mut ended) = (vec![], 0, false);
        split(codec, frame, 7, |payload, last| {
            assert!(payload.len() <= MAX_PAYLOAD && !ended);
            assert_eq!(
                starts_frame(codec, payload),
                count == 0 || codec == Codec::H264 && payload[0] & 0x1f != 28
            );
            join(codec, payload, &mut out).unwrap();
            count += 1;
            ended = last;
        });
        (out, count)
    }

    proptest! {
        #[test]
        fn vp8_comes_out_as_it_went_in(frame in proptest::collection::vec(any::<u8>(), 1..5000)) {
            let (out, count) = through(Codec::Vp8, &frame);
            prop_assert_eq!(count, frame.len().div_ceil(MAX_PAYLOAD - 4));
            prop_assert_eq!(out, frame);
        }

        #[test]
        fn nothing_panics(payload in proptest::collection::vec(any::<u8>(), 0..60)) {
            for codec in [Codec::Opus, Codec::Vp8, Codec::H264] {
                let mut frame = vec![];
                let _ = join(codec, &payload, &mut frame);
                let _ = (starts_frame(codec, &payload), is_key(codec, &payload));
                split(codec, &payload, 1, |_, _| {});
            }
        }
    }

    #[test]
    fn h264_units_come_out_with_start_codes() {
        let mut frame = vec![0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 1, 0x68, 9, 0, 0, 0, 1, 0x65];
        frame.extend(std::iter::repeat_n(0x55, 3000));
        let mut wanted = vec![0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 9, 0, 0, 0, 1, 0x65];
        wanted.extend(std::iter::repeat_n(0x55, 3000));
        let mut out = vec![];
        split(Codec::H264, &frame, 0, |payload, _| {
            join(Codec::H264, payload, &mut out).unwrap()
        });
        assert_eq!(out, wanted);
        assert!(is_key(Codec::H264, &out));
        assert!(!is_key(Codec::H264, &[0, 0, 1, 0x41, 5]));
    }
}
