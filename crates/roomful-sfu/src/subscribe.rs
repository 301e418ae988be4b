//! Publishing and subscribing: tracks and subscriptions come and go, and what is sent follows.
use crate::allocator;
use crate::command::{Id, Kind, TrackSpec, ViewSettings};
use crate::connection::Source;
use crate::downstream::Downstream;
use crate::event::Event;
use crate::layers;
use crate::loudest::Voice;
use crate::router::Router;
use crate::slab::Key;
use crate::track::Track;
use std::time::{Duration, Instant};

/// A lower demand is told only after so long, so that a client that looks away for a moment does not restart encoders.
const LOWER_AFTER: Duration = Duration::from_secs(5);

impl Router {
    pub(crate) fn publish(&mut self, participant: &Id, spec: TrackSpec, now: Instant) {
        let Some(owner) = self.participant_key(participant) else {
            return;
        };
        if let Some(&key) = self.track_ids.get(&spec.track) {
            // The same track gains a codec.
            if let Some(track) = self.tracks.get_mut(key).filter(|t| t.owner == owner) {
                track.spec = spec;
            }
            return;
        }
        let Some(person) = self.participants.get_mut(owner) else {
            return;
        };
        if person.tracks.len() >= self.config.max_tracks {
            return;
        }
        let limited = self.rooms.get(person.room).is_some_and(|room| room.loudest > 0);
        let mut track = Track::new(owner, person.room, spec.clone(), now);
        track.voice = Voice::new(!limited || spec.kind == Kind::Video);
        let key = self.tracks.insert(track);
        person.tracks.push(key);
        self.track_ids.insert(spec.track, key);
    }

    pub(crate) fn remove_track(&mut self, key: Key, now: Instant) {
        let subscribers = self
            .tracks
            .get(key)
            .map(|t| t.subscribers.clone())
            .unwrap_or_default();
        for down in subscribers {
            self.remove_down(down, now);
        }
        let Some(track) = self.tracks.remove(key) else {
            return;
        };
        self.track_ids.remove(&track.id);
        self.busy.retain(|busy| *busy != key);
        self.fresh.retain(|(fresh, ..)| *fresh != key);
        if let Some(person) = self.participants.get_mut(track.owner) {
            person.tracks.retain(|other| *other != key);
        }
        if let Some(connection) = track.connection.and_then(|c| self.connections.get_mut(c)) {
            connection.inbound.retain(|inbound| inbound.track != key);
            // Late packets of the track are known and passed over.
            for source in connection.sources.values_mut() {
                if matches!(source, Source::Media(t, _) | Source::Repair(t, _) if *t == key) {
                    *source = Source::Ignored;
                }
            }
        }
    }

    pub(crate) fn subscribe(&mut self, participant: &Id, track: &Id, settings: ViewSettings, now: Instant) {
        let (Some(person_key), Some(&track_key)) =
            (self.participant_key(participant), self.track_ids.get(track))
        else {
            return;
        };
        let (ssrc, rtx) = (self.new_ssrc(), self.new_ssrc());
        let (Some(person), Some(track)) = (
            self.participants.get_mut(person_key),
            self.tracks.get_mut(track_key),
        ) else {
            return;
        };
        if (person.room != track.room && !track.shown.contains(&person.room))
            || track.owner == person_key
            || person.subscriptions.contains_key(&track_key)
            || person.subscriptions.len() >= self.config.max_subscriptions
        {
            return;
        }
        let down = self
            .downs
            .insert(Downstream::new(person_key, track_key, settings, ssrc, rtx, now));
        person.subscriptions.insert(track_key, down);
        track.subscribers.push(down);
        let connection = person.downstream;
        if let Some(connection) = connection {
            self.want_section(connection, now);
        }
        self.update_demand(track_key, now);
    }

    pub(crate) fn unsubscribe(&mut self, participant: &Id, track: &Id, now: Instant) {
        let person = self
            .participant_key(participant)
            .and_then(|key| self.participants.get(key));
        let track = self.track_ids.get(track);
        if let Some(&down) = person
            .zip(track)
            .and_then(|(person, track)| person.subscriptions.get(track))
        {
            let connection = self.downs.get(down).and_then(|down| down.connection);
            self.remove_down(down, now);
            if let Some(connection) = connection {
                self.want_release(connection);
            }
        }
    }

