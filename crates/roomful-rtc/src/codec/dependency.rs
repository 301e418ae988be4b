//! The dependency descriptor (AV1 RTP specification, appendix A): which frames a decode target needs, without looking into the
//! payload, so that end-to-end encrypted video is filtered too.
//!
//! Called by the router with the value of the header extension. Only a structure (once a key frame) allocates, at most
//! 64 templates. Never rewrites.
use super::PacketInfo;

const MAX_TEMPLATES: usize = 64;
const MAX_TARGETS: usize = 32;
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
    /// Width and height in pixels of this spatial layer, when told.
    pub resolution: Option<(u32, u32)>,
    indications: u64,
    targets: u8,
    chains: [u8; MAX_TARGETS],
    chain_count: u8,
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

    /// The same in the words that all codecs share.
    pub fn info(&self) -> PacketInfo {
        PacketInfo {
            key_start: self.starts_frame && self.structure_attached && !self.depends,
            spatial: self.spatial,
            temporal: self.temporal,
            switch_up: (0..usize::from(self.targets))
                .any(|target| self.indication(target) == Indication::Switch),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Template {
    spatial: u8,
    temporal: u8,
    indications: u64,
    depends: bool,
    chains: [u8; MAX_TARGETS],
}

#[derive(Clone, Debug)]
struct Structure {
    offset: u8,
    templates: Vec<Template>,
    targets: [Target; MAX_TARGETS],
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
}

impl DependencyReader {
    /// Reads an extension's value. `None` when malformed or while no structure is known; nothing is kept then.
    #[inline]
    pub fn read(&mut self, value: &[u8]) -> Option<Frame> {
        let fixed: &[u8; 3] = value.first_chunk()?;
        let head = Head {
            starts_frame: fixed[0] & 0x80 != 0,
            ends_frame: fixed[0] & 0x40 != 0,
            template: fixed[0] & 0x3f,
            number: u16::from_be_bytes([fixed[1], fixed[2]]),
        };
        if value.len() == 3 {
            return frame(
                self.structure.as_ref()?,
                &head,
                Custom::default(),
                &mut Bits::new(&[]),
            );
        }
        let mut bits = Bits::new(value.get(3..)?);
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
        let mut active = if attached { mask(count) } else { self.active };
        if active_told {
            active = bits.take(count)?;
        }
        let mut frame = frame(structure, &head, custom, &mut bits)?;
        frame.structure_attached = attached;
        if fresh.is_some() {
            self.structure = fresh;
        }
        self.active = active;
        Some(frame)
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

    /// The best active target within a spatial and a temporal layer.
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
        depends: template.depends,
        structure_attached: false,
        resolution: structure
            .resolutions
            .as_ref()
            .and_then(|all| all.get(usize::from(template.spatial)).copied()),
        indications: template.indications,
        targets: structure.target_count,
        chains: template.chains,
        chain_count: structure.chain_count,
    };
    if custom.indications {
        frame.indications = bits.indications(structure.target_count)?;
    }
    if custom.differences {
        frame.depends = false;
        loop {
            let size = bits.take(2)?;
            if size == 0 {
                break;
            }
            bits.take(4 * size)?;
            frame.depends = true;
        }
    }
    if custom.chains {
        for chain in frame.chains.iter_mut().take(usize::from(structure.chain_count)) {
            *chain = bits.take(8)? as u8;
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
                bits.take(4)?;
                template.depends = true;
            }
        }
        let mut targets = [Target::default(); MAX_TARGETS];
        let chain_count = bits.nonsymmetric(u32::from(target_count) + 1)? as u8;
        if chain_count > 0 {
            for target in targets.iter_mut().take(usize::from(target_count)) {
                target.chain = Some(bits.nonsymmetric(u32::from(chain_count))? as u8);
            }
            for template in &mut templates {
                for chain in template.chains.iter_mut().take(usize::from(chain_count)) {
                    *chain = bits.take(4)? as u8;
                }
            }
        }
        for (at, target) in targets.iter_mut().enumerate().take(usize::from(target_count)) {
            for template in templates.iter().filter(|t| t.indications >> (2 * at) & 3 != 0) {
                target.spatial = target.spatial.max(template.spatial);
                target.temporal = target.temporal.max(template.temporal);
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
            target_count,
            chain_count,
            resolutions,
        })
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
                depends: false,
                chains: [0; MAX_TARGETS],
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
