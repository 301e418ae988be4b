//! Two transports on a virtual wire.
use super::*;
use crate::dcep::Reliability;

fn credentials(name: &str) -> Credentials {
    Credentials {
        ufrag: format!("{name}frag"),
        pwd: format!("{name}-password-of-24-chars"),
    }
}

fn digest(identity: &DtlsIdentity) -> Vec<Vec<u8>> {
    vec![identity
        .fingerprint()
        .split(':')
        .map(|b| u8::from_str_radix(b, 16).unwrap())
        .collect()]
}

pub(crate) struct Pair {
    pub now: Instant,
    pub server: Transport,
    pub client: Transport,
    addresses: (SocketAddr, SocketAddr),
}

fn pair(wrong_fingerprint: bool) -> Pair {
    pair_with(wrong_fingerprint, credentials("serv"))
}

fn pair_with(wrong_fingerprint: bool, believed: Credentials) -> Pair {
    pair_as(wrong_fingerprint, believed, true)
}

fn pair_as(wrong_fingerprint: bool, believed: Credentials, active: bool) -> Pair {
    let now = Instant::now();
    let (s, c): (SocketAddr, SocketAddr) =
        ("10.0.0.1:7882".parse().unwrap(), "10.0.0.2:5000".parse().unwrap());
    let (si, ci) = (
        DtlsIdentity::generate().unwrap(),
        DtlsIdentity::generate().unwrap(),
    );
    let mut server = Transport::new(
        &TransportConfig {
            identity: &si,
            credentials: &credentials("serv"),
            addresses: &[(s, Protocol::Udp)],
            ice_lite: true,
            controlling: false,
            active: false,
        },
        now,
    );
    let mut client = Transport::new(
        &TransportConfig {
            identity: &ci,
            credentials: &credentials("clie"),
            addresses: &[(c, Protocol::Udp)],
            ice_lite: false,
            controlling: true,
            active,
        },
        now,
    );
    if !active {
        server.set_active(now);
    }
    server.set_remote(
        &credentials("clie"),
        digest(if wrong_fingerprint { &si } else { &ci }),
        now,
    );
    client.set_remote(&believed, digest(&si), now);
    client.add_remote_candidate(s, Protocol::Udp, now);
    Pair {
        now,
        server,
        client,
        addresses: (s, c),
    }
}

impl Pair {
    fn step(&mut self) {
        let (s, c) = self.addresses;
        self.now += Duration::from_millis(10);
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
        for _ in 0..20 {
            let mut quiet = true;
            while let Some((_, packet)) = self.client.poll_transmit() {
                quiet = false;
                let path = Path {
                    local: s,
                    remote: c,
                    protocol: Protocol::Udp,
                };
                deliver(&mut self.server, &path, &packet, self.now);
            }
            while let Some((_, packet)) = self.server.poll_transmit() {
                quiet = false;
                let path = Path {
                    local: c,
                    remote: s,
                    protocol: Protocol::Udp,
                };
                deliver(&mut self.client, &path, &packet, self.now);
            }
            if quiet {
                break;
            }
        }
    }
}

fn deliver(to: &mut Transport, path: &Path, packet: &[u8], now: Instant) {
    match packet[0] {
        0..=3 => {
            to.handle_stun(path, packet, now);
        }
        20..=63 => to.handle_dtls(packet, now),
        _ => {}
    }
}

fn events(transport: &mut Transport) -> Vec<TransportEvent> {
    std::iter::from_fn(|| transport.poll_event()).collect()
}

#[test]
fn two_transports_connect_and_pass_messages() {
    let mut pair = pair(false);
    for _ in 0..200 {
        pair.step();
    }
    assert!(pair.server.is_connected() && pair.client.is_connected());
    assert!(pair.server.sender().is_some() && pair.client.receiver().is_some());
    let options = ChannelOptions {
        label: "_reliable".into(),
        protocol: String::new(),
        ordered: true,
        reliability: Reliability::Reliable,
    };
    let id = pair.client.open_channel(options.clone(), pair.now).unwrap();
    for _ in 0..20 {
        pair.step();
    }
    let opened = events(&mut pair.server);
    assert!(opened
        .iter()
        .any(|e| matches!(e, TransportEvent::ChannelOpened(got, o) if *got == id && *o == options)));
    let big = vec![7u8; 100_000];
    pair.client.send_data(id, true, &big).unwrap();
    pair.server.send_data(id, false, b"hello").unwrap();
    for _ in 0..50 {
        pair.client.flush_data(pair.now);
        pair.server.flush_data(pair.now);
        pair.step();
    }
    assert!(events(&mut pair.server)
        .iter()
        .any(|e| matches!(e, TransportEvent::Message { data, binary: true, .. } if *data == big)));
    assert!(events(&mut pair.client)
        .iter()
        .any(|e| matches!(e, TransportEvent::Message { data, binary: false, .. } if data == b"hello")));
    assert_eq!(
        pair.client.send_data(id, true, &vec![0; 300_000]),
        Err(SendError::TooLarge)
    );
}

