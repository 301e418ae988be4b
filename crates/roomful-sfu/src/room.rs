//! Rooms and participants as the media plane knows them.
use crate::command::{Id, Rights};
use crate::slab::Key;
use std::collections::HashMap;
use std::time::Instant;

/// A room.
#[derive(Debug)]
pub struct Room {
    pub id: Id,
    pub participants: Vec<Key>,
    /// Somebody in Python listens to data.
    pub watch_data: bool,
    /// So many voices are sent on, the loudest; 0 for all.
    pub loudest: usize,
    /// Last speakers told: (participant, level).
    pub speaking: Vec<(Id, f32)>,
    pub speakers_at: Option<Instant>,
}

/// Somebody in it.
#[derive(Debug)]
pub struct Participant {
    pub id: Id,
    pub identity: Id,
    pub room: Key,
    pub rights: Rights,
    /// Connections: the one that carries tracks to us, and the one that carries tracks to them. One and the same in v1.
    pub upstream: Option<Key>,
    pub downstream: Option<Key>,
    /// Tracks it publishes.
    pub tracks: Vec<Key>,
    /// What it receives: track → subscription.
    pub subscriptions: HashMap<Key, Key>,
    /// Last quality told.
    pub quality: Option<crate::event::Quality>,
}
