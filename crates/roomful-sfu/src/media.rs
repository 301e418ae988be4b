//! Media coming in: opened, recognised, kept once in its stream's ring, and marked for this tick's forwarding.
use crate::connection::{Source, MAX_SOURCES};
use crate::event::Event;
use crate::feedback::list;
use crate::ring::PASSED;
use crate::router::Router;
use crate::slab::Key;
use roomful_rtc::codec::{inspect, Codec};
use roomful_rtc::rtp::{extend, rtx_payload, Extension, RtpHeader};
use std::time::Instant;

impl Router {
    pub(crate) fn handle_media(&mut self, key: Key, packet: &mut [u8], now: Instant) {
        let micros = self.micros(now);
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let Some(receiver) = connection.transport.receiver() else {
            return;
        };
        let Ok((header, index, length)) = receiver.unprotect_rtp(packet) else {
            self.refused += 1;
            return;
        };
        connection.transport.heard(now);
        list(&mut self.talking, key, connection);
        let Some(plain) = packet.get(..length) else { return };
        if let Some(id) = connection.extensions.id(Extension::TransportCc) {
            let found = header.extensions(plain).find(|(i, _)| *i == id);
            if let Some([high, low]) = found.map(|(_, value)| value) {
                connection
                    .twcc
                    .on_packet(u16::from_be_bytes([*high, *low]), micros);
                connection.media_ssrc = header.ssrc;
            }
        }
        let source = match connection.sources.get(&header.ssrc) {
            Some(source) => *source,
            None => self.learn(key, &header, plain),
        };
        match source {
            Source::Ignored => {}
            Source::Media(track, stream) => self.take(key, track, stream, &header, index, plain, false, now),
            Source::Repair(track, stream) => self.take(key, track, stream, &header, index, plain, true, now),
        }
    }

    /// Finds out what an unknown source is, by its mid, rid and payload type.
    fn learn(&mut self, key: Key, header: &RtpHeader, plain: &[u8]) -> Source {
        let Some(connection) = self.connections.get_mut(key) else {
            return Source::Ignored;
        };
        let (mut mid, mut rid, mut repaired) = ("", "", "");
        for (id, value) in header.extensions(plain) {
            let text = std::str::from_utf8(value).unwrap_or("");
            match connection.extensions.of(id) {
                Some(Extension::Mid) => mid = text,
                Some(Extension::Rid) => rid = text,
                Some(Extension::RepairedRid) => repaired = text,
                _ => {}
            }
        }
        let fits = |pt: u8| {
            move |i: &&crate::connection::Inbound| {
                i.codecs.iter().any(|(p, _)| *p == pt) || i.repairs.iter().any(|(p, _)| *p == pt)
            }
        };
        let mut candidates = connection
            .inbound
            .iter()
            .filter(|i| mid.is_empty() || i.mid == mid)
            .filter(fits(header.payload_type));
        let Some(inbound) = candidates.next().filter(|i| !mid.is_empty() || i.rids.is_empty()) else {
            // It may be named in a later packet: nothing is remembered.
            return Source::Ignored;
        };
        if mid.is_empty() && candidates.next().is_some() {
            return Source::Ignored;
        }
        let is_repair = inbound.repairs.iter().any(|(p, _)| *p == header.payload_type);
        let wanted = if is_repair && !repaired.is_empty() {
            repaired
        } else {
            rid
        };
        if !inbound.rids.is_empty() && wanted.is_empty() {
            return Source::Ignored;
        }
        let (track_key, codec_at) = (inbound.track, inbound.codec_at);
        let Some(track) = self.tracks.get_mut(track_key) else {
            return Source::Ignored;
        };
        let found = track
            .streams
            .iter()
            .position(|s| s.codec_at == codec_at && (inbound.rids.is_empty() || s.rid == wanted));
        let Some(at) = found else { return Source::Ignored };
        let Some(stream) = track.streams.get_mut(at) else {
            return Source::Ignored;
        };
        let source = if is_repair {
            stream.rtx_ssrc = header.ssrc;
            Source::Repair(track_key, at)
        } else {
            stream.ssrc = header.ssrc;
            Source::Media(track_key, at)
        };
        if connection.sources.len() < MAX_SOURCES {
            connection.sources.insert(header.ssrc, source);
        }
        source
    }

