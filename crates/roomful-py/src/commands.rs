//! Commands of `media.Engine.send`: (name, mapping) to the router's [`Command`]. The stub `media.pyi` lists every name.
use crate::fields::Fields;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes};
use roomful_sfu::command::{
    Command, Credentials, DataKind, Id, Kind, Layer, Rights, Role, TrackCodec, TrackSpec, Verdict,
    ViewSettings,
};

const ROLES: [(&str, Role); 3] = [
    ("single", Role::Single),
    ("publisher", Role::Publisher),
    ("subscriber", Role::Subscriber),
];
const KINDS: [(&str, Kind); 2] = [("audio", Kind::Audio), ("video", Kind::Video)];
const DATA_KINDS: [(&str, DataKind); 3] = [
    ("reliable", DataKind::Reliable),
    ("lossy", DataKind::Lossy),
    ("track", DataKind::Track),
];

/// Every name, in the stub's order; a test compares them with [`command`].
pub const NAMES: [&str; 33] = [
    "open_room",
    "close_room",
    "add_participant",
    "set_rights",
    "remove_participant",
    "move_participant",
    "open_transport",
    "remote_offer",
    "remote_answer",
    "remote_candidate",
    "restart_ice",
    "publish",
    "unpublish",
    "mute",
    "limit_voices",
    "show",
    "hide",
    "subscribe",
    "unsubscribe",
    "view",
    "limit_bandwidth",
    "send_data",
    "hold_topics",
    "watch_topics",
    "decide",
    "watch_data",
    "replay_data",
    "ask_received",
    "publish_data_track",
    "unpublish_data_track",
    "subscribe_data_track",
    "unsubscribe_data_track",
    "ask_stats",
];

/// Raises ValueError for an unknown name, a missing field or an unknown word; TypeError for a value of the wrong type.
pub fn command(name: &str, fields: &Bound<'_, PyAny>) -> PyResult<Command> {
    let f = Fields {
        of: name,
        mapping: fields,
    };
    Ok(match name {
        "open_room" => Command::OpenRoom {
            room: f.id("room")?,
            beside: f.maybe::<String>("beside")?.map(Id::from),
        },
        "close_room" => Command::CloseRoom { room: f.id("room")? },
        "add_participant" => Command::AddParticipant {
            room: f.id("room")?,
            participant: f.id("participant")?,
            identity: f.id("identity")?,
            rights: rights(&f)?,
        },
        "set_rights" => Command::SetRights {
            participant: f.id("participant")?,
            rights: rights(&f)?,
        },
        "remove_participant" => Command::RemoveParticipant {
            participant: f.id("participant")?,
        },
        "move_participant" => Command::MoveParticipant {
            participant: f.id("participant")?,
            room: f.id("room")?,
        },
        "open_transport" => Command::OpenTransport {
            participant: f.id("participant")?,
            transport: f.id("transport")?,
            role: f.word("role", &ROLES)?,
            tcp_only: f.get("tcp_only")?,
            credentials: credentials(&f)?,
        },
        "remote_offer" => Command::RemoteOffer {
            request: f.get("request")?,
            transport: f.id("transport")?,
            sdp: f.get("sdp")?,
            credentials: credentials(&f)?,
        },
        "remote_answer" => Command::RemoteAnswer {
            request: f.get("request")?,
            transport: f.id("transport")?,
            offer: f.get("offer")?,
            sdp: f.get("sdp")?,
        },
        "remote_candidate" => Command::RemoteCandidate {
            transport: f.id("transport")?,
            candidate: f.get("candidate")?,
        },
        "restart_ice" => Command::RestartIce {
            transport: f.id("transport")?,
            credentials: credentials(&f)?,
        },
        "publish" => Command::Publish {
            participant: f.id("participant")?,
            spec: spec(&f)?,
        },
        "unpublish" => Command::Unpublish {
            track: f.id("track")?,
        },
        "mute" => Command::Mute {
            track: f.id("track")?,
            muted: f.get("muted")?,
        },
        "limit_voices" => Command::LimitVoices {
            room: f.id("room")?,
            count: f.get("count")?,
        },
        "show" => Command::Show {
            track: f.id("track")?,
            room: f.id("room")?,
        },
        "hide" => Command::Hide {
            track: f.id("track")?,
            room: f.id("room")?,
        },
        "subscribe" => Command::Subscribe {
            participant: f.id("participant")?,
            track: f.id("track")?,
            settings: settings(&f)?,
        },
        "unsubscribe" => Command::Unsubscribe {
            participant: f.id("participant")?,
            track: f.id("track")?,
        },
        "view" => Command::View {
            participant: f.id("participant")?,
            track: f.id("track")?,
            settings: settings(&f)?,
        },
        "limit_bandwidth" => Command::LimitBandwidth {
            participant: f.id("participant")?,
            bps: f.get("bps")?,
        },
        "send_data" => Command::SendData {
            room: f.id("room")?,
            kind: f.word("kind", &DATA_KINDS)?,
            packet: f.get("packet")?,
            to: f.get::<Vec<String>>("to")?.into_iter().map(Id::from).collect(),
        },
        "hold_topics" => Command::HoldTopics {
            room: f.id("room")?,
            topics: f.get("topics")?,
        },
        "watch_topics" => Command::WatchTopics {
            room: f.id("room")?,
            topics: f.get("topics")?,
        },
        "decide" => Command::Decide {
            room: f.id("room")?,
            hold: f.get("hold")?,
            verdict: verdict(&f)?,
        },
        "watch_data" => Command::WatchData {
            room: f.id("room")?,
            on: f.get("on")?,
        },
        "replay_data" => Command::ReplayData {
            participant: f.id("participant")?,
            seen: f
                .get::<Vec<(String, u32)>>("seen")?
                .into_iter()
                .map(|(of, last)| (of.into(), last))
                .collect(),
        },
        "ask_received" => Command::AskReceived {
            request: f.get("request")?,
            participant: f.id("participant")?,
        },
        "publish_data_track" => Command::PublishDataTrack {
            participant: f.id("participant")?,
            track: f.id("track")?,
            handle: f.get("handle")?,
        },
        "unpublish_data_track" => Command::UnpublishDataTrack {
            track: f.id("track")?,
        },
        "subscribe_data_track" => Command::SubscribeDataTrack {
            participant: f.id("participant")?,
            track: f.id("track")?,
            handle: f.get("handle")?,
        },
        "unsubscribe_data_track" => Command::UnsubscribeDataTrack {
            participant: f.id("participant")?,
            track: f.id("track")?,
        },
        "ask_stats" => Command::AskStats {
            request: f.get("request")?,
            room: f.id("room")?,
        },
        _ => {
            return Err(PyValueError::new_err(format!(
                "the engine knows no command {name:?}"
            )))
        }
    })
}

