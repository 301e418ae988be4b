use super::*;

fn request(world: &mut World, from: u64, id: u64, to: u64) -> Vec<String> {
    let to = world.id(to);
    world.say(
        from,
        format!(r#"{{"type":"request","id":{id},"channel":"c","to":"{to}","data":"?"}}"#),
    );
    world.heard(from)
}

#[test]
fn members_ask_each_other() {
    let mut world = room(3);
    let one = world.id(1);
    assert!(request(&mut world, 1, 5, 2).is_empty());
    let asked = format!(r#"{{"type":"request","request":1,"channel":"c","from":"{one}","data":"?"}}"#);
    assert_eq!(world.heard(2), [asked]);
    world.say(3, r#"{"type":"reply","request":1,"data":"forged"}"#);
    assert!(world.heard(1).is_empty(), "only the asked one answers");
    world.say(2, r#"{"type":"reply","request":1,"data":"!"}"#);
    assert_eq!(world.heard(1), [r#"{"type":"reply","id":5,"data":"!"}"#]);
    world.say(2, r#"{"type":"reply","request":1,"data":"again"}"#);
    assert!(world.heard(1).is_empty(), "once");
    request(&mut world, 1, 6, 2);
    world.say(2, r#"{"type":"reply","request":2,"error":"busy \"now\""}"#);
    let declined = r#"{"type":"error","id":6,"channel":"c","code":"declined","message":"busy \"now\""}"#;
    assert_eq!(world.heard(1), [declined]);
    world.heard(2);
    request(&mut world, 1, 7, 2);
    world.heard(2);
    world.say_binary(2, r#"{"type":"reply","request":3}"#, b"\x01");
    assert_eq!(
        world.sink.heard.remove(&1).unwrap(),
        [binary(r#"{"type":"reply","id":7}"#, b"\x01")]
    );
}

#[test]
fn who_cannot_answer_does_not_leave_one_waiting() {
    let mut world = room(3);
    world.open(9, Speech::Relay);
    assert!(request(&mut world, 1, 1, 9)[0].contains("no_such_member"));
    request(&mut world, 1, 2, 2);
    request(&mut world, 1, 3, 3);
    world.say(2, r#"{"type":"leave","channel":"c"}"#);
    assert!(world.heard(1)[1].contains(r#""id":2,"channel":"c","code":"member_left""#));
    world.tick(9_999);
    assert!(world.heard(1).is_empty());
    world.tick(1);
    assert!(world.heard(1)[0].contains(r#""id":3,"channel":"c","code":"no_answer""#));
    request(&mut world, 1, 4, 3);
    world.gone(3);
    assert!(world.heard(1)[1].contains(r#""id":4,"channel":"c","code":"member_left""#));
    request(&mut world, 1, 5, 2);
    world.open(2, Speech::Relay);
    world.join(2, "c");
    request(&mut world, 1, 6, 2);
    world.gone(1);
    world.say(2, r#"{"type":"reply","request":4,"data":1}"#);
    assert!(world.hub.requests.is_empty());
}

#[test]
fn requests_are_bounded() {
    let mut world = World::new(Config {
        max_pending: 2,
        ..config()
    });
    (1..=4).for_each(|n| {
        world.open(n, Speech::Relay);
        world.join(n, "c");
    });
    (1..=2).for_each(|id| assert!(request(&mut world, 1, id, 2).is_empty()));
    assert!(request(&mut world, 1, 3, 4)[0].contains("busy"), "of the asker");
    assert!(request(&mut world, 3, 3, 2)[0].contains("busy"), "of the asked");
}

#[test]
fn the_server_answers_where_it_wants_to() {
    let mut world = room(1);
    let ask = r#"{"type":"request","id":1,"channel":"c","data":{"q":1}}"#;
    world.say(1, ask);
    assert!(world.heard(1)[0].contains("no_server"));
    world.rules(
        "*",
        Rules {
            on_request: true,
            ..Rules::default()
        },
    );
    let mut answer = |decision: Decision| {
        world.say(1, ask);
        let number = world.asked();
        world.decide(number, decision);
        world.heard(1).remove(0)
    };
    let data = Decision {
        message: Some(Message::text("[1]")),
        ..yes()
    };
    assert_eq!(answer(data), r#"{"type":"reply","id":1,"data":[1]}"#);
    assert_eq!(answer(yes()), r#"{"type":"reply","id":1,"data":null}"#);
    assert!(answer(no("nope")).contains(r#""code":"nope","message":"because""#));
    world.say(1, ask);
    world.tick(5000);
    assert!(world.heard(1)[0].contains("no_answer"));
}

#[test]
fn requests_and_replies_pass_pythons_eyes_too() {
    let mut world = room(2);
    world.rules(
        "*",
        Rules {
            on_message: true,
            ..Rules::default()
        },
    );
    request(&mut world, 1, 1, 2);
    assert!(matches!(
        &world.sink.events[..],
        [Event::MessageAsked {
            to: Some(ConnectionId(2)),
            ..
        }]
    ));
    let ask = world.asked();
    world.decide(ask, yes());
    assert_eq!(world.heard(2).len(), 1);
    world.say(2, r#"{"type":"reply","request":1,"data":"!"}"#);
    assert!(matches!(
        &world.sink.events[..],
        [Event::MessageAsked {
            to: Some(ConnectionId(1)),
            ..
        }]
    ));
    let ask = world.asked();
    world.decide(ask, no(""));
    assert!(
        world.heard(1)[0].contains("refused"),
        "the asker is not left waiting"
    );
    request(&mut world, 1, 2, 2);
    let ask = world.asked();
    world.decide(ask, no(""));
    assert!(world.heard(1)[0].contains("refused"));
}

#[test]
fn clients_ask_who_is_there_and_what_was_said() {
    let mut world = room(2);
    let (one, two) = (world.id(1), world.id(2));
    world.say(1, r#"{"type":"presence","id":3,"channel":"c"}"#);
    let members = format!(r#"[{{"id":"{one}"}},{{"id":"{two}"}}]"#);
    let expected = format!(r#"{{"type":"presence","id":3,"channel":"c","members":{members}}}"#);
    assert_eq!(world.heard(1), [expected]);
    world.say(1, r#"{"type":"history","id":3,"channel":"c"}"#);
    assert_eq!(
        world.heard(1),
        [r#"{"type":"history","id":3,"channel":"c","count":0}"#]
    );
    world.rules(
        "*",
        Rules {
            history: 10,
            ..Rules::default()
        },
    );
    for n in 1..=4 {
        world.say(2, format!(r#"{{"type":"publish","channel":"c","data":{n}}}"#));
    }
    world.heard(1);
    world.say(
        1,
        r#"{"type":"history","id":3,"channel":"c","after":1,"limit":2}"#,
    );
    let heard = world.heard(1);
    assert!(heard[0].ends_with(r#""offset":4,"count":2}"#), "{heard:?}");
    assert!(heard[1].ends_with(r#""offset":3,"data":3}"#) && heard[2].ends_with(r#""offset":4,"data":4}"#));
}
