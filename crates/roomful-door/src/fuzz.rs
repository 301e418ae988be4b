//! What tests and fuzzers run on arbitrary bytes, a function for each parser. Never called in service.
//!
//! A function panics only when an invariant breaks.
use crate::head::Head;
use crate::websocket::{Decoder, Event, Fault, Upgrade};

/// One thing that a decoder said, kept.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Message(bool, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    Fault(Fault),
}

/// Frames: the same bytes say the same however they are cut, and what is kept is bounded.
pub fn fuzz_frames(data: &[u8]) {
    const LIMIT: usize = 512;
    let (size, data) = data
        .split_first()
        .map_or((1, data), |(n, rest)| (usize::from(*n).max(1), rest));
    let whole = read(data, data.len().max(1), LIMIT);
    assert_eq!(whole, read(data, size, LIMIT));
    assert_eq!(whole, read(data, 1, LIMIT));
}

fn read(data: &[u8], size: usize, limit: usize) -> Vec<Said> {
    let mut decoder = Decoder::new(limit);
    let mut said = vec![];
    for piece in data.chunks(size) {
        let mut piece = piece.to_vec();
        let mut at = 0;
        loop {
            match decoder.next(&mut piece, &mut at) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    let end = matches!(event, Event::Close(_));
                    said.push(match event {
                        Event::Message(kind, bytes) => {
                            assert!(bytes.len() <= limit);
                            Said::Message(kind == crate::websocket::Kind::Text, bytes.to_vec())
                        }
                        Event::Ping(bytes) => Said::Ping(bytes.to_vec()),
                        Event::Pong(bytes) => Said::Pong(bytes.to_vec()),
                        Event::Close(close) => Said::Close(close.code, close.reason),
                    });
                    if end {
                        return said;
                    }
                }
                Err(fault) => {
                    said.push(Said::Fault(fault));
                    return said;
                }
            }
        }
        assert_eq!(at, piece.len());
        assert!(decoder.held() <= 2 * limit + 1024);
    }
    said
}

/// Heads of requests, and what they ask for.
pub fn fuzz_head(data: &[u8]) {
    if let Ok(Some((head, length))) = Head::parse(data) {
        assert!(length <= data.len() && head.path.starts_with('/') && !head.path.contains("//"));
        if let Ok(upgrade) = Upgrade::new(&head) {
            let answer = upgrade.response(upgrade.subprotocols.first().map(String::as_str));
            assert!(answer.ends_with(b"\r\n\r\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::{masked_frame, Opcode};
    use proptest::prelude::*;

    fn opcode() -> impl Strategy<Value = Opcode> {
        use Opcode::*;
        prop::sample::select(vec![
            Continuation,
            Continuation,
            Text,
            Text,
            Binary,
            Binary,
            Ping,
            Pong,
            Close,
        ])
    }

    fn payload() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            3 => "\\PC{0,60}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..200),
            1 => (1000u16..5000).prop_map(|c| c.to_be_bytes().to_vec()),
        ]
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let frame = (opcode(), prop::bool::weighted(0.7), payload(), any::<[u8; 4]>());
        let frame = frame.prop_map(|(opcode, fin, payload, key)| masked_frame(opcode, fin, &payload, key));
        let noise = prop::collection::vec(any::<u8>(), 0..20);
        let part = prop_oneof![20 => frame, 1 => noise];
        (any::<u8>(), prop::collection::vec(part, 0..8)).prop_map(|(size, parts)| {
            let mut out = vec![size];
            out.extend(parts.concat());
            out
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn frames(data in stream()) {
            fuzz_frames(&data);
        }

        #[test]
        fn noise(data in prop::collection::vec(any::<u8>(), 0..200)) {
            fuzz_frames(&data);
            fuzz_head(&data);
        }

        #[test]
        fn heads(lines in prop::collection::vec("(upgrade|connection|host|sec-websocket-(key|version)|[a-z]{0,5}): ?(websocket|Upgrade|13|dGhlIHNhbXBsZSBub25jZQ==|[ -~]{0,9})", 0..8), first in "(GET|POST) [/a-z?:]{1,9} HTTP/1.[01]") {
            fuzz_head(format!("{first}\r\n{}\r\n\r\n", lines.join("\r\n")).as_bytes());
        }

        #[test]
        fn a_message_in_any_parts_with_pings_between_is_whole(text in "\\PC{0,80}", cuts in prop::collection::vec(0usize..200, 0..5), key: [u8; 4], size in 1usize..50) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let (mut wire, mut from) = (vec![], 0);
            for (n, to) in cuts.iter().enumerate() {
                let opcode = if n == 0 { Opcode::Text } else { Opcode::Continuation };
                wire.extend(masked_frame(opcode, n + 1 == cuts.len(), &bytes[from..*to], key));
                wire.extend(masked_frame(Opcode::Ping, true, &[n as u8], key));
                from = *to;
            }
            let said = read(&wire, size, 1000);
            let messages: Vec<_> = said.iter().filter(|s| !matches!(s, Said::Ping(_))).collect();
            let wanted = Said::Message(true, bytes.to_vec());
            prop_assert_eq!(messages, vec![&wanted]);
            prop_assert_eq!(said.len(), 1 + cuts.len());
        }
    }
}
