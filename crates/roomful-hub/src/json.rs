//! JSON walked in place (RFC 8259): where a value begins and ends, whether it is one, and nothing built from it. Called by the
//! dialects for every message, and by the binding for JSON that comes from Python. What it lets through, other parsers read too:
//! slices are relayed as they are.
use std::borrow::Cow;
use std::ops::Range;

/// Arrays and objects inside of each other.
pub const DEPTH: u32 = 32;

/// Not JSON, or deeper than [`DEPTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON, or nested too deeply")]
pub struct Malformed;

type Step = Result<(), Malformed>;

/// Whether the whole is one JSON value and UTF-8.
pub fn valid(bytes: &[u8]) -> bool {
    let mut walk = Walk { bytes, at: 0 };
    std::str::from_utf8(bytes).is_ok() && {
        walk.space();
        walk.value().is_ok() && {
            walk.space();
            walk.at == bytes.len()
        }
    }
}

/// Calls `each` with the key (as written, without quotes) and the place of each member of an object, in order. `bytes` is UTF-8 by
/// the caller's word; the whole must be one object.
pub fn members<'a>(bytes: &'a [u8], mut each: impl FnMut(&'a [u8], Range<usize>)) -> Step {
    let mut walk = Walk { bytes, at: 0 };
    walk.space();
    walk.expect(b'{')?;
    walk.space();
    if walk.peek() == Some(b'}') {
        walk.at += 1;
    } else {
        loop {
            let key = walk.key()?;
            let from = walk.at;
            walk.value()?;
            each(bytes.get(key).unwrap_or_default(), from..walk.at);
            walk.space();
            match walk.next() {
                Some(b',') => walk.space(),
                Some(b'}') => break,
                _ => return Err(Malformed),
            }
        }
    }
    walk.space();
    if walk.at == bytes.len() {
        Ok(())
    } else {
        Err(Malformed)
    }
}

/// The text of a string that [`members`] found; None for another value, or a lone surrogate.
pub fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let inner = std::str::from_utf8(inner).ok()?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = escaped.chars();
        match chars.next()? {
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => {
                let high = unit(chars.as_str())?;
                chars = chars.as_str().get(4..)?.chars();
                out.push(match high {
                    0xd800..=0xdbff => {
                        let tail = chars.as_str().strip_prefix("\\u")?;
                        let low = unit(tail).filter(|low| (0xdc00..=0xdfff).contains(low))?;
                        chars = tail.get(4..)?.chars();
                        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
                    }
                    other => char::from_u32(other)?,
                });
            }
            same => out.push(same),
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

fn unit(text: &str) -> Option<u32> {
    u32::from_str_radix(text.get(..4)?, 16).ok()
}

/// A whole number from 0 to 2^53 that [`members`] found.
pub fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 16 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = value
        .iter()
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    (number <= 1 << 53).then_some(number)
}

