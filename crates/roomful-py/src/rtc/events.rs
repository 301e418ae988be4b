//! News of `rtc.Peers.drain`: (peer, name, values). The stub `rtc.pyi` lists every name and its values.
use super::Channel;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use roomful_peer::event::{GatheringState, PeerEvent, State};
use roomful_peer::shell::{PeerId, Shell, Told};
use roomful_peer::signaling::DescriptionKind;
use roomful_rtc::codec::Codec;
use roomful_rtc::dcep::Reliability;

/// Every name, in the stub's order.
pub const NAMES: [&str; 19] = [
    "reply",
    "signaling",
    "negotiation_needed",
    "candidate",
    "gathering",
    "ice",
    "connection",
    "trouble",
    "channel",
    "open",
    "messages",
    "buffered",
    "closed",
    "transceiver",
    "media",
    "frames",
    "key_frame_wanted",
    "media_ended",
    "died",
];

fn state(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Connecting => "connecting",
        State::Connected => "connected",
        State::Disconnected => "disconnected",
        State::Failed => "failed",
        State::Closed => "closed",
    }
}

fn named<'py, V>(py: Python<'py>, peer: PeerId, name: &str, values: V) -> PyResult<Bound<'py, PyTuple>>
where
    V: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>>,
    V::Error: Into<PyErr>,
{
    let values = values.into_pyobject(py).map_err(Into::into)?;
    (peer, name, values).into_pyobject(py)
}

fn words(described: Option<(DescriptionKind, String)>) -> Option<(&'static str, String)> {
    described.map(|(kind, text)| (kind.as_str(), text))
}

/// `(peer, name, values)`
pub fn told<'py>(py: Python<'py>, shell: &Shell, news: Told) -> PyResult<Bound<'py, PyTuple>> {
    let (peer, event) = match news {
        Told::Reply(peer, request, Ok(text)) => {
            return named(py, peer, "reply", (request, text, None::<&str>, None::<String>))
        }
        Told::Reply(peer, request, Err(error)) => {
            let refused = (
                request,
                None::<String>,
                Some(error.code()),
                Some(error.to_string()),
            );
            return named(py, peer, "reply", refused);
        }
        Told::Peer(peer, event) => (peer, event),
    };
    match event {
        PeerEvent::Signaling(signaling, all) => named(
            py,
            peer,
            "signaling",
            (
                signaling.as_str(),
                words(all.current_local),
                words(all.pending_local),
                words(all.current_remote),
                words(all.pending_remote),
            ),
        ),
        PeerEvent::NegotiationNeeded => named(py, peer, "negotiation_needed", PyTuple::empty(py)),
        PeerEvent::Candidate {
            text,
            mid,
            index,
            ufrag,
        } => named(py, peer, "candidate", (text, mid, index, ufrag)),
        PeerEvent::Gathering(gathering) => {
            let word = match gathering {
                GatheringState::New => "new",
                GatheringState::Gathering => "gathering",
                GatheringState::Complete => "complete",
            };
            named(py, peer, "gathering", (word,))
        }
        PeerEvent::Ice(at) => named(py, peer, "ice", (state(at),)),
        PeerEvent::Connection(at) => named(py, peer, "connection", (state(at),)),
        PeerEvent::Trouble(reason) => named(py, peer, "trouble", (reason,)),
        PeerEvent::Channel {
            key,
            id,
            options,
            pipe,
        } => {
            let line = shell.channel(peer, key, pipe);
            let (retransmits, lifetime) = match options.reliability {
                Reliability::Reliable => (None, None),
                Reliability::Retransmits(n) => (Some(n), None),
                Reliability::LifetimeMs(ms) => (None, Some(ms)),
            };
            let channel = Bound::new(py, Channel { line })?;
            let values = (
                channel,
                id,
                options.label,
                options.protocol,
                options.ordered,
                retransmits,
                lifetime,
            );
            named(py, peer, "channel", values)
        }
        PeerEvent::Open { key, id } => named(py, peer, "open", (key, id)),
        PeerEvent::Messages { key, messages, .. } => {
            let whole = messages.iter().map(|(binary, data)| match binary {
                true => PyBytes::new(py, data).into_any(),
                // What is no UTF-8 comes out with U+FFFD rather than as an error nobody can catch.
                false => PyString::new(py, &String::from_utf8_lossy(data)).into_any(),
            });
            let list = PyList::new(py, whole.collect::<Vec<_>>())?;
            named(py, peer, "messages", (key, list))
        }
        PeerEvent::Buffered(key, fell) => named(py, peer, "buffered", (key, fell.low)),
        PeerEvent::Transceiver { key, kind, sends } => {
            named(py, peer, "transceiver", (key, kind.as_str(), sends))
        }
        PeerEvent::Media {
            key,
            mid,
            direction,
            codec,
            stream,
        } => {
            let codec = codec.map(Codec::name);
            let values = (key, mid, direction.sends(), direction.receives(), codec, stream);
            named(py, peer, "media", values)
        }
        PeerEvent::Frames { key, frames } => {
            let whole = frames.iter().map(|frame| {
                let data = PyBytes::new(py, &frame.data);
                let values = (
                    data,
                    frame.timestamp,
                    frame.key,
                    frame.after_loss,
                    frame.codec.name(),
                );
                values.into_pyobject(py)
            });
            let list = PyList::new(py, whole.collect::<PyResult<Vec<_>>>()?)?;
            named(py, peer, "frames", (key, list))
        }
        PeerEvent::KeyFrameWanted(key) => named(py, peer, "key_frame_wanted", (key,)),
        PeerEvent::MediaEnded(key) => named(py, peer, "media_ended", (key,)),
        PeerEvent::Closed(key, reason) => named(py, peer, "closed", (key, reason)),
    }
}

/// The thread ended by itself.
pub fn died(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    named(py, 0, "died", PyTuple::empty(py))
}
