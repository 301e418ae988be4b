//! With real sockets on loopback: the client is a few lines over `roomful_turn::message`.
use super::*;
use roomful_turn::attribute as kind;
use roomful_turn::credentials::{long_term_key, password, username};
use roomful_turn::message::{method, Class, Keys, Message, Seal, Writer};
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECRET: &[u8] = b"north";

fn config() -> TurnConfig {
    TurnConfig {
        addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
        secrets: vec![SECRET.to_vec()],
        tcp_port: Some(0),
        allowed: vec!["127.0.0.0/8".to_owned(), "::1".to_owned()],
        ..TurnConfig::default()
    }
}

enum Line {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// A client that asks for an address.
struct Person {
    line: Line,
    keys: Keys,
    username: String,
    nonce: Vec<u8>,
    asked: u8,
}

impl Person {
    fn new(line: Line) -> Self {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let username = username(now_s + 600, "ada");
        let keys = long_term_key(&username, "roomful", &password(SECRET, &username));
        Self {
            line,
            keys,
            username,
            nonce: vec![],
            asked: 0,
        }
    }

    fn udp(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self::new(Line::Udp(socket))
    }

    fn send(&mut self, bytes: &[u8]) {
        match &mut self.line {
            Line::Udp(socket) => {
                socket.send(bytes).unwrap();
            }
            Line::Tcp(stream) => {
                let mut padded = bytes.to_vec();
                padded.resize(bytes.len().next_multiple_of(4), 0);
                stream.write_all(&padded).unwrap();
            }
        }
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 4_096];
        match &mut self.line {
            Line::Udp(socket) => {
                let length = socket.recv(&mut buffer).unwrap();
                buffer.truncate(length);
            }
            Line::Tcp(stream) => {
                stream.read_exact(&mut buffer[..4]).unwrap();
                let length = usize::from(u16::from_be_bytes([buffer[2], buffer[3]]));
                let whole = if buffer[0] >= 0x40 {
                    4 + length
                } else {
                    20 + length
                };
                let padded = whole.next_multiple_of(4);
                stream.read_exact(&mut buffer[4..padded]).unwrap();
                buffer.truncate(whole);
            }
        }
        buffer
    }

    fn ask(&mut self, method: u16, write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
        self.asked += 1;
        let mut bytes = vec![];
        let mut writer = Writer::new(&mut bytes, method, Class::Request, [self.asked; 12]);
        write(&mut writer);
        if !self.nonce.is_empty() {
            writer
                .attribute(kind::USERNAME, self.username.as_bytes())
                .attribute(kind::REALM, b"roomful")
                .attribute(kind::NONCE, &self.nonce)
                .seal(Seal::Sha1, &self.keys);
        }
        self.send(&bytes);
        let answer = self.receive();
        let nonce = Message::read(&answer)
            .unwrap()
            .attribute(kind::NONCE)
            .map(<[u8]>::to_vec);
        if let (Some(nonce), true) = (nonce, self.nonce.is_empty()) {
            self.nonce = nonce;
            return self.ask(method, write);
        }
        assert_eq!(
            Message::read(&answer).unwrap().class,
            Class::Success,
            "{answer:?}"
        );
        answer
    }

