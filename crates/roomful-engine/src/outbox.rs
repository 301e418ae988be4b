//! News on their way to Python: state is never dropped, levels are overwritten, copies of watched data are bounded.
use crate::wake::Wake;
use roomful_sfu::event::Event;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Bytes of watched data packets that wait. They come at the pace of strangers: beyond this, copies are dropped (the packets
/// themselves went to their recipients long before).
const MAX_WATCHED: usize = 64 << 20;

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    watched: usize,
}

/// Shared by all threads of an engine.
pub struct Outbox {
    waiting: Mutex<Waiting>,
    wake: Wake,
}

impl Outbox {
    pub fn new(wake: Wake) -> Self {
        Self {
            waiting: Mutex::new(Waiting::default()),
            wake,
        }
    }

    /// A descriptor that is readable while there is news.
    pub fn fd(&self) -> i32 {
        self.wake.fd()
    }

    /// Adds a batch and wakes the reader.
    pub fn put(&self, batch: impl Iterator<Item = Event>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Waiting { events, watched } = &mut *waiting;
        let empty = events.is_empty();
        for event in batch {
            if let Event::Speakers { room, .. } = &event {
                let same = |e: &&mut Event| matches!(e, Event::Speakers { room: r, .. } if r == room);
                if let Some(older) = events.iter_mut().find(same) {
                    *older = event;
                    continue;
                }
            }
            if let Event::Data { packet, .. } = &event {
                if *watched + packet.len() > MAX_WATCHED {
                    continue;
                }
                *watched += packet.len();
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
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.watched = 0;
        waiting.events.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roomful_sfu::command::DataKind;

    fn speakers(room: &str) -> Event {
        Event::Speakers {
            room: room.into(),
            levels: vec![],
        }
    }

    #[test]
    fn state_is_kept_levels_are_overwritten_watched_data_is_bounded() {
        let outbox = Outbox::new(Wake::new().unwrap());
        let data = || Event::Data {
            room: "RM_1".into(),
            participant: "PA_1".into(),
            kind: DataKind::Reliable,
            packet: vec![0; MAX_WATCHED / 4],
        };
        for round in 0..2 {
            outbox.put((0..9).map(|_| data()));
            outbox.put([speakers("a"), speakers("b"), speakers("a")].into_iter());
            outbox.put((0..1000).map(|request| Event::Accepted { request }));
            let told = outbox.drain();
            let count = |wanted: fn(&Event) -> bool| told.iter().filter(|e| wanted(e)).count();
            assert_eq!(count(|e| matches!(e, Event::Data { .. })), 4, "round {round}");
            assert_eq!(count(|e| matches!(e, Event::Speakers { .. })), 2);
            assert_eq!(count(|e| matches!(e, Event::Accepted { .. })), 1000);
        }
        assert!(outbox.drain().is_empty());
    }
}
