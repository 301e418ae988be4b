//! RTCP both ways, and the housekeeping that sends it: NACK, key frame requests, reports, transport-wide feedback, demand,
//! speakers, quality.
use crate::command::Id;
use crate::connection::{Connection, Source};
use crate::egress::Egress;
use crate::event::{Event, Level, Quality};
use crate::router::Router;
use crate::slab::Key;
use roomful_rtc::rtcp::{self, nack, twcc, write, Feedback, ReportBlock, SenderReport};
use std::time::{Duration, Instant};

/// Our own source in reports.
pub(crate) const OUR_SSRC: u32 = 1;
const REPORT_EVERY: Duration = Duration::from_secs(1);
const SPEAKERS_EVERY: Duration = Duration::from_millis(300);

impl Router {
    pub(crate) fn handle_rtcp(&mut self, key: Key, packet: &mut [u8], now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let Some(receiver) = connection.transport.receiver() else {
            return;
        };
        let Ok(length) = receiver.unprotect_rtcp(packet) else {
            self.refused += 1;
            return;
        };
        connection.transport.heard(now);
        let Some(plain) = packet.get(..length) else { return };
        rtcp::read(plain, |feedback| self.on_feedback(key, feedback, now));
    }

    fn on_feedback(&mut self, key: Key, feedback: Feedback<'_>, now: Instant) {
        match feedback {
            Feedback::SenderReport(report) => self.on_sender_report(key, report, now),
            Feedback::Report(block) => self.on_report(key, &block, now),
            Feedback::Pli { ssrc } | Feedback::Fir { ssrc } => {
                let Some(down) = self.down_of(key, ssrc) else {
                    return;
                };
                let Some((track_key, current)) = self
                    .downs
                    .get(down)
                    .map(|d| (d.track, d.current.or(d.target.map(|t| t.stream))))
                else {
                    return;
                };
                if !self.start_again(down, now) {
                    self.want_key(track_key, current, now);
                }
            }
            Feedback::Nack { ssrc, pairs } => {
                let Some(down) = self.down_of(key, ssrc) else {
                    return;
                };
                // Bounded by what a packet can hold: 17 numbers for each 4 bytes.
                for sequence in nack::sequences(pairs).take(256) {
                    self.asked_again.push((down, sequence));
                }
            }
            Feedback::Twcc(packet) => {
                let Some(connection) = self.connections.get_mut(key) else {
                    return;
                };
                let bwe = &mut connection.bwe;
                twcc::read(packet, |number, arrival| bwe.on_status(number, arrival));
                bwe.on_feedback(connection.round_trip, now);
                if bwe.estimate_bps().is_some() {
                    list(&mut self.talking, key, connection);
                }
            }
            Feedback::Remb { bitrate_bps } => {
                if let Some(connection) = self.connections.get_mut(key) {
                    connection.bwe.on_remb(bitrate_bps, now);
                }
            }
            Feedback::Bye { .. } => {}
        }
    }

    fn down_of(&self, key: Key, ssrc: u32) -> Option<Key> {
        self.connections.get(key)?.downs.get(&ssrc).copied()
    }

    fn on_sender_report(&mut self, key: Key, report: SenderReport, now: Instant) {
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        let Some(Source::Media(track_key, stream_at)) = connection.sources.get(&report.ssrc).copied() else {
            return;
        };
        let Some(track) = self.tracks.get_mut(track_key) else {
            return;
        };
        let Some(stream) = track.streams.get_mut(stream_at) else {
            return;
        };
        stream.clock = Some(report);
        stream.stats.on_sender_report(report.ntp, now);
        let owner = self.participants.get(track.owner).map(|p| p.id.clone());
        let subscribers = track.subscribers.clone();
        // Sound and pictures of one publisher keep their common clock: the pair is passed on in the subscriber's numbers.
        for down_key in subscribers {
            let Some(down) = self.downs.get(down_key) else {
                continue;
            };
            let (Some(rewriter), Some(connection_key)) = (down.rewriter.as_ref(), down.connection) else {
                continue;
            };
            if down.current != Some(stream_at) || down.packets == 0 {
                continue;
            }
            let ours = SenderReport {
                ssrc: down.ssrc,
                ntp: report.ntp,
                rtp: rewriter.timestamp(report.rtp),
                packets: down.packets,
                octets: down.octets,
            };
            let Some(connection) = self.connections.get_mut(connection_key) else {
                continue;
            };
            list(&mut self.talking, connection_key, connection);
            write::sender_report(&mut connection.rtcp, &ours);
            connection.on_clock(ours.ntp);
            write::cname(&mut connection.rtcp, down.ssrc, owner.as_deref().unwrap_or(""));
        }
    }

