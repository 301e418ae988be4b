//! A layered encoder for tests: frames with the dependencies that browsers make, and what their packets carry.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, dead_code)]

/// How spatial layers lean on each other (the names of W3C's scalability modes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `L3T3`: each needs the one below in every picture.
    Full,
    /// `L3T3_KEY`: in key pictures alone.
    Key,
    /// `S3T3`: never.
    Apart,
}

/// A frame of one spatial layer.
#[derive(Clone, Debug)]
pub struct Frame {
    pub number: u16,
    pub picture: u16,
    pub timestamp: u32,
    pub spatial: u8,
    pub temporal: u8,
    pub key: bool,
    /// The highest layer of its picture.
    pub top: bool,
    /// Frames it needs, by number.
    pub needs: Vec<u16>,
    /// Every frame it needs is of a lower temporal layer.
    pub sync: bool,
    tl0: u8,
    inter_layer: bool,
    chains: Vec<u8>,
    indications: Vec<u32>,
    offset: u32,
}

pub struct Encoder {
    pub mode: Mode,
    pub spatial: u8,
    pub temporal: u8,
    number: u16,
    picture: u16,
    timestamp: u32,
    /// Position in the temporal pattern.
    at: usize,
    tl0: u8,
    /// Last frame number of each (spatial, temporal) since the key frame.
    last: Vec<Vec<Option<u16>>>,
    chain: Vec<Option<u16>>,
    offset: u32,
}

impl Encoder {
    pub fn new(mode: Mode, spatial: u8, temporal: u8) -> Self {
        Self {
            mode,
            spatial,
            temporal,
            number: 65_500,
            picture: 0x7ff0,
            timestamp: 4_294_900_000,
            at: 0,
            tl0: 250,
            last: vec![vec![None; 3]; usize::from(spatial)],
            chain: vec![None; usize::from(spatial)],
            offset: 0,
        }
    }

