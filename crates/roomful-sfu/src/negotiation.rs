//! Signaling: the client's offers (v1, and the publisher's of v0), and what they bind. Sections are state keyed by mid; the texts
//! are made anew from that state each time.
use crate::command::{Credentials, Id, Kind, Role};
use crate::connection::{Connection, Inbound, Source, MAX_SOURCES};
use crate::event::Event;
use crate::loudest::was_heard;
use crate::router::Router;
use crate::slab::Key;
use crate::track::{Stream, Track};
use roomful_rtc::codec::Codec;
use roomful_rtc::ice;
use roomful_rtc::rtp::ExtensionMap;
use roomful_rtc::sctp::MAX_MESSAGE;
use roomful_rtc::sdp::codec as sdp_codec;
use roomful_rtc::sdp::extension;
use roomful_rtc::sdp::fmtp::{opus_receive, OpusWishes};
use roomful_rtc::sdp::model::Kind as SectionKind;
use roomful_rtc::sdp::model::{CodecLine, Description, Feedback, Section, Setup};
use roomful_rtc::sdp::negotiate::{answer, Decision, LocalParameters};
use roomful_rtc::sdp::parse::{parse, Limits};
use std::time::Instant;

pub(crate) const SCTP_PORT: u16 = 5000;

/// Wanted of what we receive.
const RECEIVE_AUDIO: [&str; 4] = [
    extension::MID,
    extension::AUDIO_LEVEL,
    extension::TRANSPORT_CC,
    extension::ABS_CAPTURE_TIME,
];
const RECEIVE_VIDEO: [&str; 8] = [
    extension::MID,
    extension::RID,
    extension::REPAIRED_RID,
    extension::TRANSPORT_CC,
    extension::DEPENDENCY_DESCRIPTOR,
    extension::VIDEO_ORIENTATION,
    extension::ABS_CAPTURE_TIME,
    extension::PLAYOUT_DELAY,
];

pub(crate) fn is_sound(kind: SectionKind) -> bool {
    kind == SectionKind::Audio
}

impl Router {
    /// v1 and v0 publisher: the client's offer.
    pub(crate) fn remote_offer(
        &mut self,
        request: u64,
        id: &Id,
        sdp: &str,
        fresh: &Credentials,
        now: Instant,
    ) {
        match self.try_remote_offer(id, sdp, fresh, now) {
            Ok((sdp, mids, key)) => {
                self.tell(Event::Answer {
                    request,
                    transport: id.clone(),
                    sdp,
                    mids,
                });
                self.after_offer(key, now);
            }
            Err((code, message)) => self.tell(Event::Refused {
                request,
                code,
                message,
            }),
        }
    }

    #[allow(clippy::type_complexity)]
    fn try_remote_offer(
        &mut self,
        id: &Id,
        sdp: &str,
        fresh: &Credentials,
        now: Instant,
    ) -> Result<(String, Vec<(String, Id)>, Key), (&'static str, String)> {
        let key = self
            .connection_key(id)
            .ok_or(("not_found", format!("no transport {id}")))?;
        let description = parse(sdp, &Limits::default()).map_err(|e| ("sdp_invalid", e.to_string()))?;
        self.check_remote(key, &description, Some(fresh), now)?;
        self.note_silent(key);
        let sections: Vec<usize> = (0..description.sections.len()).collect();
        let mut decisions = Vec::with_capacity(sections.len());
        let mut mids = vec![];
        for section in &description.sections {
            decisions.push(self.decide_section(key, section, &mut mids, now));
        }
        self.forget_missing(key, &description, now);
        let gone = ("not_found", "the transport is gone".to_owned());
        let candidates = self
            .connections
            .get(key)
            .map(|c| self.announced(c))
            .ok_or_else(|| gone.clone())?;
        let connection = self.connections.get_mut(key).ok_or(gone)?;
        // Ids agree over a BUNDLE group (RFC 9143 §7.1), so one table serves the transport.
        connection.extensions = ExtensionMap::new(
            description
                .sections
                .iter()
                .flat_map(|s| s.extmaps.iter().map(|m| (m.id, m.uri.as_ref()))),
        );
        connection.session_version += 1;
        connection.asked = (0, 0);
        connection.releasing = false;
        let credentials = connection.transport.credentials();
        let text = answer(
            &description,
            &LocalParameters {
                ufrag: &credentials.ufrag,
                pwd: &credentials.pwd,
                fingerprint_sha256: self.config.identity.fingerprint(),
                candidates: &candidates,
                end_of_candidates: true,
                session_id: connection.session_id,
                session_version: connection.session_version,
                ice_lite: true,
                // Roles stand (RFC 8842 §5.2): only a client that waits finds us active.
                setup: if connection.transport.is_active() {
                    Setup::Active
                } else {
                    Setup::Passive
                },
            },
            &decisions,
        )
        .map_err(|e| ("sdp_invalid", e.to_string()))?;
        Ok((text, mids, key))
    }

