//! The receiving side: index estimate, replay windows, bounded state per stream.
use super::cipher::Cipher;
use super::replay::Replay;
use super::{SrtpError, SrtpKeys};
use crate::rtp::{extend, u32_at, RtpHeader};
use std::collections::HashMap;

/// Streams of one peer that are told apart. Only an authenticated packet makes an entry, so only the peer can fill it.
const MAX_STREAMS: usize = 1024;

/// Opens what one peer sends.
pub struct SrtpReceiver {
    rtp: Cipher,
    rtcp: Cipher,
    streams: HashMap<u32, Replay>,
    rtcp_streams: HashMap<u32, Replay>,
}

impl SrtpReceiver {
    /// With the peer's half of the keys.
    pub fn new(keys: &SrtpKeys) -> Result<Self, SrtpError> {
        let master = (keys.remote.0.as_slice(), keys.remote.1.as_slice());
        Ok(Self {
            rtp: Cipher::new(keys.profile, master, false)?,
            rtcp: Cipher::new(keys.profile, master, true)?,
            streams: HashMap::new(),
            rtcp_streams: HashMap::new(),
        })
    }

    /// Opens an RTP packet in place. Returns its header, its 48-bit index and the length of header and payload.
    /// State changes only after the tag matched (RFC 3711 §3.3).
    #[inline]
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<(RtpHeader, u64, usize), SrtpError> {
        let header = RtpHeader::parse(packet).ok_or(SrtpError::Malformed)?;
        if let Some(replay) = self.streams.get_mut(&header.ssrc) {
            let index = extend(replay.highest().unwrap_or(0), header.sequence);
            if !replay.is_fresh(index) {
                return Err(SrtpError::Replayed);
            }
            let plain = self.rtp.open_rtp(packet, header.header_len, header.ssrc, index)?;
            replay.mark(index);
            return Ok((header, index, plain));
        }
        let index = u64::from(header.sequence);
        let plain = self.rtp.open_rtp(packet, header.header_len, header.ssrc, index)?;
        if self.streams.len() >= MAX_STREAMS {
            return Err(SrtpError::Replayed);
        }
        self.streams.entry(header.ssrc).or_default().mark(index);
        Ok((header, index, plain))
    }

