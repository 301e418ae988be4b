//! Cases of the Autobahn test suite (0.8.2) that find faults in other servers, by their numbers there, as calls of the decoder.
use super::{masked_frame, CloseReason, Decoder, Event, Fault, Kind, Opcode};

const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// Events and the fault at their end, read from pieces of the given size.
fn said(wire: &[u8], size: usize) -> (Vec<String>, Option<Fault>) {
    let mut decoder = Decoder::default();
    let mut events = vec![];
    for piece in wire.chunks(size) {
        let (mut piece, mut at) = (piece.to_vec(), 0);
        loop {
            match decoder.next(&mut piece, &mut at) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    let end = matches!(event, Event::Close(_));
                    events.push(match event {
                        Event::Message(Kind::Text, b) => format!("text {}", String::from_utf8_lossy(b)),
                        Event::Message(Kind::Binary, b) => format!("binary {}", b.len()),
                        Event::Ping(b) => format!("ping {}", b.len()),
                        Event::Pong(b) => format!("pong {}", b.len()),
                        Event::Close(close) => format!("close {} {}", close.code, close.reason),
                    });
                    if end {
                        return (events, None);
                    }
                }
                Err(fault) => return (events, Some(fault)),
            }
        }
    }
    (events, None)
}

fn check(case: &str, frames: &[Vec<u8>], events: &[&str], code: Option<u16>) {
    let wire = frames.concat();
    for size in [wire.len().max(1), 3, 1] {
        let (got, fault) = said(&wire, size);
        assert_eq!(got, events, "{case} in pieces of {size}");
        assert_eq!(fault.map(Fault::code), code, "{case} in pieces of {size}");
    }
}

fn frame(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    masked_frame(opcode, fin, payload, KEY)
}

fn first_byte(byte: u8) -> Vec<u8> {
    let mut wire = frame(Opcode::Text, true, b"x");
    wire[0] = byte;
    wire
}

#[test]
fn pings() {
    check(
        "2.4",
        &[frame(Opcode::Ping, true, &[0xfe; 125])],
        &["ping 125"],
        None,
    );
    check("2.5", &[frame(Opcode::Ping, true, &[0xfe; 126])], &[], Some(1002));
    check("2.7", &[frame(Opcode::Pong, true, b"")], &["pong 0"], None);
}

#[test]
fn reserved_bits_and_opcodes() {
    for (case, byte) in [
        ("3.1", 0x91),
        ("3.2", 0xa1),
        ("3.3", 0xb1),
        ("3.4", 0xc1),
        ("3.7", 0xf1),
    ] {
        let hello = frame(Opcode::Text, true, b"Hello");
        check(case, &[hello, first_byte(byte)], &["text Hello"], Some(1002));
    }
    for byte in [0x83, 0x87, 0x8b, 0x8f] {
        check("4", &[first_byte(byte)], &[], Some(1002));
    }
}

#[test]
fn parts() {
    use Opcode::*;
    check(
        "5.1",
        &[frame(Ping, false, b"a"), frame(Continuation, true, b"b")],
        &[],
        Some(1002),
    );
    check(
        "5.3",
        &[frame(Text, false, b"a"), frame(Continuation, true, b"b")],
        &["text ab"],
        None,
    );
    let between = [
        frame(Text, false, b"a"),
        frame(Ping, true, b"ping"),
        frame(Continuation, true, b"b"),
    ];
    check("5.6", &between, &["ping 4", "text ab"], None);
    check(
        "5.9",
        &[frame(Continuation, true, b"x"), frame(Text, true, b"y")],
        &[],
        Some(1002),
    );
    check("5.12", &[frame(Continuation, false, b"x")], &[], Some(1002));
    check(
        "5.15",
        &[
            frame(Text, false, b"a"),
            frame(Continuation, true, b"b"),
            frame(Continuation, false, b"c"),
        ],
        &["text ab"],
        Some(1002),
    );
    check(
        "5.18",
        &[frame(Text, false, b"a"), frame(Text, true, b"b")],
        &[],
        Some(1002),
    );
    let empty = [
        frame(Text, false, b""),
        frame(Continuation, false, b""),
        frame(Continuation, true, b""),
    ];
    check("6.1.2", &empty, &["text "], None);
    check(
        "6.1.3",
        &[
            frame(Text, false, b""),
            frame(Continuation, false, b"m"),
            frame(Continuation, true, b""),
        ],
        &["text m"],
        None,
    );
}

