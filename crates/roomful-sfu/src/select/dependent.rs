//! Selection by the dependency descriptor (AV1 RTP specification, appendix A): for AV1, and for whatever else carries it.
//!
//! A subscriber follows one decode target. Frames of the target go out unless something they need was left out; lost frames count
//! as sent, for the publisher repairs most of them. Chains say whether another target can be entered.
use super::{Aim, Choice, LeftOut};
use roomful_rtc::codec::dependency::{DependencyReader, Frame, Indication, MAX_CHAINS};

/// References and chains reach 255 frames back at most; what is farther back is not remembered.
const MEMORY: u16 = 255;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dependent {
    generation: u8,
    /// The target that is followed.
    current: u8,
    /// Targets that were followed lately and the frames they began with, newest first, for packets that come late.
    held: [(u8, u16); 4],
    newest: u16,
    timestamp: u32,
    /// The last frame that carried a structure. It goes to everybody, in all its packets.
    key_frame: u16,
    /// Chains of which something was left out.
    broken: u8,
    /// A frame of the target itself could not be sent.
    stuck: bool,
    left_out: LeftOut,
}

impl Dependent {
    pub(super) fn enter(&mut self, frame: &Frame) {
        self.newest = frame.number.wrapping_sub(1);
        self.generation = frame.generation;
    }

    #[inline]
    pub(super) fn take(
        &mut self,
        frame: &Frame,
        timestamp: u32,
        reader: &DependencyReader,
        aim: Option<Aim>,
    ) -> Choice {
        let ahead = frame.number.wrapping_sub(self.newest) as i16;
        if ahead > 0 {
            if frame.key_start() {
                self.start(frame, timestamp, reader, aim);
            } else if frame.generation == self.generation {
                self.advance(frame, timestamp, reader, aim);
            } else {
                return Choice::Skip; // numbers of targets mean something else: a key frame was missed
            }
        } else if frame.generation != self.generation {
            return Choice::Skip; // from before the structure in force: nobody needs it any more
        }
        let holds = |(_, since): &&(u8, u16)| frame.number.wrapping_sub(*since) as i16 >= 0;
        let target = if ahead > 0 {
            self.current
        } else {
            self.held
                .iter()
                .find(holds)
                .map_or(self.current, |(target, _)| *target)
        };
        let is_in = |target: u8| frame.indication(usize::from(target)) != Indication::NotPresent;
        // A late frame may be one that a change of targets since then took for sent.
        let present = is_in(target) || is_in(self.current) || frame.number == self.key_frame;
        let send = present && self.has_references(frame);
        if !send {
            if ahead > -(MEMORY as i16) {
                self.left_out.set(frame.number, true);
            }
            self.stuck |= present && target == self.current;
            return Choice::Skip;
        }
        let top = reader.targets().get(usize::from(target)).map(|t| t.spatial);
        Choice::Send {
            last: frame.ends_frame && top == Some(frame.spatial),
            target: Some(target),
        }
    }

    /// A key frame: everything can be entered.
    fn start(&mut self, frame: &Frame, timestamp: u32, reader: &DependencyReader, aim: Option<Aim>) {
        self.left_out = LeftOut::default();
        self.broken = 0;
        self.stuck = false;
        let same = frame.generation == self.generation;
        self.generation = frame.generation;
        self.newest = frame.number;
        self.timestamp = timestamp;
        self.key_frame = frame.number;
        let kept = if same {
            usize::from(self.current)
        } else {
            usize::MAX
        };
        self.follow(wanted(reader, aim, kept), frame.number);
    }

