//! RTP header extensions (RFC 8285): reading both forms, the ids two sides agreed on, and writing one block.

/// An extension we know. The order is that of [`ExtensionMap`]'s table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Extension {
    /// Section of the session description (RFC 9143 §15).
    Mid,
    /// Simulcast stream (RFC 8852).
    Rid,
    /// Simulcast stream that an RTX packet repairs (RFC 8852).
    RepairedRid,
    /// Loudness of the sender (RFC 6464).
    AudioLevel,
    /// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    TransportCc,
    /// Send time, 6.18 fixed point seconds (webrtc.org abs-send-time).
    AbsSendTime,
    /// Capture time (webrtc.org abs-capture-time).
    AbsCaptureTime,
    /// Frame dependencies (AV1 RTP specification, appendix A).
    DependencyDescriptor,
    /// Camera rotation (3GPP TS 26.114).
    VideoOrientation,
    /// Bounds of the receiver's delay (webrtc.org playout-delay).
    PlayoutDelay,
}

const COUNT: usize = 10;

impl Extension {
    /// All, in the table's order.
    pub const ALL: [Extension; COUNT] = [
        Extension::Mid,
        Extension::Rid,
        Extension::RepairedRid,
        Extension::AudioLevel,
        Extension::TransportCc,
        Extension::AbsSendTime,
        Extension::AbsCaptureTime,
        Extension::DependencyDescriptor,
        Extension::VideoOrientation,
        Extension::PlayoutDelay,
    ];

    /// The name in `a=extmap`.
    pub fn uri(self) -> &'static str {
        match self {
            Extension::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Extension::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Extension::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Extension::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Extension::TransportCc => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Extension::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Extension::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Extension::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Extension::VideoOrientation => "urn:3gpp:video-orientation",
            Extension::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        }
    }
}

/// Which id stands for which extension on one transport or section. 0 is "not agreed".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionMap {
    ids: [u8; COUNT],
}

impl ExtensionMap {
    /// From the `a=extmap` lines of a section; unknown names are passed over.
    pub fn new<'a>(lines: impl IntoIterator<Item = (u8, &'a str)>) -> Self {
        let mut map = Self::default();
        for (id, uri) in lines {
            if let Some(known) = Extension::ALL.into_iter().find(|e| e.uri() == uri) {
                map.set(known, id);
            }
        }
        map
    }

    /// Sets an id.
    pub fn set(&mut self, extension: Extension, id: u8) {
        if let Some(slot) = self.ids.get_mut(extension as usize) {
            *slot = id;
        }
    }

    /// The id of an extension.
    #[inline]
    pub fn id(&self, extension: Extension) -> Option<u8> {
        self.ids.get(extension as usize).copied().filter(|id| *id != 0)
    }

    /// The extension of an id.
    #[inline]
    pub fn of(&self, id: u8) -> Option<Extension> {
        if id == 0 {
            return None;
        }
        let at = self.ids.iter().position(|known| *known == id)?;
        Extension::ALL.get(at).copied()
    }
}

/// Iterates over (id, value) of a packet's extension block.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    body: &'a [u8],
    two_byte: bool,
}

impl<'a> Extensions<'a> {
    /// Of a packet without extensions.
    pub fn none() -> Self {
        Self {
            body: &[],
            two_byte: false,
        }
    }

    pub(super) fn new(profile: u16, body: &'a [u8]) -> Self {
        match profile {
            0xbede => Self {
                body,
                two_byte: false,
            },
            p if p & 0xfff0 == 0x1000 => Self { body, two_byte: true },
            _ => Self::none(),
        }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.body.split_first()?;
            if first == 0 {
                self.body = rest; // padding
                continue;
            }
            let (id, len, rest) = if self.two_byte {
                let (&len, rest) = rest.split_first()?;
                (first, usize::from(len), rest)
            } else {
                if matches!(first >> 4, 0 | 15) {
                    // RFC 8285 §4.2: id 15 ends the block, and so does id 0 with a length.
                    self.body = &[];
                    return None;
                }
                (first >> 4, usize::from(first & 0x0f) + 1, rest)
            };
            let Some((value, rest)) = rest.split_at_checked(len) else {
                self.body = &[];
                return None;
            };
            self.body = rest;
            return Some((id, value));
        }
    }
}

/// Longest block that is written: a mid, an audio level and a dependency descriptor with its structure fit well.
const BLOCK: usize = 160;

/// An extension block under construction: one-byte form until a value or an id needs the two-byte form.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    bytes: [u8; BLOCK],
    len: usize,
    two_byte: bool,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            bytes: [0; BLOCK],
            len: 0,
            two_byte: false,
        }
    }
}

impl Block {
    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a value. One that does not fit is left out: an extension is never worth losing a packet.
    #[inline]
    pub fn push(&mut self, id: u8, value: &[u8]) {
        if id == 0 || value.len() > 255 {
            return;
        }
        if !self.two_byte && (id > 14 || value.is_empty() || value.len() > 16) {
            self.widen();
        }
        let start = self.len.max(4);
        let head = if self.two_byte { 2 } else { 1 };
        // Three bytes are kept back for the padding.
        if start + head + value.len() + 3 > BLOCK {
            return;
        }
        let Some(slot) = self.bytes.get_mut(start..start + head + value.len()) else {
            return;
        };
        let (front, back) = slot.split_at_mut(head);
        match front {
            [one] => *one = id << 4 | (value.len() as u8).wrapping_sub(1) & 0x0f,
            [first, second] => {
                *first = id;
                *second = value.len() as u8;
            }
            _ => return,
        }
        back.copy_from_slice(value);
        self.len = start + head + value.len();
        self.seal();
    }

    /// The block with its profile word and padding, ready to follow the fixed header.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.next_multiple_of(4)).unwrap_or(&[])
    }

    fn seal(&mut self) {
        let padded = self.len.next_multiple_of(4);
        if let Some(tail) = self.bytes.get_mut(self.len..padded) {
            tail.fill(0);
        }
        let profile: u16 = if self.two_byte { 0x1000 } else { 0xbede };
        let words = ((padded - 4) / 4) as u16;
        if let Some(head) = self.bytes.first_chunk_mut::<4>() {
            let (p, w) = (profile.to_be_bytes(), words.to_be_bytes());
            *head = [p[0], p[1], w[0], w[1]];
        }
    }

    /// Writes again in the two-byte form what stands in the one-byte form.
    fn widen(&mut self) {
        let old = *self;
        self.two_byte = true;
        self.len = 0;
        if old.len > 4 {
            let body = old.bytes.get(4..old.len).unwrap_or(&[]);
            for (id, value) in (Extensions {
                body,
                two_byte: false,
            }) {
                self.push(id, value);
            }
        }
    }
}
