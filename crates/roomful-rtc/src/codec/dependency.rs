//! The dependency descriptor (AV1 RTP specification, appendix A): which frames a decode target needs, without looking into the
//! payload, so that end-to-end encrypted video is filtered too.
//!
//! Called by the router with the value of the header extension: once when a packet came in ([`DependencyReader`]), and once for each
//! subscriber that is sent less than everything ([`rewrite`]). Only a structure (once a key frame) allocates, at most 64 templates.

const MAX_TEMPLATES: usize = 64;
const MAX_TARGETS: usize = 32;
/// Chains that are followed; browsers make one for each spatial layer.
pub const MAX_CHAINS: usize = 8;
/// AV1 has seven reference frames.
const MAX_REFERENCES: usize = 8;
/// Bits before the structure: the three bytes that are always there, and five flags.
const FIXED_BITS: usize = 24;
const FLAG_BITS: usize = 5;
const MAX_SPATIAL: u8 = 4;
const MAX_TEMPORAL: u8 = 8;

/// What a frame is to a decode target (§A.3, decode target indications).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indication {
    /// No part of the target.
    NotPresent,
    /// Part of it, and no other frame of it needs this one.
    Discardable,
    /// Who has everything up to here may join the target at this frame.
    Switch,
    /// Other frames of the target need it.
    Required,
}

/// One operating point of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its highest spatial layer.
    pub spatial: u8,
    /// Its highest temporal layer.
    pub temporal: u8,
    /// The chain of frames whose completeness lets it be decoded; `None` when the stream has no chains.
    pub chain: Option<u8>,
}

/// What one packet's descriptor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// First packet of the frame of this layer.
    pub starts_frame: bool,
    /// Last packet of the frame of this layer.
    pub ends_frame: bool,
    /// Counts frames of all layers, and wraps.
    pub number: u16,
    /// Spatial layer, 0–3.
    pub spatial: u8,
    /// Temporal layer, 0–7.
    pub temporal: u8,
    /// Needs an earlier frame.
    pub depends: bool,
    /// A new structure came with this packet: a coded video sequence begins.
    pub structure_attached: bool,
    /// The packet says which targets are being sent.
    pub mask_told: bool,
    /// Counts the structures that had other targets than the one before: what a target's number means.
    pub generation: u8,
    /// Bits of the value before the mask's place; 0 when the value has three bytes alone.
    mask_at: u16,
    targets: u8,
    chain_count: u8,
    reference_count: u8,
    chains: [u8; MAX_CHAINS],
    indications: u64,
    references: [u16; MAX_REFERENCES],
}

impl Frame {
    /// What the frame is to a target.
    #[inline]
    pub fn indication(&self, target: usize) -> Indication {
        if target >= usize::from(self.targets) {
            return Indication::NotPresent;
        }
        match self.indications >> (2 * target) & 3 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }

    /// How many frames back the chain's frame before this one is; 0 when the chain begins here. `None`: no such chain.
    #[inline]
    pub fn chain_distance(&self, chain: usize) -> Option<u8> {
        self.chains
            .get(..usize::from(self.chain_count))?
            .get(chain)
            .copied()
    }

    /// How many frames back the frames are that this one needs.
    #[inline]
    pub fn references(&self) -> &[u16] {
        self.references
            .get(..usize::from(self.reference_count))
            .unwrap_or(&[])
    }

    /// A decoder can start here.
    #[inline]
    pub fn key_start(&self) -> bool {
        self.starts_frame && self.structure_attached && !self.depends
    }
}

#[derive(Clone, Copy, Debug)]
struct Template {
    spatial: u8,
    temporal: u8,
    indications: u64,
    references: [u16; MAX_REFERENCES],
    reference_count: u8,
    chains: [u8; MAX_CHAINS],
}

#[derive(Clone, Debug)]
struct Structure {
    offset: u8,
    templates: Vec<Template>,
    targets: [Target; MAX_TARGETS],
    /// For each target a bit for every target whose frames are all among its own.
    contained: [u32; MAX_TARGETS],
    target_count: u8,
    chain_count: u8,
    resolutions: Option<[(u32, u32); MAX_SPATIAL as usize]>,
}

/// Reads the descriptors of one stream and keeps its structure. Give it packets as they come; a packet that was sent before the
/// structure in force is mostly not readable, and is no loss to anybody who follows the new one.
#[derive(Clone, Debug, Default)]
pub struct DependencyReader {
    structure: Option<Structure>,
    active: u32,
    generation: u8,
}

