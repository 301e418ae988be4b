//! Lost packets: publishers are asked for what is missing as soon as it is, subscribers are answered in the turn in which they ask.
//!
//! Called by `router` when something is due, by `forward` at the end of a turn, and by `feedback`'s housekeeping.
use crate::egress::Egress;
use crate::feedback::OUR_SSRC;
use crate::router::Router;
use crate::slab::Key;
use roomful_rtc::rtcp::write;
use std::time::{Duration, Instant};

/// From this loss on every answer goes out twice, the second time with the next housekeeping: it is cheaper than one more round trip.
pub(crate) const TWICE: f32 = 0.07;
/// An answer is not repeated within this, however short the round trip.
const LEAST: Duration = Duration::from_millis(10);

impl Router {
    /// Asks publishers for what is due.
    pub(crate) fn ask_lost(&mut self, now: Instant, egress: &mut impl Egress) {
        let mut sequences = std::mem::take(&mut self.scratch_sequences);
        let mut asked: Vec<Key> = vec![];
        let mut next: Option<Instant> = None;
        for at in 0..self.busy.len() {
            let Some(track) = self.busy.get(at).and_then(|key| self.tracks.get_mut(*key)) else {
                continue;
            };
            let Some((key, connection)) = track
                .connection
                .and_then(|key| Some((key, self.connections.get_mut(key)?)))
            else {
                continue;
            };
            for stream in track.streams.iter_mut() {
                if stream.nack.due().is_some_and(|due| due <= now) {
                    sequences.clear();
                    let whole = stream.nack.take(now, connection.round_trip, &mut sequences);
                    stream.key_wanted |= !whole && stream.codec.is_video();
                    write::nack(&mut connection.rtcp, OUR_SSRC, stream.ssrc, &sequences);
                    asked.push(key);
                }
                next = [next, stream.nack.due()].into_iter().flatten().min();
            }
        }
        self.scratch_sequences = sequences;
        self.ask_at = next;
        asked.dedup();
        for key in asked {
            self.report(key, now, egress);
        }
    }

    /// Answers what was asked for in this turn.
    pub(crate) fn answer_lost(&mut self, now: Instant, egress: &mut impl Egress) {
        for at in 0..self.asked_again.len() {
            let Some((down_key, sequence)) = self.asked_again.get(at).copied() else {
                break;
            };
            let connection = self.downs.get(down_key).and_then(|down| down.connection);
            let Some(connection) = connection.and_then(|key| self.connections.get(key)) else {
                continue;
            };
            // Who asks again has waited for a round trip; who asks sooner has not seen what is on its way.
            let least = (connection.round_trip / 2).max(LEAST).as_millis() as u32;
            let twice = connection.loss_there() >= TWICE && !connection.allocation.lowered;
            if self.retransmit(down_key, sequence, least, now, egress) && twice {
                self.twice.push((down_key, sequence));
            }
        }
        self.asked_again.clear();
    }

    /// The second answers.
    pub(crate) fn repeat_answers(&mut self, now: Instant, egress: &mut impl Egress) {
        for (down_key, sequence) in std::mem::take(&mut self.twice) {
            self.retransmit(down_key, sequence, 0, now, egress);
        }
    }
}
