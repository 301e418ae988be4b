//! Which thread has what: a room is pinned to one, and everything in it follows.
use roomful_sfu::command::{Command, Id};
use std::collections::{HashMap, HashSet};

/// Ids and their threads.
#[derive(Debug, Default)]
pub struct Placement {
    rooms: HashMap<Id, usize>,
    /// Participants, transports and tracks, each with the participant they go with.
    things: HashMap<Id, (usize, Id)>,
    /// Who came into a room: they end with it.
    people: HashMap<Id, HashSet<Id>>,
    load: Vec<usize>,
}

impl Placement {
    pub fn new(threads: usize) -> Self {
        Self {
            load: vec![0; threads.max(1)],
            ..Self::default()
        }
    }

    /// The thread of a command; remembers what it makes and forgets what it ends. `None` for things unknown.
    pub fn place(&mut self, command: &Command) -> Option<usize> {
        match command {
            Command::OpenRoom { room, beside } => {
                if let Some(at) = self.rooms.get(room) {
                    return Some(*at);
                }
                let beside = beside.as_ref().and_then(|room| self.rooms.get(room)).copied();
                let least = beside.unwrap_or_else(|| {
                    let threads = self.load.iter().enumerate();
                    threads.min_by_key(|(_, n)| **n).map_or(0, |(at, _)| at)
                });
                self.rooms.insert(room.clone(), least);
                if let Some(load) = self.load.get_mut(least) {
                    *load += 1;
                }
                Some(least)
            }
            Command::CloseRoom { room } => {
                let at = self.rooms.remove(room)?;
                if let Some(load) = self.load.get_mut(at) {
                    *load = load.saturating_sub(1);
                }
                for person in self.people.remove(room).unwrap_or_default() {
                    self.things.retain(|_, (_, owner)| *owner != person);
                }
                Some(at)
            }
            Command::AddParticipant {
                room, participant, ..
            } => {
                let at = *self.rooms.get(room)?;
                self.people
                    .entry(room.clone())
                    .or_default()
                    .insert(participant.clone());
                self.things.insert(participant.clone(), (at, participant.clone()));
                Some(at)
            }
            Command::RemoveParticipant { participant } => {
                let at = self.things.get(participant)?.0;
                self.leave(participant);
                self.things.retain(|_, (_, owner)| owner != participant);
                Some(at)
            }
            Command::MoveParticipant { participant, room } => {
                let at = self.thing(participant)?;
                if self.rooms.get(room) != Some(&at) {
                    return None;
                }
                self.leave(participant);
                self.people
                    .entry(room.clone())
                    .or_default()
                    .insert(participant.clone());
                Some(at)
            }
            Command::Show { track, room } | Command::Hide { track, room } => {
                let at = self.thing(track)?;
                (self.rooms.get(room) == Some(&at)).then_some(at)
            }
            Command::OpenTransport {
                participant,
                transport,
                ..
            } => self.under(participant, transport),
            Command::Publish { participant, spec } => self.under(participant, &spec.track),
            Command::PublishDataTrack {
                participant, track, ..
            } => self.under(participant, track),
            Command::Unpublish { track } | Command::UnpublishDataTrack { track } => {
                self.things.remove(track).map(|(at, _)| at)
            }
            Command::Mute { track, .. } => self.thing(track),
            Command::SetRights { participant, .. }
            | Command::Subscribe { participant, .. }
            | Command::Unsubscribe { participant, .. }
            | Command::View { participant, .. }
            | Command::LimitBandwidth { participant, .. }
            | Command::ReplayData { participant, .. }
            | Command::AskReceived { participant, .. }
            | Command::SubscribeDataTrack { participant, .. }
            | Command::UnsubscribeDataTrack { participant, .. } => self.thing(participant),
            Command::RemoteOffer { transport, .. }
            | Command::RemoteAnswer { transport, .. }
            | Command::RemoteCandidate { transport, .. }
            | Command::RestartIce { transport, .. } => self.thing(transport),
            Command::SendData { room, .. }
            | Command::HoldTopics { room, .. }
            | Command::WatchTopics { room, .. }
            | Command::Decide { room, .. }
            | Command::WatchData { room, .. }
            | Command::LimitVoices { room, .. }
            | Command::AskStats { room, .. } => self.rooms.get(room).copied(),
        }
    }

