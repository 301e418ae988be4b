//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): recorded, built, read.
use super::write::{finish, start};
use crate::rtp::{extend, u16_at, u32_at};
use std::collections::VecDeque;

/// One delta unit in µs.
const TICK_US: i64 = 250;
/// The reference time's unit in µs.
const REFERENCE_US: i64 = 64_000;
/// Packets one feedback may cover; more are split.
const MAX_STATUSES: u64 = 400;
/// Arrivals kept between two feedbacks.
const MAX_ARRIVALS: usize = 2_000;

/// Records arrivals of one transport and makes feedback of them. Browsers will not raise their bitrate without it.
#[derive(Clone, Debug, Default)]
pub struct TwccRecorder {
    /// (extended transport sequence, arrival µs), rising by sequence.
    arrivals: VecDeque<(u64, i64)>,
    highest: Option<u64>,
    /// First sequence number the next feedback speaks of.
    next: u64,
    count: u8,
}

impl TwccRecorder {
    /// A packet with transport sequence number `sequence` came at `arrival_us` (any steady origin).
    #[inline]
    pub fn on_packet(&mut self, sequence: u16, arrival_us: i64) {
        let index = match self.highest {
            None => {
                let first = u64::from(sequence) + (1 << 16);
                self.next = first;
                first
            }
            Some(highest) => extend(highest, sequence),
        };
        self.highest = Some(self.highest.map_or(index, |h| h.max(index)));
        if index < self.next {
            return;
        }
        if self.arrivals.len() >= MAX_ARRIVALS {
            self.arrivals.pop_front();
        }
        match self.arrivals.back() {
            Some((last, _)) if *last >= index => {
                if let Err(at) = self.arrivals.binary_search_by_key(&index, |(i, _)| *i) {
                    self.arrivals.insert(at, (index, arrival_us));
                }
            }
            _ => self.arrivals.push_back((index, arrival_us)),
        }
    }

    /// Whether there is anything to tell.
    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Appends feedback packets about all arrivals since the last time.
    pub fn write(&mut self, out: &mut Vec<u8>, sender: u32, media_ssrc: u32) {
        while let Some(&(first, arrival)) = self.arrivals.front() {
            // A long outage is not worth a status for each packet lost in it.
            if first.saturating_sub(self.next) > MAX_STATUSES / 2 {
                self.next = first;
            }
            self.write_one(out, sender, media_ssrc, arrival);
        }
    }

    fn write_one(&mut self, out: &mut Vec<u8>, sender: u32, media_ssrc: u32, first_arrival: i64) {
        let base = self.next;
        let reference = first_arrival.div_euclid(REFERENCE_US);
        let mut clock = reference * REFERENCE_US;
        let mut statuses: Vec<u8> = Vec::with_capacity(64);
        let mut deltas: Vec<u8> = Vec::with_capacity(64);
        while let Some(&(index, arrival)) = self.arrivals.front() {
            if index - base >= MAX_STATUSES {
                break;
            }
            let ticks = (arrival - clock).div_euclid(TICK_US);
            if !(-0x8000..=0x7fff).contains(&ticks) {
                break; // the next feedback has a reference time of its own
            }
            self.arrivals.pop_front();
            statuses.resize((index - base) as usize, 0);
            if (0..=255).contains(&ticks) {
                statuses.push(1);
                deltas.push(ticks as u8);
            } else {
                statuses.push(2);
                deltas.extend_from_slice(&(ticks as i16).to_be_bytes());
            }
            clock += ticks * TICK_US;
            self.next = index + 1;
        }
        let at = start(out, 15, 205);
        out.extend_from_slice(&sender.to_be_bytes());
        out.extend_from_slice(&media_ssrc.to_be_bytes());
        out.extend_from_slice(&(base as u16).to_be_bytes());
        out.extend_from_slice(&(statuses.len() as u16).to_be_bytes());
        out.extend_from_slice(&((reference as u32 & 0xff_ffff) << 8 | u32::from(self.count)).to_be_bytes());
        self.count = self.count.wrapping_add(1);
        write_chunks(out, &statuses);
        out.extend_from_slice(&deltas);
        let padding = (4 - (out.len() - at) % 4) % 4;
        if padding > 0 {
            // §3.1: padding is allowed, and its count stands in the last byte.
            out.resize(out.len() + padding - 1, 0);
            out.push(padding as u8);
            if let Some(first) = out.get_mut(at) {
                *first |= 0x20;
            }
        }
        finish(out, at);
    }
}

