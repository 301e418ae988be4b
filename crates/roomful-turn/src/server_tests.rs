use super::*;
use crate::allocation::Protocol;
use crate::config::{CHANNEL_MS, MAX_CHANNELS, MAX_PERMISSIONS, PERMISSION_MS};
use crate::credentials::{long_term_key, password, username, Secrets};
use crate::filter::{Filter, Range};
use crate::limits::Rate;
use crate::message::Keys;
use crate::quota::Quotas;

const SECRET: &[u8] = b"north";
const REALM: &str = "roomful";
const PEER: &str = "8.8.8.8:5000";

/// What the server ordered, as the shell would see it.
#[derive(Debug, Default)]
struct Seen {
    to_client: Vec<(Client, Vec<u8>)>,
    to_peer: Vec<(AllocationId, SocketAddr, Vec<u8>)>,
    opened: Vec<(AllocationId, Wanted)>,
    closed: Vec<AllocationId>,
    freed: Vec<AllocationId>,
}

impl Sink for Seen {
    fn to_client(&mut self, client: &Client, head: &[u8], payload: &[u8]) {
        self.to_client.push((*client, [head, payload].concat()));
    }
    fn to_peer(&mut self, allocation: AllocationId, peer: SocketAddr, payload: &[u8]) {
        self.to_peer.push((allocation, peer, payload.to_vec()));
    }
    fn open_relay(&mut self, allocation: AllocationId, _: &Client, wanted: Wanted) {
        self.opened.push((allocation, wanted));
    }
    fn close_relay(&mut self, allocation: AllocationId) {
        self.closed.push(allocation);
    }
    fn close_reserved(&mut self, allocation: AllocationId) {
        self.freed.push(allocation);
    }
}

fn config() -> Config {
    Config {
        realm: REALM.into(),
        secrets: Secrets::new(vec![SECRET.to_vec()]),
        filter: Filter::new(
            vec![Range::parse("198.18.0.0/15").unwrap()],
            vec![],
            vec!["203.0.113.9".parse().unwrap()],
            vec!["203.0.113.9:7882".parse().unwrap()],
        ),
        quotas: Quotas {
            total: 100,
            per_user: 4,
            per_address: 50,
        },
        bandwidth: Rate { per_s: 0, burst: 0 },
        strangers: Rate { per_s: 10, burst: 20 },
        bindings: Rate {
            per_s: 100,
            burst: 200,
        },
        ipv6: true,
        ipv4: true,
        key: [5; 32],
        seed: 99,
    }
}

/// A server, a clock, and people.
struct World {
    server: Server,
    now: Now,
    relay_port: u16,
    seen: Seen,
}

struct Person {
    client: Client,
    username: String,
    keys: Keys,
    nonce: Vec<u8>,
    asked: u8,
}