    #[allow(clippy::too_many_arguments)]
    fn take(
        &mut self,
        key: Key,
        track_key: Key,
        stream_at: usize,
        header: &RtpHeader,
        index: u64,
        plain: &[u8],
        repair: bool,
        now: Instant,
    ) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let Some(track) = self.tracks.get_mut(track_key) else {
            return;
        };
        let Some(mut payload) = header.payload(plain) else {
            return;
        };
        let Some(stream) = track.streams.get_mut(stream_at) else {
            return;
        };
        let mut payload_type = header.payload_type;
        let mut index = index;
        if repair {
            // RFC 4588 §4; a repair without payload is a bandwidth probe.
            let Some((original, rest)) = rtx_payload(payload).filter(|(_, rest)| !rest.is_empty()) else {
                return;
            };
            let inbound = connection
                .inbound
                .iter()
                .find(|i| i.track == track_key && i.codec_at == stream.codec_at);
            let Some((_, main)) = inbound.and_then(|i| i.repairs.iter().find(|(p, _)| *p == payload_type))
            else {
                return;
            };
            payload_type = *main;
            payload = rest;
            index = extend(stream.highest, original);
        }
        let inbound = connection
            .inbound
            .iter()
            .find(|i| i.track == track_key && i.codec_at == stream.codec_at);
        let Some((_, codec)) = inbound.and_then(|i| i.codecs.iter().find(|(p, _)| *p == payload_type)) else {
            return;
        };
        let red = *codec == Codec::Red;
        if !red && *codec != stream.codec {
            // The client chose another codec of its section.
            stream.codec = *codec;
            stream.dependencies = Default::default();
            stream.top_spatial = 0;
        }
        // What has no RTX is sent again as it was.
        let repair = repair || stream.nack.is_answer(index);
        let first = stream.last_packet.is_none();
        let revived = !stream.is_alive(now);
        if !repair {
            stream.highest = stream.highest.max(index);
            stream.last_packet = Some(now);
            if !stream.nack.on_packet(index, now) {
                stream.key_wanted |= stream.codec.is_video();
            }
            if let Some(due) = stream.nack.due() {
                self.ask_at = Some(self.ask_at.map_or(due, |at| at.min(due)));
            }
        } else {
            if let Some(trip) = stream.nack.answered_within(index, now) {
                connection.on_round_trip(trip);
            }
            stream.nack.on_packet(index, now);
        }
        let Some(slot) = stream.ring.insert(index) else {
            return;
        };
        if !repair {
            stream.stats.on_packet(index, header.timestamp, now);
        }
        slot.timestamp = header.timestamp;
        slot.marker = header.marker;
        slot.red = red;
        slot.payload.extend_from_slice(payload);
        slot.info = if payload.is_empty() {
            Default::default()
        } else {
            inspect(stream.codec, payload)
        };
        let mut dependencies = None;
        for (id, value) in header.extensions(plain) {
            let Some(extension) = connection.extensions.of(id) else {
                continue;
            };
            if PASSED.contains(&extension) {
                slot.pass(extension, value);
            }
            if extension == Extension::AudioLevel {
                if let (Some(loudness), Some(level)) = (track.loudness.as_mut(), value.first()) {
                    loudness.on_level(*level);
                    track.voice.on_level(*level, now);
                }
            }
            if extension == Extension::DependencyDescriptor && stream.codec.is_video() {
                dependencies = Some(value);
            }
        }
        let frame = dependencies.and_then(|value| stream.read_dependencies(index, value));
        if let Some(slot) = stream.ring.get_mut(index) {
            slot.frame = frame;
            // A key frame that is encrypted end to end still tells by its frame dependencies.
            slot.info.key_start |= frame.is_some_and(|frame| frame.key_start());
            if slot.info.key_start && stream.codec.is_video() {
                stream.on_key_start(index, header.timestamp, now);
            }
        }
        let explains = frame.is_some_and(|frame| frame.structure_attached);
        self.received += 1;
        self.fresh.push((track_key, stream_at, index));
        if explains {
            let fresh = &mut self.fresh;
            fresh.extend(
                stream
                    .read_again(index)
                    .map(|later| (track_key, stream_at, later)),
            );
        }
        if stream.codec.is_video() && !repair {
            stream.learn_layers(index, now);
        }
        if !self.busy.contains(&track_key) {
            self.busy.push(track_key);
        }
        if first && !track.started {
            track.started = true;
            let event = Event::TrackStarted {
                track: track.id.clone(),
            };
            self.tell(event);
        }
        if revived {
            self.retarget_track(track_key, now);
        }
    }
}
