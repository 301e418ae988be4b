//! A client on real sockets against a whole engine, on both kinds of socket; and strangers, who change nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use roomful_engine::{Config, Engine};
use roomful_rtc::dtls::DtlsIdentity;
use roomful_rtc::ice;
use roomful_rtc::transport::{Path, Protocol, Transport, TransportConfig};
use roomful_sfu::command::{Command, Credentials, Rights, Role};
use roomful_sfu::event::{Event, TransportState};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const OURS: (&str, &str) = ("serverfrag", "server-password-of-24-ch");
const THEIRS: (&str, &str) = ("clientfrag", "client-password-of-24-ch");
const PATIENCE: Duration = Duration::from_secs(15);

fn credentials((ufrag, pwd): (&str, &str)) -> ice::Credentials {
    ice::Credentials {
        ufrag: ufrag.to_owned(),
        pwd: pwd.to_owned(),
    }
}

fn wait_for<T>(engine: &Engine, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(found) = engine.drain().into_iter().find_map(&mut wanted) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it never came");
}

struct Client {
    socket: UdpSocket,
    transport: Transport,
    server: SocketAddr,
}

impl Client {
    fn new(identity: &DtlsIdentity, server: SocketAddr, believed: (&str, &str), digest: Vec<u8>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let now = Instant::now();
        let mut transport = Transport::new(
            &TransportConfig {
                identity,
                credentials: &credentials(THEIRS),
                addresses: &[(socket.local_addr().unwrap(), Protocol::Udp)],
                ice_lite: false,
                controlling: true,
                active: true,
            },
            now,
        );
        transport.set_remote(&credentials(believed), vec![digest], now);
        transport.add_remote_candidate(server, Protocol::Udp, now);
        Self {
            socket,
            transport,
            server,
        }
    }

    /// Sends what is due and takes what came; returns how many datagrams went and came.
    fn step(&mut self) -> (usize, usize) {
        let path = Path {
            local: self.socket.local_addr().unwrap(),
            remote: self.server,
            protocol: Protocol::Udp,
        };
        let (mut sent, mut received) = (0, 0);
        self.transport.handle_timeout(Instant::now());
        while let Some((_, packet)) = self.transport.poll_transmit() {
            self.socket.send_to(&packet, self.server).unwrap();
            sent += 1;
        }
        let mut buffer = [0u8; 2048];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            received += 1;
            let now = Instant::now();
            match buffer[0] {
                0..=3 => {
                    self.transport.handle_stun(&path, &buffer[..length], now);
                }
                20..=63 => self.transport.handle_dtls(&buffer[..length], now),
                _ => {}
            }
        }
        (sent, received)
    }
}

/// An engine with one transport whose client has offered a data section; the server's address and certificate digest.
fn engine(portable: bool, identity: &DtlsIdentity) -> (Engine, SocketAddr, Vec<u8>) {
    let engine = Engine::start(&Config {
        addresses: vec![IpAddr::from([127, 0, 0, 1])],
        portable,
        ..Config::default()
    })
    .unwrap();
    let ours = Credentials {
        ufrag: OURS.0.to_owned(),
        pwd: OURS.1.to_owned(),
    };
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=setup:active\r\n\
         a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {}\r\na=sctp-port:5000\r\n",
        THEIRS.0,
        THEIRS.1,
        identity.fingerprint()
    );
    for command in [
        Command::OpenRoom {
            room: "RM_1".into(),
            beside: None,
        },
        Command::AddParticipant {
            room: "RM_1".into(),
            participant: "PA_1".into(),
            identity: "anna".into(),
            rights: Rights::default(),
        },
        Command::OpenTransport {
            participant: "PA_1".into(),
            transport: "TP_1".into(),
            role: Role::Single,
            tcp_only: false,
            credentials: ours.clone(),
        },
        Command::RemoteOffer {
            request: 1,
            transport: "TP_1".into(),
            sdp,
            credentials: ours,
        },
    ] {
        engine.command(command).unwrap();
    }
    let answer = wait_for(&engine, |event| match event {
        Event::Answer { sdp, .. } => Some(sdp),
        Event::Refused { message, .. } => panic!("{message}"),
        _ => None,
    });
    let line = answer
        .lines()
        .find_map(|l| l.strip_prefix("a=fingerprint:sha-256 "))
        .unwrap();
    let digest = line
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    let (_, address) = engine.ports()[0];
    (engine, address, digest)
}

fn connect(engine: &Engine, client: &mut Client) {
    let until = Instant::now() + PATIENCE;
    while !client.transport.is_connected() {
        assert!(Instant::now() < until, "no connection");
        client.step();
    }
    let remote = wait_for(engine, |event| match event {
        Event::Transport {
            state: TransportState::Connected,
            remote,
            ..
        } => remote,
        _ => None,
    });
    assert_eq!(remote, client.socket.local_addr().unwrap());
}

#[test]
fn strangers_change_nothing_and_the_invited_still_connect() {
    let identity = DtlsIdentity::generate().unwrap();
    for portable in [false, true] {
        let (engine, server, digest) = engine(portable, &identity);
        let wrong = (OURS.0, "not-the-password-of-24-c");
        let mut guesser = Client::new(&identity, server, wrong, digest.clone());
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        // A ClientHello's head, RTP, RTCP, a STUN request to nobody, and noise of every first byte.
        let mut hello = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1, 0, 0, 88];
        hello.resize(113, 7);
        let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        stun.resize(20, 9);
        for n in 0..2_000u32 {
            let noise = [n as u8; 60];
            for packet in [&hello[..], &stun, &[0x80; 200], &[0x80, 200, 0, 6], &noise] {
                stranger.send_to(packet, server).unwrap();
            }
        }
        let mut guesses = (0, 0);
        for _ in 0..100 {
            let (sent, received) = guesser.step();
            guesses = (guesses.0 + sent, guesses.1 + received);
        }
        assert!(guesses.0 > 1 && guesses.1 == 0, "{guesses:?}");
        assert!(stranger.recv(&mut [0; 2048]).is_err(), "a stranger was answered");
        let told = engine.drain();
        assert!(told.is_empty(), "{told:?}");
        connect(&engine, &mut Client::new(&identity, server, OURS, digest));
        assert!(!engine.is_dead());
    }
}