impl World {
    fn new(config: Config) -> Self {
        Self {
            server: Server::new(config),
            now: Now {
                ms: 1_000,
                unix_s: 1_800_000_000,
            },
            relay_port: 40_000,
            seen: Seen::default(),
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now.ms += ms;
        self.now.unix_s += ms / 1_000;
        self.server.tick(self.now, &mut self.seen);
    }

    fn person(&self, name: &str, remote: &str) -> Person {
        let username = username(self.now.unix_s + 7_200, name);
        let password = password(SECRET, &username);
        Person {
            client: Client {
                protocol: Protocol::Udp,
                remote: remote.parse().unwrap(),
                socket: 0,
            },
            keys: long_term_key(&username, REALM, &password),
            username,
            nonce: vec![],
            asked: 0,
        }
    }

    fn feed(&mut self, client: &Client, bytes: &[u8]) -> Vec<Vec<u8>> {
        let before = self.seen.to_client.len();
        self.server.client_packet(client, bytes, self.now, &mut self.seen);
        self.seen.to_client[before..]
            .iter()
            .map(|(_, bytes)| bytes.clone())
            .collect()
    }

    /// The answer to a request with these attributes, sealed; None: there was none.
    fn ask(&mut self, person: &mut Person, method: u16, attributes: &[(u16, Vec<u8>)]) -> Option<Vec<u8>> {
        if person.nonce.is_empty() {
            let challenge = self.feed(&person.client, &request(method, attributes, [0; 12], None));
            let message = Message::read(challenge.first()?).unwrap();
            assert_eq!(error_of(&challenge[0]), Some(401));
            person.nonce = message.attribute(kind::NONCE).unwrap().to_vec();
        }
        person.asked += 1;
        let transaction = [person.asked; 12];
        let bytes = request(method, attributes, transaction, Some(person));
        let mut answers = self.feed(&person.client, &bytes);
        let opened: Vec<_> = std::mem::take(&mut self.seen.opened);
        for (id, wanted) in opened {
            let before = self.seen.to_client.len();
            let ip = if wanted.ipv6 { "2600::7" } else { "203.0.113.9" };
            self.relay_port += 2;
            let relayed = SocketAddr::new(ip.parse().unwrap(), self.relay_port);
            self.server
                .relay_opened(id, Some(relayed), wanted.reserve, self.now, &mut self.seen);
            answers.extend(
                self.seen.to_client[before..]
                    .iter()
                    .map(|(_, bytes)| bytes.clone()),
            );
        }
        assert!(answers.len() <= 1);
        let answer = answers.pop()?;
        let message = Message::read(&answer).unwrap();
        assert_eq!((message.method, message.transaction), (method, transaction));
        Some(answer)
    }

    fn allocate(&mut self, person: &mut Person) -> Option<u16> {
        let answer = self
            .ask(
                person,
                method::ALLOCATE,
                &[(kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])],
            )
            .unwrap();
        error_of(&answer)
    }

    fn permit(&mut self, person: &mut Person, peers: &[&str]) -> Option<u16> {
        let attributes: Vec<_> = peers
            .iter()
            .map(|peer| (kind::XOR_PEER_ADDRESS, xored(peer, person.asked + 1)))
            .collect();
        error_of(&self.ask(person, method::CREATE_PERMISSION, &attributes).unwrap())
    }

    fn bind(&mut self, person: &mut Person, number: u16, peer: &str) -> Option<u16> {
        let attributes = [
            (kind::CHANNEL_NUMBER, [number.to_be_bytes(), [0, 0]].concat()),
            (kind::XOR_PEER_ADDRESS, xored(peer, person.asked + 1)),
        ];
        error_of(&self.ask(person, method::CHANNEL_BIND, &attributes).unwrap())
    }

    fn refresh(&mut self, person: &mut Person, seconds: u32) -> Vec<u8> {
        self.ask(
            person,
            method::REFRESH,
            &[(kind::LIFETIME, seconds.to_be_bytes().to_vec())],
        )
        .unwrap()
    }
}

fn request(
    method: u16,
    attributes: &[(u16, Vec<u8>)],
    transaction: [u8; 12],
    person: Option<&Person>,
) -> Vec<u8> {
    let mut buffer = vec![];
    let mut writer = Writer::new(&mut buffer, method, Class::Request, transaction);
    for (kind, value) in attributes {
        writer.attribute(*kind, value);
    }
    if let Some(person) = person {
        writer
            .attribute(kind::USERNAME, person.username.as_bytes())
            .attribute(kind::REALM, REALM.as_bytes())
            .attribute(kind::NONCE, &person.nonce)
            .seal(Seal::Sha1, &person.keys);
    }
    buffer
}

/// An address as the `n`th request of a person carries it.
fn xored(peer: &str, n: u8) -> Vec<u8> {
    let mut buffer = vec![];
    Writer::new(&mut buffer, 1, Class::Request, [n; 12])
        .xor_address(kind::XOR_PEER_ADDRESS, peer.parse().unwrap());
    buffer[24..].to_vec()
}

fn error_of(bytes: &[u8]) -> Option<u16> {
    let message = Message::read(bytes).unwrap();
    let value = message.attribute(kind::ERROR_CODE)?;
    assert_eq!(message.class, Class::Error);
    Some(u16::from(value[2]) * 100 + u16::from(value[3]))
}

fn channel(number: u16, payload: &[u8]) -> Vec<u8> {
    [
        &number.to_be_bytes()[..],
        &u16::try_from(payload.len()).unwrap().to_be_bytes(),
        payload,
    ]
    .concat()
}