    fn on_report(&mut self, key: Key, block: &ReportBlock, now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if !connection.downs.contains_key(&block.ssrc) {
            return;
        }
        if block.last_sr != 0 {
            connection.on_clock_answered(block.last_sr, block.delay, now);
        }
        connection.lost_on_the_way_there(f32::from(block.fraction_lost) / 256.0);
    }

    /// Every 20 ms while packets flow.
    pub(crate) fn housekeeping(&mut self, now: Instant, egress: &mut impl Egress) {
        self.repeat_answers(now, egress);
        self.rank_all_voices(now);
        for at in 0..self.busy.len() {
            let Some(track) = self.busy.get(at).and_then(|key| self.tracks.get_mut(*key)) else {
                continue;
            };
            let Some(connection_key) = track.connection else {
                continue;
            };
            let Some(connection) = self.connections.get_mut(connection_key) else {
                continue;
            };
            for ssrc in track.key_requests(now) {
                write::pli(&mut connection.rtcp, OUR_SSRC, ssrc);
            }
            if !connection.rtcp.is_empty() {
                list(&mut self.talking, connection_key, connection);
            }
        }
        let mut talking = std::mem::take(&mut self.talking);
        talking.retain(|key| {
            self.report(*key, now, egress);
            self.pad(*key, now, egress);
            self.goes_on(*key, now)
        });
        // Nothing above lists anybody.
        self.talking = talking;
    }

    /// Whether a connection stays in the list: until the report about its last packets, and while padding may be due.
    fn goes_on(&mut self, key: Key, now: Instant) -> bool {
        let Some(connection) = self.connections.get_mut(key) else {
            return false;
        };
        let reported = connection.reports_at == now + REPORT_EVERY;
        connection.listed =
            (!connection.inbound.is_empty() && !reported) || connection.bwe.estimate_bps().is_some();
        connection.listed
    }

