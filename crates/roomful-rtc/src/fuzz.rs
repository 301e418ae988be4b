//! What tests and fuzzers run on arbitrary bytes, a function for each parser of media. Never called in service.
//!
//! A function panics only when an invariant breaks: what is read lies inside of what was given, and what is written says the same
//! when it is read again.
use crate::codec::dependency::{self, DependencyReader, Frame};
use crate::codec::{inspect, vp8, vp9, Codec};
use crate::rtcp::{self, nack, twcc, Feedback, NackGenerator, ReceiverStats, TwccRecorder};
use crate::rtp::extension::Block;
use crate::rtp::{red_primary, rtx_payload, u16_at, NewHeader, RtpHeader};
use crate::srtp::{SrtpKeys, SrtpProfile, SrtpReceiver};
use std::time::{Duration, Instant};

/// Headers, extensions, padding, RTX and RED. What is written with the same values is read as the same.
pub fn fuzz_rtp(data: &[u8]) {
    let _ = (red_primary(data), rtx_payload(data));
    let Some(header) = RtpHeader::parse(data) else {
        return;
    };
    assert!(header.header_len <= data.len());
    let payload = header.payload(data);
    assert!(payload.is_none_or(|p| p.len() + header.header_len <= data.len()));
    let mut block = Block::default();
    let mut short = true;
    for (id, value) in header.extensions(data) {
        assert!(id != 0, "0 is padding");
        block.push(id, value);
        short &= block.bytes().len() <= 100 && value.len() <= 30;
    }
    let mut out = [0u8; 256];
    let RtpHeader {
        marker,
        payload_type,
        sequence,
        timestamp,
        ssrc,
        ..
    } = header;
    let written = NewHeader {
        marker,
        payload_type,
        sequence,
        timestamp,
        ssrc,
    }
    .write(&block, &mut out);
    assert!(written.is_some(), "a block is shorter than that");
    let read = RtpHeader::parse(&out);
    assert!(read.is_some());
    let Some(read) = read else { return };
    assert_eq!(Some(read.header_len), written);
    assert_eq!(
        (
            read.marker,
            read.payload_type,
            read.sequence,
            read.timestamp,
            read.ssrc
        ),
        (marker, payload_type, sequence, timestamp, ssrc)
    );
    assert!(!short || read.extensions(&out).eq(header.extensions(data)));
}

/// Compound packets and everything that is read out of them.
pub fn fuzz_rtcp(data: &[u8]) {
    let mut parts = 0;
    rtcp::read(data, |feedback| {
        parts += 1;
        match feedback {
            Feedback::Nack { pairs, .. } => assert!(nack::sequences(pairs).count() <= 17 * pairs.len() / 4),
            Feedback::Twcc(packet) => {
                let mut told = 0usize;
                twcc::read(packet, |_, _| told += 1);
                assert!(told <= usize::from(u16_at(packet, 14).unwrap_or(0)));
            }
            Feedback::Report(block) => {
                let mut out = vec![];
                rtcp::write::receiver_report(&mut out, 1, &[block]);
                rtcp::read(&out, |again| assert_eq!(again, Feedback::Report(block)));
            }
            _ => {}
        }
    });
    assert!(parts <= data.len() / 4);
}

/// Feedback builders fed with sequence numbers and times from the data, four bytes a step.
pub fn fuzz_feedback(data: &[u8]) {
    let start = Instant::now();
    let (mut recorder, mut nacks) = (TwccRecorder::default(), NackGenerator::default());
    let (mut stats, mut index, mut clock) = (ReceiverStats::new(90_000), 70_000u64, Duration::ZERO);
    let mut out = vec![];
    for step in data.chunks_exact(4) {
        let (Some(ahead), Some(wait)) = (u16_at(step, 0), u16_at(step, 2)) else {
            return;
        };
        index = index.saturating_add_signed(i64::from(ahead as i16));
        clock += Duration::from_micros(u64::from(wait) * 64);
        let now = start + clock;
        recorder.on_packet(index as u16, clock.as_micros() as i64);
        let _ = nacks.on_packet(index, now);
        stats.on_packet(index, u32::from(wait) << 16 | u32::from(ahead), now);
        if wait % 8 == 0 {
            let mut wanted = vec![];
            let _ = nacks.take(now, Duration::from_millis(50), &mut wanted);
            assert!(wanted.len() <= 300);
            out.clear();
            rtcp::write::nack(&mut out, 1, 2, &wanted);
            rtcp::read(&out, |feedback| {
                let Feedback::Nack { pairs, .. } = feedback else {
                    return;
                };
                assert!(nack::sequences(pairs).eq(wanted.iter().copied()), "{wanted:?}");
            });
            recorder.write(&mut out, 1, 2);
            assert!(recorder.is_empty());
            let _ = stats.report(2, now);
        }
    }
}

