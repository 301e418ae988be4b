//! Newcomers: subscriptions that want a picture they do not have yet. One is begun out of the ring when a key frame came lately,
//! so that many who come at once cost the publisher one key frame and none of them waits for the next; else the publisher is
//! asked at once, never more often than a track allows.
//!
//! Called at the end of a turn by `forward`, and by `feedback` for those who lost their first picture.
use crate::egress::Egress;
use crate::feedback::OUR_SSRC;
use crate::forward::{enter, send_run};
use crate::router::Router;
use crate::slab::Key;
use crate::track::KEY_RECENT;
use roomful_rtc::rtcp::write;
use std::time::{Duration, Instant};

/// So long after its first picture a subscriber that lost it is begun out of the ring again: what was sent before its client had
/// taken our answer in is lost, and is no reason to ask the publisher.
const NEW_FOR: Duration = Duration::from_secs(2);
/// Clients ask more than once before what they asked for arrives.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

impl Router {
    /// Serves those that wait, and asks publishers for what is missing.
    pub(crate) fn begin_newcomers(
        &mut self,
        now: Instant,
        egress: &mut impl Egress,
        first_packets: &mut Vec<Key>,
    ) {
        if !self.newcomers.is_empty() {
            let mut newcomers = std::mem::take(&mut self.newcomers);
            newcomers.sort_unstable();
            newcomers.dedup();
            for key in newcomers.drain(..) {
                if self.begin(key, now, egress) {
                    first_packets.push(key);
                }
            }
            self.newcomers = newcomers;
        }
        while let Some(track) = self.asking.pop() {
            self.ask(track, now, egress);
        }
    }

    /// One newcomer. Returns whether its very first packet went out.
    fn begin(&mut self, key: Key, now: Instant, egress: &mut impl Egress) -> bool {
        let Some(down) = self.downs.get_mut(key) else {
            return false;
        };
        let (track_key, Some(at)) = (down.track, down.target.map(|t| t.stream)) else {
            return false;
        };
        let Some(stream) = self.tracks.get(track_key).and_then(|t| t.streams.get(at)) else {
            return false;
        };
        if down.current == Some(at) || !stream.codec.is_video() {
            return false;
        }
        let connection = down.connection.and_then(|c| self.connections.get(c));
        if !connection.is_some_and(|c| c.transport.is_connected()) {
            // The key frame comes while the transport comes up; one is enough, should that never happen.
            if !std::mem::replace(&mut down.foreseen, true)
                && stream.recent_key(now, KEY_RECENT / 2).is_none()
            {
                self.want_key(track_key, Some(at), now);
            }
            return false;
        }
        // Who watches another layer has a picture, and waits for the key frame of this one.
        let recent = stream
            .recent_key(now, KEY_RECENT)
            .filter(|_| down.current.is_none());
        let Some((first, slot)) = recent.and_then(|key| Some((key, stream.ring.get(key.index)?))) else {
            self.want_key(track_key, Some(at), now);
            return false;
        };
        if !enter(down, stream, at, first.index, slot, now) {
            return false;
        }
        let newest = stream
            .ring
            .get(stream.highest)
            .map_or(first.timestamp, |s| s.timestamp);
        if let Some(rewriter) = down.rewriter.as_mut() {
            rewriter.hurry(first.timestamp, newest);
        }
        down.replayed_at = Some(now);
        let run: Vec<(Key, usize, u64)> = (first.index..=stream.highest)
            .map(|index| (track_key, at, index))
            .collect();
        let sent = send_run(down, stream, at, &run, &mut self.connections, now, egress);
        self.forwarded += sent;
        sent > 0 && !std::mem::replace(&mut down.told, true)
    }

    /// A subscriber says it has no picture. Returns whether it is begun again out of the ring.
    pub(crate) fn start_again(&mut self, key: Key, now: Instant) -> bool {
        let Some(down) = self.downs.get_mut(key) else {
            return false;
        };
        let within =
            |at: Option<Instant>, time| at.is_some_and(|at| now.saturating_duration_since(at) < time);
        if within(down.replayed_at, AGAIN_AFTER) {
            return true;
        }
        let stream = self.tracks.get(down.track).zip(down.current);
        let stream = stream.and_then(|(track, at)| track.streams.get(at));
        let has_key = stream.is_some_and(|s| s.recent_key(now, KEY_RECENT).is_some());
        if !has_key || !within(down.begun_at, NEW_FOR) || down.current != down.target.map(|t| t.stream) {
            return false;
        }
        down.replayed_at = Some(now);
        down.current = None;
        self.newcomers.push(key);
        true
    }

    /// A key frame of a stream is wanted: asked for at the end of this turn, or as soon as the track allows.
    pub(crate) fn want_key(&mut self, track_key: Key, stream: Option<usize>, now: Instant) {
        let track = self.tracks.get_mut(track_key);
        let Some(stream) = track.zip(stream).and_then(|(t, at)| t.streams.get_mut(at)) else {
            return;
        };
        stream.key_wanted = true;
        if !self.busy.contains(&track_key) {
            self.busy.push(track_key);
        }
        if !self.asking.contains(&track_key) {
            self.asking.push(track_key);
        }
        self.keep_ticking(now);
    }

    fn ask(&mut self, track_key: Key, now: Instant, egress: &mut impl Egress) {
        let Some(track) = self.tracks.get_mut(track_key) else {
            return;
        };
        let Some(connection_key) = track.connection else {
            return;
        };
        let Some(connection) = self.connections.get_mut(connection_key) else {
            return;
        };
        if !connection.transport.is_connected() {
            return;
        }
        let before = connection.rtcp.len();
        for ssrc in track.key_requests(now) {
            write::pli(&mut connection.rtcp, OUR_SSRC, ssrc);
        }
        if connection.rtcp.len() > before {
            self.report(connection_key, now, egress);
        }
    }
}