/// Appends a string with its quotes.
pub fn quote(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            0..=0x1f => {
                let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
                out.extend(b"\\u00");
                out.extend([digit(byte >> 4), digit(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Appends a number.
pub fn digits(out: &mut Vec<u8>, mut number: u64) {
    let mut text = [b'0'; 20];
    let mut used = 0;
    for place in text.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend(text.get(20 - used..).unwrap_or_default());
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn expect(&mut self, byte: u8) -> Step {
        if self.next() == Some(byte) {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// A string, a colon and the space around it; where the text between the quotes is.
    fn key(&mut self) -> Result<Range<usize>, Malformed> {
        let from = self.at + 1;
        self.string()?;
        let key = from..self.at - 1;
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(key)
    }

    fn string(&mut self) -> Step {
        self.expect(b'"')?;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            self.at += rest.iter().position(special).ok_or(Malformed)? + 1;
            match self.bytes.get(self.at - 1) {
                Some(b'"') => return Ok(()),
                Some(b'\\') => match self.next() {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                    Some(b'u') => {
                        for _ in 0..4 {
                            if !self.next().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                                return Err(Malformed);
                            }
                        }
                    }
                    _ => return Err(Malformed),
                },
                _ => return Err(Malformed),
            }
        }
    }

    fn digits(&mut self) -> Step {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > from {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn number(&mut self) -> Step {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Step {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// Any value, however nested, without recursion: one bit for each level says whether it is an object.
    fn value(&mut self) -> Step {
        let mut depth = 0;
        let mut objects: u64 = 0;
        loop {
            match self.peek().ok_or(Malformed)? {
                open @ (b'{' | b'[') => {
                    let object = open == b'{';
                    self.at += 1;
                    self.space();
                    if self.peek() == Some(if object { b'}' } else { b']' }) {
                        self.at += 1;
                    } else if depth == DEPTH {
                        return Err(Malformed);
                    } else {
                        depth += 1;
                        objects = objects << 1 | u64::from(object);
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => self.string()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.number()?,
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                self.space();
                let object = objects & 1 == 1;
                match self.next() {
                    Some(b',') => {
                        self.space();
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    _ => return Err(Malformed),
                }
                depth -= 1;
                objects >>= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn what_is_json() {
        for good in [
            "0",
            "-0.5e+3",
            "1E9",
            "\"\"",
            "\"\\u00e9\\n\"",
            "[]",
            "{}",
            " [1 , {\"a\" : [ ] } ] ",
            "true",
            "null",
            "\"é\"",
            "[[],[{}],\"\"]",
            "{\"a\":{},\"b\":[[1]]}",
        ] {
            assert!(valid(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            " ",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "tru",
            "nulll",
            "'a'",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "[1,]",
            "[,1]",
            "{a:1}",
            "{\"a\"}",
            "{\"a\":1,}",
            "[1}",
            "{\"a\":1]",
            "1 2",
            "{\"a\":1}}",
            "[",
            "{\"a\":",
        ] {
            assert!(!valid(bad.as_bytes()), "{bad}");
        }
        assert!(!valid(b"\"\xff\""));
        assert!(valid(nested(33).as_bytes()), "32 levels hold an empty one");
        assert!(!valid(nested(34).as_bytes()));
    }

    #[test]
    fn members_of_an_object() {
        let mut seen = vec![];
        let source = br#" { "a" : [1,"}"], "b":"x\"y" ,"c":{"a":2}} "#;
        members(source, |key, place| {
            seen.push((
                String::from_utf8_lossy(key).into_owned(),
                String::from_utf8_lossy(&source[place]).into_owned(),
            ))
        })
        .unwrap();
        let expected = [("a", "[1,\"}\"]"), ("b", "\"x\\\"y\""), ("c", "{\"a\":2}")];
        assert_eq!(seen, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(members(b"[]", |_, _| {}), Err(Malformed));
        assert_eq!(members(b"{} x", |_, _| {}), Err(Malformed));
    }

    #[test]
    fn texts_and_numbers() {
        assert_eq!(text(br#""a\u00e9\ud83d\ude00\/\n""#).unwrap(), "aé😀/\n");
        assert_eq!(text(br#""\ud83d""#), None, "a lone surrogate is no text");
        assert_eq!(text(br#""\ud83dx""#), None);
        assert_eq!(text(br#""\ud83d\u0041""#), None);
        assert_eq!(text(b"1"), None);
        assert_eq!(number(b"9007199254740992"), Some(1 << 53));
        assert_eq!(number(b"9007199254740993"), None);
        for bad in [&b"-1"[..], b"1.0", b"", b"\"1\"", b"1e3"] {
            assert_eq!(number(bad), None);
        }
        let mut out = vec![];
        digits(&mut out, u64::MAX);
        out.push(b' ');
        digits(&mut out, 0);
        assert_eq!(out, b"18446744073709551615 0");
    }

    proptest! {
        #[test]
        fn quoted_text_is_read_as_it_was(original in any::<String>()) {
            let mut out = vec![];
            quote(&mut out, &original);
            prop_assert!(valid(&out));
            prop_assert_eq!(text(&out).unwrap(), original);
        }

        #[test]
        fn agrees_with_serde_json(bytes in "[\\[\\]{}:,\"\\\\u0a1e.+ tfnrulse-]{0,24}") {
            // Two differences are wanted: numbers that no f64 holds are numbers here, and lone surrogates are text.
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&bytes).is_ok();
            prop_assert_eq!(valid(bytes.as_bytes()), theirs, "{}", bytes);
        }

        #[test]
        fn places_lie_inside_and_hold_values(bytes in any::<Vec<u8>>()) {
            crate::fuzz::fuzz_json(&bytes);
        }
    }
}