fn rights(f: &Fields<'_, '_>) -> PyResult<Rights> {
    Ok(Rights {
        subscribe: f.get("subscribe")?,
        publish_data: f.get("publish_data")?,
        hidden: f.get("hidden")?,
        agent: f.get("agent")?,
    })
}

fn credentials(f: &Fields<'_, '_>) -> PyResult<Credentials> {
    let (ufrag, pwd): (String, String) = f.get("credentials")?;
    // RFC 8445 §5.3
    if ufrag.len() < 4 || pwd.len() < 22 {
        return Err(PyValueError::new_err(format!(
            "{}: credentials are too short",
            f.of
        )));
    }
    Ok(Credentials { ufrag, pwd })
}

fn spec(f: &Fields<'_, '_>) -> PyResult<TrackSpec> {
    let spec = f.raw("spec")?;
    let f = Fields {
        of: f.of,
        mapping: &spec,
    };
    let codecs: Vec<(String, String, bool)> = f.get("codecs")?;
    if codecs.is_empty() {
        return Err(PyValueError::new_err(format!(
            "{}: a track has at least one codec",
            f.of
        )));
    }
    let layers: Vec<(u8, u32, u32, u32, String)> = f.get("layers")?;
    Ok(TrackSpec {
        track: f.id("track")?,
        kind: f.word("kind", &KINDS)?,
        codecs: codecs
            .into_iter()
            .map(|(name, cid, svc)| TrackCodec { name, cid, svc })
            .collect(),
        layers: layers
            .into_iter()
            .map(|(quality, width, height, bitrate_bps, rid)| Layer {
                quality,
                width,
                height,
                bitrate_bps,
                rid,
            })
            .collect(),
        muted: f.get("muted")?,
        stereo: f.get("stereo")?,
        dtx: f.get("dtx")?,
        red: f.get("red")?,
        encrypted: f.get("encrypted")?,
        screen: f.get("screen")?,
        one_codec: f.get("one_codec")?,
    })
}

fn settings(f: &Fields<'_, '_>) -> PyResult<ViewSettings> {
    let settings = f.raw("settings")?;
    let f = Fields {
        of: f.of,
        mapping: &settings,
    };
    Ok(ViewSettings {
        paused: f.get("paused")?,
        quality: f.get("quality")?,
        width: f.get("width")?,
        height: f.get("height")?,
        fps: f.get("fps")?,
        priority: f.get("priority")?,
    })
}

fn verdict(f: &Fields<'_, '_>) -> PyResult<Verdict> {
    let verdict = f.raw("verdict")?;
    if let Ok(packet) = verdict.cast::<PyBytes>() {
        return Ok(Verdict::Replace(packet.as_bytes().to_vec()));
    }
    match verdict.cast::<PyBool>() {
        Ok(yes) if yes.is_true() => Ok(Verdict::Release),
        Ok(_) => Ok(Verdict::Drop),
        Err(_) => Err(PyTypeError::new_err(format!(
            "{}: verdict is neither bytes nor bool",
            f.of
        ))),
    }
}
