//! Messages in a byte stream: STUN says its own length, channel data too and is padded to four (RFC 8656 §3.7, §12.5).
//! Called by the shell for each TCP or TLS connection.

/// What begins a stream's unread bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// So many bytes are a message, so many are to be taken off.
    Whole {
        /// Of the message itself.
        length: usize,
        /// With padding.
        taken: usize,
    },
    /// More is needed.
    Partial,
    /// This is neither: the stream cannot go on.
    Broken,
}

/// Looks at the beginning.
pub fn frame(bytes: &[u8]) -> Frame {
    let (Some(first), Some(length)) = (bytes.first(), bytes.get(2..4)) else {
        return match bytes.first() {
            Some(first) if *first >= 0x80 => Frame::Broken,
            _ => Frame::Partial,
        };
    };
    let length = usize::from(u16::from_be_bytes(length.try_into().unwrap_or_default()));
    let (length, taken) = match first {
        0x00..=0x3F if length % 4 == 0 => (20 + length, 20 + length),
        0x40..=0x7F => (4 + length, (4 + length).next_multiple_of(4)),
        _ => return Frame::Broken,
    };
    if bytes.len() < taken {
        return Frame::Partial;
    }
    Frame::Whole { length, taken }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_found_and_padding_is_taken_off() {
        assert_eq!(frame(&[0x40, 0, 0, 5, 1, 2, 3, 4, 5]), Frame::Partial);
        assert_eq!(
            frame(&[0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 9]),
            Frame::Whole { length: 9, taken: 12 }
        );
        assert_eq!(frame(&[0, 1, 0, 0]), Frame::Partial);
        assert_eq!(
            frame(&[0; 20]),
            Frame::Whole {
                length: 20,
                taken: 20
            }
        );
        assert_eq!(frame(&[0, 1, 0, 3]), Frame::Broken);
        assert_eq!(frame(&[0xC0, 0, 0, 0]), Frame::Broken);
        assert_eq!(frame(&[0x16]), Frame::Partial);
        assert_eq!(frame(&[0x80]), Frame::Broken);
        assert_eq!(frame(&[]), Frame::Partial);
    }

    proptest! {
        #[test]
        fn a_frame_is_never_longer_than_what_is_there(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Frame::Whole { length, taken } = frame(&bytes) {
                prop_assert!(length <= taken && taken <= bytes.len() && taken < length + 4);
            }
        }
    }
}
