//! Randomness as an argument: transaction ids, credentials and sources come from what the caller gives.
use roomful_rtc::ice::Credentials;
use std::sync::Arc;

type Source = dyn Fn(&mut [u8]) + Send + Sync;

/// Fills bytes nobody can guess. Cheap to clone.
#[derive(Clone)]
pub struct Entropy(Arc<Source>);

/// Characters of ICE credentials (RFC 8839 §5.4); 64 of them, so that a byte chooses evenly.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Entropy {
    /// From a source.
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        (self.0)(bytes);
    }

    /// A number.
    pub fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Text of ICE's characters.
    pub fn text(&self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
            .into_iter()
            .map(|b| char::from(ICE_CHARS.get(usize::from(b & 63)).copied().unwrap_or(b'A')))
            .collect()
    }

    /// 24 bits of name, 144 of password (RFC 8445 §5.3 asks for 24 and 128).
    pub fn credentials(&self) -> Credentials {
        Credentials {
            ufrag: self.text(8),
            pwd: self.text(24),
        }
    }
}
