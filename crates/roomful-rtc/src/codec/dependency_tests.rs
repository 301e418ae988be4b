use super::*;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// Chromium's three spatial and three temporal layers, from captured traffic (vector of LiveKit's descriptor tests).
const L3T3: &str = concat!(
    "c1017280081485214eafffaaaa863cf0430c10c302afc0aaa0063c00430010c002a000a80006000040001d954926e082b04a0941b820ac",
    "1282503157f974000ca864330e222222eca8655304224230eca877530077004200ef008601df010d"
);

#[test]
fn a_capture_of_three_by_three_layers_is_read() {
    let mut reader = DependencyReader::default();
    assert_eq!(reader.read(&hex("860173")), None, "no structure yet");
    let key = reader.read(&hex(L3T3)).unwrap();
    assert!(key.key_start() && key.starts_frame && key.ends_frame && !key.depends);
    assert_eq!((key.number, key.spatial, key.temporal), (0x172, 0, 0));
    assert_eq!(reader.targets().len(), 9);
    assert_eq!(reader.active(), 0x1ff);
    let layers: Vec<_> = reader.targets().iter().map(|t| (t.spatial, t.temporal)).collect();
    assert_eq!(
        layers,
        [
            (0, 0),
            (0, 1),
            (0, 2),
            (1, 0),
            (1, 1),
            (1, 2),
            (2, 0),
            (2, 1),
            (2, 2)
        ]
    );
    assert!(reader.targets().iter().all(|t| t.chain == Some(t.spatial)));
    assert_eq!(reader.resolution(0), Some((0x77 + 1, 0x42 + 1)));
    assert_eq!(reader.resolution(3), None);
    assert_eq!(
        reader.contained(4),
        0b0_0001_1011,
        "full SVC: lower layers belong to higher ones"
    );
    assert_eq!(top_of(&hex(L3T3), 0b1_1011).active(), 0b1_1011);

    let start = reader.read(&hex("86017340fc")).unwrap();
    assert_eq!(
        (start.number, start.starts_frame, start.ends_frame),
        (0x173, true, false)
    );
    assert_eq!((start.spatial, start.temporal), (1, 0));
    assert!(!start.structure_attached && !start.key_start());
    // The mask says which targets go on: five bits of flags, then nine of mask.
    assert_eq!(reader.active(), 0b0_0011_1111);
    assert_eq!(
        reader.target_within(2, 2),
        Some(5),
        "targets of the highest layers are not sent any more"
    );
    let end = reader.read(&hex("460173")).unwrap();
    assert_eq!((end.starts_frame, end.ends_frame, end.spatial), (false, true, 1));
    let top = reader.read(&hex("8b0174")).unwrap();
    assert_eq!(
        (top.number, top.spatial, top.indication(0)),
        (0x174, 2, Indication::NotPresent)
    );
    assert_ne!(top.indication(8), Indication::NotPresent);
    assert_eq!(top.indication(9), Indication::NotPresent, "there are nine");
}

/// A reader that got the descriptor with another mask.
fn top_of(value: &[u8], mask: u32) -> DependencyReader {
    let mut reader = DependencyReader::default();
    let frame = reader.read(value).unwrap();
    let mut out = [0u8; 160];
    let length = rewrite(value, &frame, 9, Some(mask), &mut out).unwrap();
    assert_eq!(reader.read(&out[..length]).unwrap().number, 9);
    reader
}

#[test]
fn a_malformed_descriptor_leaves_the_structure() {
    let mut reader = DependencyReader::default();
    let whole = hex(L3T3);
    reader.read(&whole).unwrap();
    for cut in 0..whole.len() - 1 {
        let _ = reader.read(&whole[..cut]);
        assert_eq!(
            (reader.targets().len(), reader.active()),
            (9, 0x1ff),
            "cut at {cut}"
        );
    }
    assert_eq!(reader.read(&[0xbf, 0, 1]), None, "no such template");
}

/// Writes what the reader reads: the mirror of §A.8.2, for tests.
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
        self.bits
            .chunks(8)
            .map(|c| {
                c.iter()
                    .enumerate()
                    .fold(0, |b, (n, on)| b | u8::from(*on) << (7 - n))
            })
            .collect()
    }
}

proptest! {
    #[test]
    fn numbers_below_n_are_read_as_written(n in 1u32..34, value: prop::sample::Index) {
        let value = value.index(n as usize) as u32;
        let mut writer = Writer::default();
        writer.nonsymmetric(value, n);
        let bytes = writer.bytes();
        prop_assert_eq!(Bits::new(&bytes).nonsymmetric(n), Some(value));
    }

    #[test]
    fn custom_fields_override_the_template(
        targets in 1u32..=32, chains in 0u32..=8, own in proptest::collection::vec(0u32..4, 32), far in proptest::collection::vec(any::<u8>(), 32), number: u16,
    ) {
        let chains = chains.min(targets);
        let mut w = Writer::default();
        w.put(0b11 << 6 | 5, 8);
        w.put(u32::from(number), 16);
        w.put(0b1_0_1_1_1, 5);
        w.put(5, 6);
        w.put(targets - 1, 5);
        w.put(3, 2); // one template
        for _ in 0..targets { w.put(1, 2); }
        w.put(0, 1); // no differences
        w.nonsymmetric(chains, targets + 1);
        if chains > 0 {
            for target in 0..targets { w.nonsymmetric(target % chains, chains); }
            for _ in 0..chains { w.put(3, 4); }
        }
        w.put(0, 1); // no resolutions
        for value in own.iter().take(targets as usize) { w.put(*value, 2); }
        w.put(3, 2); w.put(700, 12); w.put(0, 2);
        for value in far.iter().take(chains as usize) { w.put(u32::from(*value), 8); }

        let mut reader = DependencyReader::default();
        let frame = reader.read(&w.bytes()).unwrap();
        prop_assert_eq!((frame.number, frame.depends, frame.structure_attached), (number, true, true));
        for (at, value) in own.iter().enumerate().take(targets as usize) {
            prop_assert_eq!(frame.indication(at) as u32, *value);
        }
        for (at, value) in far.iter().enumerate() {
            let expected = (at < chains as usize).then_some(*value);
            prop_assert_eq!(frame.chain_distance(at), expected);
        }
        let plain = reader.read(&[5, 0, 1]).unwrap();
        prop_assert_eq!((plain.depends, plain.indication(0)), (false, Indication::Discardable));
        prop_assert_eq!(plain.chain_distance(0), (chains > 0).then_some(3));
    }

    #[test]
    fn nothing_panics(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 1..5)) {
        let mut reader = DependencyReader::default();
        for value in values {
            if let Some(frame) = reader.read(&value) {
                let _ = (frame.key_start(), reader.target_within(3, 7));
            }
        }
    }
}
