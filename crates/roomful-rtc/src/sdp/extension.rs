//! RTP header extensions by URI: names, and the ids our own offers give them. Called by the negotiation and the router.
use super::model::Direction;
use std::borrow::Cow;

/// `a=extmap` (RFC 8285 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtMap {
    /// 1–255; above 14 only in two-byte headers.
    pub id: u8,
    /// Borrowed for the ones named here.
    pub uri: Cow<'static, str>,
    /// From the writer's view: `SendOnly` is for packets it sends.
    pub direction: Direction,
}

/// RFC 9143: which section a packet belongs to.
pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// RFC 8852: which simulcast layer.
pub const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
/// RFC 8852: which simulcast layer an RTX packet repairs.
pub const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
/// RFC 6464.
pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// draft-holmer-rmcat-transport-wide-cc-extensions-01.
pub const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// 24 bits of seconds in 6.18 fixed point.
pub const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
/// Capture time in NTP format.
pub const ABS_CAPTURE_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
/// AV1 RTP specification, appendix A.
pub const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
/// 3GPP TS 26.114 §7.4.5: rotation of the picture.
pub const VIDEO_ORIENTATION: &str = "urn:3gpp:video-orientation";
/// Bounds of the receiver's play-out delay.
pub const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

/// All of the above with the id that each has in every section of our offers.
const TABLE: [(u8, &str); 10] = [
    (1, MID),
    (2, RID),
    (3, REPAIRED_RID),
    (4, AUDIO_LEVEL),
    (5, TRANSPORT_CC),
    (6, ABS_SEND_TIME),
    (7, ABS_CAPTURE_TIME),
    (8, DEPENDENCY_DESCRIPTOR),
    (9, VIDEO_ORIENTATION),
    (10, PLAYOUT_DELAY),
];

/// The extension with the id it has in our own offers; `None` for one that is not named here.
pub fn offered(uri: &str) -> Option<ExtMap> {
    TABLE
        .iter()
        .find(|(_, known)| *known == uri)
        .map(|(id, known)| ExtMap {
            id: *id,
            uri: Cow::Borrowed(known),
            direction: Direction::SendRecv,
        })
}

/// An extension with somebody else's id; known URIs cost no allocation.
pub fn named(id: u8, uri: &str, direction: Direction) -> ExtMap {
    let known = TABLE.iter().find(|(_, known)| *known == uri);
    let uri = known.map_or_else(|| Cow::Owned(uri.to_owned()), |(_, known)| Cow::Borrowed(*known));
    ExtMap { id, uri, direction }
}
