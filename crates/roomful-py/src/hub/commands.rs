//! Commands of `hub.Hub.send`: (name, mapping) to the hub's [`Command`]. The stub `hub.pyi` lists every name.
use crate::fields::Fields;
use bytes::Bytes;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use roomful_hub::command::{Command, Decision, Rules, Speech, Who};
use roomful_hub::config::Rate;
use roomful_hub::{json, Acceptance, ConnectionId, Message, OnSlow};

const SPEECHES: [(&str, Speech); 4] = [
    ("raw", Speech::Raw),
    ("relay", Speech::Relay),
    ("muaz", Speech::Muaz),
    ("echo", Speech::Echo),
];
const SLOW: [(&str, OnSlow); 2] = [("close", OnSlow::Close), ("skip", OnSlow::Skip)];

/// Every name, in the stub's order; a test compares them with [`command`].
pub const NAMES: [&str; 16] = [
    "accept",
    "accept_rule",
    "refuse",
    "send",
    "close",
    "open_foreign",
    "feed",
    "gone",
    "decide",
    "join",
    "leave",
    "publish",
    "channel_rules",
    "history",
    "presence",
    "stats",
];

/// Raises ValueError for an unknown name, a missing field, an unknown word or what is not JSON; TypeError for a value of the wrong
/// type.
pub fn command(name: &str, fields: &Bound<'_, PyAny>) -> PyResult<Command> {
    let f = Fields {
        of: name,
        mapping: fields,
    };
    Ok(match name {
        "accept" => Command::Accept {
            connection: connection(&f)?,
            speech: f.word("speech", &SPEECHES)?,
            who: who(&f)?,
            how: acceptance(&f)?,
        },
        "accept_rule" => Command::AcceptRule {
            path: f.get("path")?,
            speech: {
                f.raw("speech")?;
                f.maybe_word("speech", &SPEECHES)?
            },
            how: acceptance(&f)?,
        },
        "refuse" => Command::Refuse {
            connection: connection(&f)?,
            status: status(&f)?,
            headers: f.maybe("headers")?.unwrap_or_default(),
            body: f.maybe::<Vec<u8>>("body")?.unwrap_or_default().into(),
        },
        "send" => Command::Send {
            to: connections(f.get("to")?),
            message: message(&f)?,
            slow: f.maybe_word("slow", &SLOW)?.unwrap_or(OnSlow::Close),
        },
        "close" => Command::Close {
            connection: connection(&f)?,
            code: f.maybe("code")?.unwrap_or(1000),
            reason: f.maybe("reason")?.unwrap_or_default(),
        },
        "open_foreign" => Command::OpenForeign {
            connection: connection(&f)?,
            speech: f.word("speech", &SPEECHES)?,
            who: who(&f)?,
        },
        "feed" => Command::Feed {
            connection: connection(&f)?,
            message: message(&f)?,
        },
        "gone" => Command::Gone {
            connection: connection(&f)?,
            code: f.maybe("code")?.unwrap_or(1005),
        },
        "decide" => Command::Decide {
            ask: f.get("ask")?,
            decision: Decision {
                allow: f.get("allow")?,
                code: f.maybe("code")?.unwrap_or_default(),
                reason: f.maybe("reason")?.unwrap_or_default(),
                message: f
                    .maybe_raw("message")?
                    .map(|value| json_or_bytes(&f, &value))
                    .transpose()?,
                info: info(&f)?,
            },
        },
        "join" => Command::Join {
            connection: connection(&f)?,
            channel: f.get("channel")?,
            info: info(&f)?,
        },
        "leave" => Command::Leave {
            connection: connection(&f)?,
            channel: f.get("channel")?,
            code: f.maybe("code")?.unwrap_or_default(),
            reason: f.maybe("reason")?.unwrap_or_default(),
        },
        "publish" => Command::Publish {
            channel: f.get("channel")?,
            message: json_or_bytes(&f, &f.raw("message")?)?,
            except: f.maybe("except")?.map(ConnectionId),
            to: f.maybe("to")?.map(connections),
        },
        "channel_rules" => Command::ChannelRules {
            pattern: f.get("pattern")?,
            rules: rules(&f)?,
        },
        "history" => Command::History {
            request: f.get("request")?,
            channel: f.get("channel")?,
            after: f.maybe("after")?.unwrap_or(0),
            limit: f.maybe("limit")?.unwrap_or(usize::MAX),
        },
        "presence" => Command::Presence {
            request: f.get("request")?,
            channel: f.get("channel")?,
        },
        "stats" => Command::Stats {
            request: f.get("request")?,
        },
        _ => {
            return Err(PyValueError::new_err(format!(
                "the hub knows no command {name:?}"
            )))
        }
    })
}

