//! News on their way to Python: state is never dropped, levels are overwritten.
use crate::wake::Wake;
use roomful_sfu::event::Event;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Shared by all threads of an engine.
pub struct Outbox {
    events: Mutex<VecDeque<Event>>,
    wake: Wake,
}

impl Outbox {
    pub fn new(wake: Wake) -> Self {
        Self {
            events: Mutex::new(VecDeque::new()),
            wake,
        }
    }

    /// A descriptor that is readable while there is news.
    pub fn fd(&self) -> i32 {
        self.wake.fd()
    }

    /// Adds a batch and wakes the reader.
    pub fn put(&self, batch: impl Iterator<Item = Event>) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = events.is_empty();
        for event in batch {
            if let Event::Speakers { room, .. } = &event {
                let same = |e: &&mut Event| matches!(e, Event::Speakers { room: r, .. } if r == room);
                if let Some(older) = events.iter_mut().find(same) {
                    *older = event;
                    continue;
                }
            }
            events.push_back(event);
        }
        if empty && !events.is_empty() {
            self.wake.wake();
        }
    }

    /// Wakes the reader without news.
    pub fn nudge(&self) {
        self.wake.wake();
    }

    /// Takes everything.
    pub fn drain(&self) -> Vec<Event> {
        self.wake.clear();
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.drain(..).collect()
    }
}
