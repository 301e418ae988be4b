//! Whatever clients, Python and the clock do: counts agree, bounds hold, nothing stays behind.
use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Open(u64, Speech),
    Say(u64, String),
    Binary(u64, Vec<u8>),
    Gone(u64),
    Order(Command),
    Decide(u64, Decision),
    Wait(u64),
}

fn speech() -> impl Strategy<Value = Speech> {
    prop_oneof![
        4 => Just(Speech::Relay),
        1 => Just(Speech::Muaz),
        1 => Just(Speech::Raw),
        1 => Just(Speech::Echo)
    ]
}

fn channel() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[abc]", 1 => ".{0,3}"]
}

fn connection() -> impl Strategy<Value = u64> {
    1u64..6
}

/// `<n>` stands for the id of the nth connection.
fn member() -> impl Strategy<Value = String> {
    connection().prop_map(|n| format!("<{n}>"))
}

fn sentence() -> impl Strategy<Value = String> {
    let json = |text: &str| {
        let mut out = vec![];
        crate::json::quote(&mut out, text);
        String::from_utf8(out).unwrap()
    };
    prop_oneof![
        (channel(), 0u64..9).prop_map(move |(c, o)| format!(
            r#"{{"type":"join","id":1,"channel":{},"epoch":"x","offset":{o}}}"#,
            json(&c)
        )),
        channel().prop_map(move |c| format!(r#"{{"type":"join","channel":{}}}"#, json(&c))),
        channel().prop_map(move |c| format!(r#"{{"type":"leave","id":2,"channel":{}}}"#, json(&c))),
        (channel(), 0u32..9).prop_map(move |(c, n)| format!(
            r#"{{"type":"publish","id":3,"channel":{},"data":{n}}}"#,
            json(&c)
        )),
        (channel(), member()).prop_map(move |(c, m)| format!(
            r#"{{"type":"publish","id":4,"channel":{},"to":"{m}","data":[]}}"#,
            json(&c)
        )),
        (channel(), member()).prop_map(move |(c, m)| format!(
            r#"{{"type":"request","id":5,"channel":{},"to":"{m}","data":[]}}"#,
            json(&c)
        )),
        channel()
            .prop_map(move |c| format!(r#"{{"type":"request","id":6,"channel":{},"data":1}}"#, json(&c))),
        (0u64..20).prop_map(|n| format!(r#"{{"type":"reply","request":{n},"data":1}}"#)),
        (0u64..20).prop_map(|n| format!(r#"{{"type":"reply","request":{n},"error":"no"}}"#)),
        channel().prop_map(move |c| format!(r#"{{"type":"history","id":7,"channel":{}}}"#, json(&c))),
        channel().prop_map(move |c| format!(r#"{{"type":"presence","id":8,"channel":{}}}"#, json(&c))),
        channel().prop_map(move |c| format!(r#"{{"open":true,"channel":{},"data":1}}"#, json(&c))),
        channel().prop_map(move |c| format!(r#"{{"channel":{},"data":1}}"#, json(&c))),
        Just(r#"{"type":"ping"}"#.to_owned()),
        ".{0,9}",
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    (
        0usize..4,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        0usize..4,
        0u32..4,
    )
        .prop_map(
            |(history, presence, on_message, on_request, max_members, burst)| Rules {
                history,
                presence,
                on_message,
                on_request,
                max_members,
                rate: crate::config::Rate {
                    per_second: burst,
                    burst,
                },
                ..Rules::default()
            },
        )
}

fn order() -> impl Strategy<Value = Command> {
    let id = || connection().prop_map(ConnectionId);
    prop_oneof![
        (id(), channel()).prop_map(|(connection, channel)| Command::Join {
            connection,
            channel,
            info: None
        }),
        (id(), channel()).prop_map(|(connection, channel)| Command::Leave {
            connection,
            channel,
            code: String::new(),
            reason: String::new()
        }),
        (
            channel(),
            proptest::option::of(proptest::collection::vec(id(), 0..2))
        )
            .prop_map(|(channel, to)| Command::Publish {
                channel,
                message: Message::text("1"),
                except: None,
                to
            }),
        ("[abc*]", proptest::option::of(rules()))
            .prop_map(|(pattern, rules)| Command::ChannelRules { pattern, rules }),
        id().prop_map(|connection| Command::Close {
            connection,
            code: 1000,
            reason: String::new()
        }),
    ]
}

fn decision() -> impl Strategy<Value = Decision> {
    prop_oneof![Just(yes()), Just(no("")), Just(no("x"))]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (connection(), speech()).prop_map(|(n, speech)| Step::Open(n, speech)),
        20 => (connection(), sentence()).prop_map(|(n, text)| Step::Say(n, text)),
        1 => (connection(), any::<Vec<u8>>()).prop_map(|(n, bytes)| Step::Binary(n, bytes)),
        2 => connection().prop_map(Step::Gone),
        5 => order().prop_map(Step::Order),
        10 => (0u64..8, decision()).prop_map(|(ago, decision)| Step::Decide(ago, decision)),
        2 => (0u64..6000).prop_map(Step::Wait),
    ]
}

fn small() -> Config {
    Config {
        max_channels: 4,
        max_joined: 3,
        max_asks: 6,
        max_pending: 3,
        max_ask_bytes: 400,
        max_history_bytes: 2000,
        ..config()
    }
}

/// Everything that is kept twice says the same, and nothing is over its bound.
fn check(world: &World) {
    let hub = &world.hub;
    let config = small();
    assert!(hub.channels.len() <= config.max_channels && hub.asks.len() <= config.max_asks);
    assert!(hub.held_bytes <= config.max_ask_bytes && hub.history_bytes <= config.max_history_bytes);
    assert_eq!(hub.names.len(), hub.channels.len());
    let mut memberships = 0;
    let mut bytes = 0;
    let mut held = 0;
    for (at, channel) in &hub.channels {
        assert_eq!(hub.names[&channel.name.text], at);
        assert!(!channel.is_over(), "forgotten when nobody would miss it");
        bytes += channel.history.bytes();
        held += channel.held;
        for (speech, group) in channel.groups() {
            assert!(group.shown.len() == group.members.len() && group.infos.len() == group.members.len());
            for (position, member) in group.members.iter().enumerate() {
                memberships += 1;
                let Some(crate::connection::State::Accepted(talker)) = hub.connections.get(member) else {
                    panic!("{member:?} is nobody");
                };
                let joined = talker.joined.iter().find(|joined| joined.channel == at).unwrap();
                assert_eq!(
                    (joined.position, talker.speech, talker.closing),
                    (position, speech, false)
                );
            }
        }
    }
    assert_eq!(bytes, hub.history_bytes);
    assert_eq!(
        held,
        hub.held
            .values()
            .map(std::collections::VecDeque::len)
            .sum::<usize>()
    );
    let mut joined = 0;
    for (connection, state) in &hub.connections {
        let crate::connection::State::Accepted(talker) = state else {
            continue;
        };
        joined += talker.joined.len();
        assert!(talker.joined.len() + talker.joining.len() <= config.max_joined);
        assert!(talker.pending <= config.max_pending && talker.answering.len() <= config.max_pending);
        let queued: usize = hub
            .held
            .iter()
            .filter(|((sender, _), _)| sender == connection)
            .map(|(_, queue)| queue.len())
            .sum();
        assert!(queued <= talker.pending);
    }
    assert_eq!(joined, memberships);
}

/// Number of the question that was put so many before the last.
fn ask_before(world: &World, ago: u64) -> u64 {
    let last = world.sink.events.iter().rev().find_map(|event| match event {
        Event::JoinAsked { ask, .. } | Event::MessageAsked { ask, .. } | Event::RequestAsked { ask, .. } => {
            Some(*ask)
        }
        _ => None,
    });
    last.unwrap_or(0).saturating_sub(ago)
}

/// Five people, each with one connection after another: numbers are never used twice.
struct People {
    world: World,
    now: [u64; 6],
    next: u64,
}

impl People {
    fn run(&mut self, step: Step) {
        let now = self.now;
        let real = |connection: ConnectionId| ConnectionId(now[connection.0 as usize]);
        let world = &mut self.world;
        match step {
            Step::Open(n, speech) => {
                if !world.hub.connections.contains_key(&ConnectionId(now[n as usize])) {
                    self.next += 1;
                    self.now[n as usize] = self.next;
                    world.knock(self.next, "/");
                    world.order(Command::Accept {
                        connection: ConnectionId(self.next),
                        speech,
                        who: Who::default(),
                        how: Acceptance::default(),
                    });
                }
            }
            Step::Say(n, mut text) => {
                for (person, connection) in now.iter().enumerate() {
                    text = text.replace(&format!("<{person}>"), &world.id(*connection));
                }
                world.say(now[n as usize], text);
            }
            Step::Binary(n, bytes) => world.handle(Input::Message {
                connection: ConnectionId(now[n as usize]),
                message: Message::binary(bytes),
            }),
            Step::Gone(n) => world.gone(now[n as usize]),
            Step::Order(mut command) => {
                match &mut command {
                    Command::Join { connection, .. }
                    | Command::Leave { connection, .. }
                    | Command::Close { connection, .. } => *connection = real(*connection),
                    Command::Publish { to, .. } => to.iter_mut().flatten().for_each(|one| *one = real(*one)),
                    _ => {}
                }
                world.order(command);
            }
            Step::Decide(ago, decision) => {
                let ask = ask_before(world, ago);
                world.decide(ask, decision);
            }
            Step::Wait(ms) => world.tick(ms),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens(steps in proptest::collection::vec(step(), 0..120)) {
        let mut people = People { world: World::new(small()), now: [0; 6], next: 0 };
        for step in steps {
            people.run(step);
            check(&people.world);
        }
        let People { mut world, now, .. } = people;
        now.iter().for_each(|connection| world.gone(*connection));
        world.tick(3_600_000);
        world.tick(3_600_000);
        let stats = world.hub.stats();
        prop_assert_eq!((stats.connections, stats.channels, stats.asks, stats.history_bytes), (0, 0, 0, 0));
        prop_assert!(world.hub.held.is_empty() && world.hub.requests.is_empty() && world.hub.held_bytes == 0);
        prop_assert_eq!(world.hub.next_ms(), None);
    }

    /// Somebody leaves and comes back at arbitrary times. What it heard and what it was sent again is all that was said, in order
    /// and once; or it was told that something is lost.
    #[test]
    fn recovery_is_exact(
        kept in 1usize..6,
        steps in proptest::collection::vec(prop_oneof![4 => Just(0), 1 => Just(1), 1 => Just(2)], 1..60),
    ) {
        let mut world = World::new(config());
        world.rules("*", Rules { history: kept, ..Rules::default() });
        world.open(1, Speech::Relay);
        world.join(1, "c");
        let (mut said, mut heard, mut here) = (0u64, vec![], None::<u64>);
        let (mut epoch, mut next) = (String::new(), 2);
        for step in steps {
            match (step, here) {
                (0, _) => {
                    said += 1;
                    world.say(1, format!(r#"{{"type":"publish","channel":"c","data":{said}}}"#));
                }
                (1, Some(n)) => {
                    world.gone(n);
                    here = None;
                }
                (2, None) => {
                    next += 1;
                    here = Some(next);
                    world.open(next, Speech::Relay);
                    let last = heard.last().copied().unwrap_or(0);
                    world.say(next, format!(r#"{{"type":"join","channel":"c","epoch":"{epoch}","offset":{last}}}"#));
                    let ask = world.asked();
                    world.decide(ask, yes());
                }
                _ => {}
            }
            let Some(n) = here else { continue };
            for text in world.heard(n) {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                match value["type"].as_str() {
                    Some("joined") => {
                        let first = epoch.is_empty();
                        epoch = value["epoch"].as_str().unwrap().to_owned();
                        let recovered = value["recovered"].as_bool().unwrap();
                        let gap = said - heard.last().copied().unwrap_or(0);
                        if first {
                            // It knew no epoch.
                            heard = (1..=said).collect();
                        } else {
                            prop_assert_eq!(recovered, gap as usize <= kept);
                            if !recovered {
                                heard = (1..=said).collect();
                            }
                        }
                    }
                    Some("message") => {
                        prop_assert_eq!(&value["data"], &value["offset"]);
                        heard.push(value["offset"].as_u64().unwrap());
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(&heard, &(1..=said).collect::<Vec<_>>());
        }
    }

    #[test]
    fn dialects_take_any_bytes(bytes in any::<Vec<u8>>()) {
        crate::fuzz::fuzz_dialects(&bytes);
    }

    #[test]
    fn dialects_take_almost_messages(
        text in sentence(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = b"\0".to_vec();
        bytes.extend(text.as_bytes());
        let place = at.index(bytes.len());
        bytes[place] = byte;
        crate::fuzz::fuzz_dialects(&bytes);
        crate::fuzz::fuzz_json(&bytes[1..]);
        let object = bytes.split_off(1);
        bytes.push(1);
        bytes.extend((object.len() as u16).to_be_bytes());
        bytes.extend(object);
        crate::fuzz::fuzz_dialects(&bytes[1..]);
    }
}
