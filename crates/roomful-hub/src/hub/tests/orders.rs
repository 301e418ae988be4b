use super::*;
use crate::event::Kept;

fn publish(message: Message, except: Option<u64>, to: Option<&[u64]>) -> Command {
    Command::Publish {
        channel: "c".into(),
        message,
        except: except.map(ConnectionId),
        to: to.map(|to| to.iter().copied().map(ConnectionId).collect()),
    }
}

#[test]
fn python_publishes() {
    let mut world = room(3);
    world.order(publish(Message::text("1"), Some(2), None));
    let message = r#"{"type":"message","channel":"c","data":1}"#;
    assert_eq!(
        (world.heard(1), world.heard(2).len(), world.heard(3).len()),
        (vec![message.to_owned()], 0, 1)
    );
    world.open(9, Speech::Relay);
    world.order(publish(Message::text("2"), None, Some(&[2, 9])));
    let two = world.id(2);
    let whisper = format!(r#"{{"type":"message","channel":"c","to":"{two}","data":2}}"#);
    assert_eq!(world.heard(2), [whisper]);
    assert!(world.heard(1).is_empty() && world.heard(9).is_empty());
    world.order(publish(Message::text("3"), None, Some(&[])));
    assert!(
        (1..=3).all(|n| world.heard(n).is_empty()),
        "a list of nobody is nobody"
    );
    let nowhere = Command::Publish {
        channel: "nobody".into(),
        message: Message::text("1"),
        except: None,
        to: None,
    };
    world.order(nowhere);
    assert_eq!(world.hub.stats().channels, 1);
}

#[test]
fn python_sends_to_many() {
    let mut world = room(3);
    world.order(Command::Send {
        to: vec![ConnectionId(1), ConnectionId(3)],
        message: Message::binary(&b"x"[..]),
        slow: OnSlow::Skip,
    });
    assert_eq!(
        (world.heard(1).len(), world.heard(2).len(), world.heard(3).len()),
        (1, 0, 1)
    );
}

#[test]
fn python_puts_in_and_out() {
    let mut world = World::new(config());
    (1..=2).for_each(|n| world.open(n, Speech::Relay));
    world.join(1, "c");
    world.order(Command::Join {
        connection: ConnectionId(2),
        channel: "c".into(),
        info: Some("{}".into()),
    });
    assert!(matches!(&world.events()[..], [Event::Joined { .. }]));
    assert!(world.heard(2)[0].starts_with(r#"{"type":"joined","channel":"c""#));
    world.heard(1);
    for code in ["", "kicked"] {
        world.order(Command::Leave {
            connection: ConnectionId(2),
            channel: "c".into(),
            code: code.into(),
            reason: "enough".into(),
        });
        world.join(2, "c");
    }
    world.order(Command::Leave {
        connection: ConnectionId(2),
        channel: "c".into(),
        code: "kicked".into(),
        reason: "enough".into(),
    });
    assert_eq!(
        world.heard(2),
        [r#"{"type":"left","channel":"c","code":"kicked","message":"enough"}"#]
    );
    assert!(world.heard(1)[0].contains("member_left"));
}

#[test]
fn python_reads_histories_and_presence() {
    let mut world = World::new(config());
    world.rules(
        "c",
        Rules {
            history: 2,
            ..Rules::default()
        },
    );
    for data in ["1", "22", "333"] {
        world.order(publish(Message::text(data), None, None));
    }
    world.open_as(
        1,
        Speech::Muaz,
        Who {
            identity: Some("m".into()),
            info: Some("{}".into()),
            rate: None,
        },
    );
    world.join(1, "c");
    world.order(publish(Message::binary(&b"\x00\x01"[..]), None, None));
    assert_eq!(world.sink.heard[&1][0], Message::binary(&b"\x00\x01"[..]));
    world.order(Command::History {
        request: 8,
        channel: "c".into(),
        after: 0,
        limit: 10,
    });
    let Some(Event::History {
        request: 8,
        offset: 4,
        messages,
        ..
    }) = world.events().pop()
    else {
        panic!()
    };
    let kept = |offset, message| Kept {
        offset,
        from: None,
        message,
    };
    assert_eq!(
        messages,
        [
            kept(3, Message::text("333")),
            kept(4, Message::binary(&b"\x00\x01"[..]))
        ]
    );
    for (channel, expected) in [("c", 1), ("d", 0)] {
        world.order(Command::Presence {
            request: 9,
            channel: channel.into(),
        });
        let Some(Event::Presence { members, .. }) = world.events().pop() else {
            panic!()
        };
        assert_eq!(members.len(), expected);
        assert!(members
            .iter()
            .all(|member| member.identity.as_deref() == Some("m")));
    }
}

#[test]
fn rules_change_channels_that_are_there() {
    let mut world = room(1);
    let keep = |history| Rules {
        history,
        ..Rules::default()
    };
    let state = |world: &mut World| {
        world.order(Command::History {
            request: 0,
            channel: "c".into(),
            after: 0,
            limit: 99,
        });
        match world.events().pop() {
            Some(Event::History {
                epoch,
                offset,
                messages,
                ..
            }) => (epoch, offset, messages.len()),
            _ => panic!(),
        }
    };
    assert_eq!(state(&mut world), (String::new(), 0, 0));
    world.rules("*", keep(5));
    (0..5).for_each(|_| world.order(publish(Message::text("1"), None, None)));
    let (epoch, offset, kept) = state(&mut world);
    assert_eq!((offset, kept), (5, 5));
    world.rules("*", keep(2));
    assert_eq!(state(&mut world), (epoch.clone(), 5, 2));
    world.rules("*", keep(0));
    world.order(publish(Message::text("1"), None, None));
    world.rules("*", keep(2));
    let (other, offset, kept) = state(&mut world);
    assert_eq!((offset, kept), (0, 0));
    assert_ne!(other, epoch, "what was said meanwhile is nowhere");
    world.order(publish(Message::text("1"), None, None));
    world.gone(1);
    assert_eq!(world.hub.stats().channels, 1);
    world.order(Command::ChannelRules {
        pattern: "*".into(),
        rules: None,
    });
    assert_eq!(
        (world.hub.stats().channels, world.hub.stats().history_bytes),
        (0, 0)
    );
}

#[test]
fn histories_are_bounded_together() {
    let mut world = World::new(Config {
        max_history_bytes: 20_000,
        ..config()
    });
    world.rules(
        "*",
        Rules {
            history: 1000,
            ..Rules::default()
        },
    );
    for n in 0..200 {
        world.order(Command::Publish {
            channel: format!("c{}", n % 20),
            message: Message::text(format!("\"{}\"", "x".repeat(n))),
            except: None,
            to: None,
        });
        assert!(world.hub.stats().history_bytes <= 20_000);
    }
    assert!(world.hub.stats().history_bytes > 15_000);
}
