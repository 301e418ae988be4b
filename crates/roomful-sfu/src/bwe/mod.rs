//! How much the path towards one peer carries, by transport-wide feedback: a delay-based estimator and a loss-based bound (after
//! draft-ietf-rmcat-gcc-02 §5 and §6), raised by probes; by REMB where a peer sends nothing better.
//!
//! `forward` tells every packet that leaves, `feedback` what came of it; `allocator` reads the estimate. It decides nothing about
//! layers. As long as nothing says that the path is full there is no estimate, because a router sends what publishers send, and
//! that is no measure of a path: [`Estimator::estimate_bps`] is `None` then, and nothing may be held back.
mod delay;
mod history;
mod loss;
mod meter;
mod probe;

use delay::{Delay, Usage};
use history::History;
use loss::Loss;
use meter::Meter;
use probe::Prober;
use std::time::{Duration, Instant};

/// Added to each datagram: IPv4 and UDP headers take their share of a link, too.
pub const DATAGRAM: usize = 28;
/// Never less: sound alone needs about this.
const LOWEST_BPS: f64 = 30_000.0;
/// §5.5: what is left of the measured bitrate at a decrease.
const BETA: f64 = 0.85;
/// §5.5: growth a second while the capacity is not known.
const GROWTH: f64 = 1.08;
/// §5.5: an estimate that is not used is no estimate; it does not grow beyond this much of what arrives.
const BEYOND_ARRIVED: f64 = 1.5;
/// Bits of a packet, for the additive increase (§5.5).
const PACKET_BITS: f64 = 9_600.0;
/// With a queue like this nothing grows, and no probe would tell the path from the queue.
const HELD_MS: f64 = 40.0;
/// Overuse counts from this much of a queue that is not explained,
const EXCESS_MS: f64 = 20.0;
/// and from this part of all of it.
const EXCESS: f64 = 0.3;
/// An estimate is used when this part of it arrives.
const USED: f64 = 0.85;
/// A path that was free is full only when its queue grew to this,
const QUEUE_MS: f64 = 50.0;
/// and for so long.
const SURE_AFTER_US: i64 = 120_000;
/// What our own sending explains of a queue is forgotten faster than a link of the estimated rate would send it: bursts are
/// explained, and not what lasts.
const FORGOTTEN: f64 = 1.1;
/// The estimate is given up when it exceeds what is wanted by this,
const ROOM: f64 = 1.15;
/// and nothing was full for so long.
const CALM_US: i64 = 2_000_000;
/// A connection that sent nothing with a number for so long is paused.
const QUIET_US: i64 = 1_000_000;
/// Without probes, a full path is tried again after so long, longer each time that fails.
const TRY_AFTER_US: i64 = 8_000_000;
const TRY_AT_MOST_US: i64 = 60_000_000;
/// Feedback of the better kind silences REMB for so long.
const REMB_AFTER_US: i64 = 2_000_000;

/// See the module.
#[derive(Debug)]
pub struct Estimator {
    origin: Instant,
    history: History,
    delay: Delay,
    loss: Loss,
    sent: Meter,
    acked: Meter,
    prober: Prober,
    estimate: Option<f64>,
    /// What was said from outside.
    most: Option<u64>,
    /// Bits that a link of the estimated rate would still hold, and when that was so.
    queue: (f64, i64),
    /// Mean of what arrived when the path was full (§5.5: near convergence), and its mean deviation.
    converged: Option<(f64, f64)>,
    full_at: Option<i64>,
    full_since: Option<i64>,
    decreased_at: i64,
    updated_at: i64,
    feedback_at: Option<i64>,
    sent_at: i64,
    try_after: i64,
}

impl Estimator {
    /// Nothing is known.
    pub fn new(now: Instant) -> Self {
        Self {
            origin: now,
            history: History::default(),
            delay: Delay::default(),
            loss: Loss::default(),
            sent: Meter::default(),
            acked: Meter::default(),
            prober: Prober::default(),
            estimate: None,
            most: None,
            queue: (0.0, 0),
            converged: None,
            full_at: None,
            full_since: None,
            decreased_at: 0,
            updated_at: 0,
            feedback_at: None,
            sent_at: 0,
            try_after: TRY_AFTER_US,
        }
    }

