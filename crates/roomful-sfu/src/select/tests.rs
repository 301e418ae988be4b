use super::*;
use crate::rewrite::Rewriter;
use crate::track::Stream;
use proptest::prelude::*;
use roomful_rtc::codec::{inspect, vp8, Codec};
use roomful_rtc::rtp::Extension;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Instant;
use svc::{Encoder, Frame, Mode};

#[path = "../../tests/support/svc.rs"]
mod svc;

/// What the stream's packets carry.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Av1,
    Vp9 { flexible: bool },
    Vp9WithDependencies,
    Vp8,
}

const FORMATS: [Format; 5] = [
    Format::Av1,
    Format::Vp9 { flexible: true },
    Format::Vp9 { flexible: false },
    Format::Vp9WithDependencies,
    Format::Vp8,
];

/// A packet of a frame and what became of it.
struct Packet {
    frame: usize,
    first: bool,
    last: bool,
}

/// A publisher and one subscriber behind a selector.
struct Rig {
    format: Format,
    encoder: Encoder,
    stream: Stream,
    selector: Selector,
    rewriter: Rewriter,
    entered: bool,
    next: u64,
    packets: Vec<Packet>,
    frames: Vec<Frame>,
    /// Packets that went out, by index: (packet, marker, VP8 picture id); `None` is padding.
    out: BTreeMap<u64, Option<(usize, bool, u16)>>,
    now: Instant,
    first: u64,
    key: u64,
    /// Packets that nothing explained yet.
    waiting: BTreeSet<u64>,
    /// Frames of which a packet came behind a later structure, which does not explain it.
    outdated: HashSet<u16>,
}

impl Rig {
    fn new(format: Format, mode: Mode, spatial: u8, temporal: u8) -> Self {
        let codec = match format {
            Format::Av1 => Codec::Av1,
            Format::Vp8 => Codec::Vp8,
            _ => Codec::Vp9,
        };
        let now = Instant::now();
        Self {
            format,
            encoder: Encoder::new(mode, spatial, temporal),
            stream: Stream::new(0, codec, 1, "", 2),
            selector: Selector::default(),
            rewriter: Rewriter::new(90_000, 5),
            entered: false,
            next: 65_000,
            packets: vec![],
            frames: vec![],
            out: BTreeMap::new(),
            now,
            first: 65_000,
            key: 0,
            waiting: BTreeSet::new(),
            outdated: HashSet::new(),
        }
    }

    /// The next picture is encoded, in two packets a frame; returns their source indices.
    fn encode(&mut self, key: bool) -> Vec<u64> {
        let mut made = vec![];
        for frame in self.encoder.picture(key) {
            let at = self.frames.len();
            self.frames.push(frame);
            for (first, last) in [(true, false), (false, true)] {
                self.packets.push(Packet {
                    frame: at,
                    first,
                    last,
                });
                made.push(self.next);
                self.next += 1;
            }
        }
        made
    }

    fn packet(&self, source: u64) -> (&Packet, &Frame) {
        let packet = &self.packets[(source - self.first) as usize];
        (packet, &self.frames[packet.frame])
    }

    /// A packet comes in; as `media.rs` does.
    fn arrive(&mut self, source: u64, aim: Aim) {
        let (packet, frame) = self.packet(source);
        let (first, last, frame) = (packet.first, packet.last, frame.clone());
        let payload = match self.format {
            Format::Av1 => vec![
                if frame.key && frame.spatial == 0 && first {
                    8
                } else {
                    0
                },
                1,
                2,
            ],
            Format::Vp9WithDependencies => self.encoder.vp9(&frame, true, first, last),
            Format::Vp9 { flexible } => self.encoder.vp9(&frame, flexible, first, last),
            Format::Vp8 => self.encoder.vp8(&frame, first),
        };
        let descriptor = matches!(self.format, Format::Av1 | Format::Vp9WithDependencies)
            .then(|| self.encoder.descriptor(&frame, first, last));
        let stream = &mut self.stream;
        stream.highest = stream.highest.max(source);
        let slot = stream.ring.insert(source).unwrap();
        slot.timestamp = frame.timestamp;
        slot.marker = last && frame.top;
        slot.info = inspect(stream.codec, &payload);
        slot.payload.extend_from_slice(&payload);
        if let Some(value) = &descriptor {
            slot.pass(Extension::DependencyDescriptor, value);
            let read = stream.read_dependencies(source, value);
            if read.is_none() && source < self.key {
                self.outdated.insert(frame.number);
            }
            stream.ring.get_mut(source).unwrap().frame = read;
        }
        let slot = stream.ring.get_mut(source).unwrap();
        slot.info.key_start |= slot.frame.is_some_and(|f| f.key_start());
        let explains = slot.frame.is_some_and(|f| f.structure_attached);
        let slot_starts = slot.info.key_start;
        if slot_starts {
            self.key = self.key.max(source);
        }
        let mut shown: BTreeSet<u64> = [source].into();
        if explains {
            shown.extend(stream.read_again(source));
        }
        if !self.entered && slot_starts {
            // Entering shows what came before.
            shown = [source].into();
        }
        stream.learn_layers(source, self.now);
        for source in shown {
            self.show(source, aim);
        }
    }