    fn allocate(&mut self) -> SocketAddr {
        let ipv6 = matches!(&self.line, Line::Udp(socket) if socket.local_addr().unwrap().is_ipv6());
        let answer = self.ask(method::ALLOCATE, |w| {
            w.attribute(kind::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            if ipv6 {
                w.attribute(kind::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
            }
        });
        Message::read(&answer)
            .unwrap()
            .xor_address(kind::XOR_RELAYED_ADDRESS)
            .unwrap()
    }

    fn bind(&mut self, number: u16, peer: SocketAddr) {
        self.ask(method::CHANNEL_BIND, |w| {
            w.attribute(kind::CHANNEL_NUMBER, &[number.to_be_bytes(), [0, 0]].concat());
            w.xor_address(kind::XOR_PEER_ADDRESS, peer);
        });
    }

    fn through(&mut self, number: u16, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap();
        self.send(&[&number.to_be_bytes()[..], &length.to_be_bytes(), payload].concat());
    }
}

fn port(turn: &Turn, kind: Kind, ipv6: bool) -> SocketAddr {
    let found = turn
        .ports()
        .iter()
        .find(|(k, at)| *k == kind && at.is_ipv6() == ipv6);
    found.unwrap().1
}

fn peer(like: &str) -> UdpSocket {
    let socket = UdpSocket::bind(like).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

/// Bursts both ways: nothing is lost, nothing is mixed up.
fn exchange(ada: &mut Lent) {
    let family = if ada.relayed.is_ipv6() {
        "[::1]:0"
    } else {
        "127.0.0.1:0"
    };
    let bob = peer(family);
    let at = bob.local_addr().unwrap();
    let relayed = ada.relayed;
    let ada = &mut ada.person;
    ada.bind(0x4001, at);
    let sizes = [1_100usize, 1_100, 1_100, 700, 41, 1_100];
    for (n, size) in sizes.into_iter().enumerate() {
        ada.through(0x4001, &vec![n as u8; size]);
    }
    let mut buffer = [0; 2_048];
    for (n, size) in sizes.into_iter().enumerate() {
        let (length, from) = bob.recv_from(&mut buffer).unwrap();
        assert_eq!((length, buffer[0], from), (size, n as u8, relayed));
    }
    for (n, size) in sizes.into_iter().enumerate() {
        bob.send_to(&vec![n as u8; size], relayed).unwrap();
    }
    for (n, size) in sizes.into_iter().enumerate() {
        let got = ada.receive();
        assert_eq!(
            (&got[..2], got.len(), got[4]),
            (&[0x40, 0x01][..], size + 4, n as u8)
        );
    }
}

#[test]
fn packets_cross_over_udp_and_tcp_and_both_families() {
    for portable in [false, true] {
        let turn = Turn::start(&TurnConfig { portable, ..config() }, &[]).unwrap();
        for ipv6 in [false, true] {
            exchange(&mut Lent::new(Person::udp(port(&turn, Kind::Udp, ipv6))));
        }
        let stream = TcpStream::connect(port(&turn, Kind::Tcp, false)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        exchange(&mut Lent::new(Person::new(Line::Tcp(stream))));
        assert!(!turn.is_dead());
    }
}

struct Lent {
    person: Person,
    relayed: SocketAddr,
}

impl Lent {
    fn new(mut person: Person) -> Self {
        let relayed = person.allocate();
        Self { person, relayed }
    }
}

#[test]
fn a_stream_that_ends_gives_its_port_back() {
    let turn = Turn::start(&config(), &[]).unwrap();
    let stream = TcpStream::connect(port(&turn, Kind::Tcp, false)).unwrap();
    let lent = Lent::new(Person::new(Line::Tcp(stream)));
    assert!(UdpSocket::bind(lent.relayed).is_err());
    drop(lent.person);
    let free = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        UdpSocket::bind(lent.relayed).is_ok()
    });
    assert!(free);
    assert_eq!(turn.stats().allocations, 0);
}

#[test]
fn wrong_streams_are_closed_and_the_others_go_on() {
    let turn = Turn::start(&config(), &[]).unwrap();
    let mut ada = Lent::new(Person::udp(port(&turn, Kind::Udp, false)));
    for rubbish in [
        &b"\x80\x00\x00\x00"[..],
        &[0x00, 0x01, 0x00, 0x03],
        &[0xff; 3_000],
    ] {
        let mut stream = TcpStream::connect(port(&turn, Kind::Tcp, false)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ = stream.write_all(rubbish);
        let mut rest = vec![];
        // A reset is an end, too.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
    exchange(&mut ada);
}

/// A peer's private candidates mean nothing here: sending to them fails, and fails alone.
#[test]
fn a_relay_goes_on_beside_a_peer_without_a_route() {
    let bob = peer("127.0.0.1:0");
    let nowhere: SocketAddr = "203.0.113.9:9".parse().unwrap();
    assert!(bob.send_to(&[0], nowhere).is_err(), "loopback leads nowhere else");
    for portable in [false, true] {
        let config = TurnConfig {
            portable,
            allowed: ["127.0.0.0/8", "203.0.113.0/24"].map(str::to_owned).to_vec(),
            ..config()
        };
        let turn = Turn::start(&config, &[]).unwrap();
        let mut ada = Lent::new(Person::udp(port(&turn, Kind::Udp, false)));
        ada.person.bind(0x4001, bob.local_addr().unwrap());
        ada.person.bind(0x4002, nowhere);
        let mut buffer = [0; 2_048];
        for round in 0..20u8 {
            // Alone, in runs that share a message, and between others.
            for number in [0x4002, 0x4001, 0x4002, 0x4002, 0x4002, 0x4001] {
                ada.person.through(number, &[round; 300]);
            }
            for _ in 0..2 {
                assert_eq!((bob.recv(&mut buffer).unwrap(), buffer[0]), (300, round));
            }
            bob.send_to(&[round; 200], ada.relayed).unwrap();
            assert_eq!(ada.person.receive().len(), 204);
        }
        assert_eq!(turn.stats().allocations, 1);
    }
}

#[test]
fn a_message_in_pieces_is_relayed_whole() {
    let turn = Turn::start(&config(), &[]).unwrap();
    let stream = TcpStream::connect(port(&turn, Kind::Tcp, false)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut ada = Lent::new(Person::new(Line::Tcp(stream)));
    let bob = peer("127.0.0.1:0");
    ada.person.bind(0x4001, bob.local_addr().unwrap());
    let mut bytes = [&[0x40, 0x01, 0, 101][..], &[7; 101], &[0; 3]].concat();
    bytes.extend_from_slice(&[0x40, 0x01, 0, 4, 1, 2, 3, 4]);
    let Line::Tcp(stream) = &mut ada.person.line else {
        panic!("TCP")
    };
    for byte in bytes {
        stream.write_all(&[byte]).unwrap();
    }
    let mut buffer = [0; 2_048];
    assert_eq!(bob.recv(&mut buffer).unwrap(), 101);
    assert_eq!(buffer[..101], [7; 101]);
    assert_eq!(bob.recv(&mut buffer).unwrap(), 4);
}

#[test]
fn a_datagram_that_does_not_fit_is_dropped_not_cut() {
    for portable in [false, true] {
        let turn = Turn::start(&TurnConfig { portable, ..config() }, &[]).unwrap();
        let mut ada = Lent::new(Person::udp(port(&turn, Kind::Udp, false)));
        let bob = peer("127.0.0.1:0");
        ada.person.bind(0x4001, bob.local_addr().unwrap());
        bob.send_to(&[1; 3_000], ada.relayed).unwrap();
        bob.send_to(&[2; 1_900], ada.relayed).unwrap();
        let got = ada.person.receive();
        assert_eq!((got.len(), got[4]), (1_904, 2), "portable {portable}");
        ada.person.through(0x4001, &[3; 3_000]);
        ada.person.through(0x4001, &[4; 1_900]);
        let mut buffer = [0; 4_096];
        assert_eq!((bob.recv(&mut buffer).unwrap(), buffer[0]), (1_900, 4));
    }
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for wrong in [
        TurnConfig {
            secrets: vec![],
            ..config()
        },
        TurnConfig {
            relay_ports: (5_000, 4_000),
            ..config()
        },
        TurnConfig {
            allowed: vec!["everything".to_owned()],
            ..config()
        },
        TurnConfig {
            tls_port: Some(0),
            ..config()
        },
        TurnConfig {
            realm: String::new(),
            ..config()
        },
    ] {
        assert!(matches!(Turn::start(&wrong, &[]), Err(EngineError::Config(_))));
    }
    let turn = Turn::start(&config(), &[]).unwrap();
    let taken = TurnConfig {
        udp_port: Some(port(&turn, Kind::Udp, false).port()),
        ..config()
    };
    assert!(matches!(
        Turn::start(&taken, &[]),
        Err(EngineError::PortTaken { .. })
    ));
}
