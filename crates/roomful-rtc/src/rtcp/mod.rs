//! RTCP (RFC 3550, 4585, 5104): compound packets read as borrowed feedback, and writers.
//!
//! Called by the router with decrypted packets. Never allocates while reading; writers append to the caller's buffer.
pub mod nack;
pub mod report;
pub mod twcc;
pub mod write;

pub use nack::NackGenerator;
pub use report::{ReceiverStats, ReportBlock};
pub use twcc::TwccRecorder;

use crate::rtp::{u16_at, u32_at};

/// A sender report's clock pair and counters (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// The stream.
    pub ssrc: u32,
    /// NTP time, 32.32 fixed point seconds.
    pub ntp: u64,
    /// The same moment in the stream's clock.
    pub rtp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

/// One thing a compound packet says.
#[derive(Clone, Debug, PartialEq)]
pub enum Feedback<'a> {
    /// Clock and counters of a sender.
    SenderReport(SenderReport),
    /// How a receiver fares with one of our streams.
    Report(ReportBlock),
    /// Picture loss: a key frame is wanted (RFC 4585 §6.3.1).
    Pli {
        /// The stream.
        ssrc: u32,
    },
    /// Full intra request (RFC 5104 §4.3.1).
    Fir {
        /// The stream.
        ssrc: u32,
    },
    /// Lost packets (RFC 4585 §6.2.1).
    Nack {
        /// The stream.
        ssrc: u32,
        /// Pairs of (packet id, bitmask), read with [`nack::sequences`].
        pairs: &'a [u8],
    },
    /// Receiver's estimate (draft-alvestrand-rmcat-remb).
    Remb {
        /// Bits per second.
        bitrate_bps: u64,
    },
    /// Transport-wide feedback; read with [`twcc::read`].
    Twcc(&'a [u8]),
    /// The stream ended.
    Bye {
        /// The stream.
        ssrc: u32,
    },
}

/// Calls `each` with everything known in a compound packet, and stops at the first malformed part.
pub fn read<'a>(mut compound: &'a [u8], mut each: impl FnMut(Feedback<'a>)) {
    while let Some(words) = u16_at(compound, 2) {
        let length = 4 + 4 * usize::from(words);
        let Some((packet, rest)) = compound.split_at_checked(length) else {
            return;
        };
        let Some([first, kind]) = packet.first_chunk::<2>().copied() else {
            return;
        };
        if first >> 6 != 2 {
            return;
        }
        let Some(packet) = unpadded(packet, first) else {
            return;
        };
        read_one(packet, first & 0x1f, kind, &mut each);
        compound = rest;
    }
}

fn unpadded(packet: &[u8], first: u8) -> Option<&[u8]> {
    if first & 0x20 == 0 {
        return Some(packet);
    }
    let padding = usize::from(*packet.last()?);
    packet.get(..packet.len().checked_sub(padding)?)
}

fn read_one<'a>(packet: &'a [u8], count: u8, kind: u8, each: &mut impl FnMut(Feedback<'a>)) {
    let word = |at| u32_at(packet, at);
    match (kind, count) {
        (200, _) => {
            if let (Some(ssrc), Some(high), Some(low), Some(rtp), Some(packets), Some(octets)) =
                (word(4), word(8), word(12), word(16), word(20), word(24))
            {
                let ntp = u64::from(high) << 32 | u64::from(low);
                each(Feedback::SenderReport(SenderReport {
                    ssrc,
                    ntp,
                    rtp,
                    packets,
                    octets,
                }));
                blocks(packet.get(28..), count, each);
            }
        }
        (201, _) => blocks(packet.get(8..), count, each),
        (203, _) => {
            for at in 0..usize::from(count) {
                let Some(ssrc) = word(4 + 4 * at) else { return };
                each(Feedback::Bye { ssrc });
            }
        }
        (205, 1) => {
            if let (Some(ssrc), Some(pairs)) = (word(8), packet.get(12..)) {
                each(Feedback::Nack { ssrc, pairs });
            }
        }
        (205, 15) => each(Feedback::Twcc(packet)),
        (206, 1) => {
            if let Some(ssrc) = word(8) {
                each(Feedback::Pli { ssrc });
            }
        }
        (206, 4) => {
            for entry in packet.get(12..).unwrap_or(&[]).chunks_exact(8) {
                if let Some(ssrc) = u32_at(entry, 0) {
                    each(Feedback::Fir { ssrc });
                }
            }
        }
        (206, 15) if packet.get(12..16) == Some(b"REMB") => {
            if let Some(value) = word(16) {
                let (exponent, mantissa) = ((value >> 18) & 0x3f, u64::from(value & 0x3_ffff));
                let bitrate_bps = mantissa.checked_shl(exponent).unwrap_or(u64::MAX);
                each(Feedback::Remb { bitrate_bps });
            }
        }
        _ => {}
    }
}

fn blocks<'a>(bytes: Option<&[u8]>, count: u8, each: &mut impl FnMut(Feedback<'a>)) {
    for block in bytes.unwrap_or(&[]).chunks_exact(24).take(usize::from(count)) {
        if let Some(report) = ReportBlock::parse(block) {
            each(Feedback::Report(report));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Vec<Feedback<'_>> {
        let mut found = vec![];
        read(bytes, |f| found.push(f));
        found
    }

    #[test]
    fn a_compound_packet_is_read_in_order() {
        let mut out = vec![];
        write::sender_report(
            &mut out,
            &SenderReport {
                ssrc: 1,
                ntp: 2 << 32 | 3,
                rtp: 4,
                packets: 5,
                octets: 6,
            },
        );
        write::cname(&mut out, 1, "PA_x");
        write::pli(&mut out, 9, 7);
        write::fir(&mut out, 9, 7, 3);
        write::nack(&mut out, 9, 7, &[10, 11, 30]);
        write::remb(&mut out, 9, 2_500_000, &[7]);
        write::bye(&mut out, 7);
        let found = all(&out);
        assert_eq!(found.len(), 6, "{found:?}");
        assert_eq!(
            found[0],
            Feedback::SenderReport(SenderReport {
                ssrc: 1,
                ntp: 2 << 32 | 3,
                rtp: 4,
                packets: 5,
                octets: 6
            })
        );
        assert_eq!(found[1], Feedback::Pli { ssrc: 7 });
        assert_eq!(found[2], Feedback::Fir { ssrc: 7 });
        let Feedback::Nack { ssrc: 7, pairs } = found[3] else {
            panic!("{:?}", found[3])
        };
        assert_eq!(nack::sequences(pairs).collect::<Vec<_>>(), vec![10, 11, 30]);
        let Feedback::Remb { bitrate_bps } = found[4] else {
            panic!("{:?}", found[4])
        };
        assert!((2_490_000..=2_500_000).contains(&bitrate_bps));
        assert_eq!(found[5], Feedback::Bye { ssrc: 7 });
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes, |f| match f {
                Feedback::Nack { pairs, .. } => assert!(nack::sequences(pairs).count() <= 17 * 80),
                Feedback::Twcc(packet) => twcc::read(packet, |_, _| {}),
                _ => {}
            });
        }
    }
}
