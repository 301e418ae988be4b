//! The VP9 payload descriptor (RFC 9628 §4.2).
use super::PacketInfo;

/// What the descriptor says; VP9 data begins at `len`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// First packet of a layer frame (B).
    pub starts_frame: bool,
    /// Last packet of a layer frame (E).
    pub ends_frame: bool,
    /// Needs frames of other pictures (P).
    pub predicted: bool,
    /// Names its references instead of following a pattern (F).
    pub flexible: bool,
    /// No higher spatial layer needs this frame (Z).
    pub not_reference: bool,
    /// 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// A place to switch up to this temporal layer (U).
    pub switch_up: bool,
    /// Needs the lower spatial layer of the same picture (D).
    pub inter_layer: bool,
    /// Counts base-layer pictures; only in the non-flexible mode.
    pub tl0_pic_idx: Option<u8>,
    /// P_DIFF of up to three references, 0 behind the last; only in the flexible mode.
    pub references: [u8; 3],
    /// Spatial layers that the scalability structure declares, when it is here.
    pub spatial_layers: Option<u8>,
    /// Bytes of descriptor.
    pub len: usize,
}

impl Descriptor {
    /// Reads it; `None` when cut short.
    #[inline]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut d = Self {
            predicted: first & 0x40 != 0,
            flexible: first & 0x10 != 0,
            starts_frame: first & 0x08 != 0,
            ends_frame: first & 0x04 != 0,
            not_reference: first & 0x01 != 0,
            ..Self::default()
        };
        let mut at = 1;
        let mut next = || {
            let byte = payload.get(at).copied();
            at += 1;
            byte
        };
        if first & 0x80 != 0 {
            let high = next()?;
            let id = u16::from(high & 0x7f);
            d.picture_id = Some(if high & 0x80 != 0 {
                id << 8 | u16::from(next()?)
            } else {
                id
            });
        }
        if first & 0x20 != 0 {
            let layer = next()?;
            d.temporal = layer >> 5;
            d.switch_up = layer & 0x10 != 0;
            d.spatial = layer >> 1 & 0x07;
            d.inter_layer = layer & 0x01 != 0;
            if !d.flexible {
                d.tl0_pic_idx = Some(next()?);
            }
        }
        if d.flexible && d.predicted {
            // At most three references, each telling whether another follows.
            for reference in &mut d.references {
                let byte = next()?;
                *reference = byte >> 1;
                if byte & 0x01 == 0 {
                    break;
                }
            }
        }
        if first & 0x02 != 0 {
            d.spatial_layers = Some(structure(&mut next)?);
        }
        d.len = at;
        Some(d)
    }
}

/// §4.2.1: the scalability structure; returns the number of spatial layers.
fn structure(next: &mut impl FnMut() -> Option<u8>) -> Option<u8> {
    let flags = next()?;
    let layers = (flags >> 5) + 1;
    if flags & 0x10 != 0 {
        for _ in 0..4 * layers {
            next()?;
        }
    }
    if flags & 0x08 != 0 {
        for _ in 0..next()? {
            for _ in 0..next()? >> 2 & 0x03 {
                next()?;
            }
        }
    }
    Some(layers)
}

/// A key frame begins in a packet that starts a frame, is not inter-picture predicted and is of the lowest spatial layer.
#[inline]
pub fn inspect(payload: &[u8]) -> PacketInfo {
    let Some(d) = Descriptor::parse(payload) else {
        return PacketInfo::default();
    };
    PacketInfo {
        key_start: d.starts_frame && !d.predicted && d.spatial == 0,
        ends_frame: d.ends_frame,
        spatial: d.spatial,
        temporal: d.temporal,
        switch_up: d.switch_up,
        unreferenced: d.not_reference,
        picture: d.picture_id,
        references: d.flexible.then_some(d.references),
        spatial_layers: d.spatial_layers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_non_flexible_form_with_a_structure_is_read() {
        // I, L, B, V; picture 0x1234, T0 S0, TL0PICIDX 9; two layers with sizes, one picture with one reference.
        let payload = [
            0xaa, 0x92, 0x34, 0x00, 9, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 1, 0x04, 1, 0xff,
        ];
        let d = Descriptor::parse(&payload).unwrap();
        assert_eq!(
            (d.picture_id, d.tl0_pic_idx, d.spatial_layers),
            (Some(0x1234), Some(9), Some(2))
        );
        assert_eq!(
            (d.starts_frame, d.ends_frame, d.flexible, d.len),
            (true, false, false, payload.len() - 1)
        );
        assert!(inspect(&payload).key_start);
    }

    #[test]
    fn the_flexible_form_with_references_is_read() {
        // I, P, L, F, E, Z; picture 5, T2 U S1 D, two references.
        let payload = [0xf5, 5, 0x53, 0x03, 0x04, 0xff];
        let d = Descriptor::parse(&payload).unwrap();
        assert_eq!(
            (d.picture_id, d.temporal, d.spatial, d.tl0_pic_idx),
            (Some(5), 2, 1, None)
        );
        assert!(d.switch_up && d.inter_layer && d.ends_frame && d.not_reference && !d.starts_frame);
        assert_eq!((d.len, d.references), (5, [1, 2, 0]));
        assert_eq!(Descriptor::parse(&payload[..4]), None);
    }
}