#[test]
fn a_client_learns_its_address() {
    let mut world = World::new(config());
    let ada = world.person("ada", "198.51.100.7:4000");
    let answers = world.feed(&ada.client, &request(method::BINDING, &[], [3; 12], None));
    let message = Message::read(&answers[0]).unwrap();
    assert_eq!(message.class, Class::Success);
    assert_eq!(
        message.xor_address(kind::XOR_MAPPED_ADDRESS),
        Some(ada.client.remote)
    );
    let answers = world.feed(
        &ada.client,
        &request(method::BINDING, &[(0x7777, vec![])], [3; 12], None),
    );
    assert_eq!(error_of(&answers[0]), Some(420));
}

#[test]
fn data_goes_both_ways_by_permission_and_by_channel() {
    let mut world = World::new(config());
    let mut ada = world.person("ada", "198.51.100.7:4000");
    assert_eq!(world.allocate(&mut ada), None);
    let id = *world.server.clients.get(&ada.client).unwrap();
    let peer: SocketAddr = PEER.parse().unwrap();

    // Without a permission nothing passes.
    world
        .server
        .peer_packet(id, peer, b"early", world.now, &mut world.seen);
    world.feed(&ada.client, &channel(0x4000, b"early"));
    assert!(world.seen.to_peer.is_empty());
    assert_eq!(world.server.stats().dropped, 2);

    assert_eq!(world.permit(&mut ada, &[PEER]), None);
    world
        .server
        .peer_packet(id, peer, b"hello", world.now, &mut world.seen);
    let (client, indication) = world.seen.to_client.last().unwrap().clone();
    let message = Message::read(&indication).unwrap();
    assert_eq!(
        (client, message.method, message.class),
        (ada.client, method::DATA, Class::Indication)
    );
    assert_eq!(message.xor_address(kind::XOR_PEER_ADDRESS), Some(peer));
    assert_eq!(message.attribute(kind::DATA), Some(&b"hello"[..]));

    let mut send = vec![];
    Writer::new(&mut send, method::SEND, Class::Indication, [9; 12])
        .xor_address(kind::XOR_PEER_ADDRESS, peer)
        .attribute(kind::DATA, b"by indication");
    world.feed(&ada.client, &send);
    assert_eq!(
        world.seen.to_peer.pop(),
        Some((id, peer, b"by indication".to_vec()))
    );

    assert_eq!(world.bind(&mut ada, 0x4001, PEER), None);
    world.feed(&ada.client, &channel(0x4001, b"by channel"));
    assert_eq!(world.seen.to_peer.pop(), Some((id, peer, b"by channel".to_vec())));
    world
        .server
        .peer_packet(id, peer, b"back", world.now, &mut world.seen);
    assert_eq!(world.seen.to_client.last().unwrap().1, channel(0x4001, b"back"));
    // The same network, another port: the permission is for the address, the channel for the port.
    world
        .server
        .peer_packet(id, "8.8.8.8:9".parse().unwrap(), b"x", world.now, &mut world.seen);
    assert!(Message::read(&world.seen.to_client.last().unwrap().1).is_ok());
}