/// Payload descriptors of every codec.
pub fn fuzz_codecs(data: &[u8]) {
    for codec in [
        Codec::Vp8,
        Codec::Vp9,
        Codec::H264,
        Codec::H265,
        Codec::Av1,
        Codec::Opus,
    ] {
        let _ = inspect(codec, data);
    }
    assert!(vp9::Descriptor::parse(data).is_none_or(|d| d.len <= data.len()));
    let Some(descriptor) = vp8::Descriptor::parse(data) else {
        return;
    };
    assert!(descriptor.len <= data.len());
    let mut copy = data.to_vec();
    descriptor.rewrite(&mut copy, 0x1234, 0x56, 0x17);
    let again = vp8::Descriptor::parse(&copy);
    assert_eq!(
        again.map(|d| (d.len, d.starts_frame)),
        Some((descriptor.len, descriptor.starts_frame))
    );
    assert_eq!(
        again.map(|d| (d.temporal, d.layer_sync)),
        Some((descriptor.temporal, descriptor.layer_sync))
    );
    assert!(copy.get(descriptor.len..) == data.get(descriptor.len..));
}

/// A run of dependency descriptors, each behind its length, into one reader.
pub fn fuzz_dependency(data: &[u8]) {
    let mut reader = DependencyReader::default();
    let mut rest = data;
    while let Some((&length, after)) = rest.split_first() {
        let (value, after) = after
            .split_at_checked(usize::from(length))
            .unwrap_or((after, &[]));
        rest = after;
        let frame = reader.read(value);
        assert!(reader.targets().len() <= 32);
        if let Some(frame) = frame {
            assert!(frame.spatial < 4 && frame.temporal < 8);
            let best = reader.target_within(frame.spatial, frame.temporal);
            assert!(best.is_none_or(|at| at < reader.targets().len()));
            check_rewritten(&mut reader.clone(), value, &frame);
        }
    }
}

/// A descriptor under another number and mask says the same in everything else.
fn check_rewritten(reader: &mut DependencyReader, value: &[u8], frame: &Frame) {
    let mask = 0x5555_5555 & (((1u64 << reader.targets().len()) - 1) as u32);
    for mask in [None, Some(mask)] {
        let mut out = [0xffu8; 300];
        let length = dependency::rewrite(value, frame, 0x1234, mask, &mut out).unwrap_or(0);
        assert!(length >= value.len() && length <= value.len() + 5);
        let again = out.get(..length).and_then(|out| reader.read(out));
        let Some(again) = again else {
            assert!(again.is_some(), "a rewritten descriptor is readable");
            return;
        };
        assert_eq!(again.number, 0x1234);
        assert_eq!(again.mask_told, frame.mask_told || mask.is_some());
        assert!(mask.is_none_or(|mask| mask == reader.active()));
        assert_eq!(
            (again.spatial, again.temporal, again.structure_attached),
            (frame.spatial, frame.temporal, frame.structure_attached)
        );
        assert_eq!(again.references(), frame.references());
        for at in 0..32 {
            assert_eq!(again.indication(at), frame.indication(at));
            assert_eq!(again.chain_distance(at), frame.chain_distance(at));
        }
    }
}

