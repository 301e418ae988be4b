//! What the data plane must know of a packet, whosever packet it is.

use crate::command::DataKind;

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
    /// Id of the stream that it opens, continues or ends; empty for none.
    pub stream: String,
    /// Ends that stream.
    pub ends: bool,
}

/// Who sends, as everybody shall see it.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// Identity.
    pub identity: &'a str,
    /// `PA_…`
    pub participant: &'a str,
    /// Nobody shall learn who it is.
    pub hidden: bool,
    /// May say what somebody else said, in that one's name.
    pub agent: bool,
}

/// A way to write data packets.
pub trait Envelope {
    /// Reads the address; `None` for a packet that is malformed or that no client may send.
    fn address(packet: &[u8]) -> Option<Address>;

    /// The packet with its sender, and the channel it came by, written over at every place that names them.
    fn stamp(packet: &[u8], kind: DataKind, sender: Sender<'_>) -> Option<Vec<u8>>;
}
