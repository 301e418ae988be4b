//! One connection: where it stands, and what the door remembers of it. Never calls the hub.
use crate::output::Output;
use crate::splice::Splice;
use crate::stream::Stream;
use crate::websocket::{close_frame, Decoder, Upgrade};
use bytes::Bytes;
use roomful_hub::{Backlog, OnSlow, Verdict};
use std::net::SocketAddr;

/// How long the other side may take to end, once told.
pub const END_MS: u64 = 3_000;

/// Where it stands.
pub enum Phase {
    /// The head of the first request is coming; so far this much of it.
    Head(Vec<u8>),
    /// The hub has been asked. `early`: what the client said before it was answered.
    Asked { upgrade: Box<Upgrade>, early: Vec<u8> },
    /// A WebSocket.
    Open,
    /// A close frame has gone out; the other side's is awaited.
    Closing,
    /// What waits goes out, then the connection ends.
    Ending,
    /// Everything goes to the server behind.
    Spliced(Box<Splice>),
}

/// See the module.
pub struct Connection {
    /// The upper half of its id.
    pub generation: u32,
    pub stream: Stream,
    pub peer: SocketAddr,
    pub phase: Phase,
    pub decoder: Decoder,
    /// What came before the handshake was answered, to be read first.
    pub early: Option<Box<[u8]>>,
    pub output: Output,
    pub backlog: Backlog,
    /// When its phase ends, on the door's clock; 0 for never.
    pub deadline_ms: u64,
    /// When it last said anything, a message, and when it was pinged since (0: it was not).
    pub heard_ms: u64,
    pub spoke_ms: u64,
    pub pinged_ms: u64,
    /// In the list of those to be written to, and of those to be read.
    pub dirty: bool,
    pub ready: bool,
    /// The system said that the other side has ended: read to the end.
    pub ending: bool,
    /// Our end has been sent.
    pub ended: bool,
    /// The hub was told of it, and not yet that it is gone.
    pub known: bool,
}

impl Connection {
    /// New, with its head to come.
    pub fn new(generation: u32, stream: Stream, peer: SocketAddr, now_ms: u64, head_ms: u64) -> Self {
        Self {
            generation,
            stream,
            peer,
            phase: Phase::Head(vec![]),
            decoder: Decoder::default(),
            early: None,
            output: Output::default(),
            backlog: Backlog::default(),
            deadline_ms: now_ms + head_ms,
            heard_ms: now_ms,
            spoke_ms: now_ms,
            pinged_ms: 0,
            dirty: false,
            ready: false,
            ending: false,
            ended: false,
            known: false,
        }
    }

    /// A frame wants to go out.
    pub fn offer(&mut self, frame: &Bytes, slow: OnSlow) -> Verdict {
        let verdict = self.backlog.offer(frame.len(), slow);
        if verdict == Verdict::Queue {
            self.output.push(frame.clone());
        }
        verdict
    }

    /// The last frame goes out, after what waits. Nothing that comes is told to the hub any more.
    pub fn close(&mut self, code: u16, reason: &str, now_ms: u64) {
        self.output.push(close_frame(code, reason));
        self.phase = Phase::Closing;
        self.deadline_ms = now_ms + END_MS;
    }

    /// The last frame goes out, and nothing is awaited but the connection's end.
    pub fn fail(&mut self, code: u16, reason: &str, now_ms: u64) {
        self.close(code, reason, now_ms);
        self.phase = Phase::Ending;
    }

    /// One that does not read: what waits is dropped, as far as it may.
    pub fn give_up(&mut self, code: u16, reason: &str, now_ms: u64) {
        let cut = self.output.cut();
        self.backlog.wrote(cut);
        self.fail(code, reason, now_ms);
    }

    /// An answer in HTTP, then the end.
    pub fn answer(&mut self, response: Vec<u8>, now_ms: u64) {
        self.output.push(response.into());
        self.phase = Phase::Ending;
        self.deadline_ms = now_ms + END_MS;
    }
}
