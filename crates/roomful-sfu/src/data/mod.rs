//! Data: packets from one participant's channels to the others', relayed here and never in Python unless a topic is held.
//!
//! Knows the [`Envelope`] trait; `livekit` is the one way of writing packets there is.
mod envelope;
mod hold;
pub mod livekit;
mod pressure;
mod replay;
mod tracks;
mod watch;

pub use envelope::{Address, Envelope, Sender};
pub use replay::Replay;

use crate::command::{DataKind, Id, Role, Verdict};
use crate::egress::Egress;
use crate::event::Event;
use crate::room::Participant;
use crate::router::Router;
use crate::slab::Key;
use hold::{Follow, Holds, Item};
use livekit::LiveKit;
use pressure::Pressure;
use roomful_rtc::dcep::{ChannelOptions, Reliability};
use roomful_rtc::sctp::{ChannelId, SendError};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;
use watch::Watches;

const RELIABLE: &str = "_reliable";
const LOSSY: &str = "_lossy";
const TRACK: &str = "_data_track";
/// A lossy channel with so much waiting drops.
const LOSSY_BACKLOG: usize = 256 << 10;
/// Reliable packets that a participant's channel has not opened for yet.
const MAX_EARLY: usize = 256;
/// And bytes of them.
const MAX_EARLY_BYTES: usize = 1 << 20;

/// A packet on its way.
struct Held {
    room: Key,
    sender: Key,
    kind: DataKind,
    packet: Vec<u8>,
    address: Address,
}

impl Item for Held {
    fn sender(&self) -> Key {
        self.sender
    }

    fn stream(&self) -> &str {
        &self.address.stream
    }

    fn ends(&self) -> bool {
        self.address.ends
    }

    fn size(&self) -> usize {
        self.packet.len()
    }
}

/// The data plane's state.
#[derive(Default)]
pub struct Data {
    replays: HashMap<Key, Replay>,
    topics: HashMap<Key, Vec<String>>,
    holds: Holds<Held>,
    watches: Watches,
    tracks: tracks::DataTracks,
    early: HashMap<Key, Vec<Arc<[u8]>>>,
    /// Participants that were told of as slow readers and have not caught up.
    slow: HashSet<Key>,
    pressure: Pressure,
    dirty: Vec<Key>,
}

impl Router {
    /// SCTP is up: on a subscriber's transport the server opens the channels (v0).
    pub(crate) fn on_data_ready(&mut self, key: Key, now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if connection.role != Role::Subscriber {
            return;
        }
        let mut open = |label: &str, ordered, reliability| {
            let options = ChannelOptions {
                label: label.to_owned(),
                protocol: String::new(),
                ordered,
                reliability,
            };
            connection.transport.open_channel(options, now)
        };
        let reliable = open(RELIABLE, true, Reliability::Reliable);
        let lossy = open(LOSSY, false, Reliability::Retransmits(0));
        let track = open(TRACK, false, Reliability::Retransmits(0));
        (connection.reliable, connection.lossy, connection.track_data) = (reliable, lossy, track);
        self.data.dirty.push(key);
    }