    /// Credentials and certificate of the other side; an ICE restart when they changed.
    pub(crate) fn check_remote(
        &mut self,
        key: Key,
        description: &Description,
        fresh: Option<&Credentials>,
        now: Instant,
    ) -> Result<(), (&'static str, String)> {
        let Some(remote) = description.transport() else {
            // All sections rejected or inactive without transport: nothing to connect.
            return Ok(());
        };
        let digests: Vec<Vec<u8>> = remote
            .fingerprints
            .iter()
            .filter(|f| f.algorithm == "sha-256")
            .map(|f| f.digest.clone())
            .collect();
        if digests.is_empty() {
            return Err(("sdp_invalid", "a fingerprint with sha-256 is needed".to_owned()));
        }
        let theirs = ice::Credentials {
            ufrag: remote.ufrag,
            pwd: remote.pwd,
        };
        let Some(connection) = self.connections.get_mut(key) else {
            return Ok(());
        };
        match (connection.transport.remote_ufrag(), fresh) {
            (Some(known), _) if known == theirs.ufrag => {}
            (Some(_), Some(fresh)) => self.restart_ice(key, fresh, Some(&theirs), now),
            // The answer to a restart of ours, or the first description.
            _ => {
                if remote.setup == Some(Setup::Passive) {
                    connection.transport.set_active(now);
                }
                connection.transport.set_remote(&theirs, digests, now);
            }
        }
        self.schedule(key, now);
        Ok(())
    }

    fn decide_section(
        &mut self,
        key: Key,
        section: &Section,
        mids: &mut Vec<(String, Id)>,
        now: Instant,
    ) -> Decision {
        match section.kind {
            SectionKind::Application => Decision::Data {
                port: SCTP_PORT,
                max_message_size: u64::from(MAX_MESSAGE),
            },
            SectionKind::Other => Decision::Reject,
            SectionKind::Audio | SectionKind::Video if section.unusable().is_some() => {
                self.free_slot(key, &section.mid);
                Decision::Reject
            }
            SectionKind::Audio | SectionKind::Video if section.direction.sends() => self
                .decide_inbound(key, section, now)
                .unwrap_or_else(|| self.decide_idle(section)),
            SectionKind::Audio | SectionKind::Video if section.direction.receives() => self
                .decide_outbound(key, section, mids)
                .unwrap_or_else(|| self.decide_idle(section)),
            SectionKind::Audio | SectionKind::Video => {
                self.free_slot(key, &section.mid);
                self.decide_idle(section)
            }
        }
    }

    pub(crate) fn decide_idle(&self, section: &Section) -> Decision {
        let names: Vec<&str> = self.config.codecs.iter().map(String::as_str).collect();
        let codecs = sdp_codec::choose(section, &names, Feedback::VIDEO);
        if codecs.is_empty() {
            return Decision::Reject;
        }
        let extensions = if is_sound(section.kind) {
            RECEIVE_AUDIO.to_vec()
        } else {
            RECEIVE_VIDEO.to_vec()
        };
        Decision::inactive(codecs, extensions)
    }

