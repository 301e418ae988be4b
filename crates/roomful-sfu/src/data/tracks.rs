//! LiveKit's data tracks: packets with a 12-byte header whose handle is the publisher's on the way in and each subscriber's on the
//! way out. Only the handle is looked at.
use crate::command::{DataKind, Id};
use crate::router::Router;
use crate::slab::Key;
use std::collections::HashMap;

/// Length of the fixed header.
const HEADER: usize = 12;
/// Where the handle stands in it, in network order.
const HANDLE: std::ops::Range<usize> = 2..4;

struct DataTrack {
    room: Key,
    owner: Key,
    handle: u16,
    /// Subscriber and the handle it knows.
    subscribers: Vec<(Key, u16)>,
}

/// All data tracks, found by id for commands and by owner and handle for packets.
#[derive(Default)]
pub(super) struct DataTracks {
    tracks: HashMap<Id, DataTrack>,
    by_handle: HashMap<(Key, u16), Id>,
}

impl DataTracks {
    fn publish(&mut self, track: Id, room: Key, owner: Key, handle: u16, most: usize) {
        self.remove(&track);
        let mine = self.tracks.values().filter(|track| track.owner == owner).count();
        if handle == 0 || mine >= most || self.by_handle.contains_key(&(owner, handle)) {
            return;
        }
        self.by_handle.insert((owner, handle), track.clone());
        let subscribers = Vec::new();
        self.tracks.insert(
            track,
            DataTrack {
                room,
                owner,
                handle,
                subscribers,
            },
        );
    }

    fn remove(&mut self, track: &Id) {
        if let Some(gone) = self.tracks.remove(track) {
            self.by_handle.remove(&(gone.owner, gone.handle));
        }
    }

    fn subscribe(&mut self, track: &Id, room: Key, subscriber: Key, handle: u16) {
        let Some(track) = self.tracks.get_mut(track).filter(|track| track.room == room) else {
            return;
        };
        track.subscribers.retain(|(who, _)| *who != subscriber);
        track.subscribers.push((subscriber, handle));
    }

    fn unsubscribe(&mut self, track: &Id, subscriber: Key) {
        if let Some(track) = self.tracks.get_mut(track) {
            track.subscribers.retain(|(who, _)| *who != subscriber);
        }
    }

    /// Somebody left: what it published and what it watched.
    pub(super) fn forget(&mut self, who: Key) {
        self.tracks.retain(|_, track| track.owner != who);
        self.by_handle.retain(|(owner, _), _| *owner != who);
        for track in self.tracks.values_mut() {
            track.subscribers.retain(|(subscriber, _)| *subscriber != who);
        }
    }

    /// Its publisher went to another room: what it publishes is of that room from now on, to nobody yet, and watches nothing of the old one.
    pub(super) fn move_to(&mut self, who: Key, room: Key) {
        for track in self.tracks.values_mut() {
            if track.owner == who {
                track.room = room;
                track.subscribers.clear();
            } else {
                track.subscribers.retain(|(subscriber, _)| *subscriber != who);
            }
        }
    }

    fn of(&mut self, owner: Key, handle: u16) -> Option<&mut DataTrack> {
        let id = self.by_handle.get(&(owner, handle))?;
        self.tracks.get_mut(id)
    }
}

fn handle_of(packet: &[u8]) -> Option<u16> {
    let handle = packet.get(HANDLE).filter(|_| packet.len() >= HEADER)?;
    handle.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes))
}

impl Router {
    pub(crate) fn publish_data_track(&mut self, participant: &Id, track: Id, handle: u16) {
        let Some(owner) = self.participant_key(participant) else {
            return;
        };
        let Some(room) = self.participants.get(owner).map(|person| person.room) else {
            return;
        };
        self.data
            .tracks
            .publish(track, room, owner, handle, self.config.max_tracks);
    }

    pub(crate) fn unpublish_data_track(&mut self, track: &Id) {
        self.data.tracks.remove(track);
    }

