//! The VP9 payload descriptor (RFC 9628 §4.2).
use super::PacketInfo;

/// A key frame begins in a packet that starts a frame, is not inter-picture predicted and is of the lowest spatial layer.
#[inline]
pub fn inspect(payload: &[u8]) -> PacketInfo {
    read(payload).unwrap_or_default()
}

fn read(payload: &[u8]) -> Option<PacketInfo> {
    let first = *payload.first()?;
    let (has_picture, predicted, layered, begins) =
        (first & 0x80 != 0, first & 0x40 != 0, first & 0x20 != 0, first & 0x08 != 0);
    let mut at = 1;
    if has_picture {
        at += if *payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
    }
    let (mut spatial, mut temporal) = (0, 0);
    if layered {
        let byte = *payload.get(at)?;
        temporal = byte >> 5;
        spatial = byte >> 1 & 0x07;
    }
    Some(PacketInfo { key_start: begins && !predicted && spatial == 0, spatial, temporal })
}
