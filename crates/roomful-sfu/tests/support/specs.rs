//! What tests announce and ask for: a track and a view with nothing special about them, to be changed by `..`.
use super::id;
use roomful_sfu::command::{Kind, TrackCodec, TrackSpec, ViewSettings};

/// All of it, whatever its size.
pub const WATCH: ViewSettings = ViewSettings {
    paused: false,
    quality: 2,
    width: 0,
    height: 0,
    fps: 0,
    priority: 0,
};

/// In one codec, by its short name; no layers.
pub fn spec(track: &str, kind: Kind, codec: &str, cid: &str) -> TrackSpec {
    TrackSpec {
        track: id(track),
        kind,
        codecs: vec![TrackCodec {
            name: codec.to_lowercase(),
            cid: cid.into(),
            svc: false,
        }],
        layers: vec![],
        muted: false,
        stereo: false,
        dtx: false,
        red: false,
        encrypted: false,
        screen: false,
        one_codec: false,
    }
}

/// As `spec`, in a codec whose one stream has its layers inside.
pub fn layered(track: &str, codec: &str, cid: &str) -> TrackSpec {
    let mut made = spec(track, Kind::Video, codec, cid);
    made.codecs.iter_mut().for_each(|codec| codec.svc = true);
    made
}
