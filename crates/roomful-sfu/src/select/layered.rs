//! Selection by the payload's own descriptor: VP9's spatial and temporal layers, VP8's temporal ones. What tells no layers passes.
use super::{Aim, Choice, LeftOut};
use crate::ring::Slot;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layered {
    current: Layers,
    /// What held lately, newest first, for packets that come late.
    held: [Held; 4],
    newest: u64,
    timestamp: u32,
    /// The last key picture, of which every layer is needed: its first packet's index, and its time.
    key_frame: u64,
    key_timestamp: Option<u32>,
    /// Spatial layers of which something was left out since the key picture.
    broken: u8,
    /// Pictures that were left out for their temporal layer, up to the newest one.
    left_out: LeftOut,
    picture: u16,
}

/// Layers, and where they began to hold: a packet's index, and its picture's time.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    layers: Layers,
    since: u64,
    timestamp: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Layers {
    spatial: u8,
    temporal: u8,
}

impl Layered {
    pub(super) fn at(source: u64) -> Self {
        Self {
            newest: source.saturating_sub(1),
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn take(&mut self, source: u64, slot: &Slot, aim: Option<Aim>) -> Choice {
        let info = &slot.info;
        let is_new = source > self.newest;
        if is_new {
            self.newest = source;
            if info.key_start {
                self.key_frame = source;
                self.key_timestamp = Some(slot.timestamp);
                self.broken = 0;
                self.left_out = LeftOut::default();
                self.picture = info.picture.unwrap_or(0);
                let aim = aim.map_or(self.current, |aim| Layers {
                    spatial: aim.spatial,
                    temporal: aim.temporal,
                });
                self.follow(aim, source, slot.timestamp);
            } else if slot.timestamp != self.timestamp {
                self.turn(source, slot, aim);
            }
            self.timestamp = slot.timestamp;
        }
        let holds = |held: &&Held| source >= held.since || slot.timestamp == held.timestamp;
        let layers = if is_new {
            self.current
        } else {
            self.held
                .iter()
                .find(holds)
                .map_or(self.current, |held| held.layers)
        };
        let in_time = info.temporal <= layers.temporal && self.has_references(slot);
        let of_key = self.key_timestamp == Some(slot.timestamp);
        let is_in =
            |spatial: u8| info.spatial == spatial || info.spatial < spatial && (!info.unreferenced || of_key);
        // A late packet may be one that a change of layers since then took for sent; a key picture takes nothing for sent.
        let in_space = is_in(layers.spatial) || source > self.key_frame && is_in(self.current.spatial);
        if in_time && in_space {
            return Choice::Send {
                last: info.ends_frame && info.spatial == layers.spatial,
                target: None,
            };
        }
        if !in_time {
            if let Some(picture) = info.picture {
                self.left_out.set(picture, true);
            }
        } else {
            self.broken |= 1 << (info.spatial & 7);
        }
        Choice::Skip
    }

    /// A new picture, and with it the chance to change layers.
    fn turn(&mut self, source: u64, slot: &Slot, aim: Option<Aim>) {
        let info = &slot.info;
        if let Some(picture) = info.picture {
            // Picture ids have 15 bits; those of 7 are forgotten at each wrap.
            let steps = picture.wrapping_sub(self.picture) & 0x7fff;
            self.left_out.advance(self.picture, steps);
            self.picture = picture;
        }
        let Some(aim) = aim else { return };
        let mut next = self.current;
        if aim.temporal < next.temporal || info.references.is_some() {
            // With references told, each picture is judged by its own.
            next.temporal = aim.temporal;
        } else if aim.temporal > next.temporal && info.temporal == next.temporal + 1 && info.switch_up {
            next.temporal += 1;
        }
        if aim.spatial < next.spatial && self.broken >> (aim.spatial & 7) & 1 == 0 {
            next.spatial = aim.spatial;
        }
        if next != self.current {
            self.follow(next, source, slot.timestamp);
        }
    }

    fn follow(&mut self, layers: Layers, source: u64, timestamp: u32) {
        self.current = layers;
        self.held.rotate_right(1);
        self.held[0] = Held {
            layers,
            since: source,
            timestamp,
        };
    }

    #[inline]
    fn has_references(&self, slot: &Slot) -> bool {
        let (Some(references), Some(picture)) = (slot.info.references, slot.info.picture) else {
            return true;
        };
        let told = references.iter().take_while(|distance| **distance != 0);
        told.copied()
            .all(|distance| !self.left_out.has(picture.wrapping_sub(u16::from(distance))))
    }

    pub(super) fn needs_key_frame(&self, aim: Aim) -> bool {
        aim.spatial > self.current.spatial
            || aim.spatial < self.current.spatial && self.broken >> (aim.spatial & 7) & 1 == 1
    }
}
