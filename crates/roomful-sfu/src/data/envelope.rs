//! What the data plane must know of a packet, whoever's packet it is.

/// A packet's address and stamp.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Identities it is for; empty for everybody.
    pub identities: Vec<String>,
    /// Participant ids it is for; empty for everybody.
    pub participants: Vec<String>,
    /// Counts the sender's reliable packets; 0 when it does not count.
    pub sequence: u32,
    /// What it is about; empty when it does not say.
    pub topic: String,
}

/// Who sends, as everybody shall see it.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// Identity.
    pub identity: &'a str,
    /// `PA_…`
    pub participant: &'a str,
}

/// A way to write data packets.
pub trait Envelope {
    /// Reads the address; `None` for a packet that is malformed or that no client may send.
    fn address(packet: &[u8]) -> Option<Address>;

    /// The packet with its sender written over at every place that names one.
    fn stamp(packet: &[u8], sender: Sender<'_>) -> Option<Vec<u8>>;
}
