//! Data: packets from one participant's channels to the others', relayed here and never in Python unless a topic is held.
//!
//! Knows the [`Envelope`] trait; `livekit` is the one way of writing packets there is.
mod envelope;
pub mod livekit;
mod replay;

pub use envelope::{Address, Envelope, Sender};
pub use replay::Replay;

use crate::command::{DataKind, Id, Role, Verdict};
use crate::egress::Egress;
use crate::event::Event;
use crate::room::Participant;
use crate::router::Router;
use crate::slab::Key;
use livekit::LiveKit;
use roomful_rtc::dcep::{ChannelOptions, Reliability};
use roomful_rtc::sctp::{ChannelId, SendError};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

const RELIABLE: &str = "_reliable";
const LOSSY: &str = "_lossy";
const TRACK: &str = "_data_track";
/// Packets of one room that wait for Python.
const MAX_HELD: usize = 1000;
/// A lossy channel with so much waiting drops.
const LOSSY_BACKLOG: usize = 256 << 10;
/// Reliable packets that a participant's channel has not opened for yet.
const MAX_EARLY: usize = 256;

struct Held {
    sender: Key,
    kind: DataKind,
    packet: Vec<u8>,
    address: Address,
}

/// A published data track.
struct DataTrack {
    room: Key,
    owner: Key,
    handle: u16,
    /// Subscriber and the handle it knows.
    subscribers: Vec<(Key, u16)>,
}