#[test]
fn a_peer_that_waits_for_the_handshake_gets_one() {
    let mut pair = pair_as(false, credentials("serv"), false);
    for _ in 0..200 {
        pair.step();
    }
    assert!(pair.server.is_connected() && pair.client.is_connected());
    let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
    pair.server
        .sender_mut()
        .unwrap()
        .protect_rtcp(&mut packet)
        .unwrap();
    assert_eq!(pair.client.receiver().unwrap().unprotect_rtcp(&mut packet), Ok(8));
    // Roles decide whose channels are even (RFC 8832 §6), and stand from now on.
    let options = ChannelOptions {
        label: "a".into(),
        protocol: String::new(),
        ordered: true,
        reliability: Reliability::Reliable,
    };
    assert_eq!(pair.server.open_channel(options.clone(), pair.now), Some(0));
    assert_eq!(pair.client.open_channel(options, pair.now), Some(1));
    pair.client.set_active(pair.now);
    assert!(pair.server.is_active() && !pair.client.is_active());
}

#[test]
fn a_wrong_fingerprint_fails_before_keys() {
    let mut pair = pair(true);
    for _ in 0..200 {
        pair.step();
    }
    assert!(pair.server.is_ended() && pair.server.sender().is_none());
    let told = events(&mut pair.server);
    assert!(
        told.iter()
            .any(|e| matches!(e, TransportEvent::Failed(why) if why.contains("fingerprint"))),
        "{told:?}"
    );
}

#[test]
fn a_transport_nobody_reaches_fails_in_time() {
    let mut pair = pair(false);
    pair.server.handle_timeout(pair.now + CONNECT_WITHIN);
    assert!(matches!(
        events(&mut pair.server)[..],
        [TransportEvent::Failed(_)]
    ));
    assert!(pair.server.poll_timeout(pair.now).is_none());
}

#[test]
fn a_transport_whose_peer_says_nothing_waits() {
    let now = Instant::now();
    let mut transport = Transport::new(
        &TransportConfig {
            identity: &DtlsIdentity::generate().unwrap(),
            credentials: &credentials("serv"),
            addresses: &[("127.0.0.1:1".parse().unwrap(), Protocol::Udp)],
            ice_lite: true,
            controlling: false,
            active: false,
        },
        now,
    );
    transport.handle_timeout(now + CONNECT_WITHIN * 10);
    assert!(!transport.is_ended() && transport.poll_event().is_none());
}

#[test]
fn a_check_with_the_wrong_password_proves_nothing() {
    let wrong = Credentials {
        ufrag: "servfrag".into(),
        pwd: "not-the-password-of-24-c".into(),
    };
    let mut pair = pair_with(false, wrong);
    let path = Path {
        local: pair.addresses.0,
        remote: pair.addresses.1,
        protocol: Protocol::Udp,
    };
    for _ in 0..50 {
        pair.now += Duration::from_millis(10);
        pair.client.handle_timeout(pair.now);
        while let Some((_, packet)) = pair.client.poll_transmit() {
            assert!(!pair.server.handle_stun(&path, &packet, pair.now));
        }
    }
    assert_eq!(pair.server.send_path(), None);
}

#[test]
fn a_peer_on_many_ports_is_heard_on_some_until_it_restarts() {
    let mut pair = pair(false);
    let check = loop {
        pair.now += Duration::from_millis(10);
        pair.client.handle_timeout(pair.now);
        if let Some((_, check)) = pair.client.poll_transmit() {
            break check;
        }
    };
    let proven = |pair: &mut Pair, check: &[u8]| {
        (1000..2000u16)
            .filter(|port| {
                let path = Path {
                    local: pair.addresses.0,
                    remote: SocketAddr::new(pair.addresses.1.ip(), *port),
                    protocol: Protocol::Udp,
                };
                pair.server.handle_stun(&path, check, pair.now)
            })
            .count()
    };
    let first = proven(&mut pair, &check);
    assert!((8..=100).contains(&first), "{first}");
    // What is known already goes on.
    assert_eq!(proven(&mut pair, &check), first);
}

#[test]
fn ice_restarts_while_connected() {
    let mut pair = pair(false);
    for _ in 0..200 {
        pair.step();
    }
    let (s, c) = (credentials("sern"), credentials("clin"));
    pair.server.restart_ice(&s, Some(&c), pair.now);
    pair.client.restart_ice(&c, Some(&s), pair.now);
    pair.client
        .add_remote_candidate(pair.addresses.0, Protocol::Udp, pair.now);
    events(&mut pair.server);
    for _ in 0..300 {
        pair.step();
    }
    assert!(pair.server.is_connected());
    assert_eq!(pair.server.credentials(), s);
}

#[test]
fn a_silent_peer_is_noticed_by_few_wakes() {
    let mut pair = pair(false);
    for _ in 0..200 {
        pair.step();
    }
    assert!(pair.server.is_connected());
    events(&mut pair.server);
    let silent = pair.now;
    let (mut wakes, mut told) = (0, vec![]);
    while let Some(at) = pair.server.poll_timeout(pair.now) {
        pair.now = at.max(pair.now + Duration::from_micros(1));
        pair.server.handle_timeout(pair.now);
        told.extend(
            events(&mut pair.server)
                .into_iter()
                .map(|e| (pair.now - silent, e)),
        );
        wakes += 1;
    }
    // Thousands of idle people must not keep a thread busy.
    assert!(wakes <= 60, "{wakes} wakes in a minute");
    let [(first, TransportEvent::Disconnected), (last, TransportEvent::Failed(_))] = &told[..] else {
        panic!("{told:?}");
    };
    assert!((5..30).contains(&first.as_secs()), "{told:?}");
    assert!((55..62).contains(&last.as_secs()), "{told:?}");
}