    /// Opens an SRTCP packet in place; returns the length of the plain compound packet.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let ssrc = u32_at(packet, 4).ok_or(SrtpError::Malformed)?;
        let index = self.rtcp.rtcp_index(packet)?;
        if self
            .rtcp_streams
            .get(&ssrc)
            .is_some_and(|replay| !replay.is_fresh(u64::from(index)))
        {
            return Err(SrtpError::Replayed);
        }
        let plain = self.rtcp.open_rtcp(packet, ssrc, index)?;
        if self.rtcp_streams.len() >= MAX_STREAMS && !self.rtcp_streams.contains_key(&ssrc) {
            return Err(SrtpError::Replayed);
        }
        self.rtcp_streams.entry(ssrc).or_default().mark(u64::from(index));
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SrtpProfile, SrtpSender};
    use super::*;
    use crate::rtp::{extension::Block, NewHeader};
    use proptest::prelude::*;

    const PROFILES: [SrtpProfile; 3] = [
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::Aes128CmSha1_80,
    ];

    fn pair(profile: SrtpProfile) -> (SrtpSender, SrtpReceiver) {
        let material: Vec<u8> = (0..2 * (profile.key_len() + profile.salt_len()))
            .map(|n| (n as u8).wrapping_mul(7).wrapping_add(1))
            .collect();
        let server = SrtpKeys::from_dtls(profile, &material, true).unwrap();
        let client = SrtpKeys::from_dtls(profile, &material, false).unwrap();
        (
            SrtpSender::new(&server).unwrap(),
            SrtpReceiver::new(&client).unwrap(),
        )
    }

    fn packet(sender: &SrtpSender, index: u64, payload: &[u8]) -> Vec<u8> {
        let header = NewHeader {
            marker: false,
            payload_type: 96,
            sequence: index as u16,
            timestamp: 1,
            ssrc: 77,
        };
        let mut buf = vec![0u8; 12 + payload.len() + sender.overhead()];
        header.write(&Block::default(), &mut buf).unwrap();
        buf[12..12 + payload.len()].copy_from_slice(payload);
        sender.protect_rtp(&mut buf, 12, 77, index).unwrap();
        buf
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_once(payload in proptest::collection::vec(any::<u8>(), 0..300), profile in 0usize..3, start in 0u64..30_000) {
            let (sender, mut receiver) = pair(PROFILES[profile]);
            for index in [start, start + 2, start + 1] {
                let sealed = packet(&sender, index, &payload);
                let mut copy = sealed.clone();
                let (header, got, len) = receiver.unprotect_rtp(&mut copy).unwrap();
                prop_assert_eq!((header.ssrc, got), (77, index));
                prop_assert_eq!(&copy[12..len], &payload[..]);
                prop_assert_eq!(receiver.unprotect_rtp(&mut sealed.clone()), Err(SrtpError::Replayed));
            }
        }

        #[test]
        fn a_flipped_bit_is_refused(payload in proptest::collection::vec(any::<u8>(), 1..100), profile in 0usize..3, at: prop::sample::Index, bit in 0u8..8) {
            let (sender, mut receiver) = pair(PROFILES[profile]);
            let mut sealed = packet(&sender, 9, &payload);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(receiver.unprotect_rtp(&mut sealed).is_err());
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120), profile in 0usize..3) {
            let (_, mut receiver) = pair(PROFILES[profile]);
            let _ = receiver.unprotect_rtp(&mut bytes.clone());
            let _ = receiver.unprotect_rtcp(&mut bytes.clone());
        }
    }

    #[test]
    fn the_rollover_counter_follows() {
        for profile in PROFILES {
            let (sender, mut receiver) = pair(profile);
            for index in (65_000..200_000u64).step_by(500) {
                let mut sealed = packet(&sender, index, b"x");
                assert_eq!(
                    receiver.unprotect_rtp(&mut sealed).unwrap().1,
                    index,
                    "{profile:?}"
                );
            }
        }
    }

    #[test]
    fn rtcp_opens_once_and_only_encrypted() {
        for profile in PROFILES {
            let (mut sender, mut receiver) = pair(profile);
            let mut plain = vec![];
            crate::rtcp::write::pli(&mut plain, 1, 2);
            let mut sealed = plain.clone();
            sender.protect_rtcp(&mut sealed).unwrap();
            let mut copy = sealed.clone();
            let len = receiver.unprotect_rtcp(&mut copy).unwrap();
            assert_eq!(copy[..len], plain[..]);
            assert_eq!(receiver.unprotect_rtcp(&mut sealed), Err(SrtpError::Replayed));
            let mut clear = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
            clear.extend([0u8; 30]);
            assert_eq!(receiver.unprotect_rtcp(&mut clear), Err(SrtpError::Unencrypted));
        }
    }

    /// RFC 7714 gives session keys and salts, which are used directly.
    fn vector_cipher(key: &str) -> Cipher {
        use aws_lc_rs::aead::{LessSafeKey, UnboundKey, AES_128_GCM, AES_256_GCM};
        let key = hex(key);
        let algorithm = if key.len() == 32 {
            &AES_256_GCM
        } else {
            &AES_128_GCM
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).unwrap());
        Cipher::Gcm {
            key,
            salt: hex("517569642070726f2071756f").try_into().unwrap(),
        }
    }

    const KEY_128: &str = "000102030405060708090a0b0c0d0e0f";
    const KEY_256: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    /// RFC 7714 §16.1.1 and §16.2.1.
    #[test]
    fn rfc_7714_rtp_vectors() {
        let plain = [
            &hex("8040f17b8041f8d35501a0b2")[..],
            b"Gallia est omnis divisa in partes tres",
        ]
        .concat();
        let of_128 = concat!(
            "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833",
            "899d7f27beb16a9152cf765ee4390cce"
        );
        let of_256 = concat!(
            "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b",
            "7aa3db36dfffd6b0f9bb7878d7a76c13"
        );
        for (key, sealed) in [(KEY_128, of_128), (KEY_256, of_256)] {
            let cipher = vector_cipher(key);
            let mut packet = plain.clone();
            packet.resize(plain.len() + 16, 0);
            cipher.seal_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b).unwrap();
            assert_eq!(packet, hex(sealed));
            let len = cipher.open_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b).unwrap();
            assert_eq!(packet[..len], plain);
        }
    }

    /// RFC 7714 §17.1 and §17.2.
    #[test]
    fn rfc_7714_rtcp_vectors() {
        let plain = hex(concat!(
            "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61",
            "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
        ));
        let of_128 = concat!(
            "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded",
            "0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"
        );
        let of_256 = concat!(
            "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de047",
            "6f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4"
        );
        for (key, sealed) in [(KEY_128, of_128), (KEY_256, of_256)] {
            let cipher = vector_cipher(key);
            let mut packet = plain.clone();
            cipher.seal_rtcp(&mut packet, 0x4d61_7273, 0x5d4).unwrap();
            assert_eq!(packet, hex(sealed));
            assert_eq!(cipher.rtcp_index(&packet), Ok(0x5d4));
            let len = cipher.open_rtcp(&mut packet, 0x4d61_7273, 0x5d4).unwrap();
            assert_eq!(packet[..len], plain);
        }
    }

    #[test]
    fn an_index_is_never_used_twice() {
        for profile in PROFILES {
            let (mut sender, _) = pair(profile);
            let mut buf = vec![0x80; 40];
            assert_eq!(
                sender.protect_rtp(&mut buf, 12, 1, 1 << 48),
                Err(SrtpError::Exhausted)
            );
            sender.exhaust_rtcp();
            let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
            sender.protect_rtcp(&mut report.clone()).unwrap();
            assert_eq!(sender.protect_rtcp(&mut report), Err(SrtpError::Exhausted));
            assert_eq!(report.len(), 8, "left as it was");
        }
    }
}