    /// As `forward.rs` does.
    fn show(&mut self, source: u64, aim: Aim) {
        let slot = self.stream.ring.get(source).unwrap();
        let vp8_payload = (self.format == Format::Vp8).then_some(slot.payload.as_slice());
        if !self.entered {
            if !slot.info.key_start {
                return;
            }
            let number = slot.frame.map(|f| f.number);
            self.rewriter
                .enter(0, source, slot.timestamp, vp8_payload, number, self.now);
            self.selector.enter(source, slot);
            self.entered = true;
            for later in source..=self.stream.highest {
                if self.stream.ring.get(later).is_some() {
                    self.show(later, aim);
                }
            }
            return;
        }
        self.waiting.remove(&source);
        match self.selector.take(source, slot, &self.stream, Some(aim)) {
            Choice::Send { last, target } => {
                let Some((index, sent)) = self.rewriter.index(source, slot.marker || last, target) else {
                    return;
                };
                let mut picture = 0;
                if vp8_payload.is_some() {
                    let mut copy = slot.payload.clone();
                    self.rewriter.vp8(&mut copy, &sent);
                    picture = vp8::Descriptor::parse(&copy).unwrap().picture_id.unwrap();
                }
                let time = self.rewriter.timestamp(slot.timestamp);
                self.rewriter.sent(index, time, None, self.now);
                let at = (source - self.first) as usize;
                let before = self.out.insert(index, Some((at, sent.marker, picture)));
                assert!(before.is_none(), "index {index} was used twice");
            }
            Choice::Skip => {
                let picture = slot.info.picture.filter(|_| vp8_payload.is_some());
                if let Some(index) = self.rewriter.skip(source, picture) {
                    assert!(
                        self.out.insert(index, None).is_none(),
                        "index {index} was used twice"
                    );
                }
            }
            Choice::Wait => {
                self.waiting.insert(source);
            }
        }
    }

    fn needs_key(&self, aim: Aim) -> bool {
        !self.entered || self.selector.needs_key_frame(&self.stream, aim)
    }

    /// Frames of which every packet went out.
    fn sent(&self) -> Vec<usize> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for (packet, ..) in self.out.values().flatten() {
            *counts.entry(self.packets[*packet].frame).or_default() += 1;
        }
        counts
            .into_iter()
            .filter(|(_, n)| *n == 2)
            .map(|(frame, _)| frame)
            .collect()
    }

    /// Of `frames`, those that lack something they need.
    fn broken(&self, frames: &[usize], lost: &HashSet<u16>) -> Vec<usize> {
        let have: HashSet<u16> = frames.iter().map(|at| self.frames[*at].number).collect();
        let lacks = |at: &&usize| {
            let needs = &self.frames[**at].needs;
            needs.iter().any(|n| !have.contains(n) && !lost.contains(n))
        };
        frames.iter().filter(lacks).copied().collect()
    }
}

fn modes(format: Format) -> Vec<(Mode, u8, u8)> {
    if format == Format::Vp8 {
        return vec![(Mode::Full, 1, 1), (Mode::Full, 1, 2), (Mode::Full, 1, 3)];
    }
    let mut all = vec![];
    for mode in [Mode::Full, Mode::Key, Mode::Apart] {
        // Simulcast inside of one stream is told by dependency descriptors alone.
        if mode == Mode::Apart && matches!(format, Format::Vp9 { .. }) {
            continue;
        }
        for (spatial, temporal) in [(1, 1), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2), (3, 3)] {
            all.push((mode, spatial, temporal));
        }
    }
    all
}

/// A format, a mode of it, and aims each held for some pictures.
type Story = (Format, (Mode, u8, u8), Vec<(u8, u8, usize)>);

fn story() -> impl Strategy<Value = Story> {
    let format = prop::sample::select(FORMATS.to_vec());
    let aims = proptest::collection::vec((0u8..3, 0u8..3, 1usize..40), 1..12);
    (format, any::<prop::sample::Index>(), aims).prop_map(|(format, mode, aims)| {
        let modes = modes(format);
        (format, modes[mode.index(modes.len())], aims)
    })
}