impl DependencyReader {
    /// Reads an extension's value. `None` when malformed or while no structure is known; nothing is kept then.
    #[inline]
    pub fn read(&mut self, value: &[u8]) -> Option<Frame> {
        let (mut frame, fresh, active) = self.parse(value)?;
        if let Some(fresh) = fresh {
            self.generation = frame.generation;
            self.structure = Some(fresh);
        }
        self.active = active;
        frame.generation = self.generation;
        Some(frame)
    }

    /// Reads the value of a packet that came behind newer ones: what it says of structure and mask is not kept.
    pub fn read_late(&self, value: &[u8]) -> Option<Frame> {
        self.parse(value).map(|(frame, ..)| frame)
    }

    /// A frame, a structure that came with it, and the targets that are sent by what it says.
    fn parse(&self, value: &[u8]) -> Option<(Frame, Option<Structure>, u32)> {
        let fixed: &[u8; 3] = value.first_chunk()?;
        let head = Head {
            starts_frame: fixed[0] & 0x80 != 0,
            ends_frame: fixed[0] & 0x40 != 0,
            template: fixed[0] & 0x3f,
            number: u16::from_be_bytes([fixed[1], fixed[2]]),
        };
        if value.len() == 3 {
            let structure = self.structure.as_ref()?;
            let mut frame = frame(structure, &head, Custom::default(), &mut Bits::new(&[]))?;
            frame.generation = self.generation;
            return Some((frame, None, self.active));
        }
        let mut bits = Bits::new(value);
        bits.at = FIXED_BITS;
        let attached = bits.flag()?;
        let active_told = bits.flag()?;
        let custom = Custom {
            indications: bits.flag()?,
            differences: bits.flag()?,
            chains: bits.flag()?,
        };
        let fresh = if attached {
            Some(Structure::read(&mut bits)?)
        } else {
            None
        };
        let structure = fresh.as_ref().or(self.structure.as_ref())?;
        let count = u32::from(structure.target_count);
        let mask_at = bits.at as u16;
        let mut active = if attached { mask(count) } else { self.active };
        if active_told {
            active = bits.take(count)?;
        }
        let mut frame = frame(structure, &head, custom, &mut bits)?;
        let same = fresh
            .as_ref()
            .is_none_or(|fresh| self.structure.as_ref().is_some_and(|old| old.is_like(fresh)));
        frame.structure_attached = attached;
        frame.mask_told = active_told;
        frame.mask_at = mask_at;
        frame.generation = self.generation.wrapping_add(u8::from(!same));
        Some((frame, fresh, active))
    }

    /// The stream's decode targets; empty before the first structure.
    pub fn targets(&self) -> &[Target] {
        self.structure
            .as_ref()
            .and_then(|s| s.targets.get(..usize::from(s.target_count)))
            .unwrap_or(&[])
    }

    /// Which targets are being sent, a bit each.
    pub fn active(&self) -> u32 {
        self.active
    }

    /// See [`Frame::generation`].
    pub fn generation(&self) -> u8 {
        self.generation
    }

    /// A bit for every target whose frames all belong to `target` too, itself among them.
    #[inline]
    pub fn contained(&self, target: usize) -> u32 {
        self.structure
            .as_ref()
            .and_then(|s| s.contained.get(target).copied())
            .unwrap_or(0)
    }

    /// Width and height in pixels of a spatial layer, when told.
    pub fn resolution(&self, spatial: u8) -> Option<(u32, u32)> {
        let all = self.structure.as_ref()?.resolutions.as_ref()?;
        all.get(usize::from(spatial))
            .copied()
            .filter(|size| *size != (0, 0))
    }

    /// The best active target within a spatial and a temporal layer.
    #[inline]
    pub fn target_within(&self, spatial: u8, temporal: u8) -> Option<usize> {
        let fits = |(at, t): &(usize, &Target)| {
            self.active >> at & 1 == 1 && t.spatial <= spatial && t.temporal <= temporal
        };
        let best = self
            .targets()
            .iter()
            .enumerate()
            .filter(fits)
            .max_by_key(|(_, t)| (t.spatial, t.temporal));
        best.map(|(at, _)| at)
    }
}

struct Head {
    starts_frame: bool,
    ends_frame: bool,
    template: u8,
    number: u16,
}

#[derive(Clone, Copy, Default)]
struct Custom {
    indications: bool,
    differences: bool,
    chains: bool,
}

