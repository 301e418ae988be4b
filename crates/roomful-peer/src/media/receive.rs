//! One stream that comes in: packets into order, order into frames, and what is missing asked for. Called by `media`.
use super::payload::{is_key, join, starts_frame};
use roomful_rtc::codec::Codec;
use roomful_rtc::rtcp::{NackGenerator, ReceiverStats};
use roomful_rtc::rtp::extend;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Packets that wait for others.
const MAX_WAITING: usize = 1024;
/// How long a frame waits for a missing packet: sound, and pictures (which are asked for again).
const SOUND_WAITS: Duration = Duration::from_millis(60);
const PICTURE_WAITS: Duration = Duration::from_millis(600);
/// Between two requests for a key frame.
const KEY_FRAME_EVERY: Duration = Duration::from_millis(500);

/// A whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// As coded; H.264 with start codes.
    pub data: Vec<u8>,
    /// In the codec's clock.
    pub timestamp: u32,
    /// A decoder can begin with it; always so for sound.
    pub key: bool,
    /// Something before it was lost.
    pub after_loss: bool,
    /// Which codec.
    pub codec: Codec,
}

struct Packet {
    codec: Codec,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
    came: Instant,
}

/// See the module.
pub struct Inlet {
    /// The peer's source.
    pub ssrc: u32,
    video: bool,
    nack: NackGenerator,
    /// For reports.
    pub stats: ReceiverStats,
    waiting: BTreeMap<u64, Packet>,
    /// What comes next; `None` before the first packet.
    next: Option<u64>,
    highest: u64,
    /// Pictures are of no use until a key frame comes.
    broken: bool,
    lost: bool,
    wants_key: bool,
    asked_key: Option<Instant>,
}

impl Inlet {
    /// Nothing came yet.
    pub fn new(ssrc: u32, video: bool, clock_rate: u32) -> Self {
        Self {
            ssrc,
            video,
            nack: NackGenerator::default(),
            stats: ReceiverStats::new(clock_rate),
            waiting: BTreeMap::new(),
            next: None,
            highest: 0,
            broken: video,
            lost: false,
            wants_key: false,
            asked_key: None,
        }
    }

    /// A packet, by itself or by RTX.
    #[expect(clippy::too_many_arguments, reason = "a packet's header")]
    pub fn on_packet(
        &mut self,
        codec: Codec,
        sequence: u16,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
        retransmitted: bool,
        now: Instant,
    ) {
        // One wrap ahead, so that what came before the first packet has a number too.
        let index = match self.next {
            None => u64::from(sequence) + (1 << 16),
            Some(_) => extend(self.highest, sequence),
        };
        if !retransmitted {
            self.stats.on_packet(index, timestamp, now);
        }
        self.highest = self.highest.max(index);
        let next = *self.next.get_or_insert(index);
        if self.video && !self.nack.on_packet(index, now) {
            self.wants_key = true;
        }
        if index < next || self.waiting.len() >= MAX_WAITING {
            return;
        }
        self.waiting.entry(index).or_insert_with(|| Packet {
            codec,
            timestamp,
            marker,
            payload: payload.to_vec(),
            came: now,
        });
    }

    /// Whole frames, in order; gives up what waited too long.
    pub fn take(&mut self, now: Instant, out: &mut Vec<Frame>) {
        loop {
            let Some(next) = self.next else { return };
            let Some((&first, packet)) = self.waiting.first_key_value() else {
                return;
            };
            let patience = if self.video { PICTURE_WAITS } else { SOUND_WAITS };
            let late = now.saturating_duration_since(packet.came) >= patience;
            let full = self.waiting.len() >= MAX_WAITING;
            if first != next {
                if !late && !full {
                    return;
                }
                self.give_up(first);
                continue;
            }
            match self.whole(first) {
                Some(last) => self.deliver(first, last, out),
                None if late || full => {
                    // The rest of this frame does not come any more.
                    let timestamp = packet.timestamp;
                    let other = self.waiting.iter().find(|(_, p)| p.timestamp != timestamp);
                    let after = other.map_or(self.highest + 1, |(at, _)| *at);
                    self.give_up(after);
                }
                None => return,
            }
        }
    }

    /// The last packet of the frame that begins at `first`, when all are there.
    fn whole(&self, first: u64) -> Option<u64> {
        if !self.video {
            return Some(first);
        }
        let mut timestamp = None;
        for (expected, (&at, packet)) in (first..).zip(self.waiting.range(first..)) {
            if at != expected {
                return None;
            }
            if *timestamp.get_or_insert(packet.timestamp) != packet.timestamp {
                // Some senders leave the marker out; the next frame ends this one.
                return Some(at - 1);
            }
            if packet.marker {
                return Some(at);
            }
        }
        None
    }

