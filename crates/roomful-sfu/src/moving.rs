//! From room to room: a participant changes rooms with its transports and tracks, and tracks are shown in other rooms besides.
//!
//! Called by `router` for orders. Who receives what in the new room is said by further orders; nothing is subscribed here.
use crate::command::Id;
use crate::router::Router;
use crate::slab::Key;
use std::time::Instant;

impl Router {
    /// What it received ends, and so does what others received of it; its transports go on, and its publications with their rings.
    pub(crate) fn move_participant(&mut self, participant: &Id, room: &Id, now: Instant) {
        let (Some(key), Some(to)) = (self.participant_key(participant), self.room_key(room)) else {
            return;
        };
        let Some(person) = self.participants.get(key).filter(|person| person.room != to) else {
            return;
        };
        let (from, connection) = (person.room, person.downstream);
        let mut downs: Vec<Key> = person.subscriptions.values().copied().collect();
        for track in person.tracks.clone() {
            if let Some(track) = self.tracks.get_mut(track) {
                downs.extend(&track.subscribers);
                track.room = to;
                track.shown.clear();
                // The new room has its own limit, or none.
                track.voice.is_in = true;
                track.voice.was_in = true;
            }
        }
        for down in downs {
            self.remove_down(down, now);
        }
        if let Some(room) = self.rooms.get_mut(from) {
            room.participants.retain(|other| *other != key);
            room.speaking.retain(|(id, _)| id != participant);
        }
        if let Some(room) = self.rooms.get_mut(to) {
            room.participants.push(key);
        }
        if let Some(person) = self.participants.get_mut(key) {
            person.room = to;
        }
        self.move_data(key, to);
        if let Some(connection) = connection {
            self.want_release(connection);
        }
    }

    /// A track may also be received in this room.
    pub(crate) fn show_track(&mut self, track: &Id, room: &Id) {
        let (Some(track), Some(room)) = (self.track_ids.get(track).copied(), self.room_key(room)) else {
            return;
        };
        if let Some(track) = self.tracks.get_mut(track) {
            if track.room != room && !track.shown.contains(&room) {
                track.shown.push(room);
            }
        }
    }

    /// And no longer: whoever receives it there does no more.
    pub(crate) fn hide_track(&mut self, track: &Id, room: &Id, now: Instant) {
        if let (Some(track), Some(room)) = (self.track_ids.get(track).copied(), self.room_key(room)) {
            self.hide(track, room, now);
        }
    }

    /// Keys are used again, so nothing may stay shown in a room that closed.
    pub(crate) fn hide_all(&mut self, room: Key, now: Instant) {
        for track in self.tracks.keys() {
            self.hide(track, room, now);
        }
    }

    fn hide(&mut self, key: Key, room: Key, now: Instant) {
        let Some(track) = self.tracks.get_mut(key) else {
            return;
        };
        let before = track.shown.len();
        track.shown.retain(|other| *other != room);
        if track.shown.len() == before {
            return;
        }
        let there = |down: &Key| {
            let down = self.downs.get(*down);
            down.and_then(|down| self.participants.get(down.participant))
                .is_some_and(|person| person.room == room)
        };
        let downs: Vec<Key> = track.subscribers.iter().copied().filter(there).collect();
        let connections: Vec<Key> = downs
            .iter()
            .filter_map(|down| self.downs.get(*down)?.connection)
            .collect();
        for down in downs {
            self.remove_down(down, now);
        }
        for connection in connections {
            self.want_release(connection);
        }
    }
}
