//! Receiver statistics of one stream (RFC 3550 §6.4, appendix A.3 and A.8).
use crate::rtp::u32_at;
use std::time::Instant;

/// One block of a receiver report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream reported on.
    pub ssrc: u32,
    /// Since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Since the beginning; 24 bits with sign on the wire.
    pub cumulative_lost: i32,
    /// Highest sequence number with its cycles.
    pub highest: u32,
    /// In the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time.
    pub last_sr: u32,
    /// Since then, in 1/65536 s.
    pub delay: u32,
}

impl ReportBlock {
    pub(super) fn parse(block: &[u8]) -> Option<Self> {
        let loss = u32_at(block, 4)?;
        Some(Self {
            ssrc: u32_at(block, 0)?,
            fraction_lost: (loss >> 24) as u8,
            cumulative_lost: ((loss << 8) as i32) >> 8,
            highest: u32_at(block, 8)?,
            jitter: u32_at(block, 12)?,
            last_sr: u32_at(block, 16)?,
            delay: u32_at(block, 20)?,
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        for value in [
            self.ssrc,
            u32::from(self.fraction_lost) << 24 | lost,
            self.highest,
            self.jitter,
            self.last_sr,
            self.delay,
        ] {
            out.extend_from_slice(&value.to_be_bytes());
        }
    }

    /// Round trip in seconds: `now_ntp` is ours, 32.32 (RFC 3550 §6.4.1). `None` when the peer had no report of ours.
    pub fn round_trip_s(&self, now_ntp: u64) -> Option<f32> {
        if self.last_sr == 0 {
            return None;
        }
        let now = (now_ntp >> 16) as u32;
        let trip = now.wrapping_sub(self.last_sr).wrapping_sub(self.delay);
        (trip < 1 << 24).then_some(trip as f32 / 65_536.0)
    }
}

/// Counts what arrives of one stream.
#[derive(Clone, Debug)]
pub struct ReceiverStats {
    clock_rate: u32,
    base: Option<u64>,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    jitter_q4: u32,
    transit: Option<i64>,
    origin: Option<Instant>,
    sender: Option<(u64, Instant)>,
}

impl ReceiverStats {
    /// For a stream whose clock runs at `clock_rate` Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            base: None,
            highest: 0,
            received: 0,
            expected_before: 0,
            received_before: 0,
            jitter_q4: 0,
            transit: None,
            origin: None,
            sender: None,
        }
    }

    /// A packet came, not counting duplicates and RTX. `index` is its extended sequence number.
    #[inline]
    pub fn on_packet(&mut self, index: u64, timestamp: u32, now: Instant) {
        if self.base.is_none() {
            self.base = Some(index);
            self.highest = index;
        }
        self.highest = self.highest.max(index);
        self.received += 1;
        let origin = *self.origin.get_or_insert(now);
        let arrival = now.duration_since(origin).as_micros() as i64 * i64::from(self.clock_rate) / 1_000_000;
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit.replace(transit) {
            // RFC 3550 appendix A.8, in sixteenths; a clock that jumps is no jitter.
            let d = i64::from((transit as i32).wrapping_sub(before as i32)).unsigned_abs();
            if d < u64::from(self.clock_rate) {
                let d = d as u32;
                self.jitter_q4 = self.jitter_q4 + d - ((self.jitter_q4 + 8) >> 4);
            }
        }
    }

    /// The sender's report came.
    pub fn on_sender_report(&mut self, ntp: u64, now: Instant) {
        self.sender = Some((ntp, now));
    }

    /// Packets that should have come and did not, so far.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// Packets that came.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The block of the next report; `None` before the first packet. Starts a new interval.
    pub fn report(&mut self, ssrc: u32, now: Instant) -> Option<ReportBlock> {
        self.base?;
        let expected = self.expected();
        let interval = expected - self.expected_before;
        let lost = interval.saturating_sub(self.received - self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let (last_sr, delay) = self.sender.map_or((0, 0), |(ntp, at)| {
            (
                (ntp >> 16) as u32,
                (now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000) as u32,
            )
        });
        Some(ReportBlock {
            ssrc,
            fraction_lost: (lost * 256).checked_div(interval).unwrap_or(0).min(255) as u8,
            cumulative_lost: (expected as i64 - self.received as i64).clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest: self.highest as u32,
            jitter: self.jitter_q4 >> 4,
            last_sr,
            delay,
        })
    }

    fn expected(&self) -> u64 {
        self.base
            .map_or(0, |base| self.highest + 1 - base.min(self.highest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_quarter_lost_is_reported_as_64() {
        let start = Instant::now();
        let mut stats = ReceiverStats::new(90_000);
        for index in (0..100u64).filter(|i| i % 4 != 3) {
            stats.on_packet(
                70_000 + index,
                index as u32 * 3000,
                start + Duration::from_micros(index * 33_333),
            );
        }
        let block = stats.report(5, start).unwrap();
        assert_eq!(block.highest, 70_098);
        assert_eq!(block.cumulative_lost, 24);
        assert_eq!(block.fraction_lost, (24 * 256 / 99) as u8);
        assert!(block.jitter < 10, "{}", block.jitter);
        assert_eq!(stats.report(5, start).unwrap().fraction_lost, 0);
    }

    #[test]
    fn a_block_survives_the_wire() {
        let block = ReportBlock {
            ssrc: 1,
            fraction_lost: 2,
            cumulative_lost: -3,
            highest: 4,
            jitter: 5,
            last_sr: 6,
            delay: 7,
        };
        let mut out = vec![];
        block.write(&mut out);
        assert_eq!(ReportBlock::parse(&out), Some(block));
    }
}