    /// Whether rooms are there and on one thread.
    pub fn together(&self, rooms: &[Id]) -> bool {
        let mut threads = rooms.iter().map(|room| self.rooms.get(room));
        let first = threads.next().flatten();
        first.is_some() && threads.all(|at| at == first)
    }

    fn leave(&mut self, participant: &Id) {
        self.people.retain(|_, people| {
            people.remove(participant);
            !people.is_empty()
        });
    }

    fn thing(&self, id: &Id) -> Option<usize> {
        self.things.get(id).map(|(at, _)| *at)
    }

    fn under(&mut self, owner: &Id, id: &Id) -> Option<usize> {
        let at = self.thing(owner)?;
        self.things.insert(id.clone(), (at, owner.clone()));
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roomful_sfu::command::Rights;

    #[test]
    fn everything_follows_its_room_and_is_forgotten_with_its_participant() {
        let mut placement = Placement::new(2);
        let room = |n: &str| Command::OpenRoom {
            room: n.into(),
            beside: None,
        };
        assert_eq!(
            (placement.place(&room("a")), placement.place(&room("b"))),
            (Some(0), Some(1))
        );
        let add = Command::AddParticipant {
            room: "b".into(),
            participant: "PA_1".into(),
            identity: "x".into(),
            rights: Rights::default(),
        };
        assert_eq!(placement.place(&add), Some(1));
        let data = Command::PublishDataTrack {
            participant: "PA_1".into(),
            track: "DTR_1".into(),
            handle: 1,
        };
        assert_eq!(placement.place(&data), Some(1));
        assert_eq!(
            placement.place(&Command::RemoveParticipant {
                participant: "PA_1".into()
            }),
            Some(1)
        );
        assert_eq!(
            placement.place(&Command::UnpublishDataTrack {
                track: "DTR_1".into()
            }),
            None
        );
        assert!(placement.things.is_empty() && placement.people.is_empty());
    }

    #[test]
    fn somebody_who_moves_belongs_to_the_new_room_and_stays_on_its_thread() {
        let mut placement = Placement::new(2);
        let open = |room: &str, beside: Option<&str>| Command::OpenRoom {
            room: room.into(),
            beside: beside.map(Id::from),
        };
        placement.place(&open("a", None));
        placement.place(&open("b", None));
        assert_eq!(placement.place(&open("c", Some("b"))), Some(1));
        assert!(placement.together(&["b".into(), "c".into()]));
        assert!(!placement.together(&["a".into(), "c".into()]) && !placement.together(&["x".into()]));
        placement.place(&Command::AddParticipant {
            room: "b".into(),
            participant: "PA_1".into(),
            identity: "x".into(),
            rights: Rights::default(),
        });
        let to = |room: &str| Command::MoveParticipant {
            participant: "PA_1".into(),
            room: room.into(),
        };
        assert_eq!(
            (placement.place(&to("a")), placement.place(&to("c"))),
            (None, Some(1))
        );
        placement.place(&Command::CloseRoom { room: "b".into() });
        assert!(placement.things.contains_key("PA_1"), "it left that room before");
        placement.place(&Command::CloseRoom { room: "c".into() });
        assert!(placement.things.is_empty() && placement.people.is_empty());
    }

    #[test]
    fn a_room_takes_its_people_along_and_counts_once() {
        let mut placement = Placement::new(2);
        let room = |n: &str| Command::OpenRoom {
            room: n.into(),
            beside: None,
        };
        for _ in 0..3 {
            assert_eq!(placement.place(&room("a")), Some(0));
        }
        assert_eq!(placement.load, [1, 0]);
        placement.place(&Command::AddParticipant {
            room: "a".into(),
            participant: "PA_1".into(),
            identity: "x".into(),
            rights: Rights::default(),
        });
        assert_eq!(placement.place(&Command::CloseRoom { room: "a".into() }), Some(0));
        assert!(placement.things.is_empty() && placement.people.is_empty() && placement.rooms.is_empty());
        assert_eq!(placement.load, [0, 0]);
    }
}
