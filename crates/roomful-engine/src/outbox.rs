//! News on their way to Python, however long it does not listen. What answers an order is bounded by the orders; what strangers can
//! bring about is overwritten by what is newer of the same subject; copies of watched data are bounded, and the rest is kept.
use crate::wake::Wake;
use roomful_sfu::command::Id;
use roomful_sfu::event::{Event, TransportState};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Bytes of watched data packets that wait. They come at the pace of strangers: beyond this, copies are dropped (the packets
/// themselves went to their recipients long before).
const MAX_WATCHED: usize = 64 << 20;

/// What newer news of replaces older.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Speakers(Id),
    Quality(Id),
    Demand(Id),
    Stream(Id, Id),
    Slow(Id),
    Transport(Id),
}

impl Subject {
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Speakers { room, .. } => Some(Self::Speakers(room.clone())),
            Event::Quality { participant, .. } => Some(Self::Quality(participant.clone())),
            Event::Demand { track, .. } => Some(Self::Demand(track.clone())),
            Event::StreamState {
                participant, track, ..
            } => Some(Self::Stream(participant.clone(), track.clone())),
            Event::SlowReader { participant } => Some(Self::Slow(participant.clone())),
            // Comes and goes as often as its peer falls silent; the end of it is never overwritten, and nothing follows it.
            Event::Transport {
                transport,
                state: TransportState::Connected | TransportState::Disconnected,
                ..
            } => Some(Self::Transport(transport.clone())),
            _ => None,
        }
    }

    /// How many of one subject are kept: of a transport the first, too, which is that it came up.
    fn kept(&self) -> usize {
        match self {
            Self::Transport(_) => 2,
            _ => 1,
        }
    }
}

#[derive(Default)]
struct Waiting {
    events: Vec<Event>,
    /// How many of a subject wait, and where the last of them is.
    subjects: HashMap<Subject, (usize, usize)>,
    watched: usize,
}

impl Waiting {
    fn add(&mut self, event: Event) {
        if let Some(subject) = Subject::of(&event) {
            let kept = subject.kept();
            let (count, at) = self.subjects.entry(subject).or_insert((0, 0));
            if *count >= kept {
                if let Some(older) = self.events.get_mut(*at) {
                    *older = event;
                }
                return;
            }
            (*count, *at) = (*count + 1, self.events.len());
        }
        self.events.push(event);
    }
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
        let empty = waiting.events.is_empty();
        for event in batch {
            if let Event::Data { packet, .. } | Event::DataSeen { packet, .. } = &event {
                if waiting.watched + packet.len() > MAX_WATCHED {
                    continue;
                }
                waiting.watched += packet.len();
            }
            waiting.add(event);
        }
        if empty && !waiting.events.is_empty() {
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
        std::mem::take(&mut *waiting).events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roomful_sfu::command::DataKind;
    use roomful_sfu::event::Quality;

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

    fn transport(state: TransportState) -> Event {
        Event::Transport {
            transport: "TP_1".into(),
            state,
            remote: None,
            protocol: "udp",
            reason: String::new(),
        }
    }

    #[test]
    fn whoever_comes_and_goes_for_hours_leaves_a_few_words() {
        let outbox = Outbox::new(Wake::new().unwrap());
        for round in 0..10_000u32 {
            let quality = if round % 2 == 0 {
                Quality::Poor
            } else {
                Quality::Good
            };
            outbox.put(
                [
                    transport(TransportState::Connected),
                    transport(TransportState::Disconnected),
                    Event::Quality {
                        participant: "PA_1".into(),
                        quality,
                        score: 0.0,
                    },
                    Event::SlowReader {
                        participant: "PA_1".into(),
                    },
                ]
                .into_iter(),
            );
        }
        outbox.put([transport(TransportState::Failed)].into_iter());
        let told = outbox.drain();
        let states: Vec<TransportState> = told
            .iter()
            .filter_map(|e| match e {
                Event::Transport { state, .. } => Some(*state),
                _ => None,
            })
            .collect();
        use TransportState::{Connected, Disconnected, Failed};
        assert_eq!(states, [Connected, Disconnected, Failed]);
        assert!(told.iter().any(|e| matches!(
            e,
            Event::Quality {
                quality: Quality::Good,
                ..
            }
        )));
        assert_eq!(told.len(), 5);
        // What was taken is no longer overwritten.
        outbox.put([transport(Connected)].into_iter());
        assert_eq!(outbox.drain().len(), 1);
    }
}