/// Run-length chunks (§3.1.3) for runs of at least 7, two-bit vectors (§3.1.4) for the rest.
fn write_chunks(out: &mut Vec<u8>, mut statuses: &[u8]) {
    while let Some(&first) = statuses.first() {
        let run = statuses.iter().take_while(|s| **s == first).count().min(0x1fff);
        let (chunk, taken) = if run >= 7 || run == statuses.len() {
            (u16::from(first) << 13 | run as u16, run)
        } else {
            let taken = statuses.len().min(7);
            let symbols = statuses.iter().take(7).enumerate();
            (
                symbols.fold(0xc000, |bits, (n, s)| bits | u16::from(*s) << (12 - 2 * n)),
                taken,
            )
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        statuses = statuses.get(taken..).unwrap_or(&[]);
    }
}

/// Most packets a feedback may speak of; two bytes can claim 8,191, and a stranger's packet shall not keep us busy.
const MAX_READ: usize = 4_096;

/// Calls `each(sequence, arrival µs or None)` for every packet a feedback speaks of. Times count from the sender's origin.
/// Stops where the feedback is cut short; one that speaks of more than 4,096 packets is passed over.
pub fn read(packet: &[u8], mut each: impl FnMut(u16, Option<i64>)) {
    let (Some(base), Some(count), Some(word)) = (u16_at(packet, 12), u16_at(packet, 14), u32_at(packet, 16))
    else {
        return;
    };
    let count = usize::from(count);
    let Some(mut at) = deltas_at(packet, count) else {
        return;
    };
    let mut clock = i64::from(word as i32 >> 8) * REFERENCE_US;
    let (mut chunk_at, mut within) = (CHUNKS, 0);
    for n in 0..count {
        let Some(mut chunk) = u16_at(packet, chunk_at) else {
            return;
        };
        if within == symbols(chunk) {
            (chunk_at, within) = (chunk_at + 2, 0);
            let Some(next) = u16_at(packet, chunk_at) else {
                return;
            };
            chunk = next;
        }
        let status = symbol(chunk, within);
        within += 1;
        let ticks = match status {
            1 => packet.get(at).map(|delta| i64::from(*delta)),
            2 => u16_at(packet, at).map(|delta| i64::from(delta as i16)),
            _ => {
                each(base.wrapping_add(n as u16), None);
                continue;
            }
        };
        let Some(ticks) = ticks else { return };
        at += usize::from(status);
        clock += ticks * TICK_US;
        each(base.wrapping_add(n as u16), Some(clock));
    }
}

/// Offset of the first chunk.
const CHUNKS: usize = 20;

/// Where the deltas begin: behind as many chunks as `count` packets need.
fn deltas_at(packet: &[u8], count: usize) -> Option<usize> {
    let (mut at, mut covered) = (CHUNKS, 0);
    while covered < count && count <= MAX_READ {
        covered += Some(symbols(u16_at(packet, at)?)).filter(|n| *n > 0)?;
        at += 2;
    }
    (covered >= count).then_some(at)
}

/// How many packets a chunk speaks of.
fn symbols(chunk: u16) -> usize {
    match chunk >> 14 {
        0 | 1 => usize::from(chunk & 0x1fff),
        2 => 14,
        _ => 7,
    }
}

/// What it says of its `n`th.
fn symbol(chunk: u16, n: usize) -> u8 {
    match chunk >> 14 {
        0 | 1 => (chunk >> 13 & 3) as u8,
        2 => (chunk >> (13 - n.min(13)) & 1) as u8,
        _ => (chunk >> (12 - 2 * n.min(6)) & 3) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_arrived_is_told(
            first: u16,
            gaps in proptest::collection::vec((1u64..20, 0i64..200_000), 1..300),
        ) {
            let mut recorder = TwccRecorder::default();
            let (mut index, mut clock) = (u64::from(first), 5_000_000i64);
            let mut sent = vec![];
            for (n, (step, wait)) in gaps.into_iter().enumerate() {
                if n > 0 { index += step; }
                clock += wait;
                recorder.on_packet(index as u16, clock);
                sent.push((index as u16, clock));
            }
            let mut out = vec![];
            recorder.write(&mut out, 1, 2);
            prop_assert!(recorder.is_empty());
            let mut told = vec![];
            crate::rtcp::read(&out, |f| if let crate::rtcp::Feedback::Twcc(packet) = f {
                read(packet, |sequence, arrival| told.extend(arrival.map(|a| (sequence, a))));
            });
            prop_assert_eq!(told.len(), sent.len());
            for ((s, a), (t, b)) in sent.iter().zip(&told) {
                prop_assert_eq!(s, t);
                prop_assert!((a - b).abs() < TICK_US, "{} {}", a, b);
            }
        }
    }

    fn all(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
        let mut told = vec![];
        read(packet, |sequence, arrival| told.push((sequence, arrival)));
        told
    }

    /// Every form of chunk (§3.1.3, §3.1.4) in one packet, made by hand.
    #[test]
    fn every_chunk_is_read() {
        let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        packet.extend([0xff, 0xfe, 0, 19, 0xff, 0xff, 0xff, 0]); // from 65,534, 19 packets, reference -64 ms
        packet.extend([0x20, 2]); // run: two small deltas
        packet.extend([0b1000_0000, 0b0000_0001]); // one bit each: 13 lost, one small delta
        packet.extend([0b1110_0000, 0]); // two bits each: a large delta, two lost
        packet.extend([4, 0, 8, 0xff, 0xfc]);
        let told = all(&packet);
        assert_eq!(told.len(), 19);
        assert_eq!(
            told[..3],
            [(65_534, Some(-63_000)), (65_535, Some(-63_000)), (0, None)]
        );
        assert_eq!(
            told[15..],
            [(13, Some(-61_000)), (14, Some(-62_000)), (15, None), (16, None)]
        );
        assert_eq!(
            all(&packet[..packet.len() - 1]).len(),
            16,
            "cut in the last delta"
        );
        assert_eq!(all(&packet[..24]), [], "cut in the chunks");
    }

    #[test]
    fn a_feedback_that_claims_too_much_is_passed_over() {
        let mut packet = vec![
            0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 0,
        ];
        packet.extend([0x1f, 0xff].repeat(9));
        assert_eq!(all(&packet), []);
    }
}
