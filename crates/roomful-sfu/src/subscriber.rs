//! The transport that the server offers (v0): its sections, its one outstanding offer, the answers.
use crate::command::{Id, Role};
use crate::connection::Offered;
use crate::event::Event;
use crate::loudest::was_heard;
use crate::negotiation::SCTP_PORT;
use crate::outbound::{payloads, send_feedback, SEND};
use crate::router::Router;
use crate::slab::Key;
use roomful_rtc::rtp::ExtensionMap;
use roomful_rtc::sctp::MAX_MESSAGE;
use roomful_rtc::sdp::codec as sdp_codec;
use roomful_rtc::sdp::extension;
use roomful_rtc::sdp::fmtp::opus_send;
use roomful_rtc::sdp::model::{Direction, Kind as SectionKind, Setup};
use roomful_rtc::sdp::negotiate::{LocalParameters, Outgoing};
use roomful_rtc::sdp::offer::{offer, read_answer, OfferedMedia, OfferedSection};
use roomful_rtc::sdp::parse::{parse, Limits};
use std::time::Instant;

const DATA_MID: &str = "data";

impl Router {
    /// v0 subscriber: offer now, or after the outstanding answer.
    pub(crate) fn want_offer(&mut self, key: Key, _now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if connection.role != Role::Subscriber {
            return;
        }
        if connection.outstanding {
            connection.dirty = true;
            return;
        }
        self.make_offer(key);
    }

    fn make_offer(&mut self, key: Key) {
        self.place_subscriptions(key);
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        let mut sections = vec![OfferedSection::Data {
            mid: DATA_MID.to_owned(),
            port: SCTP_PORT,
            max_message_size: u64::from(MAX_MESSAGE),
        }];
        let mut mids = vec![];
        for section in &connection.offered {
            let outgoing = section.down.and_then(|down| self.outgoing(down));
            if let Some(track) = section
                .down
                .and_then(|d| self.downs.get(d))
                .and_then(|d| self.tracks.get(d.track))
            {
                mids.push((section.mid.clone(), track.id.clone()));
            }
            sections.push(media_section(section, outgoing));
        }
        let candidates = self.announced(connection);
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        connection.offer_id += 1;
        connection.session_version += 1;
        connection.outstanding = true;
        connection.dirty = false;
        let credentials = connection.transport.credentials();
        let text = offer(
            &LocalParameters {
                ufrag: &credentials.ufrag,
                pwd: &credentials.pwd,
                fingerprint_sha256: self.config.identity.fingerprint(),
                candidates: &candidates,
                end_of_candidates: true,
                session_id: connection.session_id,
                session_version: connection.session_version,
                ice_lite: true,
                setup: Setup::ActPass,
            },
            &sections,
        );
        let event = Event::Offer {
            transport: connection.id.clone(),
            offer: connection.offer_id,
            sdp: text,
            mids,
        };
        self.tell(event);
    }

    /// Every subscription gets a section: a free one of its kind, or a new one.
    fn place_subscriptions(&mut self, key: Key) {
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        let Some(person) = self.participants.get(connection.participant) else {
            return;
        };
        let mut downs: Vec<Key> = person.subscriptions.values().copied().collect();
        downs.sort_unstable();
        for down_key in downs {
            let Some(down) = self.downs.get(down_key) else {
                continue;
            };
            if down.connection.is_some() || down.refused {
                continue;
            }
            let Some(track) = self.tracks.get(down.track).filter(|track| was_heard(track)) else {
                continue;
            };
            let video = track.is_video();
            let names = self.sent_names(track);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let kind = if video {
                SectionKind::Video
            } else {
                SectionKind::Audio
            };
            let mut codecs = sdp_codec::offered(kind, &names);
            for codec in codecs.iter_mut() {
                codec.feedback = codec.feedback.and(send_feedback(video));
                if codec.is("opus") {
                    codec.feedback.nack = true;
                    codec.fmtp = opus_send(&codec.fmtp, track.spec.stereo);
                }
            }
            let Some(connection) = self.connections.get_mut(key) else {
                return;
            };
            let taken = connection.offered.iter().any(|s| s.down == Some(down_key));
            if taken {
                continue;
            }
            match connection
                .offered
                .iter_mut()
                .find(|s| s.down.is_none() && s.video == video)
            {
                Some(free) => {
                    free.down = Some(down_key);
                    free.codecs = codecs;
                }
                None => {
                    let mid = connection.offered.len().to_string();
                    connection.offered.push(Offered {
                        mid,
                        video,
                        down: Some(down_key),
                        codecs,
                    });
                }
            }
        }
    }