fn aim(spatial: u8, temporal: u8, of: (Mode, u8, u8)) -> Aim {
    Aim {
        spatial: spatial.min(of.1 - 1),
        temporal: temporal.min(of.2 - 1),
    }
}

proptest! {
    #[test]
    fn whatever_is_aimed_at_what_goes_out_is_whole((format, mode, aims) in story()) {
        let mut rig = Rig::new(format, mode.0, mode.1, mode.2);
        for (spatial, temporal, pictures) in aims {
            let aim = aim(spatial, temporal, mode);
            for _ in 0..pictures + 12 {
                let key = rig.needs_key(aim);
                for source in rig.encode(key) {
                    rig.arrive(source, aim);
                }
            }
            // It was reached: of the last eight pictures the right ones went out, up to the right layer.
            let sent = rig.sent();
            let last = rig.frames.last().unwrap().picture;
            let recent = |f: &Frame| last.wrapping_sub(f.picture) & 0x7fff < 8;
            for frame in rig.frames.iter().filter(|f| recent(f)) {
                let out = sent.iter().any(|at| rig.frames[*at].number == frame.number);
                if frame.spatial == aim.spatial {
                    prop_assert_eq!(out, frame.temporal <= aim.temporal, "{:?} {:?}", frame, aim);
                } else if frame.spatial > aim.spatial {
                    prop_assert!(!out);
                }
            }
        }
        let sent = rig.sent();
        prop_assert_eq!(rig.broken(&sent, &HashSet::new()), Vec::<usize>::new());
        // Nothing is padded, no number is missing, each picture ends with its marker and nowhere else.
        let all: Vec<(u64, (usize, bool, u16))> =
            rig.out.iter().map(|(index, packet)| (*index, packet.expect("no padding"))).collect();
        prop_assert!(all.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1));
        let frame = |packet: usize| &rig.frames[rig.packets[packet].frame];
        for pair in all.windows(2) {
            let [(_, (packet, marker, picture)), (_, (next, _, next_picture))] = pair else { unreachable!() };
            let ends = frame(*packet).timestamp != frame(*next).timestamp;
            prop_assert_eq!(*marker, ends, "{:?}", frame(*packet));
            if format == Format::Vp8 {
                let step = next_picture.wrapping_sub(*picture) & 0x7fff;
                prop_assert_eq!(step, u16::from(ends));
            }
        }
    }

    #[test]
    fn losses_on_the_way_in_leave_holes_that_repairs_fill(
        (format, mode, aims) in story(),
        seed: u64,
        repaired in prop_oneof![0u8..100, Just(100)],
    ) {
        let mut rig = Rig::new(format, mode.0, mode.1, mode.2);
        let mut state = seed;
        let mut luck = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        let mut late: Vec<(usize, u64)> = vec![];
        let mut lost: HashSet<u16> = HashSet::new();
        let mut pictures = 0;
        let mut arrived: HashSet<u64> = HashSet::new();
        for (spatial, temporal, count) in aims {
            let aim = aim(spatial, temporal, mode);
            for _ in 0..count {
                pictures += 1;
                let key = rig.needs_key(aim) && luck() % 4 == 0;
                for source in rig.encode(key) {
                    if luck() < 20 {
                        if luck() % 100 < repaired {
                            late.push((pictures + usize::from(luck() % 4), source));
                        } else {
                            lost.insert(rig.packet(source).1.number);
                        }
                        continue;
                    }
                    arrived.insert(source);
                    rig.arrive(source, aim);
                }
                let (due, rest) = late.into_iter().partition(|(at, _)| *at <= pictures);
                late = rest;
                for (_, source) in due {
                    arrived.insert(source);
                    rig.arrive(source, aim);
                }
            }
        }
        for (_, source) in late {
            lost.insert(rig.packet(source).1.number);
        }
        // Where two key frames come at once and the first one late, what lies between them is never explained.
        lost.extend(rig.waiting.iter().map(|source| rig.packet(*source).1.number));
        if lost.is_empty() {
            // Everything came in the end: frames, or padding where a frame was left out after its number was kept free.
            let numbers: Vec<u64> = rig.out.keys().copied().collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
        }
        lost.extend(&rig.outdated);
        let sent = rig.sent();
        let broken = rig.broken(&sent, &lost);
        prop_assert!(broken.is_empty(), "{:?}", broken.iter().map(|at| &rig.frames[*at]).collect::<Vec<_>>());
    }
}
