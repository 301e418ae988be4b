//! Sections that carry tracks to a participant: which subscription goes where, under which numbers.
use crate::command::{Id, Kind, Role};
use crate::downstream::Payload;
use crate::event::Event;
use crate::loudest::was_heard;
use crate::negotiation::is_sound;
use crate::rewrite::Rewriter;
use crate::router::Router;
use crate::slab::Key;
use crate::track::Track;
use roomful_rtc::codec::Codec;
use roomful_rtc::rtp::ExtensionMap;
use roomful_rtc::sdp::codec as sdp_codec;
use roomful_rtc::sdp::extension;
use roomful_rtc::sdp::fmtp::opus_send;
use roomful_rtc::sdp::model::{CodecLine, Feedback, Section};
use roomful_rtc::sdp::negotiate::{Decision, Outgoing};

/// Of what we send: what is passed on; pictures carry transport-wide numbers besides.
pub(crate) const SEND: [&str; 5] = [
    extension::AUDIO_LEVEL,
    extension::DEPENDENCY_DESCRIPTOR,
    extension::VIDEO_ORIENTATION,
    extension::ABS_CAPTURE_TIME,
    extension::PLAYOUT_DELAY,
];
/// Answered in sections that we send in: what is passed on, and what Chromium must find negotiated before it offers simulcast
/// in a section that it adds later.
const ANSWERED: [&str; 8] = [
    extension::MID,
    extension::RID,
    extension::REPAIRED_RID,
    extension::AUDIO_LEVEL,
    extension::DEPENDENCY_DESCRIPTOR,
    extension::VIDEO_ORIENTATION,
    extension::ABS_CAPTURE_TIME,
    extension::PLAYOUT_DELAY,
];
/// Asked of subscribers. Sound carries no transport-wide numbers: it is repaired by the same packet sent again, which must not
/// differ under one index, and it is never held back.
pub(crate) const fn send_feedback(video: bool) -> Feedback {
    Feedback {
        nack: true,
        pli: true,
        fir: true,
        remb: true,
        transport_cc: video,
    }
}

impl Router {
    /// A section the client receives in (v1): keep its subscription, or give it one that waits.
    pub(crate) fn decide_outbound(
        &mut self,
        key: Key,
        section: &Section,
        mids: &mut Vec<(String, Id)>,
    ) -> Option<Decision> {
        let video = !is_sound(section.kind);
        let connection = self.connections.get_mut(key)?;
        if !connection.slots.iter().any(|(mid, ..)| *mid == section.mid) {
            connection.slots.push((section.mid.clone(), video, None));
        }
        let held = connection
            .slots
            .iter()
            .find(|(mid, ..)| *mid == section.mid)
            .and_then(|slot| slot.2);
        let down_key = match held {
            Some(down) => down,
            None => self.waiting(key, video)?,
        };
        let decision = self.fit(key, down_key, section);
        let down = self.downs.get(down_key)?;
        if decision.is_none() {
            let (participant, track) = (down.participant, down.track);
            self.cannot(participant, track, down_key);
            return None;
        }
        let track = self.tracks.get(down.track)?.id.clone();
        mids.push((section.mid.clone(), track));
        decision
    }

    fn waiting(&self, key: Key, video: bool) -> Option<Key> {
        let person = self.participants.get(self.connections.get(key)?.participant)?;
        let mut keys: Vec<Key> = person.subscriptions.values().copied().collect();
        keys.sort_unstable();
        keys.into_iter().find(|down| {
            self.downs.get(*down).is_some_and(|d| {
                d.connection.is_none()
                    && !d.refused
                    && self
                        .tracks
                        .get(d.track)
                        .is_some_and(|t| t.is_video() == video && was_heard(t))
            })
        })
    }

    /// Puts a subscription into a section, with the payload types and extensions of that section.
    fn fit(&mut self, key: Key, down_key: Key, section: &Section) -> Option<Decision> {
        let first_timestamp = self.random() as u32;
        let down = self.downs.get(down_key)?;
        let track = self.tracks.get(down.track)?;
        let video = track.is_video();
        let names = self.sent_names(track);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut codecs = sdp_codec::choose(section, &names, send_feedback(video));
        codecs.retain(|c| !c.is("h264") || c.parameter("packetization-mode") == Some("1"));
        for codec in codecs.iter_mut().filter(|c| c.is("opus")) {
            // Browsers do not offer it and do it all the same.
            codec.feedback.nack = true;
            codec.fmtp = opus_send(&codec.fmtp, track.spec.stereo);
        }
        let payloads = payloads(&codecs);
        if payloads.is_empty() {
            return None;
        }
        let outgoing = self.outgoing(down_key)?;
        let clock = payloads.first()?.codec.clock_rate();
        let extensions = ExtensionMap::new(section.extmaps.iter().map(|m| (m.id, m.uri.as_ref())));
        self.attach(
            key,
            down_key,
            &section.mid,
            payloads,
            extensions,
            clock,
            first_timestamp,
        );
        let connection = self.connections.get_mut(key)?;
        if let Some(slot) = connection.slots.iter_mut().find(|(mid, ..)| *mid == section.mid) {
            slot.2 = Some(down_key);
        }
        let mut extensions = ANSWERED.to_vec();
        if video {
            extensions.push(extension::TRANSPORT_CC);
        }
        Some(Decision::send(codecs, extensions, outgoing))
    }