/// The data plane's state.
#[derive(Default)]
pub struct Data {
    replays: HashMap<Key, Replay>,
    topics: HashMap<Key, Vec<String>>,
    held: HashMap<u64, (Key, Held)>,
    order: VecDeque<u64>,
    next_hold: u64,
    tracks: HashMap<Id, DataTrack>,
    early: HashMap<Key, Vec<Arc<[u8]>>>,
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
        };
        let Some(packet) = LiveKit::stamp(data, stamp) else {
            return;
        };
        let (room, participant) = (person.room, person.id.clone());
        let holds = self
            .data
            .topics
            .get(&room)
            .is_some_and(|topics| topics.contains(&address.topic));
        if holds && !address.topic.is_empty() {
            self.hold(
                room,
                participant,
                Held {
                    sender,
                    kind,
                    packet,
                    address,
                },
                now,
            );
            return;
        }
        self.relay(room, sender, kind, packet, &address, now);
    }

    fn hold(&mut self, room: Key, participant: Id, held: Held, now: Instant) {
        while self.data.held.len() >= MAX_HELD {
            // Python is too slow: what waited longest goes on undecided rather than being lost.
            let Some(oldest) = self.data.order.pop_front() else {
                break;
            };
            if let Some((room, held)) = self.data.held.remove(&oldest) {
                self.relay(room, held.sender, held.kind, held.packet, &held.address, now);
            }
        }
        self.data.next_hold += 1;
        let number = self.data.next_hold;
        let (topic, packet) = (held.address.topic.clone(), held.packet.clone());
        self.data.held.insert(number, (room, held));
        self.data.order.push_back(number);
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

    pub(crate) fn decide(&mut self, _room: &Id, hold: u64, verdict: Verdict, now: Instant) {
        self.data.order.retain(|n| *n != hold);
        let Some((room, held)) = self.data.held.remove(&hold) else {
            return;
        };
        let packet = match verdict {
            Verdict::Release => held.packet,
            Verdict::Replace(packet) => packet,
            Verdict::Drop => return,
        };
        self.relay(room, held.sender, held.kind, packet, &held.address, now);
    }

    fn relay(
        &mut self,
        room_key: Key,
        sender: Key,
        kind: DataKind,
        packet: Vec<u8>,
        address: &Address,
        now: Instant,
    ) {
        let Some(room) = self.rooms.get(room_key) else {
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
        }
        for recipient in recipients {
            self.send_to(recipient, kind, &packet);
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

    /// Puts a packet into a participant's channel; it leaves with the next flush.
    fn send_to(&mut self, recipient: Key, kind: DataKind, packet: &Arc<[u8]>) {
        let Some(person) = self.participants.get(recipient) else {
            return;
        };
        let id = person.id.clone();
        let Some(key) = person.downstream else { return };
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let channel = match kind {
            DataKind::Reliable => connection.reliable,
            DataKind::Lossy => connection.lossy,
            DataKind::Track => connection.track_data,
        };
        let Some(channel) = channel else {
            if kind == DataKind::Reliable {
                let early = self.data.early.entry(recipient).or_default();
                if early.len() < MAX_EARLY {
                    early.push(packet.clone());
                }
            }
            return;
        };
        if kind != DataKind::Reliable && connection.transport.buffered(channel) > LOSSY_BACKLOG {
            return;
        }
        let result = connection.transport.send_data(channel, true, packet);
        if !connection.data_waiting {
            connection.data_waiting = true;
            self.data.dirty.push(key);
        }
        if result == Err(SendError::Backpressure) && kind == DataKind::Reliable {
            self.tell(Event::SlowReader { participant: id });
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

    pub(crate) fn flush_data(&mut self, now: Instant, egress: &mut impl Egress) {
        for key in std::mem::take(&mut self.data.dirty) {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.data_waiting = false;
                connection.transport.flush_data(now);
            }
            self.drive(key, now, egress);
        }
    }

    pub(crate) fn publish_data_track(&mut self, participant: &Id, track: Id, handle: u16) {
        let Some(owner) = self.participant_key(participant) else {
            return;
        };
        let Some(person) = self.participants.get(owner) else {
            return;
        };
        let mine = self.data.tracks.values().filter(|t| t.owner == owner).count();
        if mine < self.config.max_tracks {
            self.data.tracks.insert(
                track,
                DataTrack {
                    room: person.room,
                    owner,
                    handle,
                    subscribers: vec![],
                },
            );
        }
    }

    pub(crate) fn unpublish_data_track(&mut self, track: &Id) {
        self.data.tracks.remove(track);
    }

    pub(crate) fn subscribe_data_track(&mut self, participant: &Id, track: &Id, handle: u16) {
        let Some(key) = self.participant_key(participant) else {
            return;
        };
        let room = self.participants.get(key).map(|p| p.room);
        let Some(track) = self.data.tracks.get_mut(track).filter(|t| Some(t.room) == room) else {
            return;
        };
        track.subscribers.retain(|(who, _)| *who != key);
        track.subscribers.push((key, handle));
    }

    pub(crate) fn unsubscribe_data_track(&mut self, participant: &Id, track: &Id) {
        let Some(key) = self.participant_key(participant) else {
            return;
        };
        if let Some(track) = self.data.tracks.get_mut(track) {
            track.subscribers.retain(|(who, _)| *who != key);
        }
    }

    /// A data track's packet: bytes 2–3 are the publisher's handle, which becomes the subscriber's.
    fn relay_track(&mut self, sender: Key, data: &[u8]) {
        let Some(handle) = data
            .get(2..4)
            .and_then(|b| b.first_chunk::<2>())
            .map(|b| u16::from_be_bytes(*b))
        else {
            return;
        };
        let track = self
            .data
            .tracks
            .values()
            .find(|t| t.owner == sender && t.handle == handle);
        let subscribers = track.map(|t| t.subscribers.clone()).unwrap_or_default();
        for (recipient, theirs) in subscribers {
            let mut packet = data.to_vec();
            if let Some(slot) = packet.get_mut(2..4) {
                slot.copy_from_slice(&theirs.to_be_bytes());
            }
            self.send_to(recipient, DataKind::Track, &packet.into());
        }
    }

    pub(crate) fn forget_data(&mut self, key: Key) {
        self.data.replays.remove(&key);
        self.data.early.remove(&key);
        self.data.tracks.retain(|_, t| t.owner != key);
        for track in self.data.tracks.values_mut() {
            track.subscribers.retain(|(who, _)| *who != key);
        }
        let gone: Vec<u64> = self
            .data
            .held
            .iter()
            .filter(|(_, (_, h))| h.sender == key)
            .map(|(n, _)| *n)
            .collect();
        for number in gone {
            self.data.held.remove(&number);
            self.data.order.retain(|n| *n != number);
        }
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
                        format!(
                            r#"{{"track":"{}","packets":{},"bytes":{}}}"#,
                            t.id, d.packets, d.octets
                        )
                    })
                    .collect();
                format!(
                    r#"{{"participant":"{}","streams":[{}],"sent":[{}]}}"#,
                    p.id,
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