fn connection(f: &Fields<'_, '_>) -> PyResult<ConnectionId> {
    Ok(ConnectionId(f.get("connection")?))
}

fn connections(numbers: Vec<u64>) -> Vec<ConnectionId> {
    numbers.into_iter().map(ConnectionId).collect()
}

fn status(f: &Fields<'_, '_>) -> PyResult<u16> {
    match f.get("status")? {
        status @ 400..=599 => Ok(status),
        other => Err(PyValueError::new_err(format!(
            "{}: status is {other}, not one of 400 to 599",
            f.of
        ))),
    }
}

fn as_message(f: &Fields<'_, '_>, value: &Bound<'_, PyAny>) -> PyResult<Message> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Message::text(text.extract::<String>()?));
    }
    match value.cast::<PyBytes>() {
        Ok(bytes) => Ok(Message::binary(Bytes::copy_from_slice(bytes.as_bytes()))),
        Err(_) => Err(PyTypeError::new_err(format!(
            "{}: message is neither str nor bytes",
            f.of
        ))),
    }
}

fn message(f: &Fields<'_, '_>) -> PyResult<Message> {
    as_message(f, &f.raw("message")?)
}

/// What goes to a channel: clients there would not understand other text.
fn json_or_bytes(f: &Fields<'_, '_>, value: &Bound<'_, PyAny>) -> PyResult<Message> {
    let message = as_message(f, value)?;
    if message.kind == roomful_hub::Kind::Text && !json::valid(&message.payload) {
        return Err(PyValueError::new_err(format!("{}: message is not JSON", f.of)));
    }
    Ok(message)
}

fn info(f: &Fields<'_, '_>) -> PyResult<Option<Bytes>> {
    let Some(info) = f.maybe::<String>("info")? else {
        return Ok(None);
    };
    if !info.trim_start().starts_with('{') || !json::valid(info.as_bytes()) {
        return Err(PyValueError::new_err(format!(
            "{}: info is not a JSON object",
            f.of
        )));
    }
    Ok(Some(info.trim().to_owned().into()))
}

fn rate(f: &Fields<'_, '_>) -> PyResult<Option<Rate>> {
    let pair = f.maybe::<(u32, u32)>("rate")?;
    Ok(pair.map(|(per_second, burst)| Rate { per_second, burst }))
}

fn who(f: &Fields<'_, '_>) -> PyResult<Who> {
    Ok(Who {
        identity: f.maybe("identity")?,
        info: info(f)?,
        rate: rate(f)?,
    })
}

fn acceptance(f: &Fields<'_, '_>) -> PyResult<Acceptance> {
    Ok(Acceptance {
        subprotocol: f.maybe("subprotocol")?,
        max_message: f.maybe("max_message")?,
        max_backlog: f.maybe("max_backlog")?,
    })
}

const RULES: [&str; 10] = [
    "history",
    "history_bytes",
    "history_ms",
    "presence",
    "publish",
    "on_message",
    "on_request",
    "rate",
    "max_members",
    "slow",
];

fn rules(f: &Fields<'_, '_>) -> PyResult<Option<Rules>> {
    let rules = f.raw("rules")?;
    if rules.is_none() {
        return Ok(None);
    }
    for key in rules.try_iter()? {
        let key: String = key?.extract()?;
        if !RULES.contains(&&*key) {
            return Err(PyValueError::new_err(format!(
                "{}: rules have no {key:?}, only {}",
                f.of,
                RULES.join(", ")
            )));
        }
    }
    let f = Fields {
        of: f.of,
        mapping: &rules,
    };
    let usual = Rules::default();
    Ok(Some(Rules {
        history: f.maybe("history")?.unwrap_or(usual.history),
        history_bytes: f.maybe("history_bytes")?.unwrap_or(usual.history_bytes),
        history_ms: f.maybe("history_ms")?.unwrap_or(usual.history_ms),
        presence: f.maybe("presence")?.unwrap_or(usual.presence),
        publish: f.maybe("publish")?.unwrap_or(usual.publish),
        on_message: f.maybe("on_message")?.unwrap_or(usual.on_message),
        on_request: f.maybe("on_request")?.unwrap_or(usual.on_request),
        rate: rate(&f)?.unwrap_or(usual.rate),
        max_members: f.maybe("max_members")?.unwrap_or(usual.max_members),
        slow: f.maybe_word("slow", &SLOW)?.unwrap_or(usual.slow),
    }))
}
