//! Floods through real sockets: strangers, people who take all they can get, and forged names. Memory is bounded, and somebody else's
//! packets go on meanwhile.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../examples/turn_load/client.rs"]
mod client;

use client::{Client, CHANNEL};
use roomful_engine::turn::{Kind, Turn, TurnConfig};
use roomful_turn::attribute as kind;
use roomful_turn::credentials::{password, username};
use roomful_turn::message::{method, Class, Writer};
use roomful_turn::quota::Quotas;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SECRET: &str = "north";
const REALM: &str = "roomful";
/// What a flood may cost, bytes.
const MEMORY: u64 = 24 << 20;

fn start(quotas: Quotas) -> (Turn, SocketAddr) {
    let config = TurnConfig {
        addresses: vec![OWN],
        secrets: vec![SECRET.as_bytes().to_vec()],
        allowed: vec!["127.0.0.0/8".to_owned()],
        bandwidth: 0,
        quotas,
        ..TurnConfig::default()
    };
    let turn = Turn::start(&config, &[]).unwrap();
    let server = turn
        .ports()
        .iter()
        .find(|(kind, _)| *kind == Kind::Udp)
        .unwrap()
        .1;
    (turn, server)
}

/// Somebody who had an address before it began.
fn ada(server: SocketAddr) -> Client {
    let made = Client::new(1_000_000, server, OWN, SECRET, REALM).unwrap();
    for socket in [&made.socket, &made.peer] {
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    }
    made
}

/// Packets that arrived, of eight each way.
fn exchange(ada: &Client, server: SocketAddr) -> usize {
    let [a, b] = CHANNEL.to_be_bytes();
    let packet = [&[a, b, 0, 200][..], &[7; 200]].concat();
    let mut buffer = [0; 2_048];
    let mut arrived = 0;
    for (from, towards, bytes, to) in [
        (&ada.socket, server, &packet[..], &ada.peer),
        (&ada.peer, ada.relayed, &packet[4..], &ada.socket),
    ] {
        for _ in 0..8 {
            from.send_to(bytes, towards).unwrap();
        }
        arrived += (0..8).take_while(|_| to.recv(&mut buffer).is_ok()).count();
    }
    arrived
}

/// Resident memory of this process, in which the server is a thread.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split(' ').nth(1)?.parse::<u64>().ok()? * 4_096)
}

fn assert_bounded(before: Option<u64>) {
    if let (Some(before), Some(after)) = (before, resident()) {
        assert!(after < before + MEMORY, "{before} bytes became {after}");
    }
}

fn usual() -> Quotas {
    TurnConfig::default().quotas
}

#[test]
fn strangers_get_little_and_cost_little() {
    const ASKED: usize = 60_000;
    let (turn, server) = start(usual());
    let ada = ada(server);
    assert_eq!(exchange(&ada, server), 16);
    let before = resident();
    let flood = std::thread::spawn(move || {
        let sockets: Vec<UdpSocket> = (0..8).map(|_| UdpSocket::bind((OWN, 0)).unwrap()).collect();
        let mut buffer = [0; 2_048];
        let (mut sent, mut answers, mut answered) = (0, 0, 0);
        let began = Instant::now();
        for n in 0..ASKED {
            let mut bytes = vec![];
            let mut transaction = [3; 12];
            transaction[..8].copy_from_slice(&(n as u64).to_be_bytes());
            let mut writer = Writer::new(&mut bytes, method::ALLOCATE, Class::Request, transaction);
            writer.attribute(kind::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            let socket = &sockets[n % 8];
            socket.send_to(&bytes, server).unwrap();
            sent += bytes.len();
            if n % 100 == 99 {
                // A line has its rate; a loop has none.
                std::thread::sleep(Duration::from_millis(1));
            }
            socket.set_nonblocking(true).unwrap();
            while let Ok(length) = socket.recv(&mut buffer) {
                answers += 1;
                answered += length;
            }
        }
        (sent, answers, answered, began.elapsed())
    });
    let (mut arrived, mut rounds) = (0, 0);
    while !flood.is_finished() {
        arrived += exchange(&ada, server);
        rounds += 1;
    }
    let (sent, answers, answered, took) = flood.join().unwrap();
    assert!(arrived * 10 >= rounds * 16 * 9, "{arrived} of {}", rounds * 16);
    // 50 a second and 200 at once for one address, whichever ports it asks from.
    let most = 200 + 50 * (took.as_secs() as usize + 2);
    assert!((1..=most).contains(&answers), "{answers} answers in {took:?}");
    assert!(answered < sent);
    assert_eq!(turn.stats().allocations, 1);
    assert_bounded(before);
}

#[test]
fn whoever_takes_all_gets_a_share() {
    let (turn, server) = start(Quotas {
        total: 60,
        per_user: 10,
        per_address: 50,
    });
    let ada = ada(server);
    let before = resident();
    let flood = std::thread::spawn(move || {
        let mut lent = vec![];
        let mut refusals = vec![];
        for number in 0..90 {
            // Nine of ten come from one user.
            let user = if number < 80 { 1 } else { number };
            match Client::new(user, server, OWN, SECRET, REALM) {
                Ok(one) => lent.push(one),
                Err(error) => refusals.push(error.to_string()),
            }
        }
        // And an address has no more than its own, whoever asks.
        let more = (100..150).map(|user| Client::new(user, server, OWN, SECRET, REALM).ok());
        let more: Vec<Client> = more.flatten().collect();
        (lent.len(), refusals, more.len())
    });
    let (mut arrived, mut rounds) = (0, 0);
    while !flood.is_finished() {
        arrived += exchange(&ada, server);
        rounds += 1;
    }
    let (lent, refusals, more) = flood.join().unwrap();
    assert_eq!((lent, more), (10 + 10, 50 - 20 - 1));
    assert!(
        refusals.iter().all(|why| why == "refused with 486"),
        "{refusals:?}"
    );
    assert!(arrived * 10 >= rounds * 16 * 9, "{arrived} of {}", rounds * 16);
    assert_bounded(before);
    let given_back = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        turn.stats().allocations == 1
    });
    assert!(given_back, "{:?}", turn.stats());
    assert_eq!(exchange(&ada, server), 16);
}

#[test]
fn expired_and_forged_names_get_nothing() {
    let (turn, server) = start(usual());
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let good = username(now_s + 60, "ada");
    let old = username(now_s - 1, "ada");
    let key = |name: &str| password(SECRET.as_bytes(), name);
    for (name, secret) in [
        (old.clone(), key(&old)),
        // The password of a name that has ended, under one that has not.
        (good.clone(), key(&old)),
        (good.clone(), password(b"south", &good)),
        (good.clone(), String::new()),
        (username(u64::MAX, "ada"), key(&good)),
        ("ada".to_owned(), key("ada")),
    ] {
        let refused = Client::named(server, OWN, name.clone(), &secret, REALM).err();
        assert_eq!(refused.unwrap().to_string(), "refused with 401", "{name}");
    }
    assert_eq!(turn.stats().allocations, 0);
    assert!(Client::named(server, OWN, good.clone(), &key(&good), REALM).is_ok());
}
