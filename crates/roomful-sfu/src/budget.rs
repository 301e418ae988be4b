//! Where the estimate of a path is spent: every 100 ms its videos are given their shares, every 20 ms padding asks for more.
//!
//! Called by `feedback`'s housekeeping. The shares are made by `allocator`, the estimate by `bwe`.
use crate::allocator::{self, Held, Wish};
use crate::command::Id;
use crate::egress::Egress;
use crate::event::{Event, Quality};
use crate::forward::{carries_probes, write_probe};
use crate::layers;
use crate::router::Router;
use crate::slab::Key;
use std::time::Instant;

/// Datagrams of padding that leave at once.
const MOST_PADDING: usize = 128;

impl Router {
    /// A simulated narrow link; 0 ends it.
    pub(crate) fn limit_bandwidth(&mut self, participant: &Id, bps: u64) {
        let person = self
            .participant_key(participant)
            .and_then(|key| self.participants.get(key));
        let connection = person.and_then(|p| p.downstream);
        if let Some(connection) = connection.and_then(|key| self.connections.get_mut(key)) {
            connection.bwe.set_most(bps);
        }
    }

    /// Every 100 ms: the videos of each connection with an estimate get their shares.
    pub(crate) fn allocate(&mut self, now: Instant) {
        for key in self.connections.keys() {
            let Some(connection) = self.connections.get(key) else {
                continue;
            };
            match connection.bwe.estimate_bps() {
                Some(estimate) => self.allocate_one(key, estimate, now),
                None if connection.allocation.wanted_bps > 0 => self.free(key, now),
                None => {}
            }
        }
    }

    /// Nothing says any more that the path is full.
    fn free(&mut self, key: Key, now: Instant) {
        for down in self.downs_of(key) {
            self.allow(down, Held::Free, now);
        }
        if let Some(connection) = self.connections.get_mut(key) {
            let allocation = &mut connection.allocation;
            (allocation.wanted_bps, allocation.lowered, allocation.paused) = (0, false, false);
            allocation.changed(true, false, now);
        }
    }

    /// Subscriptions on a connection, each once, in steady order.
    fn downs_of(&self, key: Key) -> Vec<Key> {
        let mut downs: Vec<Key> = self
            .connections
            .get(key)
            .map(|c| c.downs.values().copied().collect())
            .unwrap_or_default();
        downs.sort_unstable();
        downs.dedup();
        downs
    }

    fn allocate_one(&mut self, key: Key, estimate: u64, now: Instant) {
        let mut wishes: Vec<(Key, Wish)> = vec![];
        for down_key in self.downs_of(key) {
            match self.wish(down_key, now) {
                Some(wish) => wishes.push((down_key, wish)),
                // Not wanted now: nothing is held against it when it is.
                None => self.allow(down_key, Held::Free, now),
            }
        }
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        let mut allocation = connection.allocation;
        let asked: Vec<Wish> = wishes.iter().map(|(_, wish)| wish.clone()).collect();
        let sent = asked.iter().filter_map(|w| w.ways.get(w.sent?));
        let budget = allocation.budget(estimate, sent.map(|way| way.bps).sum(), now);
        let given = allocator::share(budget, allocation.may_raise(now), &asked);
        // What is far too much for the path would only lose the key frame of what fits.
        let cut = connection.bwe.sent_bps() > estimate + estimate / 2;
        let (mut raised, mut lowered) = (false, false);
        let (mut wanted, mut less, mut paused) = (0, false, false);
        for ((down_key, wish), way) in wishes.into_iter().zip(given) {
            raised |= way > wish.sent;
            let lower = way < wish.sent;
            lowered |= lower;
            wanted += wish.ways.last().map_or(0, |way| way.bps);
            paused |= way.is_none();
            let top = way.is_some_and(|way| way + 1 == wish.ways.len());
            less |= !top;
            let held = match way.and_then(|way| wish.ways.get(way)) {
                None => Held::Paused,
                // The best of what comes now, and of what comes next: a better layer has to be measured before it is taken.
                Some(way) => Held::At(way.target),
            };
            if lower && cut {
                self.cut(down_key, held);
            }
            self.allow(down_key, held, now);
        }
        allocation.changed(raised, lowered, now);
        allocation.want(wanted.max(1), now);
        (allocation.lowered, allocation.paused) = (less, paused);
        if let Some(connection) = self.connections.get_mut(key) {
            connection.allocation = allocation;
        }
    }