    /// A section that the client sends in: find its track by `cid`.
    fn decide_inbound(&mut self, key: Key, section: &Section, now: Instant) -> Option<Decision> {
        let connection = self.connections.get(key)?;
        let known = connection
            .inbound
            .iter()
            .find(|i| i.mid == section.mid)
            .map(|i| (i.track, i.codec_at));
        let (track_key, codec_at) = known.or_else(|| self.find_track(connection, section))?;
        let track = self.tracks.get(track_key)?;
        let preferred = track.spec.codecs.get(codec_at)?.name.clone();
        let names = self.codec_order(track.spec.kind, &preferred, track.spec.red);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut codecs = sdp_codec::choose(section, &names, Feedback::VIDEO);
        if is_sound(section.kind) {
            let wishes = OpusWishes {
                stereo: track.spec.stereo,
                dtx: track.spec.dtx,
                // The most Opus has (RFC 7587 §6.1): who publishes stereo wants music, and clients stay at a voice's rate unasked.
                max_average_bitrate_bps: track.spec.stereo.then_some(510_000),
            };
            for codec in codecs.iter_mut() {
                // Lost sound is asked for again, too: at a short round trip it still comes in time.
                codec.feedback.pli = false;
                codec.feedback.fir = false;
                if codec.is("opus") {
                    // Browsers do not offer it and do it all the same.
                    codec.feedback.nack = true;
                    codec.fmtp = opus_receive(&codec.fmtp, wishes);
                }
            }
        }
        let lead = codecs
            .iter()
            .find_map(|c| Codec::from_name(&c.name).filter(|c| *c != Codec::Red))?;
        let rids: Vec<String> = section
            .sent_rids()
            .into_iter()
            .take(3)
            .map(str::to_owned)
            .collect();
        self.bind(key, section, track_key, codec_at, &codecs, lead, &rids, now);
        let extensions: Vec<&'static str> = if is_sound(section.kind) {
            RECEIVE_AUDIO.to_vec()
        } else {
            RECEIVE_VIDEO.to_vec()
        };
        Some(Decision::receive(codecs, extensions, rids))
    }

    /// The preferred codec first; for sound RED before Opus where the track allows it.
    pub(crate) fn codec_order(&self, kind: Kind, preferred: &str, red: bool) -> Vec<String> {
        let video = kind == Kind::Video;
        let mut names: Vec<String> = vec![];
        if !video && red && self.config.codecs.iter().any(|c| c == "red") {
            names.push("red".to_owned());
        }
        if !preferred.is_empty()
            && self.config.codecs.iter().any(|c| c == preferred)
            && !names.iter().any(|n| n == preferred)
        {
            names.push(preferred.to_owned());
        }
        for name in &self.config.codecs {
            let fits = Codec::from_name(name).is_some_and(|c| c.is_video() == video && c != Codec::Red);
            if fits && !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// By the track id of `a=msid`; a section without a match takes the only announced track of its kind that is not bound.
    fn find_track(&self, connection: &Connection, section: &Section) -> Option<(Key, usize)> {
        let person = self.participants.get(connection.participant)?;
        let kind = if is_sound(section.kind) {
            Kind::Audio
        } else {
            Kind::Video
        };
        let trimmed = |id: &str| id.trim_matches(|c| c == '{' || c == '}').to_owned();
        let cid = section
            .msid
            .as_ref()
            .map(|m| trimmed(m.track.as_str()))
            .unwrap_or_default();
        let all = || {
            person
                .tracks
                .iter()
                .filter_map(|key| Some((*key, self.tracks.get(*key)?)))
                .filter(|(_, t)| t.spec.kind == kind)
        };
        let of = |track: &Track, at: usize| {
            track
                .spec
                .codecs
                .get(at)
                .map(|c| trimmed(&c.cid))
                .unwrap_or_default()
        };
        // A codec without the client's id, beside one that has it, is a backup that comes later.
        let later = |track: &Track, at: usize| of(track, at).is_empty() && track.spec.codecs.len() > 1;
        let free = |track: &Track, at: usize| {
            !later(track, at) && !track.bound.iter().any(|(_, codec)| *codec == at)
        };
        for (key, track) in all() {
            for at in 0..track.spec.codecs.len() {
                if !cid.is_empty() && of(track, at) == cid {
                    return Some((key, at));
                }
            }
        }
        let mut open = all().flat_map(|(key, track)| {
            (0..track.spec.codecs.len())
                .filter(move |at| free(track, *at))
                .map(move |at| (key, at))
        });
        let only = open.next()?;
        open.next().is_none().then_some(only)
    }

    #[allow(clippy::too_many_arguments)]
    fn bind(
        &mut self,
        key: Key,
        section: &Section,
        track_key: Key,
        codec_at: usize,
        codecs: &[CodecLine],
        lead: Codec,
        rids: &[String],
        now: Instant,
    ) {
        let (Some(track), Some(connection)) = (self.tracks.get_mut(track_key), self.connections.get_mut(key))
        else {
            return;
        };
        track.connection = Some(key);
        let first = !connection.inbound.iter().any(|i| i.mid == section.mid);
        connection.inbound.retain(|i| i.mid != section.mid);
        connection.inbound.push(Inbound {
            mid: section.mid.clone(),
            track: track_key,
            codec_at,
            rids: rids.to_vec(),
            codecs: codecs
                .iter()
                .filter_map(|c| Some((c.pt, Codec::from_name(&c.name)?)))
                .collect(),
            repairs: codecs.iter().filter_map(|c| Some((c.rtx_pt?, c.pt))).collect(),
        });
        if !track
            .bound
            .iter()
            .any(|(mid, at)| *mid == section.mid && *at == codec_at)
        {
            track.bound.push((section.mid.clone(), codec_at));
        }
        // Sources by name (Firefox, libwebrtc without rids); layers with rids are learned from their packets.
        let ssrcs = section.media_ssrcs();
        let named: Vec<(String, u32)> = if rids.is_empty() {
            ssrcs.iter().take(3).map(|ssrc| (String::new(), *ssrc)).collect()
        } else {
            rids.iter().map(|rid| (rid.clone(), 0)).collect()
        };
        let of = named.len();
        for (position, (rid, ssrc)) in named.into_iter().enumerate() {
            let (quality, width, height) = track.describe(&rid, position, of);
            let existing = track.streams.iter().position(|s| {
                s.codec_at == codec_at
                    && if rid.is_empty() {
                        s.quality == quality
                    } else {
                        s.rid == rid
                    }
            });
            let at = existing.unwrap_or_else(|| {
                track.streams.push(Stream::new(codec_at, lead, 0, &rid, quality));
                track.streams.len() - 1
            });
            let Some(stream) = track.streams.get_mut(at) else {
                continue;
            };
            (stream.width, stream.height) = (width, height);
            if ssrc != 0 && stream.ssrc != ssrc && connection.sources.len() + 2 < MAX_SOURCES {
                stream.ssrc = ssrc;
                connection.sources.insert(ssrc, Source::Media(track_key, at));
                if let Some(rtx) = section.rtx_of(ssrc) {
                    stream.rtx_ssrc = rtx;
                    connection.sources.insert(rtx, Source::Repair(track_key, at));
                }
            }
        }
        if first {
            let event = Event::TrackBound {
                track: track.id.clone(),
                mid: section.mid.clone(),
                codec: lead.name().to_owned(),
                rids: rids.to_vec(),
            };
            self.tell(event);
        }
        self.retarget_track(track_key, now);
    }

    /// Inbound sections that stopped sending end what they carried; a track whose last one stopped is told of.
    fn forget_missing(&mut self, key: Key, description: &Description, _now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let sends = |mid: &str| {
            description
                .section(mid)
                .is_some_and(|s| s.direction.sends() && s.unusable().is_none())
        };
        let gone: Vec<Inbound> = connection
            .inbound
            .iter()
            .filter(|i| !sends(&i.mid))
            .cloned()
            .collect();
        connection.inbound.retain(|i| sends(&i.mid));
        let mut ended = vec![];
        for inbound in gone {
            if let Some(track) = self.tracks.get_mut(inbound.track) {
                track.bound.retain(|(mid, _)| *mid != inbound.mid);
                if track.bound.is_empty() {
                    ended.push(track.id.clone());
                }
            }
        }
        for track in ended {
            self.tell(Event::TrackEnded { track });
        }
    }

    /// What an offer left open: subscriptions without a section ask for more.
    fn after_offer(&mut self, key: Key, now: Instant) {
        self.retarget_connection(key, now);
        self.want_section(key, now);
    }

    /// v1: a subscription ended and its track goes on. The client learns it from a section that is inactive, so it shall offer.
    pub(crate) fn want_release(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if connection.role != Role::Single || connection.session_version == 0 || connection.releasing {
            return;
        }
        connection.releasing = true;
        let event = Event::SectionsWanted {
            transport: connection.id.clone(),
            audios: 0,
            videos: 0,
        };
        self.tell(event);
    }

    /// A subscription wants a section on a connection.
    pub(crate) fn want_section(&mut self, key: Key, now: Instant) {
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        match connection.role {
            Role::Publisher => {}
            Role::Subscriber => self.want_offer(key, now),
            Role::Single => {
                let Some(person) = self.participants.get(connection.participant) else {
                    return;
                };
                let mut waiting = (0u32, 0u32);
                for down in person.subscriptions.values().filter_map(|d| self.downs.get(*d)) {
                    let heard = self.tracks.get(down.track).is_some_and(was_heard);
                    if down.connection.is_none() && !down.refused && heard {
                        match self.tracks.get(down.track).is_some_and(Track::is_video) {
                            true => waiting.1 += 1,
                            false => waiting.0 += 1,
                        }
                    }
                }
                // Free sections are filled by the client's next offer, which this request brings about.
                let free = |video: bool| {
                    connection
                        .slots
                        .iter()
                        .filter(|(_, v, down)| *v == video && down.is_none())
                        .count() as u32
                };
                let missing = (
                    waiting.0.saturating_sub(free(false)),
                    waiting.1.saturating_sub(free(true)),
                );
                if waiting == (0, 0) || connection.session_version == 0 || connection.asked == waiting {
                    return;
                }
                let more = (
                    missing.0.saturating_sub(connection.asked.0.min(missing.0)),
                    missing.1.saturating_sub(connection.asked.1.min(missing.1)),
                );
                let transport = connection.id.clone();
                if let Some(connection) = self.connections.get_mut(key) {
                    connection.asked = waiting;
                }
                self.tell(Event::SectionsWanted {
                    transport,
                    audios: more.0,
                    videos: more.1,
                });
            }
        }
    }
}
