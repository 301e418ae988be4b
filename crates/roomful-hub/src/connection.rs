//! One connection as the hub knows it. Kept by [`crate::Hub`]; never holds a socket.
use crate::command::{Speech, Who};
use crate::ids::Id;
use crate::rate::Bucket;

/// Where it stands.
pub(crate) enum State {
    /// Python has been asked whether it may come in.
    Opened,
    /// It is in.
    Accepted(Box<Talker>),
}

/// A channel that a connection is in.
pub(crate) struct Joined {
    /// Number of the channel.
    pub channel: usize,
    /// Place in its group there.
    pub position: usize,
}

/// An accepted connection.
pub(crate) struct Talker {
    pub speech: Speech,
    pub who: Who,
    /// What members call it.
    pub id: Id,
    pub bucket: Bucket,
    /// Refused messages in a row.
    pub strikes: u32,
    /// It is being closed and says and hears nothing more.
    pub closing: bool,
    pub joined: Vec<Joined>,
    /// Joins that wait for Python.
    pub joining: Vec<u64>,
    /// Requests of others that it has not answered.
    pub answering: Vec<u64>,
    /// Its messages and requests that wait for somebody's word.
    pub pending: usize,
}

impl Talker {
    pub fn new(speech: Speech, who: Who, id: Id, bucket: Bucket) -> Self {
        Self {
            speech,
            who,
            id,
            bucket,
            strikes: 0,
            closing: false,
            joined: vec![],
            joining: vec![],
            answering: vec![],
            pending: 0,
        }
    }

    pub fn is_in(&self, channel: usize) -> bool {
        self.joined.iter().any(|joined| joined.channel == channel)
    }
}
