//! The VP8 payload descriptor (RFC 7741 §4.2), read and rewritten in place.
use super::PacketInfo;

/// What the descriptor says, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// First packet of a frame's first partition.
    pub starts_frame: bool,
    /// 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// Counts base-layer frames.
    pub tl0_pic_idx: Option<u8>,
    /// Temporal layer.
    pub temporal: u8,
    /// A place to switch up to this temporal layer.
    pub layer_sync: bool,
    /// 5 bits.
    pub key_idx: Option<u8>,
    /// Bytes of descriptor; VP8 data begins here.
    pub len: usize,
    picture_at: usize,
    wide: bool,
    tl0_at: usize,
    key_at: usize,
}

impl Descriptor {
    /// Reads it; `None` when cut short.
    #[inline]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut d = Self {
            starts_frame: first & 0x10 != 0 && first & 0x07 == 0,
            len: 1,
            ..Self::default()
        };
        if first & 0x80 == 0 {
            return Some(d);
        }
        let flags = *payload.get(1)?;
        let mut at = 2;
        if flags & 0x80 != 0 {
            let high = *payload.get(at)?;
            d.picture_at = at;
            if high & 0x80 != 0 {
                d.wide = true;
                d.picture_id = Some(u16::from(high & 0x7f) << 8 | u16::from(*payload.get(at + 1)?));
                at += 2;
            } else {
                d.picture_id = Some(u16::from(high));
                at += 1;
            }
        }
        if flags & 0x40 != 0 {
            d.tl0_pic_idx = Some(*payload.get(at)?);
            d.tl0_at = at;
            at += 1;
        }
        if flags & 0x30 != 0 {
            let byte = *payload.get(at)?;
            if flags & 0x20 != 0 {
                d.temporal = byte >> 6;
                d.layer_sync = byte & 0x20 != 0;
            }
            if flags & 0x10 != 0 {
                d.key_idx = Some(byte & 0x1f);
                d.key_at = at;
            }
            at += 1;
        }
        d.len = at;
        Some(d)
    }

    /// Writes other numbers over a payload with this descriptor; the length stays.
    #[inline]
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8, key_idx: u8) {
        if self.picture_id.is_some() {
            if self.wide {
                if let Some(slot) = payload.get_mut(self.picture_at..self.picture_at + 2) {
                    slot.copy_from_slice(&(picture_id | 0x8000).to_be_bytes());
                }
            } else if let Some(slot) = payload.get_mut(self.picture_at) {
                *slot = (picture_id & 0x7f) as u8;
            }
        }
        if self.tl0_pic_idx.is_some() {
            if let Some(slot) = payload.get_mut(self.tl0_at) {
                *slot = tl0_pic_idx;
            }
        }
        if self.key_idx.is_some() {
            if let Some(slot) = payload.get_mut(self.key_at) {
                *slot = *slot & 0xe0 | key_idx & 0x1f;
            }
        }
    }
}

/// Key frame: the first partition's first byte has its lowest bit clear (RFC 6386 §9.1).
#[inline]
pub fn inspect(payload: &[u8]) -> PacketInfo {
    let Some(d) = Descriptor::parse(payload) else {
        return PacketInfo::default();
    };
    let key_start = d.starts_frame && payload.get(d.len).is_some_and(|byte| byte & 1 == 0);
    PacketInfo {
        key_start,
        temporal: d.temporal,
        switch_up: d.layer_sync,
        picture: d.picture_id,
        ..PacketInfo::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_descriptor_is_read_and_rewritten() {
        let mut payload = vec![0x90, 0xf0, 0x92, 0x34, 0x05, 0x61, 0x00, 0xff];
        let d = Descriptor::parse(&payload).unwrap();
        assert_eq!(
            (d.picture_id, d.tl0_pic_idx, d.key_idx, d.temporal, d.layer_sync),
            (Some(0x1234), Some(5), Some(1), 1, true)
        );
        assert_eq!(d.len, 6);
        assert!(inspect(&payload).key_start);
        d.rewrite(&mut payload, 0x7fff, 9, 31);
        assert_eq!(payload, [0x90, 0xf0, 0xff, 0xff, 9, 0x7f, 0, 0xff]);
    }
}
