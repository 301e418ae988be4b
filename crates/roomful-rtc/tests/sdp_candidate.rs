//! Candidates: ours as text, theirs as values.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
use proptest::prelude::*;
use roomful_rtc::sdp::candidate::*;
use std::net::{IpAddr, SocketAddr};

#[test]
fn host_candidates_have_the_priorities_of_the_documents() {
    // RFC 8445 §5.1.2.1: 2^24 * 126 + 2^8 * 65535 + 255.
    assert_eq!(host_priority(Protocol::Udp, 65_535), 2_130_706_431);
    let v4: SocketAddr = "192.0.2.1:7882".parse().unwrap();
    let v6: SocketAddr = "[2001:db8::1]:7882".parse().unwrap();
    assert!(host(Protocol::Udp, v4, 65_535).ends_with(" 1 udp 2130706431 192.0.2.1 7882 typ host"));
    assert!(host(Protocol::Tcp, v6, 0).ends_with(" 2001:db8::1 7882 typ host tcptype passive"));
    // Every UDP candidate comes before every TCP one, and preferences order each.
    assert!(host_priority(Protocol::Udp, 0) > host_priority(Protocol::Tcp, 65_535));
    assert!(host_priority(Protocol::Tcp, 65_535) > host_priority(Protocol::Tcp, 0));
}

#[test]
fn foundations_differ_by_address_and_protocol_only() {
    let foundation = |protocol, address: &str, preference| {
        parse(&host(protocol, address.parse().unwrap(), preference))
            .unwrap()
            .foundation
    };
    let first = foundation(Protocol::Udp, "192.0.2.1:1", 9);
    assert_eq!(first, foundation(Protocol::Udp, "192.0.2.1:2", 1));
    assert_ne!(first, foundation(Protocol::Tcp, "192.0.2.1:1", 9));
    assert_ne!(first, foundation(Protocol::Udp, "192.0.2.2:1", 9));
}

#[test]
fn candidates_of_others_are_read() {
    let text = "a=candidate:842163049 1 UDP 1677729535 203.0.113.9 46154 typ srflx raddr 10.0.0.1 rport 46154 generation 0 ufrag EEtu network-cost 999";
    let read = parse(text).unwrap();
    assert_eq!(
        (read.kind, read.protocol, read.port),
        (CandidateKind::ServerReflexive, Protocol::Udp, 46_154)
    );
    assert_eq!(read.ufrag.as_deref(), Some("EEtu"));
    let tcp = parse("candidate:3 1 tcp 1518214911 192.0.2.2 9 typ host tcptype active generation 0").unwrap();
    assert_eq!(tcp.tcp_type, Some(TcpType::Active));
    let name = parse("0 1 UDP 2122187007 60842742-afff.local 32942 typ host").unwrap();
    assert_eq!(name.address, Address::Name("60842742-afff.local".into()));
}

#[test]
fn what_is_no_candidate_says_why() {
    let cases = [
        ("", "a foundation"),
        ("1 x udp", "a component number"),
        ("1 1 sctp", "udp or tcp"),
        ("1 1 udp 5 host 70000", "a port"),
        ("1 1 udp 5 host 7 type host", "typ"),
        ("1 1 udp 5 host 7 typ moon", "host, srflx, prflx or relay"),
        ("1 1 tcp 5 host 7 typ host tcptype maybe", "active, passive or so"),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).unwrap_err().expected, expected, "{text}");
    }
    assert!(parse(&"1 ".repeat(2000)).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read(ip: IpAddr, port: u16, preference: u16, tcp: bool) {
        let protocol = if tcp { Protocol::Tcp } else { Protocol::Udp };
        let read = parse(&host(protocol, SocketAddr::new(ip, port), preference)).unwrap();
        prop_assert_eq!(read.address, Address::Ip(ip));
        prop_assert_eq!((read.port, read.protocol, read.component), (port, protocol, 1));
        prop_assert_eq!(read.priority, host_priority(protocol, preference));
        prop_assert_eq!(read.tcp_type, tcp.then_some(TcpType::Passive));
    }

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let _ = parse(&text);
    }
}