#[test]
fn permissions_channels_and_allocations_end() {
    let mut world = World::new(config());
    let mut ada = world.person("ada", "198.51.100.7:4000");
    world.allocate(&mut ada);
    let id = *world.server.clients.get(&ada.client).unwrap();
    world.bind(&mut ada, 0x4001, PEER);
    world.pass(PERMISSION_MS - 1);
    world.feed(&ada.client, &channel(0x4001, b"in time"));
    assert_eq!(world.seen.to_peer.len(), 1);
    world.pass(1);
    world.feed(&ada.client, &channel(0x4001, b"late"));
    assert_eq!(
        world.seen.to_peer.len(),
        1,
        "the permission is over, the channel is not"
    );
    world.permit(&mut ada, &[PEER]);
    world.feed(&ada.client, &channel(0x4001, b"again"));
    assert_eq!(world.seen.to_peer.len(), 2);
    world.refresh(&mut ada, 3_600);
    world.pass(CHANNEL_MS - PERMISSION_MS);
    world.permit(&mut ada, &[PEER]);
    world.feed(&ada.client, &channel(0x4001, b"late"));
    assert_eq!(world.seen.to_peer.len(), 2);

    let answer = world.refresh(&mut ada, 100);
    let message = Message::read(&answer).unwrap();
    assert_eq!(
        message.attribute(kind::LIFETIME),
        Some(&600u32.to_be_bytes()[..]),
        "never less than ten minutes"
    );
    assert!(world.server.next_ms().is_some());
    world.pass(599_000);
    assert!(world.seen.closed.is_empty());
    world.pass(1_000);
    assert_eq!(world.seen.closed, [id]);
    assert_eq!(world.server.stats().allocations, 0);
    assert_eq!(world.permit(&mut ada, &[PEER]), Some(437));

    world.allocate(&mut ada);
    world.refresh(&mut ada, 0);
    assert_eq!(world.seen.closed.len(), 2);
    assert_eq!(
        world.server.next_ms(),
        world.server.ends.peek().map(|Reverse((at, _))| *at)
    );
    assert!(world.server.clients.is_empty() && world.server.free.len() == 1);
}

#[test]
fn only_who_has_fresh_credentials_gets_anything() {
    let mut world = World::new(config());
    let mut ada = world.person("ada", "198.51.100.7:4000");
    let mut other_key = world.person("ada", "198.51.100.7:4000");
    other_key.keys = long_term_key(&other_key.username, REALM, "guess");
    assert_eq!(world.allocate(&mut other_key), Some(401));

    let mut expired = world.person("ada", "198.51.100.7:4000");
    expired.username = username(world.now.unix_s, "ada");
    expired.keys = long_term_key(&expired.username, REALM, &password(SECRET, &expired.username));
    assert_eq!(world.allocate(&mut expired), Some(401));

    assert_eq!(world.allocate(&mut ada), None);
    // From elsewhere, with the first one's nonce.
    let mut thief = world.person("ada", "198.51.100.8:4000");
    thief.nonce.clone_from(&ada.nonce);
    assert_eq!(world.allocate(&mut thief), Some(438));
    // The nonce is too old: a new one comes with the answer.
    world.pass(u64::from(NONCE_S) * 1_000 + 1_000);
    assert_eq!(world.permit(&mut ada, &[PEER]), Some(438));
    // Another user on the same 5-tuple.
    let mut ada = world.person("ada", "198.51.100.7:4000");
    assert_eq!(world.allocate(&mut ada), None);
    let mut bob = world.person("bob", "198.51.100.7:4000");
    bob.asked = 100;
    assert_eq!(world.permit(&mut bob, &[PEER]), Some(441));
    assert_eq!(world.allocate(&mut bob), Some(437));
}

#[test]
fn an_allocation_outlives_the_credentials_that_made_it() {
    let mut world = World::new(config());
    let mut ada = world.person("ada", "198.51.100.7:4000");
    ada.username = username(world.now.unix_s + 60, "ada");
    ada.keys = long_term_key(&ada.username, REALM, &password(SECRET, &ada.username));
    assert_eq!(world.allocate(&mut ada), None);
    world.pass(120_000);
    assert_eq!(error_of(&world.refresh(&mut ada, 600)), None);
}

#[test]
fn a_stranger_gets_less_than_four_times_what_it_sent_and_not_often() {
    let mut world = World::new(config());
    let ada = world.person("ada", "198.51.100.7:4000");
    for method in [
        method::ALLOCATE,
        method::REFRESH,
        method::CREATE_PERMISSION,
        method::CHANNEL_BIND,
        0x00A,
        0xABC,
    ] {
        let bytes = request(method, &[], [1; 12], None);
        for answer in world.feed(&ada.client, &bytes) {
            assert!(
                answer.len() < 4 * bytes.len() + 1,
                "{} for {}",
                answer.len(),
                bytes.len()
            );
        }
    }
    let usual = request(
        method::ALLOCATE,
        &[(kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])],
        [1; 12],
        None,
    );
    let answer = world.feed(&ada.client, &usual).pop().unwrap();
    assert!(answer.len() < 3 * usual.len() + 1, "{}", answer.len());
    let answered = (0..1_000)
        .filter(|_| !world.feed(&ada.client, &usual).is_empty())
        .count();
    assert!(answered < 20, "{answered}");
    let bob = world.person("bob", "198.51.100.8:4000");
    assert_eq!(world.feed(&bob.client, &usual).len(), 1, "others are answered");
}

