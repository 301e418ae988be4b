use super::*;
use crate::config::Rate;

fn publish(id: u64, rest: &str) -> String {
    format!(r#"{{"type":"publish","id":{id},"channel":"c",{rest}}}"#)
}

#[test]
fn everybody_else_hears_the_same_bytes() {
    let mut world = room(5);
    let from = world.id(1);
    world.sink.delivers = 0;
    world.say(
        1,
        r#"{"type":"publish","channel":"c","data": {"x" : [1, "\u00e9"]} }"#,
    );
    let expected =
        format!(r#"{{"type":"message","channel":"c","from":"{from}","data":{{"x" : [1, "\u00e9"]}}}}"#);
    assert_eq!(world.sink.delivers, 1, "once for all");
    let pointers: Vec<*const u8> = (2..=5)
        .map(|n| world.sink.heard[&n][0].payload.as_ptr())
        .collect();
    assert!(
        pointers.windows(2).all(|two| two[0] == two[1]),
        "nothing is copied"
    );
    (2..=5).for_each(|n| assert_eq!(world.heard(n), [expected.as_str()]));
    assert!(world.heard(1).is_empty());
}

#[test]
fn dialects_meet_in_a_channel() {
    let mut world = room(2);
    world.open(3, Speech::Muaz);
    world.open(4, Speech::Raw);
    world.join(3, "c");
    world.join(4, "c");
    world.say(3, r#"{"data":{"a":1},"channel":"c"}"#);
    let from = world.id(3);
    let relayed = format!(r#"{{"type":"message","channel":"c","from":"{from}","data":{{"a":1}}}}"#);
    assert_eq!(world.heard(1), [relayed]);
    assert_eq!(
        (world.heard(4), world.heard(3)),
        (vec![r#"{"a":1}"#.to_owned()], vec![])
    );
    world.say(1, publish(1, "\"data\":5"));
    assert_eq!(
        (world.heard(3), world.heard(4)),
        (vec!["5".to_owned()], vec!["5".to_owned()])
    );
    for (channel, there) in [("c", true), ("d", false)] {
        world.say(3, format!(r#"{{"checkPresence":true,"channel":"{channel}"}}"#));
        assert_eq!(world.heard(3), [format!(r#"{{"isChannelPresent":{there}}}"#)]);
    }
    world.say(3, "nonsense");
    assert!(world.heard(3).is_empty(), "muaz has no words for errors");
}

#[test]
fn binary_stays_binary() {
    let mut world = room(2);
    let from = world.id(1);
    world.say_binary(1, r#"{"type":"publish","id":1,"channel":"c"}"#, b"\x00\xff");
    let heard = world.sink.heard.remove(&2).unwrap();
    let object = format!(r#"{{"type":"message","channel":"c","from":"{from}"}}"#);
    assert_eq!(heard, [binary(&object, b"\x00\xff")]);
    assert_eq!(world.heard(1), [r#"{"type":"ok","id":1}"#]);
}

#[test]
fn one_member_can_be_told_alone() {
    let mut world = room(3);
    let (one, two) = (world.id(1), world.id(2));
    world.say(1, publish(1, &format!(r#""to":"{two}","data":0"#)));
    let expected = format!(r#"{{"type":"message","channel":"c","from":"{one}","to":"{two}","data":0}}"#);
    assert_eq!(world.heard(2), [expected]);
    assert!(world.heard(3).is_empty());
    assert_eq!(world.heard(1), [r#"{"type":"ok","id":1}"#]);
    world.open(4, Speech::Relay);
    for nobody in [world.id(4), "nobody".to_owned()] {
        world.say(1, publish(1, &format!(r#""to":"{nobody}","data":0"#)));
        assert!(world.heard(1)[0].contains("no_such_member"));
    }
    assert!(world.heard(4).is_empty());
}

#[test]
fn rules_hold() {
    let mut world = room(2);
    world.open(9, Speech::Relay);
    world.say(9, publish(1, "\"data\":1"));
    assert!(world.heard(9)[0].contains("not_member"));
    world.rules(
        "*",
        Rules {
            publish: false,
            ..Rules::default()
        },
    );
    world.say(1, publish(1, "\"data\":1"));
    assert!(world.heard(1)[0].contains("not_allowed"));
    world.rules(
        "*",
        Rules {
            rate: Rate {
                per_second: 1,
                burst: 1,
            },
            ..Rules::default()
        },
    );
    world.say(1, publish(1, "\"data\":1"));
    world.say(2, publish(2, "\"data\":1"));
    assert!(
        world.heard(2)[1].contains("rate_limited"),
        "of all members together"
    );
    assert_eq!(world.heard(1), [r#"{"type":"ok","id":1}"#]);
    assert!(world.sink.closed.is_empty());
}

fn hooked(members: u64) -> World {
    let mut world = room(members);
    world.rules(
        "*",
        Rules {
            on_message: true,
            ..Rules::default()
        },
    );
    world
}

#[test]
fn python_may_change_drop_and_refuse() {
    let mut world = hooked(2);
    let mut said = |decision: Decision| {
        world.say(1, publish(1, "\"data\":1"));
        assert!(world.heard(2).is_empty());
        let ask = world.asked();
        world.decide(ask, decision);
        let heard = world.heard(2).pop().unwrap_or_default();
        let data = heard.split("\"data\":").nth(1).unwrap_or("").to_owned();
        (data, world.heard(1).remove(0))
    };
    let changed = Decision {
        message: Some(Message::text("\"better\"")),
        ..yes()
    };
    let ok = r#"{"type":"ok","id":1}"#;
    assert_eq!(said(yes()), ("1}".to_owned(), ok.to_owned()));
    assert_eq!(said(changed), ("\"better\"}".to_owned(), ok.to_owned()));
    assert_eq!(
        said(no("")),
        (String::new(), ok.to_owned()),
        "dropped without a word"
    );
    let (data, told) = said(no("rude"));
    assert!(data.is_empty() && told.contains("rude"));
    world.say(1, publish(7, "\"data\":1"));
    world.tick(5000);
    assert!(world.heard(1)[0].contains("no_answer"));
    assert_eq!(world.hub.held_bytes, 0);
}

#[test]
fn order_is_kept_whatever_the_order_of_decisions() {
    let mut world = hooked(2);
    let mut asks = vec![];
    for n in 1..=4 {
        world.say(1, publish(n, &format!("\"data\":{n}")));
        asks.push(world.asked());
    }
    // What is said after the rule has gone waits for what was said before.
    world.rules("*", Rules::default());
    world.say(1, publish(5, "\"data\":5"));
    for ask in [asks[2], asks[1], asks[3]] {
        world.decide(ask, if ask == asks[1] { no("x") } else { yes() });
        assert!(world.heard(2).is_empty());
    }
    world.decide(asks[0], yes());
    let data: Vec<char> = world
        .heard(2)
        .iter()
        .map(|text| text.chars().rev().nth(1).unwrap())
        .collect();
    assert_eq!(data, ['1', '3', '4', '5']);
    let answers: Vec<bool> = world.heard(1).iter().map(|text| text.contains("error")).collect();
    assert_eq!(answers, [false, true, false, false, false]);
    world.say(1, publish(6, "\"data\":6"));
    assert_eq!(world.heard(2).len(), 1, "nothing waits any more");
}

#[test]
fn too_much_for_python_is_refused() {
    let mut world = World::new(Config {
        max_pending: 2,
        max_asks: 3,
        max_ask_bytes: 2000,
        ..config()
    });
    (1..=3).for_each(|n| {
        world.open(n, Speech::Relay);
        world.join(n, "c");
    });
    world.rules(
        "*",
        Rules {
            on_message: true,
            ..Rules::default()
        },
    );
    (1..=3).for_each(|n| world.say(1, publish(n, "\"data\":1")));
    assert!(
        world.heard(1)[0].contains(r#""id":3,"channel":"c","code":"busy""#),
        "of one"
    );
    (1..=2).for_each(|n| world.say(2, publish(n, "\"data\":1")));
    assert!(world.heard(2)[0].contains("busy"), "of all");
    world.tick(5000);
    world.say(3, publish(1, &format!("\"data\":\"{}\"", "x".repeat(2000))));
    assert!(world.heard(3).last().unwrap().contains("busy"), "by bytes");
    assert_eq!((world.hub.held_bytes, world.hub.stats().asks), (0, 0));
}

#[test]
fn what_a_leaver_said_is_said_and_what_an_outcast_said_is_not() {
    let mut world = hooked(3);
    world.say(1, publish(1, "\"data\":1"));
    let first = world.asked();
    world.say(2, publish(1, "\"data\":2"));
    let second = world.asked();
    world.gone(1);
    world.order(Command::Leave {
        connection: ConnectionId(2),
        channel: "c".into(),
        code: String::new(),
        reason: "enough".into(),
    });
    assert!(world.heard(2)[1..].iter().any(|text| text.contains("not_member")));
    world.heard(3);
    world.decide(first, yes());
    world.decide(second, yes());
    let heard = world.heard(3);
    assert!(heard.len() == 1 && heard[0].contains("\"data\":1"), "{heard:?}");
    assert_eq!((world.hub.held_bytes, world.hub.stats().asks), (0, 0));
}

#[test]
fn a_channel_stays_while_something_is_held() {
    let mut world = hooked(1);
    world.say(1, publish(1, "\"data\":1"));
    let ask = world.asked();
    world.gone(1);
    assert_eq!(world.hub.stats().channels, 1);
    world.decide(ask, yes());
    assert_eq!(world.hub.stats().channels, 0);
}
