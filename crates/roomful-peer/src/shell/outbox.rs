//! News on their way to the program. Messages are bounded by their pipes, all else by what the program asks for.
use super::Told;
use crate::event::PeerEvent;
use roomful_engine::wake::Wake;
use std::sync::{Mutex, PoisonError};

/// Frames that wait to be taken, bytes.
const MAX_FRAMES: usize = 64 << 20;

/// See the module.
pub struct Outbox {
    waiting: Mutex<(Vec<Told>, usize)>,
    wake: Wake,
}

impl Outbox {
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            waiting: Mutex::new((vec![], 0)),
            wake: Wake::new()?,
        })
    }

    pub fn fd(&self) -> i32 {
        self.wake.fd()
    }

    /// Adds a batch and wakes the reader. Messages join those of the same channel that came just before.
    pub fn put(&self, batch: &mut Vec<Told>) {
        if batch.is_empty() {
            return;
        }
        let mut held = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (waiting, frames) = &mut *held;
        let empty = waiting.is_empty();
        for mut told in batch.drain(..) {
            if let Told::Peer(_, PeerEvent::Frames { frames: new, .. }) = &mut told {
                // A program that sleeps loses frames, the newest first: it must begin again with a key frame anyway.
                new.retain(|frame| {
                    *frames += frame.data.len();
                    *frames <= MAX_FRAMES
                });
            }
            match (waiting.last_mut(), told) {
                (
                    Some(Told::Peer(peer, PeerEvent::Messages { key, messages, .. })),
                    Told::Peer(
                        same_peer,
                        PeerEvent::Messages {
                            key: same_key,
                            messages: more,
                            ..
                        },
                    ),
                ) if *peer == same_peer && *key == same_key => messages.extend(more),
                (_, told) => waiting.push(told),
            }
        }
        if empty {
            self.wake.wake();
        }
    }

    /// Wakes the reader without news.
    pub fn nudge(&self) {
        self.wake.wake();
    }

    pub fn drain(&self) -> Vec<Told> {
        self.wake.clear();
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner)).0
    }
}