#[test]
fn peers_inside_are_refused_but_for_the_media_ports() {
    let mut world = World::new(config());
    let mut ada = world.person("ada", "198.51.100.7:4000");
    world.allocate(&mut ada);
    let id = *world.server.clients.get(&ada.client).unwrap();
    for peer in [
        "10.0.0.1:80",
        "127.0.0.1:80",
        "192.168.1.1:80",
        "169.254.169.254:80",
        "203.0.113.9:22",
        "0.0.0.0:80",
        "224.0.0.1:80",
    ] {
        assert_eq!(world.bind(&mut ada, 0x4000, peer), Some(403), "{peer}");
    }
    for peer in ["10.0.0.1:80", "127.0.0.1:1"] {
        assert_eq!(world.permit(&mut ada, &[peer]), Some(403));
        assert_eq!(world.permit(&mut ada, &[PEER, peer]), Some(403), "all or none");
    }
    world
        .server
        .peer_packet(id, PEER.parse().unwrap(), b"x", world.now, &mut world.seen);
    assert_eq!(world.server.stats().relayed, 0);
    for peer in ["[2600::1]:80", "[::1]:80"] {
        assert_eq!(world.permit(&mut ada, &[peer]), Some(443), "{peer}");
    }
    assert_eq!(
        world.permit(&mut ada, &["198.18.0.1:9"]),
        None,
        "allowed by the operator"
    );

    // The machine's own address: the media engine's port, and no other.
    assert_eq!(world.permit(&mut ada, &["203.0.113.9:7882"]), None);
    assert_eq!(world.bind(&mut ada, 0x4001, "203.0.113.9:7882"), None);
    world.feed(&ada.client, &channel(0x4001, b"to the engine"));
    assert_eq!(world.seen.to_peer.len(), 1);
    for port in [22, 7883] {
        let mut send = vec![];
        Writer::new(&mut send, method::SEND, Class::Indication, [9; 12])
            .xor_address(
                kind::XOR_PEER_ADDRESS,
                SocketAddr::new("203.0.113.9".parse().unwrap(), port),
            )
            .attribute(kind::DATA, b"elsewhere");
        world.feed(&ada.client, &send);
        let before = world.seen.to_client.len();
        world.server.peer_packet(
            id,
            SocketAddr::new("203.0.113.9".parse().unwrap(), port),
            b"x",
            world.now,
            &mut world.seen,
        );
        assert_eq!(
            (world.seen.to_peer.len(), world.seen.to_client.len()),
            (1, before)
        );
    }
}

#[test]
fn quotas_and_bounds_hold() {
    let mut world = World::new(config());
    for n in 0..4 {
        let mut one = world.person("ada", &format!("198.51.100.7:{}", 4_000 + n));
        assert_eq!(world.allocate(&mut one), None);
    }
    let mut fifth = world.person("ada", "198.51.100.7:4009");
    assert_eq!(world.allocate(&mut fifth), Some(486));
    let mut bob = world.person("bob", "198.51.100.9:4009");
    assert_eq!(world.allocate(&mut bob), None);
    for n in 0..MAX_CHANNELS {
        let peer = format!("8.8.{}.{}:5000", n / 200, n % 200);
        assert_eq!(
            world.bind(&mut bob, 0x4000 + u16::try_from(n).unwrap(), &peer),
            None
        );
    }
    assert_eq!(world.bind(&mut bob, 0x4FFF, "8.9.9.9:1"), Some(508));
    assert_eq!(MAX_CHANNELS, MAX_PERMISSIONS);
    assert_eq!(world.permit(&mut bob, &["8.9.9.9:1"]), Some(508));
    assert_eq!(world.bind(&mut bob, 0x4000, "8.9.9.9:1"), Some(400), "taken");
    assert_eq!(
        world.bind(&mut bob, 0x4FFE, "8.8.0.0:5000"),
        Some(400),
        "bound already"
    );
    assert_eq!(world.bind(&mut bob, 0x8000, PEER), Some(400));
    assert_eq!(world.bind(&mut bob, 0x3FFF, PEER), Some(400));
}

