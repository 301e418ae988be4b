//! A connection's bytes, with TLS or without. Never blocks.
use crate::output::Output;
use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};
use std::io::{Error, ErrorKind, Read, Result};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

/// Bytes that TLS may hold, sealed or not.
const TLS_BUFFER: usize = 64 * 1024;

/// Either kind.
pub enum Stream {
    /// As it comes.
    Plain(TcpStream),
    /// By rustls.
    Tls(Box<Tls>),
}

/// A TLS connection, its handshake included.
pub struct Tls {
    tcp: TcpStream,
    session: ServerConnection,
    /// The other side is at its end.
    ended: bool,
}

impl Stream {
    /// A server's side.
    pub fn new(tcp: TcpStream, tls: Option<&Arc<ServerConfig>>) -> Result<Self> {
        let Some(config) = tls else {
            return Ok(Self::Plain(tcp));
        };
        let mut session = ServerConnection::new(config.clone()).map_err(Error::other)?;
        session.set_buffer_limit(Some(TLS_BUFFER));
        Ok(Self::Tls(Box::new(Tls {
            tcp,
            session,
            ended: false,
        })))
    }

    /// Beneath TLS.
    pub fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &mut tls.tcp,
        }
    }

    /// By TLS.
    pub fn is_secure(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Own address.
    pub fn local(&mut self) -> Result<SocketAddr> {
        self.tcp().local_addr()
    }

    /// Reads what is there. 0 is the end; `WouldBlock`: nothing now.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(into),
            Self::Tls(tls) => tls.read(into),
        }
    }

    /// A read that filled less than it might have has taken all there was.
    pub fn may_skip_last_read(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Writes what waits, as far as the other side takes it. Returns how many bytes left the queue.
    pub fn write(&mut self, output: &mut Output) -> Result<usize> {
        match self {
            Self::Plain(tcp) => output.write_to(tcp),
            Self::Tls(tls) => tls.write(output),
        }
    }

    /// Something is sealed and not out.
    pub fn holds_output(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.session.wants_write(),
        }
    }

    /// Says that nothing more comes.
    pub fn end_output(&mut self) -> Result<()> {
        if let Self::Tls(tls) = self {
            tls.session.send_close_notify();
            tls.flush()?;
        }
        self.tcp().shutdown(Shutdown::Write)
    }
}

impl Tls {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        loop {
            match self.session.reader().read(into) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                // An end without TLS's own word is an end all the same: HTTP and WebSocket have their own.
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            if self.ended {
                return Ok(0);
            }
            self.ended = self.session.read_tls(&mut self.tcp)? == 0;
            let state = self.session.process_new_packets();
            // Its alerts and its part of the handshake.
            let flushed = self.flush();
            state.map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
            flushed?;
        }
    }

    fn write(&mut self, output: &mut Output) -> Result<usize> {
        let mut wrote = 0;
        loop {
            if !output.is_empty() && !self.session.is_handshaking() {
                match output.write_to(&mut self.session.writer()) {
                    Ok(n) => wrote += n,
                    // Its buffer is full.
                    Err(e) if e.kind() == ErrorKind::WriteZero => {}
                    Err(e) => return Err(e),
                }
            }
            self.flush()?;
            if output.is_empty() || self.session.wants_write() || self.session.is_handshaking() {
                return Ok(wrote);
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}