/// §A.8.2, frame_dependency_definition.
fn frame(structure: &Structure, head: &Head, custom: Custom, bits: &mut Bits<'_>) -> Option<Frame> {
    let at = head.template.wrapping_sub(structure.offset) & 0x3f;
    let template = structure.templates.get(usize::from(at))?;
    let mut frame = Frame {
        starts_frame: head.starts_frame,
        ends_frame: head.ends_frame,
        number: head.number,
        spatial: template.spatial,
        temporal: template.temporal,
        depends: template.reference_count > 0,
        structure_attached: false,
        mask_told: false,
        generation: 0,
        mask_at: 0,
        targets: structure.target_count,
        chain_count: structure.chain_count.min(MAX_CHAINS as u8),
        reference_count: template.reference_count,
        chains: template.chains,
        indications: template.indications,
        references: template.references,
    };
    if custom.indications {
        frame.indications = bits.indications(structure.target_count)?;
    }
    if custom.differences {
        frame.reference_count = 0;
        loop {
            let size = bits.take(2)?;
            if size == 0 {
                break;
            }
            let distance = bits.take(4 * size)? as u16 + 1;
            *frame.references.get_mut(usize::from(frame.reference_count))? = distance;
            frame.reference_count += 1;
        }
        frame.depends = frame.reference_count > 0;
    }
    if custom.chains {
        for at in 0..usize::from(structure.chain_count) {
            let distance = bits.take(8)? as u8;
            if let Some(chain) = frame.chains.get_mut(at) {
                *chain = distance;
            }
        }
    }
    Some(frame)
}

impl Structure {
    /// §A.8.2, template_dependency_structure.
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let offset = bits.take(6)? as u8;
        let target_count = bits.take(5)? as u8 + 1;
        let mut templates = Self::layers(bits)?;
        for template in &mut templates {
            template.indications = bits.indications(target_count)?;
        }
        for template in &mut templates {
            while bits.flag()? {
                let distance = bits.take(4)? as u16 + 1;
                *template
                    .references
                    .get_mut(usize::from(template.reference_count))? = distance;
                template.reference_count += 1;
            }
        }
        let mut targets = [Target::default(); MAX_TARGETS];
        let chain_count = bits.nonsymmetric(u32::from(target_count) + 1)? as u8;
        if chain_count > 0 {
            for target in targets.iter_mut().take(usize::from(target_count)) {
                target.chain = Some(bits.nonsymmetric(u32::from(chain_count))? as u8);
            }
            for template in &mut templates {
                for at in 0..usize::from(chain_count) {
                    let distance = bits.take(4)? as u8;
                    if let Some(chain) = template.chains.get_mut(at) {
                        *chain = distance;
                    }
                }
            }
        }
        for (at, target) in targets.iter_mut().enumerate().take(usize::from(target_count)) {
            for template in templates.iter().filter(|t| t.indications >> (2 * at) & 3 != 0) {
                target.spatial = target.spatial.max(template.spatial);
                target.temporal = target.temporal.max(template.temporal);
            }
        }
        let mut contained = [0u32; MAX_TARGETS];
        for (at, slot) in contained.iter_mut().enumerate().take(usize::from(target_count)) {
            for other in 0..usize::from(target_count) {
                let has = |t: &Template, target: usize| t.indications >> (2 * target) & 3 != 0;
                let all = templates.iter().all(|t| !has(t, other) || has(t, at));
                *slot |= u32::from(all) << other;
            }
        }
        let mut resolutions = None;
        if bits.flag()? {
            let mut all = [(0, 0); MAX_SPATIAL as usize];
            let highest = templates.last().map_or(0, |t| t.spatial);
            for slot in all.iter_mut().take(usize::from(highest) + 1) {
                *slot = (bits.take(16)? + 1, bits.take(16)? + 1);
            }
            resolutions = Some(all);
        }
        Some(Self {
            offset,
            templates,
            targets,
            contained,
            target_count,
            chain_count,
            resolutions,
        })
    }

    /// Whether numbers of targets and chains mean the same in both.
    fn is_like(&self, other: &Self) -> bool {
        self.targets == other.targets
            && self.target_count == other.target_count
            && self.chain_count == other.chain_count
            && self.contained == other.contained
    }

    fn layers(bits: &mut Bits<'_>) -> Option<Vec<Template>> {
        let (mut spatial, mut temporal) = (0, 0);
        let mut templates = Vec::new();
        loop {
            if templates.len() >= MAX_TEMPLATES || spatial >= MAX_SPATIAL || temporal >= MAX_TEMPORAL {
                return None;
            }
            templates.push(Template {
                spatial,
                temporal,
                indications: 0,
                references: [0; MAX_REFERENCES],
                reference_count: 0,
                chains: [0; MAX_CHAINS],
            });
            match bits.take(2)? {
                0 => {}
                1 => temporal += 1,
                2 => (spatial, temporal) = (spatial + 1, 0),
                _ => return Some(templates),
            }
        }
    }
}

