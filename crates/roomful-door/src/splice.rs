//! A connection that is passed on whole, byte for byte, to the server behind. Knows no HTTP.
//!
//! Each way holds at most what one read brought: while it waits to go out, nothing more is read from that side.
use crate::output::Output;
use crate::stream::Stream;
use bytes::Bytes;
use mio::net::UnixStream;
use std::io::{ErrorKind, Read, Result};
use std::net::Shutdown;

/// Reads of one side in one turn: one that pours must not starve the others.
const MAX_READS: usize = 8;

/// The side of the server behind.
pub struct Splice {
    pub backend: UnixStream,
    to_backend: Output,
    client_ended: bool,
    backend_ended: bool,
    backend_told: bool,
    client_told: bool,
    /// The server behind reads no more; what the client says is dropped.
    backend_deaf: bool,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Something may come: wait.
    Waits,
    /// More is there than was taken.
    More,
    /// Both sides have ended.
    Done,
}

impl Splice {
    /// `first`: the preamble and what was read so far.
    pub fn new(backend: UnixStream, first: Bytes) -> Self {
        let mut to_backend = Output::default();
        to_backend.push(first);
        Self {
            backend,
            to_backend,
            client_ended: false,
            backend_ended: false,
            backend_told: false,
            client_told: false,
            backend_deaf: false,
        }
    }

    /// Something waits to be read by one side or the other, or only one side has ended.
    pub fn is_stuck(&self, to_client: &Output) -> bool {
        !self.to_backend.is_empty() || !to_client.is_empty() || self.client_ended || self.backend_ended
    }

    /// The server behind has ended, and the client has all of it and knows.
    pub fn is_answered(&self) -> bool {
        self.backend_ended && self.client_told
    }

    /// Moves what can be moved. Returns whether anything was, and what is to come. An error is the end of both.
    pub fn pump(
        &mut self,
        client: &mut Stream,
        to_client: &mut Output,
        buffer: &mut [u8],
    ) -> Result<(bool, Flow)> {
        let (up, more_up) = self.upwards(client, buffer)?;
        let (down, more_down) = self.downwards(client, to_client, buffer)?;
        let flow = if self.client_ended && self.backend_ended && self.client_told {
            Flow::Done
        } else if more_up || more_down {
            Flow::More
        } else {
            Flow::Waits
        };
        Ok((up || down, flow))
    }

    fn upwards(&mut self, client: &mut Stream, buffer: &mut [u8]) -> Result<(bool, bool)> {
        let mut moved = false;
        for _ in 0..MAX_READS {
            if !self.to_backend.is_empty() {
                moved |= self.write_backend()? > 0;
                if !self.to_backend.is_empty() {
                    return Ok((moved, false));
                }
            }
            if self.client_ended {
                if !std::mem::replace(&mut self.backend_told, true) {
                    let _ = self.backend.shutdown(Shutdown::Write);
                }
                return Ok((moved, false));
            }
            match client.read(buffer) {
                Ok(0) => self.client_ended = true,
                Ok(length) => {
                    moved = true;
                    let bytes = buffer.get(..length).unwrap_or(&[]);
                    if !self.backend_deaf {
                        self.to_backend.push(Bytes::copy_from_slice(bytes));
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok((moved, false)),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok((moved, true))
    }

    fn write_backend(&mut self) -> Result<usize> {
        match self.to_backend.write_to(&mut self.backend) {
            // It has answered and closed, while the client still sends: the answer is what counts.
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.backend_deaf = true;
                self.to_backend = Output::default();
                Ok(0)
            }
            // Not connected yet.
            Err(e) if e.kind() == ErrorKind::NotConnected => Ok(0),
            done => done,
        }
    }

    fn downwards(
        &mut self,
        client: &mut Stream,
        to_client: &mut Output,
        buffer: &mut [u8],
    ) -> Result<(bool, bool)> {
        let mut moved = false;
        for _ in 0..MAX_READS {
            if !to_client.is_empty() || client.holds_output() {
                moved |= client.write(to_client)? > 0;
                if !to_client.is_empty() || client.holds_output() {
                    return Ok((moved, false));
                }
            }
            if self.backend_ended {
                if !std::mem::replace(&mut self.client_told, true) {
                    client.end_output()?;
                }
                return Ok((moved, false));
            }
            match self.backend.read(buffer) {
                Ok(0) => self.backend_ended = true,
                Ok(length) => {
                    moved = true;
                    to_client.push(Bytes::copy_from_slice(buffer.get(..length).unwrap_or(&[])));
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok((moved, false));
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => self.backend_ended = true,
                Err(e) => return Err(e),
            }
        }
        Ok((moved, true))
    }
}