    pub(crate) fn on_channel(&mut self, key: Key, channel: ChannelId, options: &ChannelOptions) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        match options.label.as_str() {
            RELIABLE => connection.reliable = Some(channel),
            LOSSY => connection.lossy = Some(channel),
            TRACK => connection.track_data = Some(channel),
            _ => return,
        }
        let participant = connection.participant;
        if options.label != RELIABLE
            || self
                .participants
                .get(participant)
                .is_none_or(|p| p.downstream != Some(key))
        {
            return;
        }
        for packet in self.data.early.remove(&participant).unwrap_or_default() {
            self.send_to(participant, DataKind::Reliable, &packet);
        }
    }

    pub(crate) fn on_channel_closed(&mut self, key: Key, channel: ChannelId) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        for slot in [
            &mut connection.reliable,
            &mut connection.lossy,
            &mut connection.track_data,
        ] {
            if *slot == Some(channel) {
                *slot = None;
            }
        }
    }

    pub(crate) fn on_message(&mut self, key: Key, channel: ChannelId, data: &[u8], now: Instant) {
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        let sender = connection.participant;
        let kind = match Some(channel) {
            c if c == connection.reliable => DataKind::Reliable,
            c if c == connection.lossy => DataKind::Lossy,
            c if c == connection.track_data => DataKind::Track,
            _ => return,
        };
        if !self
            .participants
            .get(sender)
            .is_some_and(|p| p.rights.publish_data)
        {
            self.refused += 1;
            return;
        }
        if kind == DataKind::Track {
            self.relay_track(sender, data);
            return;
        }
        let Some(address) = LiveKit::address(data) else {
            self.refused += 1;
            return;
        };
        if kind == DataKind::Reliable
            && !self
                .data
                .replays
                .entry(sender)
                .or_default()
                .is_new(address.sequence)
        {
            return;
        }
        let Some(person) = self.participants.get(sender) else {
            return;
        };
        let stamp = Sender {
            identity: &person.identity,
            participant: &person.id,
            hidden: person.rights.hidden,
            agent: person.rights.agent,
        };
        let Some(packet) = LiveKit::stamp(data, kind, stamp) else {
            return;
        };
        let (room, participant) = (person.room, person.id.clone());
        let watched = self.data.watches.sees(room, sender, &address);
        let chosen = !address.topic.is_empty()
            && self
                .data
                .topics
                .get(&room)
                .is_some_and(|topics| topics.contains(&address.topic));
        let packet = Held {
            room,
            sender,
            kind,
            packet,
            address,
        };
        if chosen {
            self.hold(participant, packet, now);
            return;
        }
        if watched {
            self.tell_seen(participant, &packet);
        }
        match self.data.holds.follow(packet) {
            Follow::Pass(packet) => self.relay(packet, now),
            Follow::Waits(late) => late.into_iter().for_each(|packet| self.relay(packet, now)),
            Follow::Dropped => {}
        }
    }

    fn tell_seen(&mut self, participant: Id, held: &Held) {
        if let Some(room) = self.rooms.get(held.room).map(|r| r.id.clone()) {
            self.tell(Event::DataSeen {
                room,
                participant,
                packet: held.packet.clone(),
            });
        }
    }

    fn hold(&mut self, participant: Id, held: Held, now: Instant) {
        let (room, topic, packet) = (held.room, held.address.topic.clone(), held.packet.clone());
        let (number, late) = self.data.holds.hold(held);
        for packet in late {
            self.relay(packet, now);
        }
        if let Some(room) = self.rooms.get(room).map(|r| r.id.clone()) {
            self.tell(Event::DataHeld {
                room,
                hold: number,
                participant,
                topic,
                packet,
            });
        }
    }

    pub(crate) fn decide(&mut self, hold: u64, verdict: Verdict, now: Instant) {
        if verdict == Verdict::Drop {
            self.data.holds.discard(hold);
            return;
        }
        let Some((mut first, behind)) = self.data.holds.release(hold) else {
            return;
        };
        if let Verdict::Replace(packet) = verdict {
            // Python may have changed whom it is for; the sender's count stays, for the replay.
            let sequence = first.address.sequence;
            if let Some(address) = LiveKit::address(&packet) {
                first.address = Address { sequence, ..address };
            }
            first.packet = packet;
        }
        self.relay(first, now);
        for packet in behind {
            self.relay(packet, now);
        }
    }

    fn relay(&mut self, held: Held, now: Instant) {
        let Held {
            room,
            sender,
            kind,
            packet,
            address,
        } = held;
        let Some(room) = self.rooms.get(room) else {
            return;
        };
        let packet: Arc<[u8]> = packet.into();
        let names: Arc<[String]> = address
            .identities
            .iter()
            .chain(&address.participants)
            .cloned()
            .collect();
        let recipients: Vec<Key> = room
            .participants
            .iter()
            .copied()
            .filter(|key| *key != sender && self.participants.get(*key).is_some_and(|p| is_for(p, &names)))
            .collect();
        let watched = room.watch_data.then(|| room.id.clone());
        if kind == DataKind::Reliable {
            self.data
                .replays
                .entry(sender)
                .or_default()
                .keep(address.sequence, packet.clone(), names, now);
            self.data.pressure.count(sender, packet.len(), now);
        }
        for recipient in recipients {
            self.send_to(recipient, kind, &packet);
            if kind == DataKind::Reliable {
                let backlog = self.backlog(recipient);
                if self.data.pressure.press(sender, recipient, backlog, now) {
                    self.read_reliable(sender, false);
                }
            }
        }
        if let (Some(room), Some(person)) = (watched, self.participants.get(sender)) {
            let event = Event::Data {
                room,
                participant: person.id.clone(),
                kind,
                packet: packet.to_vec(),
            };
            self.tell(event);
        }
    }

    /// Puts a packet into a participant's channel; it leaves with the next flush. A reliable one waits for its channel to open.
    fn send_to(&mut self, recipient: Key, kind: DataKind, packet: &Arc<[u8]>) {
        if self.put(recipient, kind, packet) || kind != DataKind::Reliable {
            return;
        }
        let early = self.data.early.entry(recipient).or_default();
        let bytes: usize = early.iter().map(|packet| packet.len()).sum();
        if early.len() < MAX_EARLY && bytes + packet.len() <= MAX_EARLY_BYTES {
            early.push(packet.clone());
        }
    }

    /// False when the participant's channel is not open yet.
    fn put(&mut self, recipient: Key, kind: DataKind, packet: &[u8]) -> bool {
        let Some(person) = self.participants.get(recipient) else {
            return true;
        };
        let Some(key) = person.downstream else { return true };
        let Some(connection) = self.connections.get_mut(key) else {
            return true;
        };
        let channel = match kind {
            DataKind::Reliable => connection.reliable,
            DataKind::Lossy => connection.lossy,
            DataKind::Track => connection.track_data,
        };
        let Some(channel) = channel else { return false };
        if kind != DataKind::Reliable && connection.transport.buffered(channel) > LOSSY_BACKLOG {
            return true;
        }
        let result = connection.transport.send_data(channel, true, packet);
        if !connection.data_waiting {
            connection.data_waiting = true;
            self.data.dirty.push(key);
        }
        if kind == DataKind::Reliable {
            let participant = person.id.clone();
            if result != Err(SendError::Backpressure) {
                self.data.slow.remove(&recipient);
            } else if self.data.slow.insert(recipient) {
                self.tell(Event::SlowReader { participant });
            }
        }
        true
    }

    /// Reliable bytes that wait for a participant.
    fn backlog(&mut self, participant: Key) -> usize {
        let downstream = self.participants.get(participant).and_then(|p| p.downstream);
        let Some(connection) = downstream.and_then(|key| self.connections.get_mut(key)) else {
            return 0;
        };
        let channel = connection.reliable;
        channel.map_or(0, |channel| connection.transport.buffered(channel))
    }

    /// Reads a participant's reliable channel, or leaves what comes in its window. Returns the connection.
    fn read_reliable(&mut self, participant: Key, on: bool) -> Option<Key> {
        let key = self.participants.get(participant)?.upstream?;
        let connection = self.connections.get_mut(key)?;
        connection.transport.read_channel(connection.reliable?, on);
        Some(key)
    }

    /// Reads those again whose receivers have caught up.
    fn relieve(&mut self, now: Instant, egress: &mut impl Egress) {
        while !self.data.pressure.is_idle() {
            let mut pressure = std::mem::take(&mut self.data.pressure);
            let next = pressure.next(now, |receiver| self.backlog(receiver));
            self.data.pressure = pressure;
            let Some(sender) = next else { return };
            let Some(key) = self.read_reliable(sender, true) else {
                continue;
            };
            if let Some(connection) = self.connections.get_mut(key) {
                connection.transport.flush_data(now);
            }
            self.drive(key, now, egress);
        }
    }

    /// From the server: to everybody, or to some.
    pub(crate) fn send_data(&mut self, room: &Id, kind: DataKind, packet: &[u8], to: &[Id], _now: Instant) {
        let Some(room) = self.room_key(room).and_then(|key| self.rooms.get(key)) else {
            return;
        };
        let packet: Arc<[u8]> = packet.into();
        let recipients: Vec<Key> = room
            .participants
            .iter()
            .copied()
            .filter(|key| to.is_empty() || self.participants.get(*key).is_some_and(|p| to.contains(&p.id)))
            .collect();
        for recipient in recipients {
            self.send_to(recipient, kind, &packet);
        }
    }

    pub(crate) fn hold_topics(&mut self, room: &Id, topics: Vec<String>) {
        if let Some(key) = self.room_key(room) {
            self.data.topics.insert(key, topics);
        }
    }

    pub(crate) fn watch_topics(&mut self, room: &Id, topics: Vec<String>) {
        if let Some(key) = self.room_key(room) {
            self.data.watches.set(key, topics);
        }
    }

    /// Keys are used again, so nothing of a closed room may stay.
    pub(crate) fn forget_room_data(&mut self, room: Key) {
        self.data.topics.remove(&room);
        self.data.watches.forget_room(room);
    }

    /// After a resume: what the participant has not seen, from each sender.
    pub(crate) fn replay_data(&mut self, participant: &Id, seen: &[(Id, u32)], _now: Instant) {
        let Some(key) = self.participant_key(participant) else {
            return;
        };
        let Some(person) = self.participants.get(key) else {
            return;
        };
        let mut missed = vec![];
        for (sender, last) in seen {
            let Some(replay) = self
                .participant_key(sender)
                .and_then(|s| self.data.replays.get(&s))
            else {
                continue;
            };
            missed.extend(
                replay
                    .since(*last)
                    .filter(|k| is_for(person, &k.to))
                    .map(|k| k.packet.clone()),
            );
        }
        for packet in missed {
            self.send_to(key, DataKind::Reliable, &packet);
        }
    }

    /// The highest count of a sender's reliable packets, 0 before the first.
    pub(crate) fn received_data(&self, participant: &Id) -> u32 {
        self.participant_key(participant)
            .and_then(|key| self.data.replays.get(&key))
            .map_or(0, Replay::highest)
    }

    pub(crate) fn flush_data(&mut self, now: Instant, egress: &mut impl Egress) {
        self.relieve(now, egress);
        for key in std::mem::take(&mut self.data.dirty) {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.data_waiting = false;
                connection.transport.flush_data(now);
            }
            self.drive(key, now, egress);
        }
    }

    pub(crate) fn forget_data(&mut self, key: Key) {
        self.data.replays.remove(&key);
        self.data.early.remove(&key);
        self.data.slow.remove(&key);
        self.data.pressure.forget(key);
        self.data.tracks.forget(key);
        self.data.holds.forget(key);
        self.data.watches.forget_sender(key);
    }

    /// Somebody went to another room: nothing that was said in the old one is told in the new.
    pub(crate) fn move_data(&mut self, key: Key, room: Key) {
        if let Some(replay) = self.data.replays.get_mut(&key) {
            replay.clear();
        }
        self.data.early.remove(&key);
        self.data.slow.remove(&key);
        self.data.pressure.forget(key);
        self.read_reliable(key, true);
        self.data.tracks.move_to(key, room);
        self.data.holds.forget(key);
    }

    /// Counters of a room as JSON; ids and numbers only, so nothing needs escaping.
    pub(crate) fn stats(&mut self, request: u64, room: &Id, _now: Instant) {
        let Some(room) = self.room_key(room).and_then(|key| self.rooms.get(key)) else {
            self.tell(Event::Refused {
                request,
                code: "not_found",
                message: format!("no room {room}"),
            });
            return;
        };
        let people: Vec<String> = room
            .participants
            .iter()
            .filter_map(|p| self.participants.get(*p))
            .map(|p| {
                let tracks: Vec<String> = p
                    .tracks
                    .iter()
                    .filter_map(|t| self.tracks.get(*t))
                    .flat_map(|t| t.streams.iter().map(move |s| (t, s)))
                    .map(|(t, s)| {
                        format!(
                            r#"{{"track":"{}","codec":"{}","quality":{},"received":{},"lost":{}}}"#,
                            t.id,
                            s.codec.name(),
                            s.quality,
                            s.stats.received(),
                            s.stats.lost()
                        )
                    })
                    .collect();
                let sent: Vec<String> = p
                    .subscriptions
                    .values()
                    .filter_map(|d| self.downs.get(*d))
                    .filter_map(|d| Some((d, self.tracks.get(d.track)?)))
                    .map(|(d, t)| {
                        let quality = d.current.and_then(|at| t.streams.get(at)).map(|s| s.quality);
                        format!(
                            r#"{{"track":"{}","packets":{},"bytes":{},"quality":{}}}"#,
                            t.id,
                            d.packets,
                            d.octets,
                            quality.map_or("null".to_owned(), |q| q.to_string())
                        )
                    })
                    .collect();
                let path = p.downstream.and_then(|c| self.connections.get(c));
                let estimate = path.and_then(|c| c.bwe.estimate_bps());
                format!(
                    r#"{{"participant":"{}","estimate_bps":{},"sent_bps":{},"arrived_bps":{},"streams":[{}],"sent":[{}]}}"#,
                    p.id,
                    estimate.map_or("null".to_owned(), |bps| bps.to_string()),
                    path.map_or(0, |c| c.bwe.sent_bps()),
                    path.map_or(0, |c| c.bwe.acked_bps()),
                    tracks.join(","),
                    sent.join(",")
                )
            })
            .collect();
        let json = format!(
            r#"{{"forwarded":{},"received":{},"refused":{},"participants":[{}]}}"#,
            self.forwarded,
            self.received,
            self.refused,
            people.join(",")
        );
        self.tell(Event::Stats { request, json });
    }
}

/// Whether a packet with these destinations is for a participant.
fn is_for(person: &Participant, names: &[String]) -> bool {
    names.is_empty() || names.iter().any(|n| **n == *person.identity || **n == *person.id)
}
