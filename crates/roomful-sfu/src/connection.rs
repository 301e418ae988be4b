//! A transport in use: what was negotiated on it, and what arrives and leaves on which source.
use crate::allocator::Allocation;
use crate::bwe::Estimator;
use crate::command::{Id, Role};
use crate::slab::Key;
use roomful_rtc::codec::Codec;
use roomful_rtc::rtcp::TwccRecorder;
use roomful_rtc::rtp::ExtensionMap;
use roomful_rtc::sctp::ChannelId;
use roomful_rtc::sdp::model::CodecLine;
use roomful_rtc::transport::{Path, Transport};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Sources that one peer may make us know.
pub const MAX_SOURCES: usize = 512;
/// Paths remembered for one peer.
pub const MAX_PATHS: usize = 8;

/// Believed before anything was measured.
const ROUND_TRIP: Duration = Duration::from_millis(80);
/// Longer is no round trip but an outage.
const LONGEST_TRIP: Duration = Duration::from_secs(3);
/// Sender reports that wait for an answer.
const MAX_CLOCKS: usize = 32;

/// What a source that arrives is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Media of (track, stream).
    Media(Key, usize),
    /// Retransmissions of (track, stream).
    Repair(Key, usize),
    /// Nothing we want.
    Ignored,
}

/// What a section carries towards us.
#[derive(Clone, Debug)]
pub struct Inbound {
    pub mid: String,
    pub track: Key,
    pub codec_at: usize,
    pub rids: Vec<String>,
    /// Payload type → codec, and RTX type → payload type.
    pub codecs: Vec<(u8, Codec)>,
    pub repairs: Vec<(u8, u8)>,
}

/// A section of ours (v0 subscriber).
#[derive(Clone, Debug)]
pub struct Offered {
    pub mid: String,
    pub video: bool,
    /// The subscription in it; `None` when it is free.
    pub down: Option<Key>,
    pub codecs: Vec<CodecLine>,
}

/// A transport and its negotiated state.
pub struct Connection {
    pub id: Id,
    pub participant: Key,
    pub role: Role,
    pub transport: Transport,
    /// Only TCP addresses are announced.
    pub tcp_only: bool,
    pub session_id: u64,
    pub session_version: u64,
    pub extensions: ExtensionMap,
    pub inbound: Vec<Inbound>,
    pub sources: HashMap<u32, Source>,
    /// Subscriptions by what they are sent under, for feedback.
    pub downs: HashMap<u32, Key>,
    /// Receiving sections of the client's (v1): mid → (video, subscription).
    pub slots: Vec<(String, bool, Option<Key>)>,
    /// Sections asked for and not offered yet: audio, video.
    pub asked: (u32, u32),
    /// An offer was asked for that lets go of sections.
    pub releasing: bool,
    /// Sections of ours (v0), the data section apart.
    pub offered: Vec<Offered>,
    pub offer_id: u32,
    pub outstanding: bool,
    pub dirty: bool,
    /// Channels by purpose.
    pub reliable: Option<ChannelId>,
    pub lossy: Option<ChannelId>,
    pub track_data: Option<ChannelId>,
    pub twcc: TwccRecorder,
    /// Any source, for feedback about the whole transport.
    pub media_ssrc: u32,
    /// Measured as soon as something answers something.
    pub round_trip: Duration,
    trip_known: bool,
    /// Sender reports of ours that may be answered: middle of their NTP time, when they left.
    clocks: VecDeque<(u32, Option<Instant>)>,
    pub paths: Vec<Path>,
    pub ufrags: Vec<String>,
    pub timer: Option<Instant>,
    pub reports_at: Instant,
    /// Data waits to be sent.
    pub data_waiting: bool,
    /// It is in the router's list of those that have something to say.
    pub listed: bool,
    /// RTCP to send, not yet sealed.
    pub rtcp: Vec<u8>,
    /// Loss from and towards this peer by reports, 0.0–1.0, smoothed.
    loss_here: f32,
    loss_there: f32,
    /// What the path towards this peer carries.
    pub bwe: Estimator,
    /// What its videos were given of that.
    pub allocation: Allocation,
}

impl Connection {
    pub fn new(
        id: Id,
        participant: Key,
        role: Role,
        transport: Transport,
        session_id: u64,
        now: Instant,
    ) -> Self {
        Self {
            id,
            participant,
            role,
            transport,
            tcp_only: false,
            session_id,
            session_version: 0,
            extensions: ExtensionMap::default(),
            inbound: vec![],
            sources: HashMap::new(),
            downs: HashMap::new(),
            slots: vec![],
            asked: (0, 0),
            releasing: false,
            offered: vec![],
            offer_id: 0,
            outstanding: false,
            dirty: false,
            reliable: None,
            lossy: None,
            track_data: None,
            twcc: TwccRecorder::default(),
            media_ssrc: 0,
            round_trip: ROUND_TRIP,
            trip_known: false,
            clocks: VecDeque::new(),
            paths: vec![],
            ufrags: vec![],
            timer: None,
            reports_at: now,
            data_waiting: false,
            listed: false,
            rtcp: vec![],
            loss_here: 0.0,
            loss_there: 0.0,
            bwe: Estimator::new(now),
            allocation: Allocation::default(),
        }
    }