    /// What a subscription wants, `None` for sound and for what is not looked at or does not come.
    fn wish(&self, down_key: Key, now: Instant) -> Option<Wish> {
        let down = self.downs.get(down_key)?;
        let track = self.tracks.get(down.track).filter(|track| track.is_video())?;
        let chosen = layers::choose(down, track, now)?;
        if !track.streams.get(chosen.stream)?.is_alive(now) {
            return None;
        }
        let ways = allocator::ways(chosen, down, track, now);
        let sent = match down.held {
            Held::Paused => None,
            Held::Free => Some(ways.len().checked_sub(1)?),
            Held::At(most) => {
                let quality = |stream: usize| track.streams.get(stream).map(|s| s.quality);
                let within = |way: &allocator::Way| {
                    (quality(way.target.stream), way.target.aim.spatial)
                        <= (quality(most.stream), most.aim.spatial)
                        && (way.target.stream != most.stream
                            || way.target.aim.spatial != most.aim.spatial
                            || way.target.aim.temporal <= most.aim.temporal)
                };
                Some(ways.iter().rposition(within).unwrap_or(0))
            }
        };
        let speaks = self
            .participants
            .get(track.owner)
            .zip(self.rooms.get(track.room))
            .is_some_and(|(owner, room)| room.speaking.iter().any(|(id, _)| *id == owner.id));
        let tier = match (track.spec.screen, speaks) {
            (true, _) => 2,
            (_, true) => 1,
            _ => 0,
        };
        let view = down.settings;
        let pixels = view.width.saturating_mul(view.height);
        (!ways.is_empty()).then_some(Wish {
            ways,
            rank: (view.priority, tier, pixels),
            sent,
        })
    }

    /// Ends a stream at once, where another takes its place: that begins out of the ring, or with its next key frame.
    fn cut(&mut self, down_key: Key, held: Held) {
        let Some(down) = self.downs.get_mut(down_key) else {
            return;
        };
        if matches!(held, Held::At(most) if down.current.is_some_and(|current| current != most.stream)) {
            down.current = None;
        }
    }

    fn allow(&mut self, down_key: Key, held: Held, now: Instant) {
        let Some(down) = self.downs.get_mut(down_key).filter(|down| down.held != held) else {
            return;
        };
        let before = std::mem::replace(&mut down.held, held);
        let told = (
            self.participants.get(down.participant),
            self.tracks.get(down.track),
        );
        if (before == Held::Paused) != (held == Held::Paused) {
            if let (Some(person), Some(track)) = told {
                let event = Event::StreamState {
                    participant: person.id.clone(),
                    track: track.id.clone(),
                    paused: held == Held::Paused,
                };
                self.tell(event);
            }
        }
        self.retarget(down_key, now);
    }

    /// Every 20 ms: padding for connections whose estimate is less than what is wanted.
    pub(crate) fn pad(&mut self, key: Key, now: Instant, egress: &mut impl Egress) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if connection.bwe.estimate_bps().is_none() || !connection.transport.is_connected() {
            return;
        }
        let Some(path) = connection.transport.send_path() else {
            return;
        };
        let carrier = connection
            .downs
            .values()
            .copied()
            .filter(|down| self.downs.get(*down).is_some_and(carries_probes))
            .min();
        let mut padding = connection
            .bwe
            .padding(connection.allocation.wanted_bps, carrier.is_some(), now);
        let Some(down) = carrier.and_then(|down| self.downs.get_mut(down)) else {
            return;
        };
        for _ in 0..MOST_PADDING {
            if padding == 0 {
                break;
            }
            let sent = write_probe(down, connection, &path, now, egress);
            if sent == 0 {
                break;
            }
            padding = padding.saturating_sub(sent);
        }
    }

    /// The best that a participant's connection can be called while videos are held back.
    pub(crate) fn held_quality(&self, downstream: Option<Key>) -> (Quality, f32) {
        let allocation = downstream
            .and_then(|key| self.connections.get(key))
            .map(|c| c.allocation);
        match allocation {
            Some(a) if a.paused => (Quality::Poor, 2.0),
            Some(a) if a.lowered => (Quality::Good, 3.5),
            _ => (Quality::Excellent, 5.0),
        }
    }
}