    pub(crate) fn remove_down(&mut self, key: Key, now: Instant) {
        let Some(down) = self.downs.remove(key) else {
            return;
        };
        if let Some(person) = self.participants.get_mut(down.participant) {
            person.subscriptions.remove(&down.track);
        }
        if let Some(track) = self.tracks.get_mut(down.track) {
            track.subscribers.retain(|other| *other != key);
        }
        if let Some(connection_key) = down.connection {
            if let Some(connection) = self.connections.get_mut(connection_key) {
                connection.downs.retain(|_, d| *d != key);
                for slot in &mut connection.slots {
                    if slot.2 == Some(key) {
                        slot.2 = None;
                    }
                }
                for section in &mut connection.offered {
                    if section.down == Some(key) {
                        section.down = None;
                    }
                }
            }
            // v0: the section is offered as stopped. v1: the client's next offer finds it free.
            self.want_offer(connection_key, now);
        }
        self.update_demand(down.track, now);
    }

    pub(crate) fn view(&mut self, participant: &Id, track: &Id, settings: ViewSettings, now: Instant) {
        let Some(&track_key) = self.track_ids.get(track) else {
            return;
        };
        let person = self
            .participant_key(participant)
            .and_then(|key| self.participants.get(key));
        let Some(&down_key) = person.and_then(|p| p.subscriptions.get(&track_key)) else {
            return;
        };
        if let Some(down) = self.downs.get_mut(down_key) {
            down.settings = settings;
        }
        self.retarget(down_key, now);
        self.update_demand(track_key, now);
    }

    /// Chooses again what one subscription is sent.
    pub(crate) fn retarget(&mut self, key: Key, now: Instant) {
        let Some(down) = self.downs.get_mut(key) else {
            return;
        };
        let Some(track) = self.tracks.get(down.track) else {
            return;
        };
        down.target = allocator::target(down, track, now);
        let Some(target) = down.target else {
            down.current = None;
            self.keep_ticking(now);
            return;
        };
        let stream = track.streams.get(target.stream);
        if down.current != Some(target.stream) {
            self.newcomers.push(key);
        } else if stream.is_some_and(|s| s.codec.is_video() && down.selector.needs_key_frame(s, target.aim)) {
            let track = down.track;
            self.want_key(track, Some(target.stream), now);
        }
        self.keep_ticking(now);
    }

    /// The same for everybody who watches a track.
    pub(crate) fn retarget_track(&mut self, key: Key, now: Instant) {
        for down in self
            .tracks
            .get(key)
            .map(|t| t.subscribers.clone())
            .unwrap_or_default()
        {
            self.retarget(down, now);
        }
    }

    /// The same for everything a connection carries.
    pub(crate) fn retarget_connection(&mut self, key: Key, now: Instant) {
        let downs: Vec<Key> = self
            .connections
            .get(key)
            .map(|c| c.downs.values().copied().collect())
            .unwrap_or_default();
        for down in downs {
            self.retarget(down, now);
        }
    }

    /// Tells the publisher what is watched: more at once, less after a while.
    pub(crate) fn update_demand(&mut self, key: Key, now: Instant) {
        let Some(track) = self.tracks.get(key) else { return };
        if !track.is_video() {
            return;
        }
        let downs = track.subscribers.iter().filter_map(|d| self.downs.get(*d));
        let demand = layers::demand(track, downs.clone());
        let fallen_to = layers::fall_back(track, downs);
        let before = |codec: &str| track.told.iter().find(|(name, _)| name == codec).map(|(_, w)| *w);
        let more = demand.iter().any(|(codec, watched)| {
            let told = before(codec).unwrap_or([false; 3]);
            watched.iter().zip(told).any(|(now, then)| *now && !then)
        });
        let same = track.told == demand;
        if track.fallen_to != fallen_to {
            if let Some(track) = self.tracks.get_mut(key) {
                track.fallen_to = fallen_to;
            }
            self.retarget_track(key, now);
        }
        let Some(track) = self.tracks.get_mut(key) else {
            return;
        };
        if same {
            track.lower_at = None;
            return;
        }
        if !more && !track.told.is_empty() {
            let at = *track.lower_at.get_or_insert(now + LOWER_AFTER);
            if now < at {
                if !self.busy.contains(&key) {
                    self.busy.push(key);
                }
                return;
            }
        }
        track.lower_at = None;
        track.told = demand.clone();
        let track_id = track.id.clone();
        let codecs = demand
            .into_iter()
            .map(|(codec, watched)| crate::event::Demand { codec, watched })
            .collect();
        self.tell(Event::Demand {
            track: track_id,
            codecs,
        });
    }
}
