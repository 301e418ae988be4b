//! One subscriber's numbers: sequence, timestamp and VP8 picture ids stay gap-free while the source behind them changes and while
//! packets of it are left out.
//!
//! Called for each packet of the source. A source is entered at a key frame with [`Rewriter::enter`]; from then on numbers are the
//! source's plus a shift that changes with each packet left out ([`Rewriter::skip`]) and is remembered by place, so that packets lost
//! on the way in leave the gap that NACK needs, and one recovered later fills it.
use roomful_rtc::codec::vp8::Descriptor;
use std::time::Instant;

/// Packets a subscriber can ask for again.
const HISTORY: usize = 512;
/// How much faster a subscriber's clock shows what it gets out of the ring. Less than the ticks between two frames (1,500 at
/// 60 frames a second), so that frames stay apart.
const HURRY: u32 = 16;
/// Packets after which nothing out of the ring can be asked for any more; then time needs no bending.
const HURRIED: u64 = 1024;
/// SRTP's rollover is safest to guess far from a wrap (RFC 3711 §3.3.1).
const FIRST_INDEX: u64 = 1_000;

/// Places at which the shift changed that are remembered: about four seconds of a stream sent at half its rate.
const SHIFTS: usize = 64;

/// What a number that was sent stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Index as sent, to tell a stale entry.
    index: u64,
    /// Its index in the source.
    pub source: u64,
    /// Which stream of the track.
    pub stream: u16,
    /// Added to the picture id.
    pub picture_shift: u16,
    /// The decode target that was followed, [`NO_TARGET`] when none was.
    pub target: u8,
    /// End of a picture.
    pub marker: bool,
    /// Nothing but padding went out: the source's packet was left out after its number was kept free for it.
    pub padding: bool,
    /// When it was sent again, in ms of any clock; 0 for never.
    again: u32,
}

/// See [`Sent::target`].
pub const NO_TARGET: u8 = u8::MAX;

/// From this source index on, until the next place.
#[derive(Clone, Copy, Debug, Default)]
struct Shift {
    from: u64,
    index: i64,
    picture: u16,
}

/// The numbers of one subscription.
#[derive(Debug)]
pub struct Rewriter {
    clock_rate: u32,
    stream: u16,
    /// Source index at which this source was entered.
    entered: u64,
    /// Highest source index that was seen, sent or not.
    seen: u64,
    /// The last changes, newest at `latest`.
    shifts: [Shift; SHIFTS],
    latest: usize,
    timestamp_shift: u32,
    /// Source time at which the source was live when it was entered out of the ring.
    live: Option<u32>,
    tl0_shift: u8,
    key_shift: u8,
    number_shift: u16,
    highest: Option<u64>,
    last_timestamp: u32,
    last_sent: Option<Instant>,
    last_picture: u16,
    last_skipped: Option<u16>,
    last_tl0: u8,
    last_key: u8,
    last_number: u16,
    history: Vec<Sent>,
}

impl Rewriter {
    /// `first_timestamp` is random; `clock_rate` in Hz.
    pub fn new(clock_rate: u32, first_timestamp: u32) -> Self {
        Self {
            clock_rate,
            stream: 0,
            entered: 0,
            seen: 0,
            shifts: [Shift::default(); SHIFTS],
            latest: 0,
            timestamp_shift: 0,
            live: None,
            tl0_shift: 0,
            key_shift: 0,
            number_shift: 0,
            highest: None,
            last_timestamp: first_timestamp,
            last_sent: None,
            last_picture: (first_timestamp as u16) & 0x3fff,
            last_skipped: None,
            last_tl0: 0,
            last_key: 0,
            last_number: 0,
            history: Vec::new(),
        }
    }

    /// From now on packets come from `stream`, beginning with this one. `vp8`: its payload when it is VP8; `number`: its frame
    /// number when it has a dependency descriptor.
    pub fn enter(
        &mut self,
        stream: u16,
        source: u64,
        timestamp: u32,
        vp8: Option<&[u8]>,
        number: Option<u16>,
        now: Instant,
    ) {
        self.stream = stream;
        self.entered = source;
        self.live = None;
        self.seen = source.saturating_sub(1);
        let next = self.highest.map_or(FIRST_INDEX, |h| h + 1);
        // Time went on while the sources changed: so does the subscriber's clock, by at least one tick.
        let elapsed = self.last_sent.map_or(0, |at| {
            (now.saturating_duration_since(at).as_micros() as u64 * u64::from(self.clock_rate) / 1_000_000)
                as u32
        });
        self.timestamp_shift = self
            .last_timestamp
            .wrapping_add(elapsed.max(1))
            .wrapping_sub(timestamp);
        let mut picture = 0;
        if let Some(d) = vp8.and_then(Descriptor::parse) {
            picture = self
                .last_picture
                .wrapping_add(1)
                .wrapping_sub(d.picture_id.unwrap_or(0));
            self.tl0_shift = self
                .last_tl0
                .wrapping_add(1)
                .wrapping_sub(d.tl0_pic_idx.unwrap_or(0));
            self.key_shift = self.last_key.wrapping_add(1).wrapping_sub(d.key_idx.unwrap_or(0));
        }
        if let Some(number) = number {
            self.number_shift = self.last_number.wrapping_add(1).wrapping_sub(number);
        }
        self.last_skipped = None;
        self.shifts = [Shift::default(); SHIFTS];
        self.latest = 0;
        self.shifts[0] = Shift {
            from: source,
            index: next as i64 - source as i64,
            picture,
        };
        if self.history.is_empty() {
            self.history.resize(HISTORY, Sent::default());
        }
    }

