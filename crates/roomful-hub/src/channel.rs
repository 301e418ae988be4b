//! One channel: who is in it, what holds there, and what it remembers. Kept by the hub; knows connections by number only.
use crate::command::{Rules, Speech};
use crate::dialect::Name;
use crate::history::History;
use crate::ids::Id;
use crate::message::ConnectionId;
use crate::rate::Bucket;
use bytes::Bytes;

/// Members that speak alike: they are told the same bytes.
#[derive(Default)]
pub(crate) struct Group {
    pub members: Vec<ConnectionId>,
    /// How each is shown to others; beside `members`.
    pub shown: Vec<Bytes>,
    /// JSON; beside `members`.
    pub infos: Vec<Option<Bytes>>,
}

pub(crate) struct Channel {
    pub name: Name,
    pub rules: Rules,
    pub bucket: Bucket,
    pub epoch: Id,
    pub history: History,
    /// Messages that wait for Python's word.
    pub held: usize,
    relay: Group,
    muaz: Group,
    raw: Group,
}

impl Channel {
    pub fn new(name: &str, rules: Rules, epoch: Id, now_ms: u64) -> Self {
        Self {
            name: Name::new(name),
            bucket: Bucket::new(rules.rate, now_ms),
            rules,
            epoch,
            history: History::default(),
            held: 0,
            relay: Group::default(),
            muaz: Group::default(),
            raw: Group::default(),
        }
    }

    /// Those that speak so.
    pub fn group(&self, speech: Speech) -> &Group {
        match speech {
            Speech::Relay => &self.relay,
            Speech::Muaz => &self.muaz,
            Speech::Raw | Speech::Echo => &self.raw,
        }
    }

    fn group_mut(&mut self, speech: Speech) -> &mut Group {
        match speech {
            Speech::Relay => &mut self.relay,
            Speech::Muaz => &mut self.muaz,
            Speech::Raw | Speech::Echo => &mut self.raw,
        }
    }

    pub fn groups(&self) -> [(Speech, &Group); 3] {
        [Speech::Relay, Speech::Muaz, Speech::Raw].map(|speech| (speech, self.group(speech)))
    }

    pub fn len(&self) -> usize {
        self.groups().iter().map(|(_, group)| group.members.len()).sum()
    }

    /// Whether nobody would miss it.
    pub fn is_over(&self) -> bool {
        self.held == 0 && self.history.is_empty() && self.len() == 0
    }

    /// Epoch and offset; None where nothing is kept.
    pub fn at(&self) -> Option<(Id, u64)> {
        (self.rules.history > 0).then(|| (self.epoch, self.history.last()))
    }

    /// Where in its group the member is now.
    pub fn add(
        &mut self,
        speech: Speech,
        connection: ConnectionId,
        shown: Bytes,
        info: Option<Bytes>,
    ) -> usize {
        let group = self.group_mut(speech);
        group.members.push(connection);
        group.shown.push(shown);
        group.infos.push(info);
        group.members.len() - 1
    }

    /// Who has the place of the removed one now, where somebody has.
    pub fn remove(&mut self, speech: Speech, position: usize) -> Option<ConnectionId> {
        let group = self.group_mut(speech);
        if position < group.members.len() {
            group.members.swap_remove(position);
            group.shown.swap_remove(position);
            group.infos.swap_remove(position);
        }
        group.members.get(position).copied()
    }
}
