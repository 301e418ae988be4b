//! One WebSocket connection of the load client, nonblocking.
use crate::frame;
use mio::net::TcpStream;
use std::io::{ErrorKind, Read, Write};

pub struct Client {
    pub stream: TcpStream,
    /// The handshake is over.
    pub open: bool,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            open: false,
            inbox: vec![],
            outbox: vec![],
        }
    }

    /// The request for an upgrade. The key is RFC 6455's example.
    pub fn knock(&mut self, host: &str, path: &str) -> Result<(), String> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        self.send(request.as_bytes())
    }

    pub fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.outbox.extend(bytes);
        self.flush()
    }

    pub fn flush(&mut self) -> Result<(), String> {
        while !self.outbox.is_empty() {
            match self.stream.write(&self.outbox) {
                Ok(written) => drop(self.outbox.drain(..written)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    break
                }
                Err(error) => return Err(format!("write: {error}")),
            }
        }
        Ok(())
    }

    /// Reads what is there, and calls for each message.
    pub fn read(&mut self, buffer: &mut [u8], mut message: impl FnMut(&[u8])) -> Result<(), String> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(format!("read: {error}")),
            };
            let mut fresh = buffer.get(..count).unwrap_or_default();
            if !self.inbox.is_empty() || !self.open {
                self.inbox.extend(fresh);
                fresh = &[];
            }
            if !self.open {
                let Some(end) = self.inbox.windows(4).position(|four| four == b"\r\n\r\n") else {
                    continue;
                };
                if !self.inbox.starts_with(b"HTTP/1.1 101") {
                    return Err(String::from_utf8_lossy(&self.inbox).into_owned());
                }
                self.open = true;
                self.inbox.drain(..end + 4);
            }
            if self.inbox.is_empty() {
                let used = Self::messages(fresh, &mut message)?;
                self.inbox.extend(&fresh[used..]);
            } else {
                let used = Self::messages(&self.inbox, &mut message)?;
                self.inbox.drain(..used);
            }
            if count < buffer.len() {
                return Ok(());
            }
        }
    }

    fn messages(bytes: &[u8], message: &mut impl FnMut(&[u8])) -> Result<usize, String> {
        let mut used = 0;
        while let Some(frame) = frame::read(&bytes[used..]) {
            used += frame.whole;
            match frame.first & 0x0f {
                1 | 2 => message(frame.payload),
                8 => return Err(format!("closed: {}", String::from_utf8_lossy(frame.payload))),
                _ => {}
            }
        }
        Ok(used)
    }
}
