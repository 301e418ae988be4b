//! RFC 6455 frames as a client needs them here: a masked text frame, and where server frames end.

/// A whole masked text frame. The mask is constant: nobody listens in.
pub fn masked(text: &str) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let payload = text.as_bytes();
    let mut out = vec![0x81];
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | short as u8),
        long => {
            out.push(0x80 | 126);
            out.extend((long as u16).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    out
}

/// A frame of a server: its first byte, payload, and length with the header.
pub struct Frame<'a> {
    pub first: u8,
    pub payload: &'a [u8],
    pub whole: usize,
}

/// None when it is not all there.
pub fn read(bytes: &[u8]) -> Option<Frame<'_>> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, header) = match second & 0x7f {
        126 => (
            usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
            4,
        ),
        127 => (
            u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize,
            10,
        ),
        short => (usize::from(short), 2),
    };
    let payload = bytes.get(header..header + length)?;
    Some(Frame {
        first,
        payload,
        whole: header + length,
    })
}
