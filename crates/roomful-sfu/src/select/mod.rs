//! Which packets of a layered stream one subscriber gets: spatial layers of SVC, temporal layers of any codec that tells them.
//!
//! `forward` asks for each packet of a video stream, in the order in which packets came; a late one (repaired by the publisher) is
//! judged by what was in force at its place. Frames are chosen by the dependency descriptor where a packet has one, by the
//! payload's own descriptor otherwise. It never chooses the aim: that is [`crate::layers::Target`].
mod dependent;
mod layered;

use crate::ring::Slot;
use crate::track::Stream;
use dependent::Dependent;
use layered::Layered;

/// The layers to reach: the highest ones that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It goes out.
    Send {
        /// Nothing of this picture follows, whatever the publisher's marker says.
        last: bool,
        /// The decode target in force, where packets tell such.
        target: Option<u8>,
    },
    /// It does not.
    Skip,
    /// It cannot be read before another packet comes; it is shown again then.
    Wait,
}

/// One subscriber's place in the layers of the stream that it is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selector {
    dependent: Dependent,
    layered: Layered,
    by_dependencies: bool,
    /// Where the last key frame began.
    key_frame: u64,
}

impl Selector {
    /// A stream is entered at this packet, which starts a key frame.
    pub fn enter(&mut self, source: u64, slot: &Slot) {
        self.layered = Layered::at(source);
        self.dependent = Dependent::default();
        if let Some(frame) = &slot.frame {
            self.dependent.enter(frame);
        }
    }

    /// What becomes of a packet, on the way to `aim`; without an aim the layers stay as they are.
    #[inline]
    pub fn take(&mut self, source: u64, slot: &Slot, stream: &Stream, aim: Option<Aim>) -> Choice {
        if slot.info.key_start {
            self.key_frame = self.key_frame.max(source);
        }
        if slot.told_dependencies && slot.frame.is_none() {
            // What is older than the structure in force will never be explained, and nobody needs it.
            return if source < self.key_frame {
                Choice::Skip
            } else {
                Choice::Wait
            };
        }
        if slot.payload.is_empty() {
            return Choice::Skip; // a probe for bandwidth, not a picture
        }
        self.by_dependencies = slot.frame.is_some();
        match &slot.frame {
            Some(frame) => self
                .dependent
                .take(frame, slot.timestamp, &stream.dependencies, aim),
            None => self.layered.take(source, slot, aim),
        }
    }

    /// Whether the aim cannot be reached, or nothing can be shown, before the next key frame.
    pub fn needs_key_frame(&self, stream: &Stream, aim: Aim) -> bool {
        if self.by_dependencies {
            self.dependent.needs_key_frame(&stream.dependencies, aim)
        } else {
            self.layered.needs_key_frame(aim)
        }
    }
}

/// A bit for each of the last 256 numbers: was it left out?
#[derive(Clone, Copy, Debug, Default)]
struct LeftOut([u64; 4]);

impl LeftOut {
    #[inline]
    fn set(&mut self, number: u16, out: bool) {
        if let Some(word) = self.0.get_mut(usize::from(number >> 6 & 3)) {
            let bit = 1 << (number & 63);
            *word = if out { *word | bit } else { *word & !bit };
        }
    }

    #[inline]
    fn has(&self, number: u16) -> bool {
        self.0
            .get(usize::from(number >> 6 & 3))
            .is_some_and(|word| word >> (number & 63) & 1 == 1)
    }

    /// The `steps` numbers behind `from` are new: nothing is known of them.
    #[inline]
    fn advance(&mut self, from: u16, steps: u16) {
        if steps >= 256 {
            self.0 = [0; 4];
            return;
        }
        for step in 1..=steps {
            self.set(from.wrapping_add(step), false);
        }
    }
}

#[cfg(test)]
mod tests;
