//! The sending side. RTP indices are the caller's (the router numbers each stream), the SRTCP index is ours.
use super::cipher::Cipher;
use super::{SrtpError, SrtpKeys};
use crate::rtp::u32_at;

/// 31 bits (RFC 3711 §3.4).
const LAST_RTCP_INDEX: u32 = 0x7fff_ffff;

/// Protects what we send on one transport.
pub struct SrtpSender {
    rtp: Cipher,
    rtcp: Cipher,
    rtcp_index: u32,
    overhead: usize,
}

impl SrtpSender {
    /// With our half of the keys.
    pub fn new(keys: &SrtpKeys) -> Result<Self, SrtpError> {
        let master = (keys.local.0.as_slice(), keys.local.1.as_slice());
        Ok(Self {
            rtp: Cipher::new(keys.profile, master, false)?,
            rtcp: Cipher::new(keys.profile, master, true)?,
            rtcp_index: 0,
            overhead: keys.profile.overhead(),
        })
    }

    /// Bytes that an RTP packet grows by.
    #[inline]
    pub fn overhead(&self) -> usize {
        self.overhead
    }

    /// Protects `buf` = header | payload | [`overhead`](Self::overhead) spare bytes, in place. `index` is the 48-bit packet
    /// index (ROC‖SEQ) and must be used once per SSRC and key.
    #[inline]
    pub fn protect_rtp(
        &self,
        buf: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        if index >> 48 != 0 {
            return Err(SrtpError::Exhausted);
        }
        self.rtp.seal_rtp(buf, header_len, ssrc, index)
    }

    /// Protects a compound RTCP packet in place; it grows by tag and index.
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let ssrc = u32_at(packet, 4).ok_or(SrtpError::Malformed)?;
        let index = self.rtcp_index;
        if index > LAST_RTCP_INDEX {
            return Err(SrtpError::Exhausted);
        }
        self.rtcp_index = index + 1;
        self.rtcp.seal_rtcp(packet, ssrc, index)
    }

    /// As after two thousand million reports.
    #[cfg(test)]
    pub(super) fn exhaust_rtcp(&mut self) {
        self.rtcp_index = LAST_RTCP_INDEX;
    }
}
