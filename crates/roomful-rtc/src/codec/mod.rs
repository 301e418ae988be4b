//! What a router must know of a payload: does a key frame begin here, which layer is it. Never decodes.
//!
//! Called by the router for each packet that came in, once.
pub mod av1;
pub mod dependency;
pub mod h26x;
pub mod vp8;
pub mod vp9;

/// A payload format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// RFC 2198 around Opus.
    Red,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// RFC 7798.
    H265,
    /// AV1 RTP specification.
    Av1,
}

impl Codec {
    /// By its name in `a=rtpmap`, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [Codec; 10] = [
            Codec::Opus,
            Codec::Red,
            Codec::Pcmu,
            Codec::Pcma,
            Codec::G722,
            Codec::Vp8,
            Codec::Vp9,
            Codec::H264,
            Codec::H265,
            Codec::Av1,
        ];
        ALL.into_iter().find(|c| c.name().eq_ignore_ascii_case(name))
    }

    /// In lower case.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::Red => "red",
            Codec::Pcmu => "pcmu",
            Codec::Pcma => "pcma",
            Codec::G722 => "g722",
            Codec::Vp8 => "vp8",
            Codec::Vp9 => "vp9",
            Codec::H264 => "h264",
            Codec::H265 => "h265",
            Codec::Av1 => "av1",
        }
    }

    /// Pictures rather than sound.
    pub fn is_video(self) -> bool {
        matches!(
            self,
            Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::H265 | Codec::Av1
        )
    }

    /// Hz of the RTP clock.
    pub fn clock_rate(self) -> u32 {
        match self {
            Codec::Opus | Codec::Red => 48_000,
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
            _ => 90_000,
        }
    }
}

/// What is known of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketInfo {
    /// A decoder can start here: the first packet of a key frame.
    pub key_start: bool,
    /// Last packet of a spatial layer's frame, where the payload says so (VP9).
    pub ends_frame: bool,
    /// Spatial layer of an SVC stream.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// The picture needs lower temporal layers only: who follows those may begin to follow this one here (VP8's Y; VP9's U as
    /// libwebrtc sets it, which says less than RFC 9628 lets it say).
    pub switch_up: bool,
    /// No higher spatial layer of this picture needs this frame (VP9's Z).
    pub unreferenced: bool,
    /// Tells pictures of one stream apart, where the payload numbers them (VP8, VP9).
    pub picture: Option<u16>,
    /// How many pictures back the pictures are that this one needs, 0 behind the last; only where the payload tells (VP9's
    /// flexible mode).
    pub references: Option<[u8; 3]>,
    /// Spatial layers that the key frame announces (VP9).
    pub spatial_layers: Option<u8>,
}

/// Looks at a payload. Sound is always a place to start.
#[inline]
pub fn inspect(codec: Codec, payload: &[u8]) -> PacketInfo {
    match codec {
        Codec::Vp8 => vp8::inspect(payload),
        Codec::Vp9 => vp9::inspect(payload),
        Codec::H264 => PacketInfo {
            key_start: h26x::h264_key_start(payload),
            ..PacketInfo::default()
        },
        Codec::H265 => PacketInfo {
            key_start: h26x::h265_key_start(payload),
            ..PacketInfo::default()
        },
        Codec::Av1 => PacketInfo {
            key_start: av1::key_start(payload),
            ..PacketInfo::default()
        },
        Codec::Opus | Codec::Red | Codec::Pcmu | Codec::Pcma | Codec::G722 => PacketInfo {
            key_start: true,
            ..PacketInfo::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), delta: u16) {
            for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1] {
                let _ = inspect(codec, &bytes);
            }
            let mut copy = bytes.clone();
            if let Some(descriptor) = vp8::Descriptor::parse(&bytes) {
                descriptor.rewrite(&mut copy, delta, delta as u8, delta as u8);
                let again = vp8::Descriptor::parse(&copy).unwrap();
                prop_assert_eq!(again.len, descriptor.len);
            }
        }
    }
}