    /// v0 subscriber: the client's answer.
    pub(crate) fn remote_answer(&mut self, request: u64, id: &Id, number: u32, sdp: &str, now: Instant) {
        match self.try_remote_answer(id, number, sdp, now) {
            Ok(key) => {
                self.tell(Event::Accepted { request });
                let dirty = self.connections.get(key).is_some_and(|c| c.dirty);
                if dirty {
                    self.want_offer(key, now);
                }
                self.retarget_connection(key, now);
            }
            Err((code, message)) => self.tell(Event::Refused {
                request,
                code,
                message,
            }),
        }
    }

    fn try_remote_answer(
        &mut self,
        id: &Id,
        number: u32,
        sdp: &str,
        now: Instant,
    ) -> Result<Key, (&'static str, String)> {
        let key = self
            .connection_key(id)
            .ok_or(("not_found", format!("no transport {id}")))?;
        let description = parse(sdp, &Limits::default()).map_err(|e| ("sdp_invalid", e.to_string()))?;
        let connection = self
            .connections
            .get(key)
            .ok_or(("not_found", "the transport is gone".to_owned()))?;
        if !connection.outstanding || (number != 0 && number != connection.offer_id) {
            return Err(("wrong_state", "this answers no offer of ours".to_owned()));
        }
        let mut sections = vec![OfferedSection::Data {
            mid: DATA_MID.to_owned(),
            port: SCTP_PORT,
            max_message_size: u64::from(MAX_MESSAGE),
        }];
        sections.extend(
            connection
                .offered
                .iter()
                .map(|s| media_section(s, s.down.and_then(|d| self.outgoing(d)))),
        );
        // A client may answer an offer that has grown less than we think: only what it saw counts.
        sections.truncate(description.sections.len().max(1));
        let answered = read_answer(&sections, &description).map_err(|e| ("sdp_invalid", e.to_string()))?;
        self.check_remote(key, &description, None, now)?;
        for section in answered.iter().skip(1) {
            let down = self
                .connections
                .get(key)
                .and_then(|c| c.offered.iter().find(|s| s.mid == section.mid)?.down);
            let Some(down_key) = down else { continue };
            let payloads = payloads(&section.codecs);
            let Some(clock) = payloads
                .first()
                .map(|p| p.codec.clock_rate())
                .filter(|_| !section.rejected)
            else {
                if let Some((participant, track)) = self.downs.get(down_key).map(|d| (d.participant, d.track))
                {
                    self.cannot(participant, track, down_key);
                }
                continue;
            };
            let extensions = ExtensionMap::new(section.extensions.iter().map(|m| (m.id, m.uri.as_ref())));
            let first_timestamp = self.random() as u32;
            self.attach(
                key,
                down_key,
                &section.mid,
                payloads,
                extensions,
                clock,
                first_timestamp,
            );
        }
        if let Some(connection) = self.connections.get_mut(key) {
            connection.outstanding = false;
        }
        Ok(key)
    }
}

fn media_section(section: &Offered, outgoing: Option<Outgoing>) -> OfferedSection {
    OfferedSection::Media {
        mid: section.mid.clone(),
        media: OfferedMedia {
            kind: if section.video {
                SectionKind::Video
            } else {
                SectionKind::Audio
            },
            direction: if outgoing.is_some() {
                Direction::SendOnly
            } else {
                Direction::Inactive
            },
            codecs: section.codecs.clone(),
            extensions: SEND
                .iter()
                .chain(section.video.then_some(&extension::TRANSPORT_CC))
                .filter_map(|uri| extension::offered(uri))
                .collect(),
            outgoing,
        },
    }
}