    /// Something was answered after so long.
    pub fn on_round_trip(&mut self, trip: Duration) {
        if trip > LONGEST_TRIP {
            return;
        }
        self.round_trip = if std::mem::replace(&mut self.trip_known, true) {
            (self.round_trip * 7 + trip) / 8
        } else {
            trip
        };
    }

    /// What a report of ours says.
    pub fn lost_on_the_way_here(&mut self, share: f32) {
        follow(&mut self.loss_here, share);
    }

    /// What a report of the peer's says.
    pub fn lost_on_the_way_there(&mut self, share: f32) {
        follow(&mut self.loss_there, share);
    }

    /// The worse of both ways.
    pub fn loss(&self) -> f32 {
        self.loss_here.max(self.loss_there())
    }

    /// Of what comes from the peer.
    pub fn loss_here(&self) -> f32 {
        self.loss_here
    }

    /// Of what goes to the peer: transport-wide feedback knows it sooner than reports.
    pub fn loss_there(&self) -> f32 {
        self.bwe.loss().unwrap_or(self.loss_there)
    }

    /// A sender report of ours was written, and will leave with the next [`reports_left`](Self::reports_left).
    pub fn on_clock(&mut self, ntp: u64) {
        if self.clocks.len() >= MAX_CLOCKS {
            self.clocks.pop_front();
        }
        self.clocks.push_back(((ntp >> 16) as u32, None));
    }

    pub fn reports_left(&mut self, now: Instant) {
        for (_, left) in self
            .clocks
            .iter_mut()
            .rev()
            .take_while(|(_, left)| left.is_none())
        {
            *left = Some(now);
        }
    }

    /// A receiver report names the last sender report it had, and for how long (RFC 3550 §6.4.1). The report's clock is its
    /// publisher's, so it is looked up and not calculated with.
    pub fn on_clock_answered(&mut self, last_sr: u32, delay: u32, now: Instant) {
        let found = self.clocks.iter().find(|(clock, _)| *clock == last_sr);
        let Some(left) = found.and_then(|(_, left)| *left) else {
            return;
        };
        let held = Duration::from_micros(u64::from(delay) * 1_000_000 / 65_536);
        if let Some(trip) = now.saturating_duration_since(left).checked_sub(held) {
            self.on_round_trip(trip);
        }
    }
}

/// Loss that begins is believed at once, loss that ended after a while.
fn follow(smoothed: &mut f32, share: f32) {
    *smoothed += (share - *smoothed) * if share > *smoothed { 0.5 } else { 0.15 };
}

#[cfg(test)]
mod tests {
    use super::*;
    use roomful_rtc::dtls::DtlsIdentity;
    use roomful_rtc::ice::Credentials;
    use roomful_rtc::transport::TransportConfig;

    #[test]
    fn round_trips_are_measured_by_reports_that_are_answered() {
        let now = Instant::now();
        let transport = Transport::new(
            &TransportConfig {
                identity: &DtlsIdentity::generate().unwrap(),
                credentials: &Credentials {
                    ufrag: "frag".into(),
                    pwd: "password-of-24-characters".into(),
                },
                addresses: &[],
                ice_lite: true,
                controlling: false,
                active: false,
            },
            now,
        );
        let mut slab = crate::slab::Slab::default();
        let owner = slab.insert(());
        let mut connection = Connection::new("TP_1".into(), owner, Role::Single, transport, 1, now);
        let ms = Duration::from_millis;
        assert_eq!(connection.round_trip, ROUND_TRIP);
        connection.on_clock(0x1234_5678_9abc_def0);
        // Not sent yet: nobody can answer it.
        connection.on_clock_answered(0x5678_9abc, 0, now + ms(5));
        assert_eq!(connection.round_trip, ROUND_TRIP);
        connection.reports_left(now + ms(20));
        connection.on_clock_answered(0x5678_9abd, 0, now + ms(50));
        assert_eq!(connection.round_trip, ROUND_TRIP);
        // Half a second with the peer, a quarter on the way.
        connection.on_clock_answered(0x5678_9abc, 32_768, now + ms(770));
        assert_eq!(connection.round_trip, ms(250));
        connection.on_round_trip(ms(90));
        assert_eq!(connection.round_trip, ms(230));
        connection.on_round_trip(LONGEST_TRIP * 2);
        (0..100).for_each(|n| connection.on_clock(n << 16));
        assert_eq!(
            (connection.round_trip, connection.clocks.len()),
            (ms(230), MAX_CLOCKS)
        );
    }
}