    /// The first packet of a frame that is newer than all before.
    fn advance(&mut self, frame: &Frame, timestamp: u32, reader: &DependencyReader, aim: Option<Aim>) {
        let steps = frame.number.wrapping_sub(self.newest);
        self.left_out.advance(self.newest, steps);
        self.newest = frame.number;
        let new_picture = timestamp != self.timestamp;
        self.timestamp = timestamp;
        for chain in 0..MAX_CHAINS {
            let Some(distance) = frame.chain_distance(chain) else {
                break;
            };
            if distance == 0 {
                self.broken &= !(1 << chain);
            } else if self.left_out.has(frame.number.wrapping_sub(u16::from(distance))) {
                self.broken |= 1 << chain;
            }
        }
        let current = usize::from(self.current);
        let wanted = wanted(reader, aim, current);
        if wanted == current {
            return;
        }
        let spatial = |target: usize| reader.targets().get(target).map(|t| t.spatial);
        // A picture is sent whole or not at all: what changes its highest layer waits for the next one.
        let in_step = new_picture || spatial(wanted) == spatial(current);
        let is_within = |target: usize| reader.contained(current) >> target & 1 == 1;
        let down = is_within(wanted) && new_picture;
        let up = frame.indication(wanted) == Indication::Switch && in_step && self.has_references(frame);
        if (down || up) && self.is_whole(reader, wanted) {
            self.follow(wanted, frame.number);
        } else if new_picture {
            // Down in one direction and up in the other: down first.
            if let Some(between) = meeting(reader, current, wanted)
                .filter(|target| *target != current && is_within(*target) && self.is_whole(reader, *target))
            {
                self.follow(between, frame.number);
            }
        }
    }

    fn follow(&mut self, target: usize, number: u16) {
        self.current = target as u8;
        self.held.rotate_right(1);
        self.held[0] = (self.current, number);
    }

    /// Whether the target's chain was sent without a gap.
    fn is_whole(&self, reader: &DependencyReader, target: usize) -> bool {
        let chain = reader.targets().get(target).and_then(|t| t.chain);
        chain.is_none_or(|chain| usize::from(chain) >= MAX_CHAINS || self.broken >> chain & 1 == 0)
    }

    #[inline]
    fn has_references(&self, frame: &Frame) -> bool {
        frame.references().iter().all(|distance| {
            let number = frame.number.wrapping_sub(*distance);
            *distance > MEMORY || !self.left_out.has(number)
        })
    }

    pub(super) fn needs_key_frame(&self, reader: &DependencyReader, aim: Aim) -> bool {
        let current = usize::from(self.current);
        let wanted = wanted(reader, Some(aim), current);
        if self.stuck || !self.is_whole(reader, current) {
            return true;
        }
        let spatial = |target: usize| reader.targets().get(target).map(|t| t.spatial);
        if wanted == current || spatial(wanted) == spatial(current) {
            return false; // the next switch point does
        }
        let down = meeting(reader, current, wanted).filter(|t| reader.contained(current) >> t & 1 == 1);
        down.is_none_or(|t| spatial(t) != spatial(wanted) || !self.is_whole(reader, t))
    }
}

/// The target to follow: the best one within the aim, the lowest one when nothing so low is sent.
#[inline]
fn wanted(reader: &DependencyReader, aim: Option<Aim>, current: usize) -> usize {
    let is_active = |target: usize| reader.active() >> target & 1 == 1;
    let Some(aim) = aim else {
        return if current < reader.targets().len() {
            current
        } else {
            0
        };
    };
    if let Some(target) = reader.target_within(aim.spatial, aim.temporal) {
        return target;
    }
    let lowest = reader
        .targets()
        .iter()
        .enumerate()
        .filter(|(at, _)| is_active(*at));
    lowest
        .min_by_key(|(_, t)| (t.spatial, t.temporal))
        .map_or(current, |(at, _)| at)
}

/// The best target that is no higher than either of two.
fn meeting(reader: &DependencyReader, one: usize, other: usize) -> Option<usize> {
    let (one, other) = (reader.targets().get(one)?, reader.targets().get(other)?);
    reader.target_within(one.spatial.min(other.spatial), one.temporal.min(other.temporal))
}
