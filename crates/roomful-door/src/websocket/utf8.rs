//! UTF-8 that comes in pieces, refused at the first byte that cannot be right (RFC 6455 §8.1).
use simdutf8::compat::from_utf8;

/// The state between two pieces: a character that is not whole yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf8 {
    begun: [u8; 4],
    length: usize,
}

impl Utf8 {
    /// Whether bytes are UTF-8 and end with a whole character.
    pub fn is_whole(bytes: &[u8]) -> bool {
        from_utf8(bytes).is_ok()
    }

    /// Takes the next piece. `false`: this can never become UTF-8.
    pub fn push(&mut self, mut bytes: &[u8]) -> bool {
        while self.length > 0 {
            let (Some((first, rest)), Some(next)) = (bytes.split_first(), self.begun.get_mut(self.length))
            else {
                // Four bytes that are not a character do not get here: the fourth decides.
                return bytes.is_empty();
            };
            *next = *first;
            self.length += 1;
            bytes = rest;
            match from_utf8(self.begun.get(..self.length).unwrap_or(&[])) {
                Ok(_) => self.length = 0,
                Err(e) if e.error_len().is_none() => {}
                Err(_) => return false,
            }
        }
        let Err(error) = from_utf8(bytes) else {
            return true;
        };
        let begun = bytes.get(error.valid_up_to()..).unwrap_or(&[]);
        match self.begun.get_mut(..begun.len()) {
            Some(place) if error.error_len().is_none() => {
                place.copy_from_slice(begun);
                self.length = begun.len();
                true
            }
            _ => false,
        }
    }

    /// No character is begun.
    pub fn is_between(&self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pushes in pieces; `None` when refused.
    fn pieces(bytes: &[u8], size: usize) -> Option<bool> {
        let mut utf8 = Utf8::default();
        bytes
            .chunks(size)
            .all(|piece| utf8.push(piece))
            .then(|| utf8.is_between())
    }

    proptest! {
        #[test]
        fn text_passes_in_any_pieces(text in "\\PC{0,40}", size in 1usize..7) {
            prop_assert_eq!(pieces(text.as_bytes(), size), Some(true));
        }

        #[test]
        fn bytes_pass_as_the_standard_library_says(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80u8..0xc0, 0xe0u8..0xf8], 0..12), size in 1usize..5) {
            let whole = std::str::from_utf8(&bytes);
            let wanted = match whole {
                Ok(_) => Some(true),
                Err(e) => e.error_len().is_none().then_some(false),
            };
            prop_assert_eq!(pieces(&bytes, size), wanted);
        }
    }

    #[test]
    fn surrogates_overlong_forms_and_more_than_unicode_are_refused_at_the_byte_that_shows_it() {
        for (bad, at) in [
            (&b"\xed\xa0\x80"[..], 2),
            (b"\xc0\xaf", 1),
            (b"\xe0\x80\x80", 2),
            (b"\xf4\x90\x80\x80", 2),
            (b"\xf8\x88\x80\x80\x80", 1),
        ] {
            let mut utf8 = Utf8::default();
            let refused = bad.iter().position(|b| !utf8.push(&[*b])).unwrap();
            assert_eq!(refused + 1, at, "{bad:x?}");
        }
    }
}
