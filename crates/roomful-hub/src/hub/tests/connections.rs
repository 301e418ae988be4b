use super::*;
use crate::config::Rate;

#[test]
fn python_lets_in_and_refuses() {
    let mut world = World::new(config());
    world.knock(1, "/relay");
    assert!(
        matches!(&world.events()[..], [Event::Opened { accepted: false, head, .. }] if head.path == "/relay")
    );
    world.say(1, r#"{"type":"ping"}"#);
    assert!(world.heard(1).is_empty(), "nobody is heard before it is let in");
    world.open(1, Speech::Relay);
    assert_eq!(world.sink.accepted, [1]);
    world.say(1, r#"{"type":"ping"}"#);
    assert_eq!(world.heard(1), [r#"{"type":"pong"}"#]);
    world.knock(2, "/");
    let refuse = |connection| Command::Refuse {
        connection: ConnectionId(connection),
        status: 401,
        headers: vec![],
        body: vec![].into(),
    };
    world.order(refuse(2));
    world.order(refuse(2));
    world.order(refuse(1));
    assert_eq!(
        world.sink.refused,
        [(2, 401)],
        "once, and only before it is accepted"
    );
    assert_eq!(world.hub.stats().connections, 1);
}

#[test]
fn a_welcome_says_who_one_is() {
    let mut world = World::new(config());
    world.knock(1, "/");
    world.order(Command::Accept {
        connection: ConnectionId(1),
        speech: Speech::Relay,
        who: Who::default(),
        how: Acceptance::default(),
    });
    let you = world.id(1);
    let welcome = format!(r#"{{"type":"welcome","protocol":1,"you":"{you}","max_message":65536}}"#);
    assert_eq!(world.heard(1), [welcome]);
}

#[test]
fn python_has_its_time() {
    let mut world = World::new(config());
    world.knock(1, "/");
    world.knock(2, "/");
    assert_eq!(world.hub.next_ms(), Some(6000));
    world.open(3, Speech::Raw);
    world.tick(4999);
    assert!(world.sink.refused.is_empty());
    world.tick(1);
    assert_eq!(world.sink.refused, [(1, 503), (2, 503)]);
    assert!(matches!(
        world.events()[..],
        [Event::Closed { .. }, Event::Closed { .. }]
    ));
    assert_eq!(world.hub.next_ms(), None);
}

#[test]
fn rules_let_in_without_asking() {
    let mut world = World::new(config());
    for (path, speech) in [
        ("/echo", Speech::Echo),
        ("/a/", Speech::Raw),
        ("/a/b/", Speech::Relay),
    ] {
        world.order(Command::AcceptRule {
            path: path.to_owned(),
            speech: Some(speech),
            how: Acceptance::default(),
        });
    }
    for (n, path) in [(1, "/echo"), (2, "/a/b/c"), (3, "/a/x"), (4, "/echoes")] {
        world.knock(n, path);
    }
    assert_eq!(world.sink.accepted, [1, 2, 3]);
    let accepted: Vec<bool> = world
        .events()
        .iter()
        .map(|event| matches!(event, Event::Opened { accepted: true, .. }))
        .collect();
    assert_eq!(accepted, [true, true, true, false]);
    assert!(
        world.heard(2)[0].contains("welcome"),
        "the longest path that fits"
    );
    world.say(1, "hello");
    assert_eq!(world.heard(1), ["hello"]);
    world.say(3, "hello");
    assert!(matches!(&world.events()[..], [Event::Message { .. }]));
    world.order(Command::AcceptRule {
        path: "/echo".to_owned(),
        speech: None,
        how: Acceptance::default(),
    });
    world.knock(5, "/echo");
    assert_eq!(world.sink.accepted.len(), 3);
}

#[test]
fn who_talks_too_fast_is_told_then_closed() {
    let mut world = World::new(Config {
        rate: Rate {
            per_second: 1,
            burst: 2,
        },
        max_strikes: 5,
        ..config()
    });
    world.open(1, Speech::Relay);
    for n in 1..=4 {
        world.say(1, format!(r#"{{"type":"leave","id":{n},"channel":"c"}}"#));
    }
    let heard = world.heard(1);
    assert_eq!(heard.len(), 4);
    assert!(
        heard[1].contains("not_member") && heard[2].contains("\"id\":3") && heard[3].contains("rate_limited")
    );
    world.say(1, r#"{"type":"ping"}"#);
    assert!(world.heard(1).is_empty(), "what wants no answer is told once");
    world.now += 1000;
    world.say(1, r#"{"type":"ping"}"#);
    assert_eq!(world.heard(1).len(), 1, "and forgiven");
    for _ in 0..5 {
        world.say(1, "x");
    }
    assert_eq!(world.sink.closed, [(1, 1008, "rate_limited".to_owned())]);
    world.say(1, r#"{"type":"ping"}"#);
    assert_eq!(world.sink.closed.len(), 1);
    assert_eq!(world.hub.stats().refused, 8);
}

#[test]
fn raw_messages_are_never_dropped_in_between() {
    let mut world = World::new(config());
    let rate = Some(Rate {
        per_second: 1,
        burst: 2,
    });
    world.open_as(
        1,
        Speech::Raw,
        Who {
            rate,
            ..Who::default()
        },
    );
    (0..4).for_each(|n| world.say(1, n.to_string()));
    assert_eq!(world.events().len(), 2);
    assert_eq!(world.sink.closed, [(1, 1008, "rate_limited".to_owned())]);
}

#[test]
fn closed_is_told_once_and_after_everything() {
    let mut world = room(2);
    world.order(Command::Close {
        connection: ConnectionId(1),
        code: 4000,
        reason: "bye".into(),
    });
    assert_eq!(world.sink.closed, [(1, 4000, "bye".to_owned())]);
    assert!(world.heard(2)[0].contains("member_left"));
    world.say(1, r#"{"type":"ping"}"#);
    world.order(Command::Close {
        connection: ConnectionId(1),
        code: 4000,
        reason: "bye".into(),
    });
    assert!(world.heard(1).is_empty() && world.sink.closed.len() == 1);
    world.gone(1);
    world.gone(1);
    assert!(matches!(
        &world.events()[..],
        [Event::Left { .. }, Event::Closed { code: 1001, .. }]
    ));
    assert_eq!(world.hub.stats().connections, 1);
}

#[test]
fn foreign_connections_are_like_others() {
    let mut world = room(1);
    let foreign = ConnectionId(ConnectionId::FOREIGN + 1);
    let open = |connection| Command::OpenForeign {
        connection,
        speech: Speech::Relay,
        who: Who::default(),
    };
    world.order(open(ConnectionId(7)));
    assert_eq!(world.hub.stats().connections, 1, "not without the bit");
    world.order(open(foreign));
    world.join(foreign.0, "c");
    world.order(Command::Feed {
        connection: foreign,
        message: Message::text(r#"{"type":"publish","channel":"c","data":1}"#),
    });
    assert!(world.heard(1)[0].contains("\"data\":1"));
    world.say(1, r#"{"type":"publish","channel":"c","data":2}"#);
    assert!(world.heard(foreign.0)[0].contains("\"data\":2"));
    world.order(Command::Feed {
        connection: foreign,
        message: Message::text(format!("\"{}\"", "x".repeat(65_536))),
    });
    assert_eq!(world.sink.closed, [(foreign.0, 1009, "too_long".to_owned())]);
    assert!(world.heard(1)[0].contains("member_left"));
    world.order(Command::Gone {
        connection: foreign,
        code: 1009,
    });
    assert_eq!(world.hub.stats().connections, 1);
}
