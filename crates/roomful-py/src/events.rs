//! Events of `media.Engine.drain`: the router's [`Event`] to (name, dict). The stub `media.pyi` lists every name and key.
use crate::fields::{dict, named};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use roomful_sfu::command::{DataKind, Id};
use roomful_sfu::event::{Event, Quality, TransportState};

/// Every name, in the stub's order.
pub const NAMES: [&str; 22] = [
    "answer",
    "accepted",
    "refused",
    "offer",
    "sections_wanted",
    "transport",
    "track_bound",
    "track_ended",
    "track_started",
    "subscribed",
    "unsupported",
    "demand",
    "stream_state",
    "speakers",
    "quality",
    "data",
    "data_seen",
    "data_held",
    "slow_reader",
    "received",
    "stats",
    "died",
];

fn state_word(state: TransportState) -> &'static str {
    match state {
        TransportState::Connected => "connected",
        TransportState::Disconnected => "disconnected",
        TransportState::Failed => "failed",
        TransportState::Closed => "closed",
    }
}

fn quality_word(quality: Quality) -> &'static str {
    match quality {
        Quality::Lost => "lost",
        Quality::Poor => "poor",
        Quality::Good => "good",
        Quality::Excellent => "excellent",
    }
}

fn kind_word(kind: DataKind) -> &'static str {
    match kind {
        DataKind::Reliable => "reliable",
        DataKind::Lossy => "lossy",
        DataKind::Track => "track",
    }
}

fn pairs<'py>(py: Python<'py>, mids: &[(String, Id)]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (mid, track) in mids {
        dict.set_item(mid, &**track)?;
    }
    Ok(dict)
}

/// `(name, {key: value})`
pub fn told<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyTuple>> {
    let (name, fields) = match event {
        Event::Answer {
            request,
            transport,
            sdp,
            mids,
        } => (
            "answer",
            dict!(py; request: request, transport: &**transport, sdp: sdp, mids: pairs(py, mids)?),
        ),
        Event::Accepted { request } => ("accepted", dict!(py; request: request)),
        Event::Refused {
            request,
            code,
            message,
        } => (
            "refused",
            dict!(py; request: request, code: code, message: message),
        ),
        Event::Offer {
            transport,
            offer,
            sdp,
            mids,
        } => (
            "offer",
            dict!(py; transport: &**transport, offer: offer, sdp: sdp, mids: pairs(py, mids)?),
        ),
        Event::SectionsWanted {
            transport,
            audios,
            videos,
        } => (
            "sections_wanted",
            dict!(py; transport: &**transport, audios: audios, videos: videos),
        ),
        Event::Transport {
            transport,
            state,
            remote,
            protocol,
            reason,
        } => (
            "transport",
            dict!(py; transport: &**transport, state: state_word(*state), remote: remote.map(|r| r.to_string()),
                protocol: protocol, reason: reason),
        ),
        Event::TrackBound {
            track,
            mid,
            codec,
            rids,
        } => (
            "track_bound",
            dict!(py; track: &**track, mid: mid, codec: codec, rids: rids),
        ),
        Event::TrackEnded { track } => ("track_ended", dict!(py; track: &**track)),
        Event::TrackStarted { track } => ("track_started", dict!(py; track: &**track)),
        Event::Subscribed { participant, track } => (
            "subscribed",
            dict!(py; participant: &**participant, track: &**track),
        ),
        Event::Unsupported { participant, track } => (
            "unsupported",
            dict!(py; participant: &**participant, track: &**track),
        ),
        Event::Demand { track, codecs } => {
            let codecs: Vec<(&str, (bool, bool, bool))> = codecs
                .iter()
                .map(|one| {
                    let [low, medium, high] = one.watched;
                    (one.codec.as_str(), (low, medium, high))
                })
                .collect();
            ("demand", dict!(py; track: &**track, codecs: codecs))
        }
        Event::StreamState {
            participant,
            track,
            paused,
        } => (
            "stream_state",
            dict!(py; participant: &**participant, track: &**track, paused: paused),
        ),
        Event::Speakers { room, levels } => {
            let levels: Vec<(&str, f32, bool)> = levels
                .iter()
                .map(|one| (&*one.participant, one.level, one.active))
                .collect();
            ("speakers", dict!(py; room: &**room, levels: levels))
        }
        Event::Quality {
            participant,
            quality,
            score,
        } => (
            "quality",
            dict!(py; participant: &**participant, quality: quality_word(*quality), score: score),
        ),
        Event::Data {
            room,
            participant,
            kind,
            packet,
        } => (
            "data",
            dict!(py; room: &**room, participant: &**participant, kind: kind_word(*kind), packet: PyBytes::new(py, packet)),
        ),
        Event::DataSeen {
            room,
            participant,
            packet,
        } => (
            "data_seen",
            dict!(py; room: &**room, participant: &**participant, packet: PyBytes::new(py, packet)),
        ),
        Event::DataHeld {
            room,
            hold,
            participant,
            topic,
            packet,
        } => (
            "data_held",
            dict!(py; room: &**room, hold: hold, participant: &**participant, topic: topic,
                packet: PyBytes::new(py, packet)),
        ),
        Event::SlowReader { participant } => ("slow_reader", dict!(py; participant: &**participant)),
        Event::Received { request, sequence } => {
            ("received", dict!(py; request: request, sequence: sequence))
        }
        Event::Stats { request, json } => ("stats", dict!(py; request: request, json: json)),
    };
    named(py, name, fields)
}

/// The engine is gone for good; every later drain says so again.
pub fn died<'py>(py: Python<'py>, reason: &str) -> PyResult<Bound<'py, PyTuple>> {
    named(py, "died", dict!(py; reason: reason))
}