#[test]
fn bandwidth_is_bounded_each_way() {
    let mut world = World::new(Config {
        bandwidth: Rate {
            per_s: 10_000,
            burst: 10_000,
        },
        ..config()
    });
    let mut ada = world.person("ada", "198.51.100.7:4000");
    world.allocate(&mut ada);
    world.bind(&mut ada, 0x4001, PEER);
    for _ in 0..100 {
        world.feed(&ada.client, &channel(0x4001, &[0; 1_000]));
    }
    assert_eq!(world.seen.to_peer.len(), 10);
    world.now.ms += 500;
    for _ in 0..100 {
        world.feed(&ada.client, &channel(0x4001, &[0; 1_000]));
    }
    assert_eq!(world.seen.to_peer.len(), 15);
}

#[test]
fn a_repeated_request_gets_the_same_answer() {
    let mut world = World::new(config());
    let mut ada = world.person("ada", "198.51.100.7:4000");
    world.allocate(&mut ada);
    let again = request(
        method::ALLOCATE,
        &[(kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])],
        [ada.asked; 12],
        Some(&ada),
    );
    let answers = world.feed(&ada.client, &again);
    assert_eq!(error_of(&answers[0]), None);
    assert_eq!(world.server.stats().allocations, 1);
    assert_eq!(world.allocate(&mut ada), Some(437));
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let mut world = World::new(config());
    for (attributes, code) in [
        (vec![], 400),
        (vec![(kind::REQUESTED_TRANSPORT, vec![6, 0, 0, 0])], 442),
        (vec![(kind::REQUESTED_TRANSPORT, vec![17])], 400),
        (
            vec![
                (kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0]),
                (kind::REQUESTED_ADDRESS_FAMILY, vec![3, 0, 0, 0]),
            ],
            440,
        ),
        (
            vec![
                (kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0]),
                (kind::RESERVATION_TOKEN, vec![0; 8]),
            ],
            508,
        ),
        (
            vec![
                (kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0]),
                (kind::RESERVATION_TOKEN, vec![0; 8]),
                (kind::EVEN_PORT, vec![0]),
            ],
            400,
        ),
        (
            vec![(kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0]), (0x001A, vec![])],
            420,
        ),
    ] {
        let mut ada = world.person("ada", "198.51.100.7:4000");
        let answer = world.ask(&mut ada, method::ALLOCATE, &attributes).unwrap();
        assert_eq!(error_of(&answer), Some(code));
    }
    assert_eq!(world.server.stats().allocations, 0);
}

#[test]
fn pairs_of_ports_are_kept_for_their_user() {
    let mut world = World::new(config());
    let transport = (kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0]);
    let mut ada = world.person("ada", "198.51.100.7:4000");
    let answer = world
        .ask(
            &mut ada,
            method::ALLOCATE,
            &[transport.clone(), (kind::EVEN_PORT, vec![0x80])],
        )
        .unwrap();
    let token = Message::read(&answer)
        .unwrap()
        .attribute(kind::RESERVATION_TOKEN)
        .unwrap()
        .to_vec();
    let first = *world.server.clients.get(&ada.client).unwrap();
    let mut bob = world.person("bob", "198.51.100.8:4000");
    let stolen = world
        .ask(
            &mut bob,
            method::ALLOCATE,
            &[transport.clone(), (kind::RESERVATION_TOKEN, token.clone())],
        )
        .unwrap();
    assert_eq!(error_of(&stolen), Some(508));
    let mut second = world.person("ada", "198.51.100.7:4001");
    let bytes = request(
        method::ALLOCATE,
        &[transport.clone(), (kind::RESERVATION_TOKEN, token)],
        [1; 12],
        None,
    );
    second.nonce = Message::read(&world.feed(&second.client, &bytes)[0])
        .unwrap()
        .attribute(kind::NONCE)
        .unwrap()
        .to_vec();
    let token = Message::read(&answer)
        .unwrap()
        .attribute(kind::RESERVATION_TOKEN)
        .unwrap()
        .to_vec();
    world.feed(
        &second.client,
        &request(
            method::ALLOCATE,
            &[transport.clone(), (kind::RESERVATION_TOKEN, token)],
            [2; 12],
            Some(&second),
        ),
    );
    assert_eq!(world.seen.opened.last().unwrap().1.reserved_by, Some(first));

    world.seen.opened.clear();
    let mut cyd = world.person("cyd", "198.51.100.9:4000");
    world
        .ask(
            &mut cyd,
            method::ALLOCATE,
            &[transport, (kind::EVEN_PORT, vec![0x80])],
        )
        .unwrap();
    world.pass(RESERVATION_MS);
    assert_eq!(world.seen.freed.len(), 1);
}

