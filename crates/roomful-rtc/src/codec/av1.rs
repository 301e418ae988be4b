//! The AV1 aggregation header (AV1 RTP specification §4.4).

/// The N bit marks the first packet of a coded video sequence.
#[inline]
pub fn key_start(payload: &[u8]) -> bool {
    payload
        .first()
        .is_some_and(|first| first & 0x08 != 0 && first & 0x80 == 0)
}