    pub(crate) fn subscribe_data_track(&mut self, participant: &Id, track: &Id, handle: u16) {
        let Some(key) = self.participant_key(participant) else {
            return;
        };
        let Some(room) = self.participants.get(key).map(|person| person.room) else {
            return;
        };
        self.data.tracks.subscribe(track, room, key, handle);
    }

    pub(crate) fn unsubscribe_data_track(&mut self, participant: &Id, track: &Id) {
        let Some(key) = self.participant_key(participant) else {
            return;
        };
        self.data.tracks.unsubscribe(track, key);
    }

    /// A packet of a data track, to each subscriber with its own handle.
    pub(super) fn relay_track(&mut self, sender: Key, data: &[u8]) {
        let Some(handle) = handle_of(data) else {
            self.refused += 1;
            return;
        };
        let Some(track) = self.data.tracks.of(sender, handle) else {
            return;
        };
        let subscribers = std::mem::take(&mut track.subscribers);
        let mut packet = data.to_vec();
        for (recipient, theirs) in &subscribers {
            if let Some(slot) = packet.get_mut(HANDLE) {
                slot.copy_from_slice(&theirs.to_be_bytes());
            }
            self.put(*recipient, DataKind::Track, &packet);
        }
        if let Some(track) = self.data.tracks.of(sender, handle) {
            track.subscribers = subscribers;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::from(text)
    }

    #[test]
    fn tracks_are_found_by_their_publishers_handle() {
        let mut tracks = DataTracks::default();
        tracks.publish(id("DTR_a"), 1, 10, 7, 2);
        tracks.publish(id("DTR_b"), 1, 10, 7, 2);
        tracks.publish(id("DTR_c"), 1, 10, 0, 2);
        tracks.publish(id("DTR_d"), 1, 11, 7, 2);
        tracks.subscribe(&id("DTR_a"), 1, 11, 3);
        tracks.subscribe(&id("DTR_a"), 1, 11, 4);
        // Of another room.
        tracks.subscribe(&id("DTR_a"), 2, 12, 5);
        assert_eq!(
            tracks.of(10, 7).map(|track| track.subscribers.clone()),
            Some(vec![(11, 4)])
        );
        assert!(tracks.of(10, 0).is_none() && tracks.of(11, 7).is_some());
        tracks.forget(11);
        assert_eq!(tracks.of(10, 7).map(|track| track.subscribers.len()), Some(0));
        tracks.remove(&id("DTR_a"));
        assert!(tracks.of(10, 7).is_none() && tracks.tracks.is_empty() && tracks.by_handle.is_empty());
    }

    #[test]
    fn a_publisher_that_moves_keeps_its_tracks_and_nobody_else() {
        let mut tracks = DataTracks::default();
        tracks.publish(id("DTR_a"), 1, 10, 7, 2);
        tracks.publish(id("DTR_b"), 1, 11, 7, 2);
        tracks.subscribe(&id("DTR_a"), 1, 11, 3);
        tracks.subscribe(&id("DTR_b"), 1, 10, 3);
        tracks.move_to(10, 2);
        tracks.subscribe(&id("DTR_a"), 1, 11, 4);
        tracks.subscribe(&id("DTR_a"), 2, 12, 5);
        let of = |tracks: &mut DataTracks, owner| tracks.of(owner, 7).map(|track| track.subscribers.clone());
        assert_eq!(
            (of(&mut tracks, 10), of(&mut tracks, 11)),
            (Some(vec![(12, 5)]), Some(vec![]))
        );
    }

    #[test]
    fn a_participant_publishes_within_its_limit() {
        let mut tracks = DataTracks::default();
        for handle in 1..=5 {
            tracks.publish(id(&format!("DTR_{handle}")), 1, 10, handle, 3);
        }
        assert_eq!((tracks.tracks.len(), tracks.by_handle.len()), (3, 3));
    }

    #[test]
    fn short_packets_have_no_handle() {
        assert_eq!(handle_of(&[0; 11]), None);
        assert_eq!(handle_of(&[0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0]), Some(258));
    }
}
