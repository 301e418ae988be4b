//! One stream that goes out: numbers, a ring for what is asked for again, reports. Called by `media`.
use super::payload::{split, MAX_PAYLOAD};
use roomful_rtc::codec::Codec;
use roomful_rtc::rtcp::{self, SenderReport};
use roomful_rtc::rtp::extension::Block;
use roomful_rtc::rtp::{Extension, ExtensionMap, NewHeader};
use roomful_rtc::srtp::SrtpSender;
use std::collections::VecDeque;
use std::time::Instant;

/// Packets that can be sent again: some two seconds of 3 Mbit/s.
const RING: usize = 768;
/// Largest frame, bytes.
pub const MAX_FRAME: usize = 4 << 20;

/// What both sides agreed on for sending.
#[derive(Clone, Debug)]
pub struct Outlet {
    /// Of all frames.
    pub codec: Codec,
    /// Payload type.
    pub pt: u8,
    /// Of retransmissions.
    pub rtx_pt: Option<u8>,
    /// Header extensions.
    pub extensions: ExtensionMap,
    /// The section, said in each packet.
    pub mid: String,
}

struct Kept {
    index: u64,
    marker: bool,
    timestamp: u32,
    payload: Vec<u8>,
}

/// See the module.
pub struct Stream {
    /// Our source.
    pub ssrc: u32,
    /// Of retransmissions.
    pub rtx_ssrc: u32,
    /// While we may send.
    pub outlet: Option<Outlet>,
    /// 48-bit: the low half is what travels.
    next: u64,
    next_rtx: u64,
    picture: u16,
    ring: VecDeque<Kept>,
    packets: u32,
    octets: u32,
    latest: Option<(u32, Instant)>,
}

impl Stream {
    /// `first`: below 2¹⁵, so that losing the first packets cannot shift the rollover counter.
    pub fn new(ssrc: u32, rtx_ssrc: u32, first: u16) -> Self {
        Self {
            ssrc,
            rtx_ssrc,
            outlet: None,
            next: u64::from(first & 0x7fff),
            next_rtx: u64::from(first & 0x7fff),
            picture: 0,
            ring: VecDeque::new(),
            packets: 0,
            octets: 0,
            latest: None,
        }
    }

    /// Seals a frame into datagrams. False when nothing was agreed on yet.
    pub fn send(
        &mut self,
        sender: &SrtpSender,
        frame: &[u8],
        timestamp: u32,
        now: Instant,
        out: &mut Vec<Vec<u8>>,
    ) -> bool {
        let Some(outlet) = self.outlet.clone() else {
            return false;
        };
        let audio = !outlet.codec.is_video();
        let mut parts = vec![];
        split(outlet.codec, frame, self.picture, |payload, last| {
            parts.push((payload.to_vec(), last && !audio));
        });
        self.picture = self.picture.wrapping_add(1) & 0x7fff;
        self.latest = Some((timestamp, now));
        for (payload, marker) in parts {
            let index = self.next;
            self.next += 1;
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(payload.len() as u32);
            let header = NewHeader {
                marker,
                payload_type: outlet.pt,
                sequence: index as u16,
                timestamp,
                ssrc: self.ssrc,
            };
            out.extend(seal(sender, &header, &outlet, &[], &payload, index));
            if self.ring.len() >= RING {
                self.ring.pop_front();
            }
            self.ring.push_back(Kept {
                index,
                marker,
                timestamp,
                payload,
            });
        }
        true
    }

    /// Sends again what is asked for: as RTX where that was agreed on.
    pub fn again(&mut self, sender: &SrtpSender, sequence: u16, out: &mut Vec<Vec<u8>>) {
        let Some(outlet) = &self.outlet else { return };
        let Some(kept) = self.ring.iter().find(|k| k.index as u16 == sequence) else {
            return;
        };
        // SRTP takes an index once only (RFC 3711 §9.1): without RTX there is nothing to be done.
        let Some(pt) = outlet.rtx_pt else { return };
        let index = self.next_rtx;
        self.next_rtx += 1;
        let header = NewHeader {
            marker: kept.marker,
            payload_type: pt,
            sequence: index as u16,
            timestamp: kept.timestamp,
            ssrc: self.rtx_ssrc,
        };
        let number = sequence.to_be_bytes();
        out.extend(seal(sender, &header, outlet, &number, &kept.payload, index));
    }

    /// A sender report, once something was sent.
    pub fn report(&self, ntp: u64, cname: &str, now: Instant, out: &mut Vec<u8>) {
        let (Some((latest, at)), Some(outlet)) = (self.latest, &self.outlet) else {
            return;
        };
        let since = now.saturating_duration_since(at).as_micros() as u64;
        let ticks = since * u64::from(outlet.codec.clock_rate()) / 1_000_000;
        let rtp = latest.wrapping_add(ticks as u32);
        let report = SenderReport {
            ssrc: self.ssrc,
            ntp,
            rtp,
            packets: self.packets,
            octets: self.octets,
        };
        rtcp::write::sender_report(out, &report);
        rtcp::write::cname(out, self.ssrc, cname);
    }
}

fn seal(
    sender: &SrtpSender,
    header: &NewHeader,
    outlet: &Outlet,
    number: &[u8],
    payload: &[u8],
    index: u64,
) -> Option<Vec<u8>> {
    let mut block = Block::default();
    if let Some(id) = outlet.extensions.id(Extension::Mid) {
        block.push(id, outlet.mid.as_bytes());
    }
    let mut packet = vec![0; 12 + block.bytes().len()];
    let length = header.write(&block, &mut packet)?;
    packet.extend_from_slice(number);
    packet.extend_from_slice(payload);
    packet.resize(packet.len() + sender.overhead(), 0);
    sender.protect_rtp(&mut packet, length, header.ssrc, index).ok()?;
    Some(packet)
}

// Header 12, extensions at most 24 with a mid of ours, RTX number 2, tag 16.
const _: () = assert!(MAX_PAYLOAD + 12 + 24 + 2 + 16 <= 1200);
