//! Waking another thread through a descriptor that `poll` and asyncio can wait for: a pair of connected sockets, on any Unix.
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// One end wakes, the other is waited for. Many wakes are one.
pub struct Wake {
    reader: UnixStream,
    writer: UnixStream,
}

impl Wake {
    /// A pair of its own.
    pub fn new() -> std::io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Self { reader, writer })
    }

    /// Readable after a wake.
    pub fn fd(&self) -> i32 {
        self.reader.as_raw_fd()
    }

    /// Wakes. A full pipe is awake already.
    pub fn wake(&self) {
        let _ = (&self.writer).write(&[1]);
    }

    /// Forgets wakes so far.
    pub fn clear(&self) {
        let mut sink = [0u8; 256];
        while matches!((&self.reader).read(&mut sink), Ok(n) if n == sink.len()) {}
    }
}
