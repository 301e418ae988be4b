use super::*;

fn join(id: u64, channel: &str, rest: &str) -> String {
    format!(r#"{{"type":"join","id":{id},"channel":"{channel}"{rest}}}"#)
}

#[test]
fn python_is_asked_and_others_hear() {
    let mut world = World::new(config());
    world.open_as(
        1,
        Speech::Relay,
        Who {
            identity: Some("ad\"a".into()),
            info: Some("{\"n\":1}".into()),
            rate: None,
        },
    );
    world.open(2, Speech::Relay);
    let (one, two) = (world.id(1), world.id(2));
    world.say(1, join(5, "c", ""));
    assert!(
        matches!(&world.sink.events[..], [Event::JoinAsked { channel, info: None, .. }] if &**channel == "c")
    );
    let ask = world.asked();
    assert!(world.heard(1).is_empty());
    world.decide(ask, yes());
    let first =
        format!(r#"{{"id":"{one}","identity":"ad\"a","info":{{"n":1}}}}"#).replace("ad\"a", "ad\\\"a");
    assert_eq!(
        world.heard(1),
        [format!(
            r#"{{"type":"joined","id":5,"channel":"c","members":[{first}]}}"#
        )]
    );
    world.say(2, join(6, "c", r#","info":{"name":"B"}"#));
    let ask = world.asked();
    world.decide(ask, yes());
    let second = format!(r#"{{"id":"{two}","info":{{"name":"B"}}}}"#);
    assert_eq!(
        world.heard(2),
        [format!(
            r#"{{"type":"joined","id":6,"channel":"c","members":[{first},{second}]}}"#
        )]
    );
    assert_eq!(
        world.heard(1),
        [format!(
            r#"{{"type":"member_joined","channel":"c","member":{second}}}"#
        )]
    );
    world.say(2, r#"{"type":"leave","id":9,"channel":"c"}"#);
    assert_eq!(world.heard(2), [r#"{"type":"ok","id":9}"#]);
    assert_eq!(
        world.heard(1),
        [format!(
            r#"{{"type":"member_left","channel":"c","member":"{two}"}}"#
        )]
    );
    world.gone(1);
    assert_eq!(world.hub.stats().channels, 0, "an empty channel is forgotten");
}

#[test]
fn python_may_change_the_info_and_refuse() {
    let mut world = World::new(config());
    world.open(1, Speech::Relay);
    world.say(1, join(1, "c", r#","info":{"a":1}"#));
    let ask = world.asked();
    world.decide(
        ask,
        Decision {
            info: Some("{\"a\":2}".into()),
            ..yes()
        },
    );
    assert!(world.heard(1)[0].contains(r#""info":{"a":2}"#));
    for (code, told) in [("", "refused"), ("no_entry", "no_entry")] {
        world.say(1, join(2, "d", ""));
        let ask = world.asked();
        world.decide(ask, no(code));
        let expected =
            format!(r#"{{"type":"error","id":2,"channel":"d","code":"{told}","message":"because"}}"#);
        assert_eq!(world.heard(1), [expected]);
    }
    world.say(1, join(3, "d", ""));
    world.tick(5000);
    assert!(world.heard(1)[0].contains("no_answer"), "and has its time");
    let ask = world.asked();
    world.decide(ask, yes());
    assert!(world.heard(1).is_empty(), "an answer that comes too late is none");
    assert_eq!(world.hub.stats().channels, 1);
}

#[test]
fn what_is_said_while_a_join_waits_is_said_after_it() {
    let mut world = room(1);
    for speech in [Speech::Relay, Speech::Muaz] {
        world.open(2, speech);
        let (join, publish) = match speech {
            Speech::Relay => (join(1, "c", ""), r#"{"type":"publish","channel":"c","data":[7]}"#),
            _ => (
                r#"{"open":true,"channel":"c"}"#.to_owned(),
                r#"{"channel":"c","data":[7]}"#,
            ),
        };
        world.say(2, join);
        world.say(2, publish);
        let ask = world.asked();
        assert!(world.heard(1).is_empty());
        world.decide(ask, yes());
        let heard = world.heard(1);
        assert!(heard[0].contains("member_joined") && heard[1].contains("[7]"));
        world.gone(2);
        world.heard(1);
    }
    world.open(2, Speech::Relay);
    world.say(2, join(1, "c", ""));
    world.say(2, r#"{"type":"publish","id":2,"channel":"c","data":1}"#);
    let ask = world.asked();
    world.decide(ask, no("x"));
    let heard = world.heard(2);
    assert!(heard[0].contains("\"x\"") && heard[1].contains("not_member"));
    assert!(world.heard(1).is_empty());
}

#[test]
fn every_bound_has_its_code() {
    let mut world = World::new(Config {
        max_joined: 2,
        max_channels: 3,
        ..config()
    });
    world.rules(
        "small",
        Rules {
            max_members: 1,
            ..Rules::default()
        },
    );
    (1..=3).for_each(|n| world.open(n, Speech::Relay));
    world.join(1, "small");
    let mut code = |n: u64, message: String| {
        world.say(n, message);
        world.events();
        let heard = world.heard(n).pop().unwrap_or_default();
        heard
            .split("\"code\":\"")
            .nth(1)
            .unwrap_or("")
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(code(2, join(1, "small", "")), "channel_full");
    assert_eq!(code(1, join(1, "small", "")), "already_member");
    assert_eq!(code(1, join(1, "", "")), "bad_name");
    assert_eq!(code(1, join(1, "a\\n", "")), "bad_name");
    assert_eq!(code(1, join(1, &"x".repeat(129), "")), "bad_name");
    let long = format!(r#","info":{{"a":"{}"}}"#, "x".repeat(1024));
    assert_eq!(code(1, join(1, "d", &long)), "info_too_long");
    assert_eq!(code(1, join(1, "d", "")), "", "asked");
    assert_eq!(code(1, join(1, "d", "")), "already_member");
    assert_eq!(
        code(1, join(1, "e", "")),
        "too_many_joined",
        "those that wait count"
    );
    world.join(2, "d");
    world.join(2, "e");
    world.open(4, Speech::Relay);
    world.say(4, join(1, "f", ""));
    assert!(world.heard(4)[0].contains("too_many_channels"));
}

#[test]
fn a_full_channel_is_full_after_python_too() {
    let mut world = World::new(config());
    world.rules(
        "*",
        Rules {
            max_members: 1,
            ..Rules::default()
        },
    );
    (1..=2).for_each(|n| world.open(n, Speech::Relay));
    world.say(1, join(1, "c", ""));
    let first = world.asked();
    world.say(2, join(1, "c", ""));
    let second = world.asked();
    world.decide(second, yes());
    world.decide(first, yes());
    assert!(world.heard(1)[0].contains("channel_full"));
    assert!(world.heard(2)[0].contains("joined"));
}

#[test]
fn channels_without_presence_tell_nobody() {
    let mut world = World::new(config());
    world.rules(
        "*",
        Rules {
            presence: false,
            ..Rules::default()
        },
    );
    (1..=2).for_each(|n| world.open(n, Speech::Relay));
    world.join(1, "c");
    world.say(2, join(1, "c", ""));
    let ask = world.asked();
    world.decide(ask, yes());
    assert_eq!(world.heard(2), [r#"{"type":"joined","id":1,"channel":"c"}"#]);
    world.say(2, r#"{"type":"presence","id":2,"channel":"c"}"#);
    assert!(world.heard(2)[0].contains("not_allowed"));
    world.gone(2);
    assert!(world.heard(1).is_empty());
}

#[test]
fn who_comes_back_gets_what_it_missed() {
    let mut world = World::new(config());
    world.rules(
        "*",
        Rules {
            history: 3,
            ..Rules::default()
        },
    );
    world.open(1, Speech::Relay);
    world.say(1, join(1, "c", ""));
    let ask = world.asked();
    world.decide(ask, yes());
    let joined = world.heard(1).remove(0);
    let epoch = joined
        .split("\"epoch\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    assert!(joined.ends_with("\"offset\":0}"), "{joined}");
    for n in 1..=5 {
        world.say(
            1,
            format!(r#"{{"type":"publish","id":{n},"channel":"c","data":{n}}}"#),
        );
    }
    assert_eq!(world.heard(1)[4], r#"{"type":"ok","id":5,"offset":5}"#);
    let from = world.id(1);
    let mut back = |n: u64, epoch: &str, offset: u64| {
        world.open(n, Speech::Relay);
        world.say(
            n,
            join(1, "c", &format!(r#","epoch":"{epoch}","offset":{offset}"#)),
        );
        let ask = world.asked();
        world.decide(ask, yes());
        let mut heard = world.heard(n);
        (heard.remove(0), heard)
    };
    let (joined, missed) = back(2, &epoch, 3);
    assert!(
        joined.ends_with(r#""offset":5,"recovered":true,"missed":2}"#),
        "{joined}"
    );
    let message =
        |n: u64| format!(r#"{{"type":"message","channel":"c","from":"{from}","offset":{n},"data":{n}}}"#);
    assert_eq!(missed, [message(4), message(5)]);
    for (n, (epoch, offset)) in [(&*epoch, 1), ("other", 5), (&*epoch, 6)].into_iter().enumerate() {
        let (joined, missed) = back(10 + n as u64, epoch, offset);
        assert!(joined.ends_with(r#""recovered":false,"missed":0}"#), "{joined}");
        assert!(missed.is_empty());
    }
    let (joined, missed) = back(20, &epoch, 5);
    assert!(joined.ends_with(r#""recovered":true,"missed":0}"#) && missed.is_empty());
}

#[test]
fn a_history_outlives_its_members_for_a_while() {
    let mut world = World::new(config());
    world.rules(
        "*",
        Rules {
            history: 3,
            history_ms: 10_000,
            ..Rules::default()
        },
    );
    world.open(1, Speech::Relay);
    world.join(1, "c");
    world.say(1, r#"{"type":"publish","channel":"c","data":1}"#);
    world.gone(1);
    assert_eq!(world.hub.stats().channels, 1);
    assert!(world.hub.next_ms().is_some());
    world.tick(10_000);
    assert_eq!(world.hub.stats().channels, 1);
    world.tick(1_001);
    assert_eq!(
        (world.hub.stats().channels, world.hub.stats().history_bytes),
        (0, 0)
    );
    assert_eq!(world.hub.next_ms(), None);
}