    /// Feedback and reports of one connection, sealed and sent.
    pub(crate) fn report(&mut self, key: Key, now: Instant, egress: &mut impl Egress) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if !connection.transport.is_connected() {
            connection.rtcp.clear();
            return;
        }
        if !connection.twcc.is_empty() {
            let media = connection.media_ssrc;
            connection.twcc.write(&mut connection.rtcp, OUR_SSRC, media);
        }
        if now >= connection.reports_at && !connection.inbound.is_empty() {
            connection.reports_at = now + REPORT_EVERY;
            let mut blocks = vec![];
            let mut worst = 0u8;
            for inbound in &connection.inbound {
                let Some(track) = self.tracks.get_mut(inbound.track) else {
                    continue;
                };
                for stream in track
                    .streams
                    .iter_mut()
                    .filter(|s| s.codec_at == inbound.codec_at && s.ssrc != 0)
                {
                    if let Some(block) = stream.stats.report(stream.ssrc, now) {
                        worst = worst.max(block.fraction_lost);
                        blocks.push(block);
                    }
                }
            }
            connection.lost_on_the_way_here(f32::from(worst) / 256.0);
            if !blocks.is_empty() {
                write::receiver_report(&mut connection.rtcp, OUR_SSRC, &blocks);
            }
        }
        if connection.rtcp.is_empty() {
            return;
        }
        let mut packet = std::mem::take(&mut connection.rtcp);
        // RFC 3550 §6.1 wants a report first, RFC 5506 lets go of it; browsers take both.
        let path = connection.transport.send_path();
        if let (Some(sender), Some(path)) = (connection.transport.sender_mut(), path) {
            // Compounds beyond a datagram are split at packet borders.
            for part in split(&packet, 1100) {
                let mut sealed = part.to_vec();
                if sender.protect_rtcp(&mut sealed).is_ok() {
                    egress.put(&path, &sealed);
                }
            }
        }
        packet.clear();
        connection.rtcp = packet;
        connection.reports_left(now);
    }

    /// Every 100 ms while packets flow: layers, demand, speakers, quality.
    pub(crate) fn look_around(&mut self, now: Instant) {
        self.allocate(now);
        self.be_patient(now);
        let busy = self.busy.clone();
        for key in &busy {
            self.retarget_track(*key, now);
            // Which codec of several is wanted changes with what is negotiated and what comes.
            let due = |t: &crate::track::Track| t.lower_at.is_some() || t.spec.codecs.len() > 1;
            if self.tracks.get(*key).is_some_and(due) {
                self.update_demand(*key, now);
            }
        }
        let quiet = |track: &crate::track::Track| {
            track.lower_at.is_none()
                && !track.streams.iter().any(|s| s.is_alive(now) || s.key_wanted)
                && track.loudness.as_ref().is_none_or(|l| !l.clone().update(now).1)
        };
        self.busy
            .retain(|key| self.tracks.get(*key).is_some_and(|t| !quiet(t)));
        for key in self.rooms.keys() {
            self.speakers(key, now);
        }
        self.qualities(now);
    }

    fn speakers(&mut self, key: Key, now: Instant) {
        let Some(room) = self.rooms.get(key) else { return };
        if room.speakers_at.is_some_and(|at| now < at) {
            return;
        }
        let mut levels: Vec<(Id, f32, bool)> = vec![];
        for person in room.participants.iter().filter_map(|p| self.participants.get(*p)) {
            let mut best = (0.0f32, false);
            for track in &person.tracks {
                let Some(track) = self.tracks.get_mut(*track) else {
                    continue;
                };
                let muted = track.muted;
                if let Some((level, active)) =
                    track.loudness.as_mut().map(|l| l.update(now)).filter(|_| !muted)
                {
                    best = (best.0.max(level), best.1 || active);
                }
            }
            if best.1 {
                levels.push((person.id.clone(), best.0, true));
            }
        }
        levels.sort_by(|a, b| b.1.total_cmp(&a.1));
        let Some(room) = self.rooms.get_mut(key) else {
            return;
        };
        // Steps of an eighth: small changes of loudness are nobody's news.
        let step = |level: f32| (level * 8.0).ceil();
        let now_speaking: Vec<(Id, f32)> = levels
            .iter()
            .map(|(id, level, _)| (id.clone(), step(*level)))
            .collect();
        if now_speaking == room.speaking {
            return;
        }
        room.speakers_at = Some(now + SPEAKERS_EVERY);
        let silent: Vec<Id> = room
            .speaking
            .iter()
            .map(|(id, _)| id.clone())
            .filter(|id| !now_speaking.iter().any(|(n, _)| n == id))
            .collect();
        room.speaking = now_speaking;
        let id = room.id.clone();
        let mut told: Vec<Level> = levels
            .into_iter()
            .map(|(participant, level, active)| Level {
                participant,
                level,
                active,
            })
            .collect();
        told.extend(silent.into_iter().map(|participant| Level {
            participant,
            level: 0.0,
            active: false,
        }));
        self.tell(Event::Speakers {
            room: id,
            levels: told,
        });
    }

    fn qualities(&mut self, now: Instant) {
        if self.quality_at.is_some_and(|at| now < at) {
            return;
        }
        self.quality_at = Some(now + Duration::from_secs(2));
        let mut news = vec![];
        for (key, person) in self.participants.iter() {
            let loss = [person.upstream, person.downstream]
                .into_iter()
                .flatten()
                .filter_map(|c| self.connections.get(c))
                .filter(|c| c.transport.is_connected())
                .map(|c| c.loss())
                .reduce(f32::max);
            let Some(loss) = loss else { continue };
            let (quality, score) = match loss {
                l if l < 0.03 => (Quality::Excellent, 4.5 - l * 10.0),
                l if l < 0.10 => (Quality::Good, 4.0 - l * 10.0),
                l => (Quality::Poor, (3.0 - l * 5.0).max(1.0)),
            };
            let (held, most) = self.held_quality(person.downstream);
            let quality = match (quality, held) {
                (Quality::Poor, _) | (_, Quality::Poor) => Quality::Poor,
                (Quality::Good, _) | (_, Quality::Good) => Quality::Good,
                (quality, _) => quality,
            };
            let score = f32::min(score, most);
            if person.quality != Some(quality) {
                news.push((key, person.id.clone(), quality, score));
            }
        }
        for (key, participant, quality, score) in news {
            if let Some(person) = self.participants.get_mut(key) {
                person.quality = Some(quality);
            }
            self.tell(Event::Quality {
                participant,
                quality,
                score,
            });
        }
    }
}

/// Puts a connection on the list of those that have something to say, once.
#[inline]
pub(crate) fn list(talking: &mut Vec<Key>, key: Key, connection: &mut Connection) {
    if !std::mem::replace(&mut connection.listed, true) {
        talking.push(key);
    }
}

/// Parts of a compound packet of at most `limit` bytes each, cut between packets.
fn split(compound: &[u8], limit: usize) -> Vec<&[u8]> {
    let mut parts = vec![];
    let (mut start, mut at) = (0, 0);
    while let Some(length) = compound.get(at + 2..at + 4).and_then(|l| l.first_chunk::<2>()) {
        let end = at + 4 + 4 * usize::from(u16::from_be_bytes(*length));
        if end - start > limit && at > start {
            parts.extend(compound.get(start..at));
            start = at;
        }
        at = end;
    }
    parts.extend(
        compound
            .get(start..at.min(compound.len()))
            .filter(|part| !part.is_empty()),
    );
    parts
}
