use super::*;
use proptest::prelude::*;

const SENDER: Sender<'static> = Sender {
    identity: "ada",
    participant: "PA_a",
    hidden: false,
    agent: false,
};

fn user_packet(topic: &str, to: &[&str]) -> Vec<u8> {
    let mut body = vec![];
    put_bytes(&mut body, user::SID, b"PA_forged");
    put_bytes(&mut body, 2, b"payload");
    put_bytes(&mut body, user::TOPIC, topic.as_bytes());
    put_bytes(&mut body, user::IDENTITY, b"forged");
    let mut out = vec![];
    put_bytes(&mut out, packet::IDENTITY, b"forged");
    put_bytes(&mut out, packet::USER, &body);
    for name in to {
        put_bytes(&mut out, packet::DESTINATIONS, name.as_bytes());
    }
    put_varint(&mut out, u64::from(packet::SEQUENCE) << 3);
    put_varint(&mut out, 300);
    out
}

#[test]
fn the_sender_is_written_over_at_every_place() {
    let packet = user_packet("chat", &["bob"]);
    let address = LiveKit::address(&packet).unwrap();
    assert_eq!((address.topic.as_str(), address.sequence), ("chat", 300));
    assert_eq!(address.identities, ["bob"]);
    let stamped = LiveKit::stamp(&packet, DataKind::Reliable, SENDER).unwrap();
    let lossy = String::from_utf8_lossy(&stamped).into_owned();
    assert!(
        !lossy.contains("forged") && lossy.matches("PA_a").count() == 2 && lossy.matches("ada").count() == 2
    );
    assert_eq!(LiveKit::address(&stamped), Some(address));
}

#[test]
fn a_hidden_sender_is_not_named() {
    let hidden = Sender {
        hidden: true,
        ..SENDER
    };
    let stamped = LiveKit::stamp(&user_packet("t", &[]), DataKind::Reliable, hidden).unwrap();
    let lossy = String::from_utf8_lossy(&stamped).into_owned();
    assert!(!lossy.contains("forged") && !lossy.contains("ada"));
}

#[test]
fn an_agent_writes_what_somebody_said_and_nobody_else_may() {
    let mut text = vec![];
    put_bytes(&mut text, STREAM_ID, b"s1");
    put_bytes(&mut text, TEXT_HEADER, b"");
    let packet = |number, body: &[u8]| {
        let mut out = vec![];
        put_bytes(&mut out, packet::IDENTITY, b"bob");
        put_bytes(&mut out, number, body);
        out
    };
    let agent = Sender {
        agent: true,
        ..SENDER
    };
    let identity = |packet: &[u8]| -> String {
        let names = fields(packet).flatten().filter(|f| f.number == packet::IDENTITY);
        names
            .map(|f| match f.value {
                Value::Bytes(name) => String::from_utf8_lossy(name).into_owned(),
                _ => String::new(),
            })
            .collect()
    };
    let stamp = |packet: &[u8], sender| LiveKit::stamp(packet, DataKind::Reliable, sender);
    for (packet, generated) in [
        (packet(packet::STREAM_HEADER, &text), TEXT_GENERATED),
        (packet(packet::CHAT, b""), CHAT_GENERATED),
    ] {
        let stamped = stamp(&packet, agent).unwrap();
        assert_eq!(identity(&stamped), "bob");
        let mark = [(generated << 3) as u8, 1];
        assert!(stamped.windows(2).any(|pair| pair == mark));
        assert_eq!(identity(&stamp(&packet, SENDER).unwrap()), "ada");
    }
    // Bytes are nobody's words.
    let bytes = packet(packet::STREAM_HEADER, b"");
    assert_eq!(identity(&stamp(&bytes, agent).unwrap()), "ada");
    for body in [&b"\x0a\x01m"[..], b""] {
        assert_eq!(
            LiveKit::address(&packet(packet::CHAT, body)).unwrap().topic,
            CHAT_TOPIC
        );
    }
    let transcription = packet(packet::TRANSCRIPTION, b"");
    assert!(stamp(&transcription, SENDER).is_none() && stamp(&transcription, agent).is_some());
}

#[test]
fn what_only_the_server_tells_is_refused() {
    for number in [packet::SPEAKER, packet::METRICS] {
        let mut out = vec![];
        put_bytes(&mut out, number, b"");
        assert_eq!(LiveKit::address(&out), None);
    }
}

#[test]
fn the_channel_says_the_kind() {
    let mut claims_lossy = vec![8, 1];
    claims_lossy.extend(user_packet("", &[]));
    let kinds = |packet: &[u8]| -> Vec<u64> {
        let numbers = fields(packet)
            .flatten()
            .filter(|field| field.number == packet::KIND);
        numbers
            .map(|field| if let Value::Number(n) = field.value { n } else { 99 })
            .collect()
    };
    let stamp = |kind| LiveKit::stamp(&claims_lossy, kind, SENDER).unwrap();
    assert!(kinds(&stamp(DataKind::Reliable)).is_empty());
    assert_eq!(kinds(&stamp(DataKind::Lossy)), [1]);
}

#[test]
fn streams_are_told_from_each_other() {
    let part = |number, topic: &str| {
        let (mut body, mut out) = (vec![], vec![]);
        put_bytes(&mut body, STREAM_ID, b"s1");
        put_bytes(&mut body, STREAM_TOPIC, topic.as_bytes());
        put_bytes(&mut out, number, &body);
        LiveKit::address(&out).unwrap()
    };
    let header = part(packet::STREAM_HEADER, "lk.chat");
    assert_eq!(
        (header.stream.as_str(), header.topic.as_str(), header.ends),
        ("s1", "lk.chat", false)
    );
    // Field 3 of a chunk is its content, not a topic.
    let chunk = part(packet::STREAM_CHUNK, "content");
    assert_eq!(
        (chunk.stream.as_str(), chunk.topic.as_str(), chunk.ends),
        ("s1", "", false)
    );
    assert!(part(packet::STREAM_TRAILER, "").ends);
}

/// Packets near to right ones: known fields in any order, nested or not, with a little damage.
fn near() -> impl Strategy<Value = Vec<u8>> {
    let leaf = (1..20u32, prop::collection::vec(any::<u8>(), 0..12)).prop_map(|(number, bytes)| {
        let mut out = vec![];
        put_bytes(&mut out, number, &bytes);
        out
    });
    let number = (1..20u32, any::<u64>()).prop_map(|(number, value)| {
        let mut out = vec![];
        put_varint(&mut out, u64::from(number) << 3);
        put_varint(&mut out, value);
        out
    });
    let message = prop::collection::vec(prop_oneof![leaf, number], 0..6).prop_map(|parts| parts.concat());
    let nested = (1..20u32, message.clone()).prop_map(|(number, body)| {
        let mut out = vec![];
        put_bytes(&mut out, number, &body);
        out
    });
    let fields = prop::collection::vec(prop_oneof![message, nested], 0..5).prop_map(|parts| parts.concat());
    (fields, any::<u8>(), any::<Option<usize>>()).prop_map(|(mut packet, byte, at)| {
        if let Some(at) = at.filter(|_| !packet.is_empty()) {
            let place = at % packet.len();
            packet[place] = byte;
        }
        packet
    })
}

proptest! {
    #[test]
    fn nothing_panics_and_what_is_stamped_reads(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_envelope(&bytes);
    }

    #[test]
    fn packets_near_to_right_ones_are_harmless(bytes in near()) {
        fuzz_envelope(&bytes);
    }
}
