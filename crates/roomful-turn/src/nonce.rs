//! Nonces that nothing need be kept for: a time, sealed for one address (RFC 8489 §9.2.4 wants them hard to guess and short-lived).
//! Called by `server`.
use aws_lc_rs::{constant_time, hmac};
use base64::prelude::{Engine as _, BASE64_URL_SAFE_NO_PAD};
use std::net::IpAddr;

/// Bytes of text: 4 of time and 14 of seal, in base64.
pub const LENGTH: usize = 24;
const SEAL: usize = 14;

/// Makes and judges.
pub struct Nonces {
    key: hmac::Key,
    lifetime_s: u32,
}

impl Nonces {
    /// `key`: random, of this process.
    pub fn new(key: &[u8; 32], lifetime_s: u32) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            lifetime_s,
        }
    }

    /// For a client at this address. Its port is left out: NATs change it, and what it would prove the seal of the message does.
    pub fn make(&self, address: IpAddr, now_s: u64) -> String {
        let time = (now_s as u32).to_be_bytes();
        let mut raw = [0; 4 + SEAL];
        raw[..4].copy_from_slice(&time);
        raw[4..].copy_from_slice(&self.seal(time, address));
        BASE64_URL_SAFE_NO_PAD.encode(raw)
    }

    /// Whether it is ours, for this address, and not too old.
    pub fn holds(&self, nonce: &[u8], address: IpAddr, now_s: u64) -> bool {
        let mut raw = [0; 4 + SEAL];
        if nonce.len() != LENGTH || BASE64_URL_SAFE_NO_PAD.decode_slice(nonce, &mut raw) != Ok(raw.len()) {
            return false;
        }
        let (time, seal) = raw.split_at(4);
        let time: [u8; 4] = time.try_into().unwrap_or_default();
        let age = (now_s as u32).wrapping_sub(u32::from_be_bytes(time));
        constant_time::verify_slices_are_equal(seal, &self.seal(time, address)).is_ok()
            && age <= self.lifetime_s
    }

    fn seal(&self, time: [u8; 4], address: IpAddr) -> [u8; SEAL] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&time);
        match address {
            IpAddr::V4(ip) => context.update(&ip.octets()),
            IpAddr::V6(ip) => context.update(&ip.octets()),
        }
        let mut seal = [0; SEAL];
        for (place, byte) in seal.iter_mut().zip(context.sign().as_ref()) {
            *place = *byte;
        }
        seal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_hold_for_their_address_and_time() {
        let nonces = Nonces::new(&[3; 32], 600);
        let (here, there): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let nonce = nonces.make(here, 1_000);
        assert_eq!(nonce.len(), LENGTH);
        assert!(nonces.holds(nonce.as_bytes(), here, 1_600));
        assert!(!nonces.holds(nonce.as_bytes(), here, 1_601));
        assert!(!nonces.holds(nonce.as_bytes(), here, 999), "from the future");
        assert!(!nonces.holds(nonce.as_bytes(), there, 1_000));
        assert!(!Nonces::new(&[4; 32], 600).holds(nonce.as_bytes(), here, 1_000));
        for wrong in [
            &b""[..],
            b"AAAAAAAAAAAAAAAAAAAAAAAA",
            &nonce.as_bytes()[1..],
            b"\xff\xff\xff\xff",
        ] {
            assert!(!nonces.holds(wrong, here, 1_000));
        }
    }
}