    fn deliver(&mut self, first: u64, last: u64, out: &mut Vec<Frame>) {
        self.next = Some(last + 1);
        let mut data = vec![];
        let mut head: Option<(Codec, u32)> = None;
        let mut sound = true;
        for at in first..=last {
            let Some(packet) = self.waiting.remove(&at) else {
                continue;
            };
            if head.is_none() {
                head = Some((packet.codec, packet.timestamp));
                sound = starts_frame(packet.codec, &packet.payload);
            }
            // Padding that probes the path has no payload.
            if !packet.payload.is_empty() {
                sound &= join(packet.codec, &packet.payload, &mut data).is_some();
            }
        }
        let Some((codec, timestamp)) = head.filter(|_| !data.is_empty()) else {
            return;
        };
        let key = is_key(codec, &data);
        if self.video && (!sound || self.broken && !key) {
            self.broken = true;
            self.wants_key = true;
            self.lost = true;
            return;
        }
        self.broken = false;
        out.push(Frame {
            data,
            timestamp,
            key,
            after_loss: std::mem::take(&mut self.lost),
            codec,
        });
    }

    fn give_up(&mut self, to: u64) {
        self.waiting = self.waiting.split_off(&to);
        self.next = Some(to);
        self.lost = true;
        self.broken |= self.video;
        self.wants_key |= self.video;
    }

    /// Asks for a key frame as soon as that may be asked for again.
    pub fn want_key(&mut self) {
        self.wants_key = self.video;
    }

    /// Whether to ask for a key frame now.
    pub fn asks_key(&mut self, now: Instant) -> bool {
        let due = self.asked_key.is_none_or(|at| now >= at + KEY_FRAME_EVERY);
        if self.wants_key && due {
            self.wants_key = false;
            self.asked_key = Some(now);
            return true;
        }
        false
    }

    /// Sequence numbers to ask for now.
    pub fn missing(&mut self, now: Instant, out: &mut Vec<u16>) {
        if self.video && !self.nack.take(now, Duration::from_millis(60), out) {
            self.wants_key = true;
        }
    }

    /// Whether anything waits for time to pass.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.nack.due().is_some() || self.wants_key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vp8(start: bool, key: bool) -> Vec<u8> {
        vec![if start { 0x10 } else { 0 }, if key { 0 } else { 1 }, 9]
    }

    #[test]
    fn frames_come_in_order_and_a_loss_waits_for_a_key_frame() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut inlet = Inlet::new(5, true, 90_000);
        let put = |inlet: &mut Inlet, n: u16, ts, marker, payload: Vec<u8>, ms| {
            inlet.on_packet(Codec::Vp8, n, ts, marker, &payload, false, at(ms));
        };
        put(&mut inlet, 65_535, 1, false, vp8(true, true), 0);
        put(&mut inlet, 1, 2, true, vp8(true, false), 1);
        let mut out = vec![];
        inlet.take(at(1), &mut out);
        assert!(out.is_empty());
        let mut missing = vec![];
        inlet.missing(at(10), &mut missing);
        assert_eq!(missing, [0]);
        put(&mut inlet, 0, 1, true, vp8(false, true), 12);
        inlet.take(at(12), &mut out);
        let shown: Vec<_> = out.iter().map(|f| (f.timestamp, f.key, f.data.len())).collect();
        assert_eq!(shown, [(1, true, 4), (2, false, 2)]);
        // 2 is lost for good.
        out.clear();
        put(&mut inlet, 3, 4, true, vp8(true, false), 20);
        inlet.take(at(20), &mut out);
        assert!(out.is_empty() && !inlet.asks_key(at(20)));
        inlet.take(at(700), &mut out);
        assert!(out.is_empty());
        assert!(inlet.asks_key(at(700)) && !inlet.asks_key(at(701)));
        put(&mut inlet, 4, 5, true, vp8(true, true), 720);
        inlet.take(at(720), &mut out);
        assert!(out[0].key && out[0].after_loss);
    }

    #[test]
    fn sound_goes_on_after_a_loss() {
        let start = Instant::now();
        let mut inlet = Inlet::new(5, false, 48_000);
        for n in [10u16, 12, 13] {
            inlet.on_packet(
                Codec::Opus,
                n,
                u32::from(n) * 960,
                false,
                &[n as u8],
                false,
                start,
            );
        }
        let mut out = vec![];
        inlet.take(start, &mut out);
        assert_eq!(out.len(), 1);
        inlet.take(start + SOUND_WAITS, &mut out);
        let lost: Vec<_> = out.iter().map(|f| (f.data[0], f.after_loss)).collect();
        assert_eq!(lost, [(10, false), (12, true), (13, false)]);
    }
}
