//! The signal connection: a WebSocket that never blocks once it is open.

use crate::wire::{Request, Response};
use prost::Message as _;
use std::error::Error;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::{Error as WsError, Message, WebSocket};

pub struct Signal {
    socket: WebSocket<TcpStream>,
}

impl Signal {
    /// Opens `/rtc` of a server at `address` (host:port), as a client of two peer connections.
    pub fn open(address: &str, token: &str, subscribe: bool) -> Result<Self, Box<dyn Error>> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let url = format!(
            "ws://{address}/rtc?access_token={token}&protocol=15&auto_subscribe={}&sdk=rust&version=1.0.0",
            u8::from(subscribe)
        );
        let (socket, _) = tungstenite::client(url, stream)?;
        socket.get_ref().set_nonblocking(true)?;
        Ok(Self { socket })
    }

    pub fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    pub fn send(&mut self, request: Request) -> Result<(), Box<dyn Error>> {
        Ok(self
            .socket
            .send(Message::Binary(request.encode_to_vec().into()))?)
    }

    /// The next message that is there; `None` when there is none.
    pub fn next(&mut self) -> Result<Option<Response>, Box<dyn Error>> {
        loop {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => return Ok(Some(Response::decode(bytes)?)),
                Ok(Message::Close(frame)) => {
                    return Err(format!("the server closed the connection: {frame:?}").into())
                }
                Ok(_) => {}
                Err(WsError::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Returns when something listens at `address`.
pub fn wait_for(address: &str, patience: Duration) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > patience => return Err(format!("{address}: {error}").into()),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
