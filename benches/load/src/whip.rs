//! WHIP and WHEP (RFC 9725, draft-ietf-wish-whep): one HTTP request in, one answer out, one connection for each participant.

use crate::args::Server;
use crate::signal::{Heard, Wish};
use crate::token;
use std::collections::VecDeque;
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

pub struct Whip {
    pub socket: TcpStream,
    host: String,
    endpoint: String,
    token: String,
    location: Option<String>,
    received: Vec<u8>,
    heard: VecDeque<Heard>,
}

impl Whip {
    /// Nothing is sent before there is something to offer.
    pub fn open(server: &Server, wish: Wish) -> Result<Self, Box<dyn Error>> {
        let socket = TcpStream::connect(&server.address)?;
        socket.set_nodelay(true)?;
        let kind = if wish.publish.is_some() { "whip" } else { "whep" };
        Ok(Self {
            socket,
            host: server.address.clone(),
            endpoint: format!("/{kind}/{}", wish.room),
            token: token::sign(&server.key, &server.secret, wish.room, wish.name),
            location: None,
            received: Vec::new(),
            heard: VecDeque::new(),
        })
    }

    pub fn offer(&mut self, sdp: &str) -> Result<(), Box<dyn Error>> {
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            self.endpoint, self.host, self.token, sdp.len()
        );
        self.socket.set_nonblocking(false)?;
        self.socket.write_all(request.as_bytes())?;
        self.socket.set_nonblocking(true)?;
        Ok(())
    }

    pub fn next(&mut self) -> Result<Option<Heard>, Box<dyn Error>> {
        let mut part = [0; 4096];
        loop {
            match self.socket.read(&mut part) {
                Ok(0) => break,
                Ok(n) => self.received.extend_from_slice(&part[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        if self.location.is_none() {
            self.understand()?;
        }
        Ok(self.heard.pop_front())
    }

    /// The one answer, once it is whole.
    fn understand(&mut self) -> Result<(), Box<dyn Error>> {
        let text = String::from_utf8_lossy(&self.received).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return Ok(());
        };
        let field = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        let length: usize = field("content-length")
            .ok_or("an answer without a length")?
            .parse()?;
        if body.len() < length {
            return Ok(());
        }
        if !head.starts_with("HTTP/1.1 201") {
            return Err(format!("the server refused: {body}").into());
        }
        self.location = Some(field("location").ok_or("an answer without a location")?);
        self.heard.push_back(Heard::Joined);
        self.heard.push_back(Heard::Answer(body.to_owned()));
        Ok(())
    }

    pub fn leave(&mut self) {
        if let Some(location) = self.location.take() {
            let request = format!("DELETE {location} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
            // The server ends what is left over by itself.
            let _ = self.socket.write_all(request.as_bytes());
        }
    }
}