    fn micros(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.origin).as_micros() as i64
    }

    /// The transport-wide number of the next datagram.
    #[inline]
    pub fn next_number(&self) -> u16 {
        self.history.next()
    }

    /// A datagram of `size` bytes leaves now, under [`next_number`](Self::next_number).
    #[inline]
    pub fn on_sent(&mut self, size: usize, now: Instant) {
        let at = self.micros(now);
        let size = size + DATAGRAM;
        self.sent_at = at;
        self.sent.add(at, size);
        let mut modelled = 0;
        if let Some(estimate) = self.estimate {
            let passed = (at - self.queue.1) as f64 / 1e6;
            self.queue.0 = (self.queue.0 - passed * estimate * FORGOTTEN).max(0.0) + size as f64 * 8.0;
            modelled = (self.queue.0 / estimate * 1e6) as u32;
        }
        self.queue.1 = at;
        let probe = self.prober.on_sent(at, size);
        self.history.push(at, size, modelled, probe);
    }

    /// What feedback says of one number: when it arrived, in the peer's µs, or that it did not.
    pub fn on_status(&mut self, sequence: u16, arrival_us: Option<i64>) {
        let Some(sent) = self.history.take(sequence) else {
            return;
        };
        self.loss.on_packet(arrival_us.is_none());
        let Some(arrival) = arrival_us else { return };
        self.acked.add(arrival, sent.size.into());
        self.delay.on_packet(sent.at, arrival, sent.modelled);
        if sent.probe != 0 {
            self.prober
                .on_arrived(sent.probe, sent.at, arrival, sent.size.into());
        }
    }

    /// A feedback packet was read to its end.
    pub fn on_feedback(&mut self, round_trip: Duration, now: Instant) {
        let at = self.micros(now);
        self.feedback_at = Some(at);
        let trip = (round_trip.as_micros() as i64).clamp(10_000, 300_000);
        let passed = (at - self.updated_at).clamp(0, 1_000_000) as f64 / 1e6;
        self.updated_at = at;
        let usage = self.delay.usage();
        self.full_since = match usage {
            Usage::Over => Some(self.full_since.unwrap_or(at)),
            _ => None,
        };
        let lost = self.loss.judge(at, self.delay.whole_queue_ms() >= HELD_MS);
        match (usage, self.estimate) {
            (Usage::Over, Some(estimate)) if !self.exceeds(estimate) => {}
            (Usage::Over, Some(estimate)) => {
                self.full_at = Some(at);
                if at - self.decreased_at > trip + 50_000 {
                    self.decrease(estimate, at);
                }
            }
            (Usage::Over, None) => {
                let sure = self.full_since.is_some_and(|since| at - since >= SURE_AFTER_US);
                if sure && self.delay.queue_ms() >= QUEUE_MS {
                    self.decrease(f64::INFINITY, at);
                }
            }
            (Usage::Under, _) | (Usage::Normal, None) => {}
            (Usage::Normal, Some(estimate)) if lost.is_none() && self.delay.whole_queue_ms() < HELD_MS => {
                self.increase(estimate, passed, trip)
            }
            (Usage::Normal, Some(_)) => {}
        }
        if let Some(share) = lost {
            // §6: beyond a tenth the rate follows the loss; never below what is proven to arrive.
            let arrives = self.arriving() * BETA;
            let from = self.estimate.unwrap_or(self.arriving());
            self.full_at = Some(at);
            self.limit(
                (from * (1.0 - 0.5 * share))
                    .max(arrives)
                    .min(self.estimate.unwrap_or(f64::INFINITY)),
            );
        }
        if let (Some(estimate), Some(found)) = (self.estimate, self.prober.judge(at, trip)) {
            // What the path loses anyway was carried, too.
            let found = found.map(|rate| rate / (1.0 - self.loss.own()));
            if let Some(rate) = found.filter(|rate| *rate > estimate) {
                self.limit(rate);
                self.queue.0 = self.queue.0.min(rate / 10.0);
            }
        }
    }

    /// Whether the queue is more than our own bursts leave: a key frame's is explained but for the error of the estimate. Where less
    /// is sent than the path is held to carry, it takes more of a queue to doubt that.
    fn exceeds(&self, estimate: f64) -> bool {
        let used = self.arriving() >= USED * estimate;
        let least = if used { EXCESS_MS } else { QUEUE_MS };
        self.delay.queue_ms() >= (EXCESS * self.delay.whole_queue_ms()).max(least)
    }

    /// What the path carried lately, with what it loses by itself: the larger of a long and a short look, for what began to flow a
    /// moment ago has not filled the long one.
    fn arriving(&self) -> f64 {
        let arrived = self.acked.rate(400_000).max(self.acked.rate(160_000));
        arrived / (1.0 - self.loss.own())
    }

    /// §5.5: down to a part of what arrives.
    fn decrease(&mut self, estimate: f64, at: i64) {
        let arriving = self.arriving();
        self.full_at = Some(at);
        self.decreased_at = at;
        self.prober.put_off(at);
        self.converged = Some(match self.converged {
            Some((mean, deviation)) if (arriving - mean).abs() <= 3.0 * deviation => (
                mean + 0.05 * (arriving - mean),
                deviation + 0.05 * ((arriving - mean).abs() - deviation),
            ),
            _ => (arriving, arriving * 0.1),
        });
        if arriving * BETA < estimate {
            self.limit(arriving * BETA);
        }
    }

    /// §5.5: by a part of itself, or near the rate at which the path was full before, by half a packet a round trip.
    fn increase(&mut self, estimate: f64, passed: f64, trip: i64) {
        let arriving = self.arriving();
        let near = self
            .converged
            .is_some_and(|(mean, deviation)| (estimate - mean).abs() <= 3.0 * deviation);
        let grown = if near {
            estimate + passed * (0.5 * PACKET_BITS) / ((trip + 100_000) as f64 / 1e6)
        } else {
            estimate * GROWTH.powf(passed)
        };
        let most = BEYOND_ARRIVED * arriving + 10_000.0;
        self.limit(grown.min(most).max(estimate));
    }

    fn limit(&mut self, bps: f64) {
        self.estimate = Some(bps.max(LOWEST_BPS));
    }

    /// A receiver's own estimate. It follows what is sent, so that it says something only when it is less than that.
    pub fn on_remb(&mut self, bps: u64, now: Instant) {
        let at = self.micros(now);
        if self.feedback_at.is_some_and(|told| at - told < REMB_AFTER_US) || bps == 0 {
            return;
        }
        let bps = bps as f64;
        if bps < self.sent.rate(400_000) {
            self.full_at = Some(at);
            self.limit(bps);
        } else if let Some(estimate) = self.estimate {
            self.limit(estimate.max(bps));
        }
    }

    /// Bytes of padding to send now, when `wanted_bps` is more than the estimate; asked about every 20 ms. Ends the estimate once it
    /// is known, or to be tried, that all that is wanted fits.
    pub fn padding(&mut self, wanted_bps: u64, can_probe: bool, now: Instant) -> usize {
        let at = self.micros(now);
        let Some(estimate) = self.estimate else { return 0 };
        let calm = at - self.full_at.unwrap_or(0);
        let wanted = wanted_bps.min(self.most.unwrap_or(u64::MAX)) as f64;
        if estimate >= wanted * ROOM && calm >= CALM_US {
            self.estimate = None;
            self.try_after = TRY_AFTER_US;
            return 0;
        }
        // Where nothing is sent, for all that is wanted is paused, nothing can be heard either.
        let quiet = at - self.sent_at >= QUIET_US;
        let heard = self
            .feedback_at
            .is_some_and(|told| at - told < REMB_AFTER_US || quiet);
        if !can_probe || !heard || quiet {
            if calm >= self.try_after {
                self.estimate = None;
                self.try_after = (self.try_after * 2).min(TRY_AT_MOST_US);
                return 0;
            }
            if !can_probe || !heard {
                return 0;
            }
        }
        // A queue that drains would be measured along; of one that nothing was sent into for so long nothing is left.
        let queued = !quiet && self.delay.whole_queue_ms() >= HELD_MS;
        if calm < 500_000 || (!self.prober.runs() && queued) {
            return 0;
        }
        self.prober.padding(at, estimate, wanted * 1.3)
    }

    /// Bits a second that the path carries; `None` while nothing says that it is full.
    pub fn estimate_bps(&self) -> Option<u64> {
        let measured = self.estimate.map(|bps| bps as u64);
        [measured, self.most].into_iter().flatten().min()
    }

    /// The path carries no more than this, whatever is measured; 0 for no such bound.
    pub fn set_most(&mut self, bps: u64) {
        self.most = Some(bps).filter(|bps| *bps > 0);
    }

    /// Bits a second sent lately, headers included.
    pub fn sent_bps(&self) -> u64 {
        self.sent.rate(400_000) as u64
    }

    /// The share of datagrams that get lost, by feedback; `None` while none tells.
    pub fn loss(&self) -> Option<f32> {
        self.loss.share().map(|share| share as f32)
    }

    /// Bits a second that arrived lately, by feedback.
    pub fn acked_bps(&self) -> u64 {
        self.acked.rate(400_000) as u64
    }
}

#[cfg(test)]
mod tests;