/// Nothing that was not made with the keys opens.
pub fn fuzz_srtp(data: &[u8]) {
    for profile in [
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::Aes128CmSha1_80,
    ] {
        let material = vec![9u8; 2 * (profile.key_len() + profile.salt_len())];
        let receiver =
            SrtpKeys::from_dtls(profile, &material, true).and_then(|keys| SrtpReceiver::new(&keys));
        assert!(receiver.is_ok());
        let Ok(mut receiver) = receiver else { return };
        assert!(receiver.unprotect_rtp(&mut data.to_vec()).is_err());
        assert!(receiver.unprotect_rtcp(&mut data.to_vec()).is_err());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// xorshift64*, so that a failure comes again.
    struct Chance(u64);

    impl Chance {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }

        fn below(&mut self, n: usize) -> usize {
            (self.next() >> 33) as usize % n
        }
    }

    /// Half of the inputs are noise, half are a seed with some bytes changed, cut or doubled.
    fn run(rounds: usize, seeds: &[Vec<u8>], target: fn(&[u8])) {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        for round in 0..rounds {
            let mut data: Vec<u8> = if round % 2 == 0 || seeds.is_empty() {
                (0..chance.below(160)).map(|_| chance.next() as u8).collect()
            } else {
                seeds[chance.below(seeds.len())].clone()
            };
            for _ in 0..chance.below(4) {
                if data.is_empty() {
                    break;
                }
                let at = chance.below(data.len());
                match chance.below(4) {
                    0 => data.truncate(at),
                    1 => data.extend_from_within(at..),
                    2 => data[at] = chance.next() as u8,
                    _ => data[at] ^= 1 << chance.below(8),
                }
            }
            target(&data);
        }
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn rtp() {
        let one = hex("b1e0123400000009000000070102030400000000bede000210aa3212345600000102030000000003");
        let two = hex("90e012340000000900000007100000030501aa06000703010203000000");
        run(100_000, &[one, two], fuzz_rtp);
    }

    #[test]
    fn rtcp() {
        let mut compound = vec![];
        rtcp::write::sender_report(
            &mut compound,
            &rtcp::SenderReport {
                ssrc: 1,
                ntp: 2,
                rtp: 3,
                packets: 4,
                octets: 5,
            },
        );
        rtcp::write::receiver_report(&mut compound, 1, &[rtcp::ReportBlock::default(); 2]);
        rtcp::write::nack(&mut compound, 1, 2, &[3, 4, 900]);
        rtcp::write::remb(&mut compound, 1, 1 << 40, &[2]);
        let mut feedback = vec![];
        let mut recorder = TwccRecorder::default();
        for (sequence, arrival) in [(1, 0), (2, 900), (5, 70_000), (6, 65_000), (40, 100_000)] {
            recorder.on_packet(sequence, arrival);
        }
        recorder.write(&mut feedback, 1, 2);
        run(100_000, &[compound, feedback], fuzz_rtcp);
    }

    #[test]
    fn feedback() {
        let steady = [[0, 1, 0, 8]; 40].concat();
        run(20_000, &[steady], fuzz_feedback);
    }

    #[test]
    fn codecs() {
        let seeds = [
            "90f092340561 00ff",
            "aa923400093801400 0b4028001680104 01ff",
            "f505530304ff",
            "7c8588",
            "6001000326 01af",
        ];
        let seeds: Vec<_> = seeds.iter().map(|s| hex(&s.replace(' ', ""))).collect();
        run(100_000, &seeds, fuzz_codecs);
    }

    #[test]
    fn dependency() {
        let structure = hex(concat!(
            "c1017280081485214eafffaaaa863cf0430c10c302afc0aaa0063c00430010c002a000a80006000040001d954926e082b04a09",
            "41b820ac1282503157f974000ca864330e222222eca8655304224230eca877530077004200ef008601df010d"
        ));
        let mut seed = vec![structure.len() as u8];
        seed.extend(structure);
        seed.extend(hex("0586017340fc038b0174"));
        run(100_000, &[seed], fuzz_dependency);
    }

    #[test]
    fn srtp() {
        run(20_000, &[vec![0x80; 60]], fuzz_srtp);
    }
}
