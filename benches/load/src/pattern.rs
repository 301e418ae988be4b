//! What the publishers send: frames in the sizes that Chromium sent, each packet marked with a number and a time.
//!
//! The sizes are recorded (`tests/media/fixtures/vp8.json`: 120 frames of 1280×720 at 30 a second, about 1.8 Mbit/s, each packet
//! as libwebrtc cut it). They come again from the start when they are through; a key frame that a server asks for has the sizes of
//! the recording's largest frame.
use std::sync::OnceLock;

const RECORDED: &str = include_str!("../../../tests/media/fixtures/vp8.json");
const MAGIC: [u8; 4] = *b"rFul";
/// Bytes of a packet's payload at most.
const LONGEST: usize = 1_160;
/// Magic, number, nanoseconds.
pub const MARK: usize = 20;

/// A size of the picture: what simulcast sends of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Quarter,
    Half,
    Full,
}

impl Layer {
    pub const ALL: [Self; 3] = [Self::Quarter, Self::Half, Self::Full];

    pub fn rid(self) -> &'static str {
        match self {
            Self::Quarter => "q",
            Self::Half => "h",
            Self::Full => "f",
        }
    }

    /// By how much smaller than the recording: about as LiveKit's clients share 1.7 Mbit/s, 450 and 150 kbit/s.
    fn divisor(self) -> usize {
        match self {
            Self::Quarter => 12,
            Self::Half => 4,
            Self::Full => 1,
        }
    }
}

/// Sizes of the packets of frame `index`, payload descriptor included; empty only when the recording cannot be read.
pub fn split(index: usize, key: bool, layer: Layer) -> &'static [usize] {
    static FRAMES: OnceLock<[Vec<Vec<usize>>; 3]> = OnceLock::new();
    let layers = FRAMES.get_or_init(|| {
        let full = recorded(RECORDED);
        let smaller = |layer: Layer| {
            full.iter()
                .map(|sizes| cut(sizes.iter().sum::<usize>() / layer.divisor()))
                .collect()
        };
        [smaller(Layer::Quarter), smaller(Layer::Half), full.clone()]
    });
    let frames = &layers[layer as usize];
    let largest = || frames.iter().max_by_key(|sizes| sizes.iter().sum::<usize>());
    let next = || frames.get(index % frames.len().max(1));
    if key { largest() } else { next() }.map_or(&[], Vec::as_slice)
}

/// A frame's packets as libwebrtc cuts it: about equal, the shorter ones first.
fn cut(bytes: usize) -> Vec<usize> {
    let count = bytes.div_ceil(LONGEST);
    let longer = bytes % count.max(1);
    (0..count)
        .map(|n| (bytes / count + usize::from(n + longer >= count)).max(MARK + 16))
        .collect()
}

/// A recording's payload sizes, one list for each frame (packets of one timestamp).
fn recorded(text: &str) -> Vec<Vec<usize>> {
    let recording: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let mut frames: Vec<Vec<usize>> = vec![];
    let mut last = None;
    for row in recording["packets"].as_array().into_iter().flatten() {
        // Columns: arrival, timestamp, marker, bytes of header and of payload.
        let (timestamp, payload) = (row[1].as_u64(), row[4].as_u64().unwrap_or(0) as usize);
        match frames.last_mut().filter(|_| last == timestamp) {
            Some(sizes) => sizes.push(payload),
            None => frames.push(vec![payload]),
        }
        last = timestamp;
    }
    frames
}

/// One packet of a VP8 frame (RFC 7741 §4.2, §4.3): descriptor with a 15-bit picture id, frame header, filling, mark.
pub fn vp8(size: usize, first: bool, key: bool, picture: u16, number: u64, now_ns: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(size);
    out.extend([0x80 | if first { 0x10 } else { 0 }, 0x80]);
    out.extend((0x8000 | picture).to_be_bytes());
    if first {
        out.extend([u8::from(!key), 0, 0]);
        if key {
            out.extend([0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]);
        }
    }
    finish(out, size, number, now_ns)
}

/// One Opus packet of 80–120 bytes, as speech makes them (TOC: 20 ms CELT, full band, mono).
pub fn opus(index: usize, number: u64, now_ns: u64) -> Vec<u8> {
    const SIZES: [usize; 13] = [98, 104, 91, 117, 86, 109, 95, 112, 82, 101, 120, 89, 106];
    finish(vec![0xf8], SIZES[index % SIZES.len()], number, now_ns)
}

fn finish(mut out: Vec<u8>, size: usize, number: u64, now_ns: u64) -> Vec<u8> {
    out.resize(size.max(out.len() + MARK) - MARK, 0xa5);
    out.extend(MAGIC);
    out.extend(number.to_be_bytes());
    out.extend(now_ns.to_be_bytes());
    out
}

/// Number and send time of a packet we made; `None` for what a server adds (silence, padding).
pub fn read(payload: &[u8]) -> Option<(u64, u64)> {
    let (magic, rest) = payload
        .get(payload.len().checked_sub(MARK)?..)?
        .split_first_chunk::<4>()?;
    let (number, time) = rest.split_first_chunk::<8>()?;
    let time: [u8; 8] = time.try_into().ok()?;
    (*magic == MAGIC).then(|| (u64::from_be_bytes(*number), u64::from_be_bytes(time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_what_was_recorded() {
        let frames = recorded(RECORDED);
        assert_eq!(frames.len(), 120);
        assert_eq!(frames.iter().flatten().sum::<usize>() * 8 / 4, 1_845_080);
        assert_eq!(split(0, false, Layer::Full), [1029; 8]);
        assert_eq!(split(120, false, Layer::Full), split(0, false, Layer::Full));
        assert_eq!(split(7, true, Layer::Full).iter().sum::<usize>(), 24_077);
        assert_eq!(split(0, false, Layer::Half), [1029; 2]);
        assert_eq!(split(0, false, Layer::Quarter), [686]);
        assert_eq!(cut(2_325), [775; 3]);
        assert_eq!(cut(2_326), [775, 775, 776]);
        assert!(frames.iter().flatten().all(|size| (MARK..1200).contains(size)));
    }
}