    /// Codecs a track is or will be sent in.
    pub(crate) fn sent_names(&self, track: &Track) -> Vec<String> {
        let mut names: Vec<String> = vec![];
        let bound = track.streams.iter().map(|s| s.codec.name().to_owned());
        let announced = track
            .spec
            .codecs
            .iter()
            .map(|c| c.name.clone())
            .filter(|n| !n.is_empty());
        for name in bound.chain(announced) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if track.spec.kind == Kind::Audio {
            if track.spec.red {
                names.insert(0, "red".to_owned());
            }
            if !names.iter().any(|n| n == "opus") {
                names.push("opus".to_owned());
            }
        } else if names.is_empty() {
            names = self.codec_order(Kind::Video, "", false);
        }
        names
    }

    pub(crate) fn outgoing(&self, down_key: Key) -> Option<Outgoing> {
        let down = self.downs.get(down_key)?;
        let track = self.tracks.get(down.track)?;
        let owner = self.participants.get(track.owner)?;
        let single = self
            .participants
            .get(down.participant)
            .and_then(|p| self.connections.get(p.downstream?))
            .is_some_and(|c| c.role == Role::Single);
        // LiveKit's clients read publisher and track out of the stream's id (`PA_…|TR_…`). Where they know tracks by section (v1) it
        // says what belongs together: browsers keep sound and pictures of one stream in step.
        let stream = match (single, track.spec.screen) {
            (false, _) => format!("{}|{}", owner.id, track.id),
            (true, false) => format!("{}|camera", owner.id),
            (true, true) => format!("{}|screen", owner.id),
        };
        Some(Outgoing {
            ssrc: down.ssrc,
            rtx_ssrc: track.is_video().then_some(down.rtx_ssrc),
            stream,
            track: track.id.to_string(),
            cname: owner.id.to_string(),
        })
    }

    #[allow(clippy::too_many_arguments)]
    pub(crate) fn attach(
        &mut self,
        key: Key,
        down_key: Key,
        mid: &str,
        payloads: Vec<Payload>,
        extensions: ExtensionMap,
        clock: u32,
        first_timestamp: u32,
    ) {
        let (Some(down), Some(connection)) = (self.downs.get_mut(down_key), self.connections.get_mut(key))
        else {
            return;
        };
        down.connection = Some(key);
        down.mid = mid.to_owned();
        // What flows goes on through an offer that changes nothing for it.
        if down.payloads != payloads {
            down.payloads = payloads;
            down.current = None;
        }
        down.extensions = extensions;
        if down.rewriter.is_none() {
            down.rewriter = Some(Rewriter::new(clock, first_timestamp));
        }
        connection.downs.insert(down.ssrc, down_key);
        connection.downs.insert(down.rtx_ssrc, down_key);
    }

    pub(crate) fn cannot(&mut self, participant: Key, track: Key, down: Key) {
        if let Some(down) = self.downs.get_mut(down) {
            down.refused = true;
        }
        if let (Some(person), Some(track)) = (self.participants.get(participant), self.tracks.get(track)) {
            let event = Event::Unsupported {
                participant: person.id.clone(),
                track: track.id.clone(),
            };
            self.tell(event);
        }
    }

    pub(crate) fn free_slot(&mut self, key: Key, mid: &str) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let held = connection
            .slots
            .iter()
            .find(|(m, ..)| m == mid)
            .and_then(|slot| slot.2);
        connection.slots.retain(|(m, ..)| m != mid);
        if let Some(down) = held.and_then(|down| self.downs.get_mut(down)) {
            down.connection = None;
            down.mid.clear();
            down.current = None;
        }
    }
}

pub(crate) fn payloads(codecs: &[CodecLine]) -> Vec<Payload> {
    codecs
        .iter()
        .filter_map(|c| {
            Some(Payload {
                codec: Codec::from_name(&c.name)?,
                payload_type: c.pt,
                rtx: c.rtx_pt.unwrap_or(0),
            })
        })
        .collect()
}
