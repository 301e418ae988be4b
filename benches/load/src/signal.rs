//! The signal connection, whoever's protocol it speaks. It never blocks once it is open.

use crate::args::Server;
use crate::janus::Janus;
use crate::livekit::LiveKit;
use crate::whip::Whip;
use std::error::Error;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::{Error as WsError, Message, WebSocket};

/// What somebody wants of a room.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub room: &'a str,
    pub name: &'a str,
    /// How many published before, which is also this one's number when it publishes.
    pub number: usize,
    pub publish: Option<Media>,
    pub subscribe: bool,
}

/// What a publisher sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Voice,
    Video,
    /// The video in three sizes.
    Simulcast,
}

impl Media {
    pub fn is_video(self) -> bool {
        self != Self::Voice
    }
}

/// What the server said.
pub enum Heard {
    /// We are in the room.
    Joined,
    /// The answer to our offer.
    Answer(String),
    /// An offer of its own, and its number.
    Offer(String, u32),
    /// A candidate of its transport for what we send (true) or receive.
    Candidate(String, bool),
    /// A track that can be looked at, and the name of who publishes it.
    Track { id: String, owner: String },
}

pub enum Signal {
    LiveKit(LiveKit),
    Janus(Box<Janus>),
    Whip(Whip),
}

impl Signal {
    pub fn open(server: &Server, wish: Wish) -> Result<Self, Box<dyn Error>> {
        Ok(if server.janus {
            Self::Janus(Box::new(Janus::open(server, wish)?))
        } else if server.whip {
            Self::Whip(Whip::open(server, wish)?)
        } else {
            Self::LiveKit(LiveKit::open(server, wish)?)
        })
    }

    pub fn stream(&self) -> &TcpStream {
        match self {
            Self::LiveKit(signal) => signal.socket.get_ref(),
            Self::Janus(signal) => signal.socket.get_ref(),
            Self::Whip(signal) => &signal.socket,
        }
    }

    /// The next thing that was said; `None` when there is none.
    pub fn next(&mut self) -> Result<Option<Heard>, Box<dyn Error>> {
        match self {
            Self::LiveKit(signal) => signal.next(),
            Self::Janus(signal) => signal.next(),
            Self::Whip(signal) => signal.next(),
        }
    }

    /// Offers to publish.
    pub fn offer(&mut self, media: Media, cid: &str, sdp: String) -> Result<(), Box<dyn Error>> {
        match self {
            Self::LiveKit(signal) => signal.offer(media, cid, sdp),
            Self::Janus(signal) => signal.offer(sdp),
            Self::Whip(signal) => signal.offer(&sdp),
        }
    }

    pub fn answer(&mut self, sdp: String, number: u32) -> Result<(), Box<dyn Error>> {
        match self {
            Self::LiveKit(signal) => signal.answer(sdp, number),
            Self::Janus(signal) => signal.answer(sdp),
            Self::Whip(_) => Err("WHEP's servers make no offers here".into()),
        }
    }

    /// Tells how large a track is shown.
    pub fn view(&mut self, track: String, large: bool) -> Result<(), Box<dyn Error>> {
        match self {
            Self::LiveKit(signal) => signal.view(track, large),
            Self::Janus(_) | Self::Whip(_) => Ok(()),
        }
    }

    pub fn ping(&mut self, since: Duration) -> Result<(), Box<dyn Error>> {
        match self {
            Self::LiveKit(signal) => signal.ping(since),
            Self::Janus(signal) => signal.ping(),
            Self::Whip(_) => Ok(()),
        }
    }

    pub fn leave(&mut self) {
        match self {
            Self::LiveKit(signal) => signal.leave(),
            Self::Janus(signal) => signal.leave(),
            Self::Whip(signal) => signal.leave(),
        }
    }
}

/// The next message with a body; `None` when there is none.
pub fn read(socket: &mut WebSocket<TcpStream>) -> Result<Option<Message>, Box<dyn Error>> {
    loop {
        match socket.read() {
            Ok(message @ (Message::Binary(_) | Message::Text(_))) => return Ok(Some(message)),
            Ok(Message::Close(frame)) => {
                return Err(format!("the server closed the connection: {frame:?}").into())
            }
            Ok(_) => {}
            Err(WsError::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
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
