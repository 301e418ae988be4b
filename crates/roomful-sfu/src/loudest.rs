//! The loudest voices of a room: where hundreds may speak, only so many are sent on, to everybody the same.
//!
//! Ranked every 20 ms by `feedback`'s housekeeping, by the level that publishers write on each packet (RFC 6464). A voice that rises is
//! in within two packets. Who is in stays for a while, and gives way only to somebody clearly louder, so that two who speak in turns
//! do not push each other out. A subscriber's section for a voice is asked for when that voice is first heard: of those who never
//! speak there are neither sections nor sources.
use crate::command::{Id, Kind};
use crate::router::Router;
use crate::slab::Key;
use crate::track::Track;
use std::time::{Duration, Instant};

/// dB that a challenger must exceed a voice that is in, and one that is in and spoke lately.
const CLEARLY: f32 = 6.0;
const SPEAKING: f32 = 12.0;
const LATELY: Duration = Duration::from_millis(800);
/// A level that counts as speech, in -dBov.
const SPEECH: f32 = 45.0;
/// The part of a rise, and of a fall, that one packet brings.
const RISE: f32 = 0.6;
const FALL: f32 = 0.03;

/// How loud a track is from moment to moment, and whether it is sent on.
#[derive(Clone, Debug)]
pub struct Voice {
    /// Smoothed, in -dBov: 0 loudest … 127 silent.
    level: f32,
    spoke_at: Option<Instant>,
    /// Its packets tell levels. Without them it cannot be ranked, and is always in.
    tells: bool,
    /// It is among those that are sent on.
    pub is_in: bool,
    /// It was so once.
    pub was_in: bool,
}

impl Voice {
    pub fn new(is_in: bool) -> Self {
        Self {
            level: 127.0,
            spoke_at: None,
            tells: false,
            is_in,
            was_in: is_in,
        }
    }

    /// A packet's level.
    #[inline]
    pub fn on_level(&mut self, level: u8, now: Instant) {
        let level = f32::from(level & 0x7f);
        let part = if level < self.level { RISE } else { FALL };
        self.level += (level - self.level) * part;
        self.tells = true;
        if level <= SPEECH {
            self.spoke_at = Some(now);
        }
    }

    /// Smaller is louder.
    fn rank(&self, now: Instant) -> f32 {
        let lately = |at| now.saturating_duration_since(at) < LATELY;
        match (self.is_in, self.spoke_at.is_some_and(lately)) {
            (true, true) => self.level - SPEAKING,
            (true, false) => self.level - CLEARLY,
            (false, _) => self.level,
        }
    }
}

impl Router {
    /// At most so many voices of a room are sent on; 0 for all.
    pub(crate) fn limit_voices(&mut self, room: &Id, count: usize, now: Instant) {
        let Some(key) = self.room_key(room) else { return };
        let Some(room) = self.rooms.get_mut(key) else {
            return;
        };
        let ended = room.loudest > 0 && count == 0;
        room.loudest = count;
        if ended {
            for track in self.voices(key) {
                self.let_in(track, true, now);
            }
        } else {
            self.rank_voices(key, now);
        }
    }

    /// Who is in, of every room that has a limit.
    pub(crate) fn rank_all_voices(&mut self, now: Instant) {
        if !self.rooms.iter().any(|(_, room)| room.loudest > 0) {
            return;
        }
        for room in self.rooms.keys() {
            self.rank_voices(room, now);
        }
    }

    fn rank_voices(&mut self, room: Key, now: Instant) {
        let most = self.rooms.get(room).map_or(0, |room| room.loudest);
        if most == 0 {
            return;
        }
        let mut ranked: Vec<(f32, Key)> = vec![];
        let mut free: Vec<Key> = vec![];
        let voices = self.voices(room);
        for key in &voices {
            let Some(track) = self.tracks.get(*key).filter(|track| !track.muted) else {
                continue;
            };
            // What is shared with a screen is meant for all.
            if track.spec.screen || (track.started && !track.voice.tells) {
                free.push(*key);
            } else if track.voice.tells {
                ranked.push((track.voice.rank(now), *key));
            }
        }
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        free.extend(ranked.iter().take(most).map(|(_, key)| *key));
        for key in voices {
            self.let_in(key, free.contains(&key), now);
        }
    }

    /// Sound tracks of a room.
    fn voices(&self, room: Key) -> Vec<Key> {
        let people = self.rooms.get(room).map(|room| room.participants.as_slice());
        let tracks = people
            .unwrap_or_default()
            .iter()
            .filter_map(|person| self.participants.get(*person))
            .flat_map(|person| person.tracks.iter().copied());
        tracks
            .filter(|key| self.tracks.get(*key).is_some_and(|t| t.spec.kind == Kind::Audio))
            .collect()
    }

    fn let_in(&mut self, key: Key, is_in: bool, now: Instant) {
        let Some(track) = self.tracks.get_mut(key).filter(|t| t.voice.is_in != is_in) else {
            return;
        };
        track.voice.is_in = is_in;
        let first = is_in && !track.voice.was_in;
        track.voice.was_in |= is_in;
        let waiting: Vec<Key> = if first { track.subscribers.clone() } else { vec![] };
        self.retarget_track(key, now);
        for down in waiting {
            let person = self
                .downs
                .get(down)
                .and_then(|d| self.participants.get(d.participant));
            if let Some(connection) = person.and_then(|person| person.downstream) {
                self.want_section(connection, now);
            }
        }
    }
}

/// Whether a track may take a section now: one that was never let in waits until it is.
pub(crate) fn was_heard(track: &Track) -> bool {
    track.voice.was_in
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speak(voice: &mut Voice, level: u8, packets: usize, now: &mut Instant) {
        for _ in 0..packets {
            voice.on_level(level, *now);
            *now += Duration::from_millis(20);
        }
    }

    #[test]
    fn a_voice_rises_at_once_and_falls_slowly() {
        let mut now = Instant::now();
        let mut voice = Voice::new(false);
        speak(&mut voice, 90, 100, &mut now);
        let before = voice.rank(now);
        speak(&mut voice, 20, 2, &mut now);
        assert!(voice.rank(now) < before - 50.0);
        let speaking = voice.rank(now);
        speak(&mut voice, 90, 5, &mut now);
        assert!(voice.rank(now) < speaking + 15.0, "a pause between words");
    }

    #[test]
    fn who_is_in_gives_way_to_somebody_clearly_louder_only() {
        let mut now = Instant::now();
        let (mut inside, mut other, mut loud) = (Voice::new(true), Voice::new(false), Voice::new(false));
        speak(&mut inside, 30, 50, &mut now);
        speak(&mut other, 22, 50, &mut now.clone());
        speak(&mut loud, 10, 50, &mut now.clone());
        assert!(inside.rank(now) < other.rank(now));
        assert!(loud.rank(now) < inside.rank(now));
    }
}
