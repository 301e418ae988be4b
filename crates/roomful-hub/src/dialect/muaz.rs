//! Muaz Khan's websocket-over-nodejs, as its server and its clients in RTCMultiConnection speak it: `{"open":true,"channel":C}`
//! joins, `{"checkPresence":true,"channel":C}` asks whether anybody is there, `{"data":X,"channel":C}` relays bare X to the others.
//! It has no words for errors, presence or acknowledgements.
use super::{Said, Told, Unclear};
use crate::json;
use crate::message::{Kind, Message};

pub fn read(message: &Message) -> Result<Said<'_>, Unclear> {
    let unclear = |reason| Unclear { id: None, reason };
    if message.kind != Kind::Text {
        return Err(unclear("not a text message"));
    }
    let bytes: &[u8] = &message.payload;
    let (mut open, mut check, mut channel, mut data) = (false, false, None, None);
    json::members(bytes, |key, place| match key {
        b"open" => open = truthy(bytes.get(place)),
        b"checkPresence" => check = truthy(bytes.get(place)),
        b"channel" => channel = Some(place),
        b"data" => data = Some(place),
        _ => {}
    })
    .map_err(|_| unclear("not a JSON object"))?;
    let channel = channel
        .and_then(|place| bytes.get(place))
        .and_then(|value| match value.first() {
            Some(b'"') => json::text(value),
            // A number is as good a name for the original.
            Some(b'0'..=b'9' | b'-') => std::str::from_utf8(value).ok().map(Into::into),
            _ => None,
        })
        .ok_or(unclear("no channel"))?;
    if check {
        return Ok(Said::Exists { channel });
    }
    if open {
        return Ok(Said::Join {
            id: None,
            channel,
            info: None,
            since: None,
        });
    }
    Ok(Said::Publish {
        id: None,
        channel,
        to: None,
        data: Message::text(message.payload.slice(data.ok_or(unclear("no data"))?)),
    })
}

/// As JavaScript's `if` sees a value.
fn truthy(value: Option<&[u8]>) -> bool {
    !matches!(value, None | Some(b"false" | b"null" | b"0" | b"-0" | b"\"\""))
}

pub fn write(told: &Told<'_>) -> Option<Message> {
    match told {
        Told::Message { data, .. } => Some((*data).clone()),
        Told::Exists(true) => Some(Message::text("{\"isChannelPresent\":true}")),
        Told::Exists(false) => Some(Message::text("{\"isChannelPresent\":false}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Message {
        Message::text(text.to_owned())
    }

    #[test]
    fn the_three_messages() {
        let open = text(r#"{"open":true,"channel":"a b"}"#);
        let Ok(Said::Join { channel, .. }) = read(&open) else {
            panic!()
        };
        assert_eq!(channel, "a b");
        let check = text(r#"{"channel":7,"checkPresence":1}"#);
        assert_eq!(read(&check), Ok(Said::Exists { channel: "7".into() }));
        let said = text(r#"{ "data" : {"x":[1, 2]} , "channel":"c","open":false}"#);
        let Ok(Said::Publish { data, .. }) = read(&said) else {
            panic!()
        };
        assert_eq!(data, text(r#"{"x":[1, 2]}"#));
    }

    #[test]
    fn what_says_nothing() {
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"data":1}"#,
            r#"{"channel":"c"}"#,
            r#"{"data":1,"channel":null}"#,
            "{\"data\":01}",
        ] {
            assert!(read(&text(bad)).is_err(), "{bad}");
        }
        assert!(read(&Message::binary(&b"{\"data\":1,\"channel\":\"c\"}"[..])).is_err());
    }
}
