//! What a hub may hold, and for how long. Everything that a stranger can make grow has its bound here.

/// A token bucket's measure; 0 per second stands for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Rate {
    /// Messages in a second, in the long run.
    pub per_second: u32,
    /// Messages at once, after a silence.
    pub burst: u32,
}

/// Given once, at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Ids and epochs are made from this: a fresh random number at each start.
    pub seed: u64,
    /// How long Python may take to answer an opened connection, a join, a message or a request to the server.
    pub hook_deadline_ms: u64,
    /// How long a member may take to answer another's request.
    pub request_deadline_ms: u64,
    /// Bytes of the longest message that a client may send.
    pub max_message: usize,
    /// Of relay and muaz connections, unless accepted with another.
    pub rate: Rate,
    /// Refused messages in a row, then the connection is closed (1008).
    pub max_strikes: u32,
    /// Channels that exist at once; those with a history and no members count.
    pub max_channels: usize,
    /// Channels that one connection is in, or waits to be let in.
    pub max_joined: usize,
    /// Bytes of a member's info (JSON).
    pub max_info: usize,
    /// Questions that wait for Python: of all connections.
    pub max_asks: usize,
    /// Bytes of messages that wait for Python's word: of all connections.
    pub max_ask_bytes: usize,
    /// Questions that wait for Python or another member: of one connection.
    pub max_pending: usize,
    /// Bytes of all histories together.
    pub max_history_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            hook_deadline_ms: 5_000,
            request_deadline_ms: 10_000,
            max_message: 64 << 10,
            rate: Rate {
                per_second: 200,
                burst: 400,
            },
            max_strikes: 100,
            max_channels: 100_000,
            max_joined: 64,
            max_info: 1 << 10,
            max_asks: 10_000,
            max_ask_bytes: 64 << 20,
            max_pending: 64,
            max_history_bytes: 64 << 20,
        }
    }
}
