//! Forwarding a packet allocates nothing on our side: opening, looking at it, writing a header, protecting. (What the C
//! library does inside is not seen here.)
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use roomful_rtc::codec::{dependency::DependencyReader, inspect, vp8, Codec};
use roomful_rtc::rtp::extension::Block;
use roomful_rtc::rtp::{NewHeader, RtpHeader};
use roomful_rtc::srtp::{SrtpKeys, SrtpProfile, SrtpReceiver, SrtpSender};

#[path = "support/counting.rs"]
mod counting;
use counting::allocations;

#[test]
fn a_forwarded_packet_allocates_nothing() {
    assert_eq!(allocations(|| drop(vec![1u8])), 1, "the counter counts");
    for profile in [
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::Aes128CmSha1_80,
    ] {
        let material = vec![3u8; 2 * (profile.key_len() + profile.salt_len())];
        let sender = SrtpSender::new(&SrtpKeys::from_dtls(profile, &material, true).unwrap()).unwrap();
        let mut receiver =
            SrtpReceiver::new(&SrtpKeys::from_dtls(profile, &material, false).unwrap()).unwrap();
        let mut dependencies = DependencyReader::default();
        let mut slot = [0u8; 1_200];
        let mut forward = |index: u64| {
            let mut block = Block::default();
            block.push(1, b"0");
            block.push(4, &[0x80, 0, 1]);
            let (marker, timestamp, ssrc) = (true, 9, 7);
            let new = NewHeader {
                marker,
                payload_type: 96,
                sequence: index as u16,
                timestamp,
                ssrc,
            };
            let start = new.write(&block, &mut slot).unwrap();
            slot[start..start + 8].copy_from_slice(&[0x90, 0xf0, 0x92, 0x34, 5, 0x61, 0, 0xff]);
            vp8::Descriptor::parse(&slot[start..])
                .unwrap()
                .rewrite(&mut slot[start..], 1, 2, 3);
            let whole = start + 1_000 + sender.overhead();
            sender
                .protect_rtp(&mut slot[..whole], start, ssrc, index)
                .unwrap();
            let (header, got, plain) = receiver.unprotect_rtp(&mut slot[..whole]).unwrap();
            assert_eq!(got, index);
            assert!(inspect(Codec::Vp8, header.payload(&slot[..plain]).unwrap()).key_start);
            for (_, value) in RtpHeader::extensions(&header, &slot) {
                let _ = dependencies.read(value);
            }
        };
        // The first packet of a stream makes its entry.
        forward(5);
        let count = allocations(|| (6..1_006).for_each(&mut forward));
        assert_eq!(count, 0, "{profile:?}");
    }
}
