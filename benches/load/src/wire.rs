//! The few messages of LiveKit's signaling that a load client needs (`livekit_rtc.proto`, protocol 15).
//!
//! Oneofs are written as optional fields, which is the same on the wire; fields not needed are not named.

/// `SessionDescription`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Description {
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(string, tag = "2")]
    pub sdp: String,
    #[prost(uint32, tag = "3")]
    pub id: u32,
}

/// `TrickleRequest`: a candidate as JSON, and whose (0 the publisher's transport, 1 the subscriber's).
#[derive(Clone, PartialEq, prost::Message)]
pub struct Trickle {
    #[prost(string, tag = "1")]
    pub candidate: String,
    #[prost(int32, tag = "2")]
    pub target: i32,
}

/// `VideoLayer`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Layer {
    #[prost(int32, tag = "1")]
    pub quality: i32,
    #[prost(uint32, tag = "2")]
    pub width: u32,
    #[prost(uint32, tag = "3")]
    pub height: u32,
    #[prost(uint32, tag = "4")]
    pub bitrate: u32,
    #[prost(string, tag = "7")]
    pub rid: String,
}

/// `AddTrackRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AddTrack {
    #[prost(string, tag = "1")]
    pub cid: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(int32, tag = "3")]
    pub kind: i32,
    #[prost(uint32, tag = "4")]
    pub width: u32,
    #[prost(uint32, tag = "5")]
    pub height: u32,
    #[prost(int32, tag = "8")]
    pub source: i32,
    #[prost(message, repeated, tag = "9")]
    pub layers: Vec<Layer>,
    #[prost(bool, tag = "13")]
    pub disable_red: bool,
}

/// `Ping`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Ping {
    #[prost(int64, tag = "1")]
    pub timestamp: i64,
    #[prost(int64, tag = "2")]
    pub rtt: i64,
}

/// `UpdateTrackSettings`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TrackSettings {
    #[prost(string, repeated, tag = "1")]
    pub track_sids: Vec<String>,
    #[prost(uint32, tag = "5")]
    pub width: u32,
    #[prost(uint32, tag = "6")]
    pub height: u32,
}

/// `TrackInfo`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Track {
    #[prost(string, tag = "1")]
    pub sid: String,
}

/// `ParticipantInfo`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Participant {
    #[prost(string, tag = "2")]
    pub identity: String,
    #[prost(message, repeated, tag = "4")]
    pub tracks: Vec<Track>,
}

/// `JoinResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Join {
    #[prost(message, repeated, tag = "3")]
    pub others: Vec<Participant>,
}

/// `ParticipantUpdate`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Update {
    #[prost(message, repeated, tag = "1")]
    pub participants: Vec<Participant>,
}

/// `LeaveRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Leave {
    #[prost(int32, tag = "2")]
    pub reason: i32,
}

/// `SignalRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    #[prost(message, optional, tag = "1")]
    pub offer: Option<Description>,
    #[prost(message, optional, tag = "2")]
    pub answer: Option<Description>,
    #[prost(message, optional, tag = "4")]
    pub add_track: Option<AddTrack>,
    #[prost(message, optional, tag = "7")]
    pub track_setting: Option<TrackSettings>,
    #[prost(message, optional, tag = "8")]
    pub leave: Option<Leave>,
    #[prost(message, optional, tag = "16")]
    pub ping: Option<Ping>,
}

/// `SignalResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Response {
    #[prost(message, optional, tag = "1")]
    pub join: Option<Join>,
    #[prost(message, optional, tag = "2")]
    pub answer: Option<Description>,
    #[prost(message, optional, tag = "3")]
    pub offer: Option<Description>,
    #[prost(message, optional, tag = "4")]
    pub trickle: Option<Trickle>,
    #[prost(message, optional, tag = "5")]
    pub update: Option<Update>,
    #[prost(message, optional, tag = "8")]
    pub leave: Option<Leave>,
}
