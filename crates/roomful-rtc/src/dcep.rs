//! Data channel establishment (RFC 8832): the OPEN and ACK messages.
//!
//! Called by `sctp`. Parses and writes bytes; keeps no state.

/// How a channel delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelOptions {
    /// For the application.
    pub label: String,
    /// For the application.
    pub protocol: String,
    /// In order.
    pub ordered: bool,
    /// What happens to a lost message.
    pub reliability: Reliability,
}

/// RFC 8832 §5.1, "channel type".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliability {
    /// Sent until it arrives.
    Reliable,
    /// At most this many retransmissions.
    Retransmits(u32),
    /// At most this long, in ms.
    LifetimeMs(u32),
}

const OPEN: u8 = 0x03;
/// The whole acknowledgement.
pub const ACK: [u8; 1] = [0x02];
/// Label and protocol are bounded so that a stranger cannot make us keep 64 KiB for each of 65,535 channels.
const MAX_TEXT: usize = 256;

impl ChannelOptions {
    /// Reads DATA_CHANNEL_OPEN; `None` for anything else or anything malformed.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let (head, rest) = message.split_first_chunk::<12>()?;
        if head[0] != OPEN {
            return None;
        }
        let parameter = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let label_len = usize::from(u16::from_be_bytes([head[8], head[9]]));
        let protocol_len = usize::from(u16::from_be_bytes([head[10], head[11]]));
        if label_len > MAX_TEXT || protocol_len > MAX_TEXT {
            return None;
        }
        let (label, rest) = rest.split_at_checked(label_len)?;
        let protocol = rest.get(..protocol_len)?;
        let reliability = match head[1] & 0x7f {
            0 => Reliability::Reliable,
            1 => Reliability::Retransmits(parameter),
            2 => Reliability::LifetimeMs(parameter),
            _ => return None,
        };
        Some(Self {
            label: std::str::from_utf8(label).ok()?.to_owned(),
            protocol: std::str::from_utf8(protocol).ok()?.to_owned(),
            ordered: head[1] & 0x80 == 0,
            reliability,
        })
    }

    /// Writes DATA_CHANNEL_OPEN; texts longer than allowed are cut at a character.
    pub fn write(&self) -> Vec<u8> {
        let (kind, parameter) = match self.reliability {
            Reliability::Reliable => (0, 0),
            Reliability::Retransmits(n) => (1, n),
            Reliability::LifetimeMs(ms) => (2, ms),
        };
        let (label, protocol) = (cut(&self.label), cut(&self.protocol));
        let mut out = vec![OPEN, kind | if self.ordered { 0 } else { 0x80 }, 0, 0];
        out.extend_from_slice(&u32::to_be_bytes(parameter));
        out.extend_from_slice(&(label.len() as u16).to_be_bytes());
        out.extend_from_slice(&(protocol.len() as u16).to_be_bytes());
        out.extend_from_slice(label.as_bytes());
        out.extend_from_slice(protocol.as_bytes());
        out
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=text.len().min(MAX_TEXT))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    text.get(..end).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(label in "\\PC{0,60}", protocol in "\\PC{0,20}", ordered: bool, kind in 0u8..3, n: u32) {
            let reliability = match kind { 0 => Reliability::Reliable, 1 => Reliability::Retransmits(n), _ => Reliability::LifetimeMs(n) };
            let options = ChannelOptions { label, protocol, ordered, reliability };
            prop_assert_eq!(ChannelOptions::parse(&options.write()), Some(options));
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = ChannelOptions::parse(&bytes);
        }
    }
}
