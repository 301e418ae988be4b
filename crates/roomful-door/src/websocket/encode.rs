//! Frames to send (RFC 6455 §5.2). A server's are not masked, so one frame serves any number of receivers.
use super::{unmask, Kind};
use bytes::{BufMut, Bytes, BytesMut};

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A later part of a message.
    Continuation,
    /// A message, or its first part.
    Text,
    /// A message, or its first part.
    Binary,
    /// The last frame.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    pub(super) fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// What message it begins.
    pub(super) fn kind(self) -> Option<Kind> {
        match self {
            Self::Text => Some(Kind::Text),
            Self::Binary => Some(Kind::Binary),
            _ => None,
        }
    }

    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl From<Kind> for Opcode {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
        }
    }
}

/// One whole unmasked frame.
pub fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + 10);
    head(&mut out, opcode, true, 0, payload.len());
    out.put_slice(payload);
    out.freeze()
}

/// A close frame. Codes that nobody may send make an empty one; the reason is cut to 123 bytes at a character.
pub fn close_frame(code: u16, reason: &str) -> Bytes {
    if !super::CloseReason::may_be_sent(code) {
        return frame(Opcode::Close, &[]);
    }
    let mut cut = reason.len().min(123);
    while !reason.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.get(..cut).unwrap_or("").as_bytes());
    frame(Opcode::Close, &payload)
}

/// A frame as clients send it: for tests and load clients.
pub fn masked_frame(opcode: Opcode, fin: bool, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut out = BytesMut::with_capacity(payload.len() + 14);
    head(&mut out, opcode, fin, 0x80, payload.len());
    out.put_slice(&key);
    let from = out.len();
    out.put_slice(payload);
    unmask(out.get_mut(from..).unwrap_or_default(), key, 0);
    out.to_vec()
}

fn head(out: &mut BytesMut, opcode: Opcode, fin: bool, mask: u8, length: usize) {
    out.put_u8(opcode.bits() | if fin { 0x80 } else { 0 });
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.put_u8(mask | short),
        (_, Ok(medium)) => {
            out.put_u8(mask | 126);
            out.put_u16(medium);
        }
        _ => {
            out.put_u8(mask | 127);
            out.put_u64(length as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_fewest_bytes() {
        for (length, head) in [
            (0, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65535, &[0x82, 126, 0xff, 0xff]),
            (65536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let made = frame(Opcode::Binary, &vec![7; length]);
            assert_eq!(&made[..head.len()], head);
            assert_eq!(made.len(), head.len() + length);
        }
    }

    #[test]
    fn a_close_frame_is_never_too_long_and_never_forbidden() {
        let long = close_frame(1008, &"é".repeat(100));
        assert_eq!(long.len(), 2 + 2 + 122);
        assert_eq!(&close_frame(1006, "x")[..], [0x88, 0]);
        assert_eq!(&close_frame(1000, "")[..], [0x88, 2, 0x03, 0xe8]);
    }
}