    /// The number and the time of a packet without content, before the first source is entered; `None` after that.
    pub fn vacant(&mut self) -> Option<(u64, u32)> {
        if !self.history.is_empty() {
            return None;
        }
        let index = self.highest.map_or(FIRST_INDEX, |h| h + 1);
        self.highest = Some(index);
        Some((index, self.last_timestamp))
    }

    /// The source was entered behind the present, which is at `live` in its clock: until then its time is drawn close together, so
    /// that what comes in one burst is shown at once and not at the pace at which it was taken in.
    pub fn hurry(&mut self, entered: u32, live: u32) {
        self.live = Some(live);
        let drawn = self.timestamp(entered).wrapping_sub(self.timestamp_shift);
        self.timestamp_shift = self.timestamp_shift.wrapping_add(entered.wrapping_sub(drawn));
    }

    /// The shift at a place of the source; `None` before it was entered, or when that is forgotten.
    #[inline]
    fn shift(&self, source: u64) -> Option<Shift> {
        if source < self.entered {
            return None;
        }
        let place = |back: usize| self.shifts.get((self.latest + SHIFTS - back) % SHIFTS).copied();
        let mut back = 0;
        loop {
            let shift = place(back)?;
            if shift.from <= source {
                // A place that was never used is 0 and finds every source.
                return (shift.from >= self.entered).then_some(shift);
            }
            back += 1;
            if back == SHIFTS {
                return None;
            }
        }
    }

    /// The number to send a source packet under, remembered with what else it is sent as; `None` for one from before the source
    /// was entered.
    #[inline]
    pub fn index(&mut self, source: u64, marker: bool, target: Option<u8>) -> Option<(u64, Sent)> {
        let shift = self.shift(source)?;
        if self.live.is_some() && source - self.entered > HURRIED {
            self.live = None;
        }
        self.seen = self.seen.max(source);
        let index = (source as i64 + shift.index) as u64;
        let sent = Sent {
            index,
            source,
            stream: self.stream,
            picture_shift: shift.picture,
            target: target.unwrap_or(NO_TARGET),
            marker,
            padding: false,
            again: 0,
        };
        self.remember(sent);
        Some((index, sent))
    }

    /// A source packet is left out, and `picture` with it (VP8's picture id). The number that was kept free for one that comes late
    /// is returned: padding shall fill it.
    #[inline]
    pub fn skip(&mut self, source: u64, picture: Option<u16>) -> Option<u64> {
        let mut shift = self.shift(source)?;
        if source <= self.seen {
            let index = (source as i64 + shift.index) as u64;
            self.highest = self.highest.max(Some(index));
            self.remember(Sent {
                index,
                source,
                stream: self.stream,
                padding: true,
                ..Sent::default()
            });
            return Some(index);
        }
        self.seen = source;
        shift.index -= 1;
        if picture.is_some() && picture != self.last_skipped {
            shift.picture = shift.picture.wrapping_sub(1);
            self.last_skipped = picture;
        }
        // Packets left out one behind the other are one change.
        let ongoing = self
            .shifts
            .get(self.latest)
            .is_some_and(|s| s.from == source && source > self.entered);
        if !ongoing {
            self.latest = (self.latest + 1) % SHIFTS;
        }
        shift.from = source + 1;
        if let Some(slot) = self.shifts.get_mut(self.latest) {
            *slot = shift;
        }
        None
    }

    fn remember(&mut self, sent: Sent) {
        if let Some(entry) = self.history.get_mut((sent.index % HISTORY as u64) as usize) {
            *entry = sent;
        }
    }

    /// The time to send it under.
    #[inline]
    pub fn timestamp(&self, timestamp: u32) -> u32 {
        let behind = self.live.map_or(0, |live| live.wrapping_sub(timestamp));
        // 2^31 and more is after `live`.
        let saved = if behind < 1 << 31 {
            behind - behind / HURRY
        } else {
            0
        };
        timestamp.wrapping_add(saved).wrapping_add(self.timestamp_shift)
    }

