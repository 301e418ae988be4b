//! Who may have an address lent: short-lived names and passwords made from a secret that the server and whoever hands them out share
//! (draft-uberti-behave-turn-rest-00), and the keys that seal messages (RFC 8489 §9.2.2). Called by `server`; tests make them too.
use crate::message::Keys;
use aws_lc_rs::hmac;
use base64::prelude::{Engine as _, BASE64_STANDARD};
use md5::{Digest, Md5};

/// Longest name that is looked at, bytes (RFC 8489 §14.3 allows 508).
pub const MAX_USERNAME: usize = 508;

/// MD5 of `username:realm:password`. Texts are taken as they are: ours are ASCII, which OpaqueString (RFC 8265) leaves alone.
pub fn long_term_key(username: &str, realm: &str, password: &str) -> Keys {
    let mut hash = Md5::new();
    for part in [username, ":", realm, ":", password] {
        hash.update(part.as_bytes());
    }
    Keys::new(&hash.finalize())
}

/// `<unix time it ends>:<user>`
pub fn username(expires_s: u64, user: &str) -> String {
    format!("{expires_s}:{user}")
}

/// Base64 of the name's HMAC-SHA1.
pub fn password(secret: &[u8], username: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()))
}

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not of the form we make.
    Unknown,
    /// Its time is over.
    Expired,
}

/// Secrets of which any may have made a password: a new one can be introduced before the old one goes.
#[derive(Clone)]
pub struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// At least one, or nobody gets in.
    pub fn new(secrets: Vec<Vec<u8>>) -> Self {
        Self(secrets)
    }

    /// The keys that a message of this user may be sealed with, and the user's part of the name.
    pub fn keys<'u>(
        &self,
        username: &'u str,
        realm: &str,
        now_s: u64,
    ) -> Result<(&'u str, Vec<Keys>), Refusal> {
        let (time, user) = username.split_once(':').ok_or(Refusal::Unknown)?;
        let expires_s: u64 = time.parse().map_err(|_| Refusal::Unknown)?;
        if user.is_empty() || username.len() > MAX_USERNAME {
            return Err(Refusal::Unknown);
        }
        if expires_s <= now_s {
            return Err(Refusal::Expired);
        }
        let keys = self
            .0
            .iter()
            .map(|secret| long_term_key(username, realm, &password(secret, username)));
        Ok((user, keys.collect()))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({} of them)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_what_other_servers_make() {
        // As `echo -n 1700000000:ada | openssl dgst -binary -sha1 -hmac north | openssl base64` says.
        assert_eq!(password(b"north", "1700000000:ada"), PASSWORD);
    }
    const PASSWORD: &str = "ndZ88ryT1whVxdkcRLepT9D1MpM=";

    #[test]
    fn names_end_and_must_be_ours() {
        let secrets = Secrets::new(vec![b"a".to_vec(), b"b".to_vec()]);
        let (user, keys) = secrets.keys("100:ada:x", "r", 99).unwrap();
        assert_eq!((user, keys.len()), ("ada:x", 2));
        for (name, refusal) in [
            ("100:ada", Refusal::Expired),
            ("ada", Refusal::Unknown),
            ("100:", Refusal::Unknown),
            (":ada", Refusal::Unknown),
            ("-1:ada", Refusal::Unknown),
            ("99999999999999999999:ada", Refusal::Unknown),
        ] {
            assert_eq!(secrets.keys(name, "r", 100).unwrap_err(), refusal, "{name}");
        }
        assert_eq!(format!("{secrets:?}"), "Secrets(2 of them)");
    }
}
