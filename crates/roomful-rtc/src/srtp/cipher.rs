//! The two transforms behind one face: AEAD-GCM (RFC 7714) and AES-CM with HMAC-SHA1 (RFC 3711 §4).
use super::keys::{derive, label};
use super::{SrtpError, SrtpProfile};
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_128_GCM, AES_256_GCM};
use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext, UnboundCipherKey, AES_128};
use aws_lc_rs::{constant_time, hmac};

/// Bytes of an SRTCP index with its E bit.
pub const INDEX: usize = 4;

/// Keys of one direction, for RTP or for RTCP.
pub enum Cipher {
    /// One pass for both.
    Gcm { key: LessSafeKey, salt: [u8; 12] },
    /// Encrypt, then authenticate.
    Cm(Box<Cm>),
}

/// In a box: with its prepared HMAC it is many times as large as GCM's, and everybody who idles holds four.
pub struct Cm {
    key: EncryptingKey,
    auth: hmac::Key,
    salt: [u8; 16],
}

impl Cipher {
    /// Derives session keys for RTP (`rtcp` false) or RTCP.
    pub fn new(
        profile: SrtpProfile,
        (master, master_salt): (&[u8], &[u8]),
        rtcp: bool,
    ) -> Result<Self, SrtpError> {
        let (key_label, auth_label, salt_label) = if rtcp {
            (label::RTCP_KEY, label::RTCP_AUTH, label::RTCP_SALT)
        } else {
            (label::RTP_KEY, label::RTP_AUTH, label::RTP_SALT)
        };
        let mut key = [0u8; 32];
        let key = key.get_mut(..profile.key_len()).ok_or(SrtpError::Keys)?;
        derive(master, master_salt, key_label, key)?;
        let aead = match profile {
            SrtpProfile::AeadAes128Gcm => &AES_128_GCM,
            SrtpProfile::AeadAes256Gcm => &AES_256_GCM,
            SrtpProfile::Aes128CmSha1_80 => {
                let mut salt = [0u8; 16];
                derive(
                    master,
                    master_salt,
                    salt_label,
                    salt.get_mut(..14).ok_or(SrtpError::Keys)?,
                )?;
                let mut auth = [0u8; 20];
                derive(master, master_salt, auth_label, &mut auth)?;
                let unbound = UnboundCipherKey::new(&AES_128, key).map_err(|_| SrtpError::Keys)?;
                return Ok(Cipher::Cm(Box::new(Cm {
                    key: EncryptingKey::ctr(unbound).map_err(|_| SrtpError::Keys)?,
                    auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth),
                    salt,
                })));
            }
        };
        let mut salt = [0u8; 12];
        derive(master, master_salt, salt_label, &mut salt)?;
        let key = LessSafeKey::new(UnboundKey::new(aead, key).map_err(|_| SrtpError::Keys)?);
        Ok(Cipher::Gcm { key, salt })
    }

    /// Bytes of tag.
    pub fn tag_len(&self) -> usize {
        match self {
            Cipher::Gcm { .. } => 16,
            Cipher::Cm(_) => 10,
        }
    }

    /// Protects an RTP packet in `buf` = header | payload | tag room. `index` is ROC‖SEQ.
    #[inline]
    pub fn seal_rtp(&self, buf: &mut [u8], header: usize, ssrc: u32, index: u64) -> Result<(), SrtpError> {
        let body_end = buf
            .len()
            .checked_sub(self.tag_len())
            .ok_or(SrtpError::Malformed)?;
        let (packet, tag_room) = buf.split_at_mut_checked(body_end).ok_or(SrtpError::Malformed)?;
        let (head, body) = packet.split_at_mut_checked(header).ok_or(SrtpError::Malformed)?;
        match self {
            Cipher::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, index);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(&*head), body)
                    .map_err(|_| SrtpError::Malformed)?;
                tag_room.copy_from_slice(tag.as_ref());
            }
            Cipher::Cm(cm) => {
                let Cm { key, auth, salt } = &**cm;
                cm_crypt(key, salt, ssrc, index, body)?;
                let tag = cm_tag(auth, packet, &((index >> 16) as u32).to_be_bytes());
                tag_room.copy_from_slice(tag.get(..10).ok_or(SrtpError::Malformed)?);
            }
        }
        Ok(())
    }

    /// Opens an RTP packet in place; returns the length of header and payload.
    #[inline]
    pub fn open_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, SrtpError> {
        let plain = packet
            .len()
            .checked_sub(self.tag_len())
            .filter(|n| *n >= header)
            .ok_or(SrtpError::Malformed)?;
        match self {
            Cipher::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, index);
                let (head, body) = packet.split_at_mut_checked(header).ok_or(SrtpError::Malformed)?;
                key.open_in_place(nonce, Aad::from(&*head), body)
                    .map_err(|_| SrtpError::Authentication)?;
            }
            Cipher::Cm(cm) => {
                let Cm { key, auth, salt } = &**cm;
                let (covered, tag) = packet.split_at_mut_checked(plain).ok_or(SrtpError::Malformed)?;
                let expected = cm_tag(auth, covered, &((index >> 16) as u32).to_be_bytes());
                verify(&expected, tag)?;
                cm_crypt(
                    key,
                    salt,
                    ssrc,
                    index,
                    covered.get_mut(header..).ok_or(SrtpError::Malformed)?,
                )?;
            }
        }
        Ok(plain)
    }

    /// Protects RTCP: appends tag and index (RFC 7714 §9) or index and tag (RFC 3711 §3.4).
    pub fn seal_rtcp(&self, packet: &mut Vec<u8>, ssrc: u32, index: u32) -> Result<(), SrtpError> {
        let word = (index | 0x8000_0000).to_be_bytes();
        match self {
            Cipher::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, u64::from(index));
                let (head, body) = packet.split_at_mut_checked(8).ok_or(SrtpError::Malformed)?;
                let aad = rtcp_aad(head, word);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(aad), body)
                    .map_err(|_| SrtpError::Malformed)?;
                packet.extend_from_slice(tag.as_ref());
                packet.extend_from_slice(&word);
            }
            Cipher::Cm(cm) => {
                let Cm { key, auth, salt } = &**cm;
                let body = packet.get_mut(8..).ok_or(SrtpError::Malformed)?;
                cm_crypt(key, salt, ssrc, u64::from(index), body)?;
                let tag = cm_tag(auth, packet, &word);
                packet.extend_from_slice(&word);
                packet.extend_from_slice(tag.get(..10).ok_or(SrtpError::Malformed)?);
            }
        }
        Ok(())
    }

    /// The index an SRTCP packet claims.
    pub fn rtcp_index(&self, packet: &[u8]) -> Result<u32, SrtpError> {
        let behind = match self {
            Cipher::Gcm { .. } => 0,
            Cipher::Cm(_) => 10,
        };
        let at = packet
            .len()
            .checked_sub(INDEX + behind)
            .filter(|at| *at >= 8)
            .ok_or(SrtpError::Malformed)?;
        let word = crate::rtp::u32_at(packet, at).ok_or(SrtpError::Malformed)?;
        if word & 0x8000_0000 == 0 {
            return Err(SrtpError::Unencrypted);
        }
        Ok(word & 0x7fff_ffff)
    }

    /// Opens SRTCP in place; returns the length of the plain packet.
    pub fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<usize, SrtpError> {
        let word = (index | 0x8000_0000).to_be_bytes();
        let plain = packet
            .len()
            .checked_sub(INDEX + self.tag_len())
            .filter(|n| *n >= 8)
            .ok_or(SrtpError::Malformed)?;
        match self {
            Cipher::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, u64::from(index));
                let (head, body) = packet.split_at_mut_checked(8).ok_or(SrtpError::Malformed)?;
                let aad = rtcp_aad(head, word);
                let sealed = body.get_mut(..plain - 8 + 16).ok_or(SrtpError::Malformed)?;
                key.open_in_place(nonce, Aad::from(aad), sealed)
                    .map_err(|_| SrtpError::Authentication)?;
            }
            Cipher::Cm(cm) => {
                let Cm { key, auth, salt } = &**cm;
                let (covered, rest) = packet.split_at_mut_checked(plain).ok_or(SrtpError::Malformed)?;
                let expected = cm_tag(auth, covered, &word);
                verify(&expected, rest.get(INDEX..).ok_or(SrtpError::Malformed)?)?;
                cm_crypt(
                    key,
                    salt,
                    ssrc,
                    u64::from(index),
                    covered.get_mut(8..).ok_or(SrtpError::Malformed)?,
                )?;
            }
        }
        Ok(plain)
    }
}