#[test]
fn text_fails_at_its_first_wrong_byte() {
    use Opcode::*;
    let good = "κόσμε".as_bytes();
    check(
        "6.3.1",
        &[frame(Text, true, &[good, b"\xed\xa0\x80edited"].concat())],
        &[],
        Some(1007),
    );
    check(
        "6.3.2",
        &[
            frame(Text, false, good),
            frame(Continuation, false, b"\xed\xa0\x80"),
        ],
        &[],
        Some(1007),
    );
    // Not at the message's end, which never comes here.
    check(
        "6.4.1",
        &[frame(Text, false, &[good, b"\xf4\x90\x80\x80"].concat())],
        &[],
        Some(1007),
    );
    let mut begun = frame(
        Text,
        true,
        &[good, &[0xf4, 0x90, 0x80, 0x80][..], b"edited"].concat(),
    );
    begun.truncate(6 + good.len() + 2);
    check("6.4.3", &[begun], &[], Some(1007));
    for (case, bad) in [
        ("6.8.1", &b"\xf8\x88\x80\x80\x80"[..]),
        ("6.11.5", b"\xf4\x90\x80\x80"),
        ("6.12.8", b"\xbf\x80"),
        ("6.15.1", b"a\xce"),
        ("6.21.1", b"\xed\xa0\x80\xed\xb0\x80"),
    ] {
        check(case, &[frame(Text, true, bad)], &[], Some(1007));
    }
    check(
        "6.22.1",
        &[frame(Text, true, "\u{fffe}\u{ffff}".as_bytes())],
        &["text \u{fffe}\u{ffff}"],
        None,
    );
}

#[test]
fn closing() {
    use Opcode::*;
    check(
        "7.1.1",
        &[
            frame(Text, true, b"x"),
            frame(Close, true, &[3, 232]),
            frame(Text, true, b"y"),
        ],
        &["text x", "close 1000 "],
        None,
    );
    check(
        "7.1.5",
        &[frame(Text, false, b"a"), frame(Close, true, b"")],
        &["close 1005 "],
        None,
    );
    check("7.3.2", &[frame(Close, true, b"a")], &[], Some(1002));
    check(
        "7.3.5",
        &[frame(Close, true, &[&[3, 232][..], &[b'*'; 123]].concat())],
        &[&format!("close 1000 {}", "*".repeat(123))],
        None,
    );
    check(
        "7.3.6",
        &[frame(Close, true, &[&[3, 232][..], &[b'*'; 124]].concat())],
        &[],
        Some(1002),
    );
    check(
        "7.5.1",
        &[frame(Close, true, b"\x03\xe8\xce\xba\xed\xa0\x80")],
        &[],
        Some(1007),
    );
    for code in [
        1000u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        check(
            "7.7",
            &[frame(Close, true, &code.to_be_bytes())],
            &[&format!("close {code} ")],
            None,
        );
    }
    for code in [
        0u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ] {
        check("7.9", &[frame(Close, true, &code.to_be_bytes())], &[], Some(1002));
    }
}

#[test]
fn sizes() {
    check(
        "1.2.5",
        &[frame(Opcode::Binary, true, &[0xfe; 128])],
        &["binary 128"],
        None,
    );
    check(
        "1.2.7",
        &[frame(Opcode::Binary, true, &[0xfe; 65536])],
        &["binary 65536"],
        None,
    );
    check(
        "too large",
        &[frame(Opcode::Binary, true, &[0xfe; 65537])],
        &[],
        Some(1009),
    );
    let parts = [
        frame(Opcode::Binary, false, &[1; 40_000]),
        frame(Opcode::Continuation, true, &[1; 40_000]),
    ];
    check("too large in parts", &parts, &[], Some(1009));
}

#[test]
fn heads_that_other_parsers_take() {
    let unmasked = vec![0x81, 1, b'x'];
    check("no mask", &[unmasked], &[], Some(1002));
    check(
        "a long way to write a short length",
        &[vec![0x82, 0xfe, 0, 125]],
        &[],
        Some(1002),
    );
    check(
        "a longer way",
        &[vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]],
        &[],
        Some(1002),
    );
    check(
        "a negative length",
        &[vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]],
        &[],
        Some(1002),
    );
    assert_eq!(CloseReason::ABNORMAL, 1006);
}
