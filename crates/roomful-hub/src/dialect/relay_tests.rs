use super::*;

fn why(message: Message) -> (Option<u64>, &'static str) {
    let unclear = read(&message).unwrap_err();
    (unclear.id, unclear.reason)
}

#[test]
fn what_is_unclear_is_told_with_its_id() {
    for (text, id, reason) in [
        ("", None, "not a JSON object"),
        ("[]", None, "not a JSON object"),
        ("{}", None, "no type"),
        (r#"{"id":4,"type":"sing"}"#, Some(4), "unknown type"),
        (
            r#"{"id":0,"type":"ping"}"#,
            None,
            "id is no number from 1 to 2^53",
        ),
        (
            r#"{"id":"4","type":"ping"}"#,
            None,
            "id is no number from 1 to 2^53",
        ),
        (r#"{"type":"join","id":4}"#, Some(4), "no channel"),
        (r#"{"type":"join","channel":4}"#, None, "no channel"),
        (
            r#"{"type":"join","channel":"c","info":[]}"#,
            None,
            "info is no object",
        ),
        (
            r#"{"type":"join","channel":"c","epoch":"e"}"#,
            None,
            "epoch and offset come together",
        ),
        (r#"{"type":"publish","channel":"c"}"#, None, "no data"),
        (
            r#"{"type":"publish","channel":"c","to":null,"data":1}"#,
            None,
            "to is no text",
        ),
        (
            r#"{"type":"request","channel":"c","data":1}"#,
            None,
            "a request has an id",
        ),
        (r#"{"type":"reply","data":1}"#, None, "no request"),
        (
            r#"{"type":"reply","request":1}"#,
            None,
            "a reply has data, or an error in words",
        ),
        (
            r#"{"type":"history","channel":"c","limit":"x"}"#,
            None,
            "limit is no number",
        ),
    ] {
        assert_eq!(why(Message::text(text.to_owned())), (id, reason), "{text}");
    }
}

#[test]
fn binary_messages_are_an_object_and_data() {
    let binary = |length: u16, rest: &[u8]| Message::binary([&length.to_be_bytes(), rest].concat());
    let object = br#"{"type":"publish","channel":"c"}"#;
    let message = binary(32, &[object, &b"data"[..]].concat());
    let Ok(Said::Publish { data, .. }) = read(&message) else {
        panic!()
    };
    assert_eq!(data, Message::binary(&b"data"[..]));
    assert_eq!(why(binary(33, object)).1, "too short");
    assert_eq!(why(Message::binary(&b"\0"[..])).1, "too short");
    assert_eq!(why(binary(1, b"\xff")).1, "not UTF-8");
    assert_eq!(
        why(binary(15, br#"{"type":"ping"}"#)).1,
        "this type has no binary form"
    );
    let twice = br#"{"type":"publish","channel":"c","data":1}"#;
    assert_eq!(why(binary(41, twice)).1, "no data");
}

#[test]
fn names_are_read_with_their_escapes() {
    let message = Message::text(r#"{"channel":"\u00e9\"","type":"leave"}"#);
    let said = read(&message).unwrap();
    assert_eq!(
        said,
        Said::Leave {
            id: None,
            channel: "é\"".into()
        }
    );
    let name = Name::new("é\"");
    let told = Told::Left {
        channel: &name,
        code: "a",
        reason: "\n",
    };
    let expected = "{\"type\":\"left\",\"channel\":\"é\\\"\",\"code\":\"a\",\"message\":\"\\u000a\"}";
    assert_eq!(write(&told), Some(Message::text(expected)));
}
