//! What tests and fuzzers run on arbitrary bytes, a function for each parser. Never called in service.
//!
//! A function panics only when an invariant breaks.
use crate::command::Speech;
use crate::dialect::{self, Said};
use crate::json;
use crate::message::{Kind, Message};

/// Places of members lie inside and in order, and each holds a value by itself.
pub fn fuzz_json(data: &[u8]) {
    let _ = (json::text(data), json::number(data));
    let mut end = 0;
    let whole = json::members(data, |key, place| {
        assert!(place.start >= end && place.end <= data.len() && place.start < place.end);
        assert!(!key.contains(&b'\n'));
        end = place.end;
        let value = data.get(place).unwrap_or_default();
        assert!(json::valid(value) || std::str::from_utf8(value).is_err());
    });
    if whole.is_ok() && std::str::from_utf8(data).is_ok() {
        // An object lies one level deeper than its members were walked.
        let mut shallow = Vec::from(*b"[");
        shallow.extend(data);
        shallow.push(b']');
        assert!(json::valid(data) || !json::valid(&shallow));
    }
}

/// What is understood refers to nothing but the message, and relayed data are JSON.
pub fn fuzz_dialects(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let kind = match first & 1 {
        0 if std::str::from_utf8(rest).is_ok() => Kind::Text,
        _ => Kind::Binary,
    };
    let message = Message {
        kind,
        payload: rest.to_vec().into(),
    };
    for speech in [Speech::Relay, Speech::Muaz, Speech::Raw, Speech::Echo] {
        let said = dialect::read(speech, &message);
        if let Ok(
            Said::Publish { data, .. } | Said::Request { data, .. } | Said::Reply { data: Ok(data), .. },
        ) = said
        {
            assert!(data.payload.len() <= rest.len());
            assert!(data.kind == Kind::Binary || json::valid(&data.payload));
        }
    }
}