    /// What is added to the frame numbers of dependency descriptors.
    #[inline]
    pub fn number_shift(&self) -> u16 {
        self.number_shift
    }

    /// Writes VP8's numbers over a copied payload.
    #[inline]
    pub fn vp8(&mut self, payload: &mut [u8], sent: &Sent) {
        let Some(d) = Descriptor::parse(payload) else {
            return;
        };
        let picture = d.picture_id.unwrap_or(0).wrapping_add(sent.picture_shift) & 0x7fff;
        let tl0 = d.tl0_pic_idx.unwrap_or(0).wrapping_add(self.tl0_shift);
        let key = d.key_idx.unwrap_or(0).wrapping_add(self.key_shift) & 0x1f;
        d.rewrite(payload, picture, tl0, key);
        if self.highest.is_none_or(|highest| sent.index > highest) {
            self.last_picture = picture;
            self.last_tl0 = tl0;
            self.last_key = key;
        }
    }

    /// The packet was written; `number` is its frame's number as sent.
    #[inline]
    pub fn sent(&mut self, index: u64, timestamp: u32, number: Option<u16>, now: Instant) {
        if self.highest.is_none_or(|h| index > h) {
            self.highest = Some(index);
            self.last_timestamp = timestamp;
            self.last_sent = Some(now);
            self.last_number = number.unwrap_or(self.last_number);
        }
    }

    /// What a subscriber asks for again at `at` ms; nothing if that went out again less than `least` ms ago: what asks for it a second
    /// time has crossed the answer.
    pub fn again(&mut self, sequence: u16, at: u32, least: u32) -> Option<(u64, Sent)> {
        let index = roomful_rtc::rtp::extend(self.highest?, sequence);
        let sent = self.history.get_mut((index % HISTORY as u64) as usize)?;
        let known = sent.index == index && index >= FIRST_INDEX;
        if !known || (sent.again != 0 && at.wrapping_sub(sent.again) < least) {
            return None;
        }
        sent.again = at.max(1);
        Some((index, *sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn what_comes_out_of_the_ring_is_shown_in_a_hurry_and_then_at_its_own_pace() {
        let mut rewriter = Rewriter::new(90_000, 500);
        let (first, live) = (u32::MAX - 20_000, 25_000u32);
        rewriter.enter(0, 100, first, None, None, Instant::now());
        rewriter.hurry(first, live);
        assert_eq!(rewriter.timestamp(first), 501);
        let late = (live.wrapping_sub(first)) / HURRY;
        assert_eq!(rewriter.timestamp(live), 501 + late);
        assert_eq!(rewriter.timestamp(live + 3000), 501 + late + 3000);
        let shown: Vec<u32> = (0..30)
            .map(|n| rewriter.timestamp(first.wrapping_add(n * 1500)))
            .collect();
        assert!(shown.windows(2).all(|pair| pair[1] > pair[0]), "{shown:?}");
        // Hours later the clock has come around: nothing is bent any more.
        rewriter.index(100 + HURRIED + 1, false, None);
        let step = rewriter
            .timestamp(live)
            .wrapping_sub(rewriter.timestamp(live - 3000));
        assert_eq!(step, 3000);
    }

    proptest! {
        #[test]
        fn numbers_have_no_gap_and_time_never_runs_back(
            runs in proptest::collection::vec((1_000u64..1 << 40, any::<u32>(), 1u64..200), 1..20),
        ) {
            let mut now = Instant::now();
            let mut rewriter = Rewriter::new(90_000, 77);
            let mut expected = FIRST_INDEX;
            let mut last: Option<u32> = None;
            for (n, (source, timestamp, length)) in runs.into_iter().enumerate() {
                rewriter.enter(n as u16, source, timestamp, None, None, now);
                for step in 0..length {
                    let (index, _) = rewriter.index(source + step, false, None).unwrap();
                    let out = rewriter.timestamp(timestamp.wrapping_add(step as u32 * 3000));
                    rewriter.sent(index, out, None, now);
                    prop_assert_eq!(index, expected);
                    expected += 1;
                    if let Some(last) = last {
                        prop_assert!((out.wrapping_sub(last) as i32) > 0);
                    }
                    last = Some(out);
                    now += Duration::from_micros(33_333);
                    prop_assert_eq!(rewriter.again(index as u16, 0, 0).map(|(i, s)| (i, s.source, s.stream)), Some((index, source + step, n as u16)));
                }
                prop_assert_eq!(rewriter.index(source - 1, false, None), None);
            }
        }
    }
}