/// Writes a descriptor's value as a subscriber shall see it: under another frame number, and, when `mask` is given, with these
/// targets as the ones being sent. `frame` is what was read out of `value`. Returns the length; `None` when it does not fit.
#[inline]
pub fn rewrite(value: &[u8], frame: &Frame, number: u16, mask: Option<u32>, out: &mut [u8]) -> Option<usize> {
    let numbered = |out: &mut [u8]| {
        out.get_mut(1..3)?.copy_from_slice(&number.to_be_bytes());
        Some(())
    };
    let Some(mask) = mask else {
        out.get_mut(..value.len())?.copy_from_slice(value);
        numbered(out)?;
        return Some(value.len());
    };
    let mut writer = Writer { bytes: out, at: 0 };
    writer.copy(value, 0, FIXED_BITS)?;
    let count = u32::from(frame.targets);
    if value.len() == FIXED_BITS / 8 {
        writer.put(0b01000, FLAG_BITS as u32)?;
        writer.put(mask, count)?;
    } else {
        let flags = FIXED_BITS + FLAG_BITS;
        let mut bits = Bits::new(value);
        bits.at = FIXED_BITS;
        writer.put(bits.take(FLAG_BITS as u32)? | 0b01000, FLAG_BITS as u32)?;
        let place = usize::from(frame.mask_at);
        writer.copy(value, flags, place)?;
        writer.put(mask, count)?;
        let rest = if frame.mask_told {
            place + count as usize
        } else {
            place
        };
        writer.copy(value, rest, 8 * value.len())?;
    }
    let length = writer.at.div_ceil(8);
    numbered(out)?;
    Some(length)
}

/// Puts bits, from the highest of each byte down.
struct Writer<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, value: u32, count: u32) -> Option<()> {
        let mut left = count;
        while left > 0 {
            let byte = self.bytes.get_mut(self.at / 8)?;
            let used = (self.at % 8) as u32;
            if used == 0 {
                *byte = 0;
            }
            let taken = (8 - used).min(left);
            let part = (u64::from(value) >> (left - taken)) as u32 & ((1 << taken) - 1);
            *byte |= (part << (8 - used - taken)) as u8;
            self.at += taken as usize;
            left -= taken;
        }
        Some(())
    }

    /// Bits `from..to` of another value.
    fn copy(&mut self, value: &[u8], from: usize, to: usize) -> Option<()> {
        let mut bits = Bits::new(value);
        bits.at = from;
        while bits.at < to {
            let count = (to - bits.at).min(24) as u32;
            let part = bits.take(count)?;
            self.put(part, count)?;
        }
        Some(())
    }
}

fn mask(count: u32) -> u32 {
    ((1u64 << count.min(32)) - 1) as u32
}

/// Bits from the highest of each byte down.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let (mut value, mut left) = (0u64, count);
        while left > 0 {
            let byte = u64::from(*self.bytes.get(self.at / 8)?);
            let free = 8 - (self.at % 8) as u32;
            let taken = free.min(left);
            value = value << taken | byte >> (free - taken) & ((1 << taken) - 1);
            self.at += taken as usize;
            left -= taken;
        }
        Some(value as u32)
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == 1)
    }

    /// Two bits for each target, the first target lowest.
    fn indications(&mut self, targets: u8) -> Option<u64> {
        let mut all = 0;
        for target in 0..u32::from(targets) {
            all |= u64::from(self.take(2)?) << (2 * target);
        }
        Some(all)
    }

    /// §A.8.1, ns(n): a number below `n` (which is not 0).
    fn nonsymmetric(&mut self, n: u32) -> Option<u32> {
        let width = 32 - n.leading_zeros();
        let short = (1u32 << width) - n;
        let value = self.take(width.checked_sub(1)?)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.take(1)?)
    }
}

#[cfg(test)]
#[path = "dependency_tests.rs"]
mod tests;