fn verify(expected: &[u8], tag: &[u8]) -> Result<(), SrtpError> {
    let expected = expected.get(..10).ok_or(SrtpError::Malformed)?;
    constant_time::verify_slices_are_equal(expected, tag).map_err(|_| SrtpError::Authentication)
}

fn rtcp_aad(head: &[u8], word: [u8; 4]) -> [u8; 12] {
    let mut aad = [0u8; 12];
    let (front, back) = aad.split_at_mut(8);
    if let Some(head) = head.get(..8) {
        front.copy_from_slice(head);
    }
    back.copy_from_slice(&word);
    aad
}

/// RFC 7714 §8.1 and §9.1: 00‖SSRC‖index (48 bits), xored with the salt.
#[inline]
fn gcm_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let iv = (u128::from(ssrc) << 48 | u128::from(index & 0xffff_ffff_ffff)).to_be_bytes();
    let mut nonce = *salt;
    for (byte, iv) in nonce.iter_mut().zip(iv.iter().skip(4)) {
        *byte ^= iv;
    }
    Nonce::assume_unique_for_key(nonce)
}

/// RFC 3711 §4.1.1: IV = (salt · 2^16) xor (SSRC · 2^64) xor (index · 2^16).
#[inline]
fn cm_crypt(
    key: &EncryptingKey,
    salt: &[u8; 16],
    ssrc: u32,
    index: u64,
    body: &mut [u8],
) -> Result<(), SrtpError> {
    let iv = u128::from_be_bytes(*salt) ^ u128::from(ssrc) << 64 ^ u128::from(index & 0xffff_ffff_ffff) << 16;
    let iv = iv.to_be_bytes();
    key.less_safe_encrypt(body, EncryptionContext::Iv128((&iv).into()))
        .map_err(|_| SrtpError::Malformed)?;
    Ok(())
}

#[inline]
fn cm_tag(key: &hmac::Key, covered: &[u8], tail: &[u8; 4]) -> [u8; 20] {
    let mut context = hmac::Context::with_key(key);
    context.update(covered);
    context.update(tail);
    let mut tag = [0u8; 20];
    tag.copy_from_slice(context.sign().as_ref().get(..20).unwrap_or(&[0; 20]));
    tag
}
