//! Events of `hub.Hub.drain`: the hub's [`Event`] to (name, dict). The stub `hub.pyi` lists every name and key.
use crate::fields::{dict, named};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};
use roomful_hub::{ConnectionId, Event, Kind, Message, OnSlow};

/// Every name, in the stub's order.
pub const NAMES: [&str; 16] = [
    "opened",
    "message",
    "closed",
    "join_asked",
    "message_asked",
    "request_asked",
    "joined",
    "left",
    "slow",
    "writable",
    "deliver",
    "close",
    "history",
    "presence",
    "stats",
    "died",
];

fn whole<'py>(py: Python<'py>, message: &Message) -> Bound<'py, PyAny> {
    match message.kind {
        // The door has checked it. What it has not would come out with U+FFFD rather than as an error nobody can catch.
        Kind::Text => PyString::new(py, &String::from_utf8_lossy(&message.payload)).into_any(),
        Kind::Binary => PyBytes::new(py, &message.payload).into_any(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn numbers(connections: &[ConnectionId]) -> Vec<u64> {
    connections.iter().map(|connection| connection.0).collect()
}

fn slow_word(slow: OnSlow) -> &'static str {
    match slow {
        OnSlow::Close => "close",
        OnSlow::Skip => "skip",
    }
}

/// `(name, {key: value})`
pub fn told<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyTuple>> {
    let (name, fields) = match event {
        Event::Message { connection, message } => (
            "message",
            dict!(py; connection: connection.0, message: whole(py, message)),
        ),
        Event::Opened {
            connection,
            head,
            accepted,
        } => (
            "opened",
            dict!(py; connection: connection.0, path: &head.path, query: &head.query, headers: &head.headers,
                peer: &head.peer, secure: head.secure, accepted: accepted),
        ),
        Event::Closed {
            connection,
            code,
            reason,
        } => (
            "closed",
            dict!(py; connection: connection.0, code: code, reason: reason),
        ),
        Event::JoinAsked {
            ask,
            connection,
            channel,
            info,
        } => (
            "join_asked",
            dict!(py; ask: ask, connection: connection.0, channel: &**channel,
                info: info.as_ref().map(|info| text(info))),
        ),
        Event::MessageAsked {
            ask,
            connection,
            channel,
            to,
            message,
        } => (
            "message_asked",
            dict!(py; ask: ask, connection: connection.0, channel: &**channel, to: to.map(|to| to.0),
                message: whole(py, message)),
        ),
        Event::RequestAsked {
            ask,
            connection,
            channel,
            message,
        } => (
            "request_asked",
            dict!(py; ask: ask, connection: connection.0, channel: &**channel, message: whole(py, message)),
        ),
        Event::Joined {
            connection,
            channel,
            id,
        } => (
            "joined",
            dict!(py; connection: connection.0, channel: &**channel, id: id),
        ),
        Event::Left { connection, channel } => {
            ("left", dict!(py; connection: connection.0, channel: &**channel))
        }
        Event::Slow { connection } => ("slow", dict!(py; connection: connection.0)),
        Event::Writable { connection } => ("writable", dict!(py; connection: connection.0)),
        Event::Deliver { to, message, slow } => (
            "deliver",
            dict!(py; to: numbers(to), message: whole(py, message), slow: slow_word(*slow)),
        ),
        Event::Close {
            connection,
            code,
            reason,
        } => (
            "close",
            dict!(py; connection: connection.0, code: code, reason: reason),
        ),
        Event::History {
            request,
            channel,
            epoch,
            offset,
            messages,
        } => {
            let messages: Vec<(u64, Option<&str>, Bound<'_, PyAny>)> = messages
                .iter()
                .map(|kept| (kept.offset, kept.from.as_deref(), whole(py, &kept.message)))
                .collect();
            (
                "history",
                dict!(py; request: request, channel: channel, epoch: epoch, offset: offset, messages: messages),
            )
        }
        Event::Presence {
            request,
            channel,
            members,
        } => {
            let members: Vec<(u64, &str, Option<&str>, Option<String>)> = members
                .iter()
                .map(|member| {
                    let info = member.info.as_ref().map(|info| text(info));
                    (member.connection.0, &*member.id, member.identity.as_deref(), info)
                })
                .collect();
            (
                "presence",
                dict!(py; request: request, channel: channel, members: members),
            )
        }
        Event::Stats { request, stats } => (
            "stats",
            dict!(py; request: request, connections: stats.connections, channels: stats.channels, asks: stats.asks,
                history_bytes: stats.history_bytes, received: stats.received, delivered: stats.delivered,
                refused: stats.refused),
        ),
    };
    named(py, name, fields)
}

/// The hub is gone for good; every later drain says so again.
pub fn died<'py>(py: Python<'py>, reason: &str) -> PyResult<Bound<'py, PyTuple>> {
    named(py, "died", dict!(py; reason: reason))
}