    /// The frames of the next picture, 30 a second.
    pub fn picture(&mut self, key: bool) -> Vec<Frame> {
        if key {
            self.at = 0;
            self.last = vec![vec![None; 3]; usize::from(self.spatial)];
            self.chain = vec![None; usize::from(self.spatial)];
            // As browsers do: templates of successive structures have numbers of their own.
            self.offset = (self.offset + 2 * u32::from(self.spatial) * u32::from(self.temporal)) % 64;
        }
        let pattern: &[u8] = match self.temporal {
            1 => &[0],
            2 => &[0, 1],
            _ => &[0, 2, 1, 2],
        };
        let place = self.at % pattern.len();
        let temporal = usize::from(pattern[place]);
        self.at += 1;
        self.picture = (self.picture + 1) & 0x7fff;
        self.timestamp = self.timestamp.wrapping_add(3000);
        if temporal == 0 {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        let mut frames: Vec<Frame> = vec![];
        for spatial in 0..self.spatial {
            let mine = &self.last[usize::from(spatial)];
            // Of three layers the second picture of the highest leans on the middle one, the first on the lowest.
            let from = if place == 3 { 1 } else { 0 };
            let mut needs: Vec<u16> = mine[from].into_iter().collect();
            let sync = needs.iter().all(|_| from < temporal);
            let leans = match self.mode {
                Mode::Full => true,
                Mode::Key => key,
                Mode::Apart => false,
            };
            let inter_layer = leans && spatial > 0;
            if inter_layer {
                needs.push(frames[usize::from(spatial) - 1].number);
            }
            self.number = self.number.wrapping_add(1);
            let number = self.number;
            let chains = self
                .chain
                .iter()
                .map(|last| last.map_or(0, |last| number.wrapping_sub(last) as u8))
                .collect();
            for chain in 0..self.spatial {
                let part = temporal == 0
                    && match self.mode {
                        Mode::Full => spatial <= chain,
                        Mode::Key => spatial == chain || key && spatial < chain,
                        Mode::Apart => spatial == chain,
                    };
                if part {
                    self.chain[usize::from(chain)] = Some(number);
                }
            }
            self.last[usize::from(spatial)][temporal] = Some(number);
            frames.push(Frame {
                number,
                picture: self.picture,
                timestamp: self.timestamp,
                spatial,
                temporal: temporal as u8,
                key,
                top: spatial + 1 == self.spatial,
                needs,
                sync,
                tl0: self.tl0,
                inter_layer,
                chains,
                indications: self.indications(spatial, temporal as u8, key),
                offset: self.offset,
            });
        }
        frames
    }

    /// What a frame is to each target: 0 not present, 1 discardable, 2 switch, 3 required.
    fn indications(&self, spatial: u8, temporal: u8, key: bool) -> Vec<u32> {
        let mut all = vec![];
        for s in 0..self.spatial {
            for t in 0..self.temporal {
                let leans = match self.mode {
                    Mode::Full => spatial < s,
                    Mode::Key => spatial < s && key,
                    Mode::Apart => false,
                };
                all.push(match () {
                    () if temporal > t || (spatial != s && !leans) => 0,
                    () if leans => 2 + u32::from(!key),
                    () if temporal == 0 || temporal < t => 2,
                    () => 1,
                });
            }
        }
        all
    }

    /// The dependency descriptor of a packet of a frame.
    pub fn descriptor(&self, frame: &Frame, first: bool, last: bool) -> Vec<u8> {
        let mut w = Writer::default();
        w.put(u32::from(first), 1);
        w.put(u32::from(last), 1);
        // Two templates for each layer: a picture between, and a key picture.
        let at = 2 * (u32::from(frame.spatial) * u32::from(self.temporal) + u32::from(frame.temporal))
            + u32::from(frame.key);
        w.put((at + frame.offset) % 64, 6);
        w.put(u32::from(frame.number), 16);
        let attached = first && frame.key && frame.spatial == 0;
        w.put(u32::from(attached), 1);
        w.put(0b0111, 4);
        if attached {
            self.structure(frame.offset, &mut w);
        }
        for indication in &frame.indications {
            w.put(*indication, 2);
        }
        for needed in &frame.needs {
            w.put(3, 2);
            w.put(u32::from(frame.number.wrapping_sub(*needed)) - 1, 12);
        }
        w.put(0, 2);
        for distance in &frame.chains {
            w.put(u32::from(*distance), 8);
        }
        w.bytes()
    }

    fn structure(&self, offset: u32, w: &mut Writer) {
        let targets = u32::from(self.spatial) * u32::from(self.temporal);
        w.put(offset, 6);
        w.put(targets - 1, 5);
        let mut layers = vec![];
        for s in 0..self.spatial {
            for t in 0..self.temporal {
                layers.push((s, t, false));
                layers.push((s, t, true));
            }
        }
        for pair in layers.windows(2) {
            let next = match pair {
                [(s, t, _), (s2, t2, _)] if (s, t) == (s2, t2) => 0,
                [(s, ..), (s2, ..)] if s == s2 => 1,
                _ => 2,
            };
            w.put(next, 2);
        }
        w.put(3, 2);
        for (s, t, key) in &layers {
            for indication in self.indications(*s, *t, *key) {
                w.put(indication, 2);
            }
        }
        for _ in &layers {
            w.put(0, 1); // each frame tells its own
        }
        let chains = u32::from(self.spatial);
        w.nonsymmetric(chains, targets + 1);
        for s in 0..self.spatial {
            for _ in 0..self.temporal {
                w.nonsymmetric(u32::from(s), chains);
            }
        }
        for _ in &layers {
            for _ in 0..chains {
                w.put(0, 4);
            }
        }
        w.put(1, 1);
        for s in 0..u32::from(self.spatial) {
            w.put((320 << s) - 1, 16);
            w.put((180 << s) - 1, 16);
        }
    }

    /// A VP9 payload: its descriptor and some bytes.
    pub fn vp9(&self, frame: &Frame, flexible: bool, first: bool, last: bool) -> Vec<u8> {
        let distances: Vec<u8> = frame
            .needs
            .iter()
            .filter(|_| flexible)
            .filter_map(|needed| {
                // Numbers count frames, and each picture has all layers.
                let frames = frame.number.wrapping_sub(*needed);
                let pictures = frames / u16::from(self.spatial);
                (frames % u16::from(self.spatial) == 0 && pictures > 0).then_some(pictures as u8)
            })
            .collect();
        let predicted = !frame.key;
        let needless = match self.mode {
            Mode::Full => frame.top,
            Mode::Key => frame.top || !frame.key,
            Mode::Apart => true,
        };
        let announces = first && frame.key && frame.spatial == 0;
        let mut out = vec![
            0xa0 | u8::from(predicted) << 6
                | u8::from(announces) << 1
                | u8::from(flexible) << 4
                | u8::from(first) << 3
                | u8::from(last) << 2
                | u8::from(needless),
            0x80 | (frame.picture >> 8) as u8,
            frame.picture as u8,
            frame.temporal << 5
                | u8::from(frame.sync) << 4
                | frame.spatial << 1
                | u8::from(frame.inter_layer),
        ];
        if !flexible {
            out.push(frame.tl0);
        } else if predicted {
            for (at, distance) in distances.iter().enumerate() {
                out.push(distance << 1 | u8::from(at + 1 < distances.len()));
            }
        }
        if announces {
            out.push((self.spatial - 1) << 5);
        }
        out.extend([0xaa; 20]);
        out
    }

    /// A VP8 payload (one spatial layer).
    pub fn vp8(&self, frame: &Frame, first: bool) -> Vec<u8> {
        let mut out = vec![
            0x80 | u8::from(first) << 4,
            0xe0,
            0x80 | (frame.picture >> 8) as u8,
            frame.picture as u8,
            frame.tl0,
            frame.temporal << 6 | u8::from(frame.sync) << 5,
            u8::from(!frame.key),
        ];
        out.extend([0xaa; 20]);
        out
    }
}

#[derive(Default)]
struct Writer {
    bits: Vec<bool>,
}

impl Writer {
    fn put(&mut self, value: u32, count: u32) {
        self.bits
            .extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn nonsymmetric(&mut self, value: u32, n: u32) {
        let width = 32 - n.leading_zeros();
        let short = (1 << width) - n;
        if value < short {
            self.put(value, width - 1);
        } else {
            self.put(value + short, width);
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |c: &[bool]| {
            let bits = c.iter().enumerate();
            bits.fold(0, |b, (n, on)| b | u8::from(*on) << (7 - n))
        };
        self.bits.chunks(8).map(byte).collect()
    }
}
