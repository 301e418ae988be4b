//! Session keys from a master key (RFC 3711 §4.3) and master keys from DTLS (RFC 5764 §4.2).
use super::SrtpError;
use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext, UnboundCipherKey, AES_128, AES_256};

/// The protection profiles we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpProfile {
    /// RFC 7714.
    AeadAes128Gcm,
    /// RFC 7714.
    AeadAes256Gcm,
    /// RFC 3711, 80-bit tag.
    Aes128CmSha1_80,
}

impl SrtpProfile {
    /// Bytes of master key.
    pub fn key_len(self) -> usize {
        match self {
            SrtpProfile::AeadAes256Gcm => 32,
            SrtpProfile::AeadAes128Gcm | SrtpProfile::Aes128CmSha1_80 => 16,
        }
    }

    /// Bytes of master salt.
    pub fn salt_len(self) -> usize {
        match self {
            SrtpProfile::Aes128CmSha1_80 => 14,
            _ => 12,
        }
    }

    /// Bytes that protection adds to an RTP packet.
    pub fn overhead(self) -> usize {
        match self {
            SrtpProfile::Aes128CmSha1_80 => 10,
            _ => 16,
        }
    }
}

/// Master keys and salts of both directions.
#[derive(Clone)]
pub struct SrtpKeys {
    pub(super) profile: SrtpProfile,
    /// Ours: key and salt.
    pub(super) local: (Vec<u8>, Vec<u8>),
    /// Theirs.
    pub(super) remote: (Vec<u8>, Vec<u8>),
}

impl std::fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys never reach a log.
        f.debug_struct("SrtpKeys")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl SrtpKeys {
    /// Splits what the DTLS exporter gave: client key, server key, client salt, server salt (RFC 5764 §4.2).
    pub fn from_dtls(profile: SrtpProfile, material: &[u8], is_server: bool) -> Result<Self, SrtpError> {
        let (key, salt) = (profile.key_len(), profile.salt_len());
        let mut parts = material;
        let mut take = |n: usize| -> Result<Vec<u8>, SrtpError> {
            let (front, back) = parts.split_at_checked(n).ok_or(SrtpError::Keys)?;
            parts = back;
            Ok(front.to_vec())
        };
        let (client_key, server_key) = (take(key)?, take(key)?);
        let (client_salt, server_salt) = (take(salt)?, take(salt)?);
        let (client, server) = ((client_key, client_salt), (server_key, server_salt));
        let (local, remote) = if is_server {
            (server, client)
        } else {
            (client, server)
        };
        Ok(Self {
            profile,
            local,
            remote,
        })
    }

    /// The profile.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }
}

/// Labels of RFC 3711 §4.3.1.
pub(super) mod label {
    pub const RTP_KEY: u8 = 0;
    pub const RTP_AUTH: u8 = 1;
    pub const RTP_SALT: u8 = 2;
    pub const RTCP_KEY: u8 = 3;
    pub const RTCP_AUTH: u8 = 4;
    pub const RTCP_SALT: u8 = 5;
}

/// AES-CM as pseudo-random function, key derivation rate 0 (RFC 3711 §4.3.3). Salts are aligned to the left of 112 bits.
pub(super) fn derive(master: &[u8], salt: &[u8], label: u8, out: &mut [u8]) -> Result<(), SrtpError> {
    let mut iv = [0u8; 16];
    iv.get_mut(..salt.len())
        .ok_or(SrtpError::Keys)?
        .copy_from_slice(salt);
    iv[7] ^= label;
    let algorithm = if master.len() == 32 { &AES_256 } else { &AES_128 };
    let unbound = UnboundCipherKey::new(algorithm, master).map_err(|_| SrtpError::Keys)?;
    let key = EncryptingKey::ctr(unbound).map_err(|_| SrtpError::Keys)?;
    out.fill(0);
    key.less_safe_encrypt(out, EncryptionContext::Iv128((&iv).into()))
        .map_err(|_| SrtpError::Keys)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    /// RFC 3711 appendix B.3.
    #[test]
    fn rfc_3711_key_derivation() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
        let mut key = [0u8; 16];
        derive(&master, &salt, label::RTP_KEY, &mut key).unwrap();
        assert_eq!(key.to_vec(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        let mut session_salt = [0u8; 14];
        derive(&master, &salt, label::RTP_SALT, &mut session_salt).unwrap();
        assert_eq!(session_salt.to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
        let mut auth = [0u8; 94];
        derive(&master, &salt, label::RTP_AUTH, &mut auth).unwrap();
        assert_eq!(auth[..16].to_vec(), hex("CEBE321F6FF7716B6FD4AB49AF256A15"));
    }

    /// RFC 3711 appendix B.2: the keystream of AES-CM.
    #[test]
    fn rfc_3711_keystream() {
        let mut out = [0u8; 32];
        derive(
            &hex("2B7E151628AED2A6ABF7158809CF4F3C"),
            &hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"),
            0,
            &mut out,
        )
        .unwrap();
        assert_eq!(
            out.to_vec(),
            hex("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB")
        );
    }
}
