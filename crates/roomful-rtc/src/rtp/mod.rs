//! RTP (RFC 3550): the header, its extensions, sequence arithmetic, RTX and RED.
//!
//! Called by `srtp` (which must find the payload) and by the router. Never allocates; borrows what it parses.
pub mod extension;
pub mod sequence;

pub use extension::{Extension, ExtensionMap, Extensions};
pub use sequence::extend;

/// The fixed header and where the payload begins (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// End of a video frame, or start of a talk spurt.
    pub marker: bool,
    /// 0–127.
    pub payload_type: u8,
    /// As on the wire.
    pub sequence: u16,
    /// In the codec's clock.
    pub timestamp: u32,
    /// The stream.
    pub ssrc: u32,
    /// Bytes of header with CSRCs and extensions; the payload begins here.
    pub header_len: usize,
    /// The last byte of the (decrypted) payload counts padding.
    pub has_padding: bool,
    /// Offset of the extension block's profile word, 0 when there is none.
    extension_at: usize,
}

/// Smallest header.
pub const MIN_HEADER: usize = 12;

impl RtpHeader {
    /// Reads a header; `None` for anything that is not RTP version 2 or is cut short.
    #[inline]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; MIN_HEADER] = packet.first_chunk()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut header_len = MIN_HEADER + 4 * usize::from(fixed[0] & 0x0f);
        let mut extension_at = 0;
        if fixed[0] & 0x10 != 0 {
            let words = u16_at(packet, header_len + 2)?;
            extension_at = header_len;
            header_len += 4 + 4 * usize::from(words);
        }
        if header_len > packet.len() {
            return None;
        }
        Some(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            header_len,
            has_padding: fixed[0] & 0x20 != 0,
            extension_at,
        })
    }

    /// The extensions of the packet this header was read from.
    #[inline]
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        if self.extension_at == 0 {
            return Extensions::none();
        }
        let profile = u16_at(packet, self.extension_at).unwrap_or(0);
        let body = packet.get(self.extension_at + 4..self.header_len).unwrap_or(&[]);
        Extensions::new(profile, body)
    }

    /// The payload less padding; `None` when the padding count is a lie (RFC 3550 §5.1).
    #[inline]
    pub fn payload<'a>(&self, plain: &'a [u8]) -> Option<&'a [u8]> {
        let payload = plain.get(self.header_len..)?;
        if !self.has_padding {
            return Some(payload);
        }
        let padding = usize::from(*payload.last()?);
        if padding == 0 {
            return None;
        }
        payload.get(..payload.len().checked_sub(padding)?)
    }
}

/// The header to write in front of a payload.
#[derive(Clone, Copy, Debug)]
pub struct NewHeader {
    /// See [`RtpHeader`].
    pub marker: bool,
    /// See [`RtpHeader`].
    pub payload_type: u8,
    /// See [`RtpHeader`].
    pub sequence: u16,
    /// See [`RtpHeader`].
    pub timestamp: u32,
    /// See [`RtpHeader`].
    pub ssrc: u32,
}

impl NewHeader {
    /// Writes the fixed header and, when `extensions` is not empty, the extension block (see [`extension::Block`]).
    /// Returns the header's length; `None` when `out` is too short.
    #[inline]
    pub fn write(&self, extensions: &extension::Block, out: &mut [u8]) -> Option<usize> {
        let block = extensions.bytes();
        let len = MIN_HEADER + block.len();
        let fixed: &mut [u8; MIN_HEADER] = out.first_chunk_mut()?;
        fixed[0] = 0x80 | if block.is_empty() { 0 } else { 0x10 };
        fixed[1] = (self.payload_type & 0x7f) | if self.marker { 0x80 } else { 0 };
        fixed[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        out.get_mut(MIN_HEADER..len)?.copy_from_slice(block);
        Some(len)
    }
}

/// The original sequence number and payload of an RTX packet (RFC 4588 §4).
#[inline]
pub fn rtx_payload(payload: &[u8]) -> Option<(u16, &[u8])> {
    let (head, rest) = payload.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*head), rest))
}

/// The primary (newest) block of a RED payload and its payload type (RFC 2198 §3); `None` when malformed.
pub fn red_primary(payload: &[u8]) -> Option<(u8, &[u8])> {
    let mut at = 0;
    let mut redundant = 0usize;
    loop {
        let head = *payload.get(at)?;
        if head & 0x80 == 0 {
            let start = (at + 1).checked_add(redundant)?;
            return Some((head & 0x7f, payload.get(start..)?));
        }
        redundant += usize::from(u16_at(payload, at + 2)? & 0x03ff);
        at += 4;
    }
}

#[inline]
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_with_csrcs_extension_and_padding_is_read() {
        let mut packet = vec![0xb1, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7, 1, 2, 3, 4];
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
        packet.extend([1, 2, 3, 0, 0, 3]);
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(
            (header.header_len, header.marker, header.payload_type),
            (24, true, 96)
        );
        assert_eq!((header.sequence, header.timestamp, header.ssrc), (0x1234, 9, 7));
        assert_eq!(header.payload(&packet), Some(&[1u8, 2, 3][..]));
        assert_eq!(
            header.extensions(&packet).collect::<Vec<_>>(),
            vec![(1, &[0xaau8][..])]
        );
    }

    #[test]
    fn padding_longer_than_the_payload_is_refused() {
        let packet = [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.payload(&packet), None);
    }

    #[test]
    fn the_primary_block_of_red_is_found() {
        let red = [0x80 | 111, 0, 0x10, 2, 111, 9, 9, 7, 8];
        assert_eq!(red_primary(&red), Some((111, &[7u8, 8][..])));
        assert_eq!(red_primary(&[0x80, 0]), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(marker: bool, pt in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32, level in 0u8..128) {
            let mut block = extension::Block::default();
            block.push(3, &[level]);
            block.push(15, b"mid-with-17-bytes");
            let mut out = [0u8; 128];
            let len = NewHeader { marker, payload_type: pt, sequence, timestamp, ssrc }.write(&block, &mut out).unwrap();
            let header = RtpHeader::parse(&out).unwrap();
            prop_assert_eq!(header.header_len, len);
            prop_assert_eq!((header.marker, header.payload_type, header.sequence), (marker, pt, sequence));
            prop_assert_eq!((header.timestamp, header.ssrc), (timestamp, ssrc));
            let got: Vec<_> = header.extensions(&out).collect();
            let level = [level];
            prop_assert_eq!(got, vec![(3u8, &level[..]), (15u8, &b"mid-with-17-bytes"[..])]);
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(header) = RtpHeader::parse(&bytes) {
                let _ = header.payload(&bytes);
                let _ = header.extensions(&bytes).count();
            }
            let _ = red_primary(&bytes);
            let _ = rtx_payload(&bytes);
        }
    }
}
