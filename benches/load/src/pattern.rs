//! What the publishers send: frames cut as libwebrtc cuts them, each packet marked with a number and a time.
//!
//! Frame sizes vary as an encoder's do around 2 Mbit/s at 30 frames a second, and a frame is split into about equal
//! packets whose sizes differ by one byte at most, the smaller ones first; so runs of equal size stay short.

/// Bytes of a frame, in turn: 30 frames that make 250,000 bytes, so 2 Mbit/s.
const FRAMES: [usize; 30] = [
    8120, 7450, 9030, 8610, 7890, 10240, 8020, 7610, 8890, 9420, 7330, 8480, 8150, 11060, 7740, 7980, 8270,
    9150, 8690, 7520, 8040, 9870, 8410, 7260, 7690, 8950, 7830, 8340, 8560, 5400,
];
const KEY_FRAME: usize = 26_000;
/// The most a packet's payload has (libwebrtc: 1,200 bytes less headers, extensions and room for RTX).
const LIMIT: usize = 1_160;
const MAGIC: [u8; 4] = *b"rFul";
/// Magic, number, nanoseconds.
pub const MARK: usize = 20;

/// Sizes of the packets of frame `index`.
pub fn split(index: usize, key: bool) -> Vec<usize> {
    let bytes = if key {
        KEY_FRAME
    } else {
        FRAMES[index % FRAMES.len()]
    };
    let count = bytes.div_ceil(LIMIT);
    let larger = bytes % count;
    (0..count)
        .map(|i| bytes / count + usize::from(i >= count - larger))
        .collect()
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