#[test]
fn a_port_that_could_not_be_bound_leaves_nothing_behind() {
    let mut world = World::new(config());
    let mut ada = world.person("ada", "198.51.100.7:4000");
    let bytes = request(method::ALLOCATE, &[], [0; 12], None);
    ada.nonce = Message::read(&world.feed(&ada.client, &bytes)[0])
        .unwrap()
        .attribute(kind::NONCE)
        .unwrap()
        .to_vec();
    world.feed(
        &ada.client,
        &request(
            method::ALLOCATE,
            &[(kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])],
            [1; 12],
            Some(&ada),
        ),
    );
    let (id, _) = world.seen.opened.pop().unwrap();
    world
        .server
        .relay_opened(id, None, false, world.now, &mut world.seen);
    assert_eq!(error_of(&world.seen.to_client.last().unwrap().1), Some(508));
    assert_eq!(world.server.stats().allocations, 0);
    // It ended while the port was being bound.
    world.feed(
        &ada.client,
        &request(
            method::ALLOCATE,
            &[(kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])],
            [2; 12],
            Some(&ada),
        ),
    );
    let (id, _) = world.seen.opened.pop().unwrap();
    world.server.client_gone(&ada.client, &mut world.seen);
    world.seen.closed.clear();
    world.server.relay_opened(
        id,
        Some("203.0.113.9:4".parse().unwrap()),
        false,
        world.now,
        &mut world.seen,
    );
    assert_eq!(world.seen.closed, [id]);
}

/// Whatever strangers send: nothing is lent, nothing grows, and others are served.
#[test]
fn a_million_wrong_packets_leave_no_trace() {
    let mut world = World::new(config());
    let mut ada = world.person("ada", "198.51.100.7:4000");
    world.allocate(&mut ada);
    world.bind(&mut ada, 0x4001, PEER);
    let seeds = [
        request(
            method::ALLOCATE,
            &[(kind::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])],
            [1; 12],
            Some(&ada),
        ),
        request(
            method::CHANNEL_BIND,
            &[(kind::CHANNEL_NUMBER, vec![0x40, 0, 0, 0])],
            [1; 12],
            Some(&ada),
        ),
        request(method::BINDING, &[], [1; 12], None),
        channel(0x4001, b"payload"),
    ];
    let mut random = 88_172_645_463_325_252u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for round in 0..1_000_000 {
        let seed = &seeds[next() as usize % seeds.len()];
        let mut bytes = seed.clone();
        for _ in 0..1 + next() % 4 {
            let at = next() as usize % bytes.len();
            bytes[at] = next() as u8;
        }
        if next() % 8 == 0 {
            bytes.truncate(next() as usize % (bytes.len() + 1));
        }
        if bytes == *seed {
            continue;
        }
        let mut client = ada.client;
        client.remote.set_port((round % 50_000) as u16 + 1);
        world
            .server
            .client_packet(&client, &bytes, world.now, &mut world.seen);
        world.seen.to_client.clear();
        world.now.ms += 1;
        crate::fuzz::stream(&bytes);
    }
    assert_eq!(world.server.stats().allocations, 1);
    assert_eq!((world.server.slots.len(), world.server.clients.len()), (1, 1));
    assert!(world
        .seen
        .to_peer
        .iter()
        .all(|(_, peer, _)| *peer == PEER.parse().unwrap()));
}
