//! Janus' video room over its WebSocket transport (`janus-protocol`): a session and a handle each, a publisher's feed has its
//! number.

use crate::args::Server;
use crate::signal::{read, Heard, Wish};
use serde_json::{json, Value};
use std::error::Error;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

/// What a server may take to answer the first requests.
const PATIENCE: Duration = Duration::from_secs(5);
/// The one room of a run.
const ROOM: u64 = 77;

pub struct Janus {
    pub socket: WebSocket<TcpStream>,
    session: u64,
    handle: u64,
    number: usize,
    publishes: bool,
}

impl Janus {
    /// Opens a session, and for a subscriber asks for all that was published.
    pub fn open(server: &Server, wish: Wish) -> Result<Self, Box<dyn Error>> {
        let stream = TcpStream::connect(&server.address)?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{}/", server.address).into_client_request()?;
        let protocol = HeaderValue::from_static("janus-protocol");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        let (socket, _) = tungstenite::client(request, stream)?;
        socket.get_ref().set_nonblocking(true)?;
        let mut janus = Self {
            socket,
            session: 0,
            handle: 0,
            number: wish.number,
            publishes: wish.publish.is_some(),
        };
        janus.send(json!({"janus": "create"}))?;
        janus.session = janus.id()?;
        janus.send(json!({"janus": "attach", "plugin": "janus.plugin.videoroom"}))?;
        janus.handle = janus.id()?;
        if janus.publishes && janus.number == 0 {
            // 0: no bound of the bitrate.
            janus.ask(
                json!({"request": "create", "room": ROOM, "publishers": 100, "bitrate": 0,
                "videocodec": "vp8", "audiocodec": "opus", "fir_freq": 0}),
            )?;
        }
        if janus.publishes {
            janus.ask(
                json!({"request": "join", "ptype": "publisher", "room": ROOM, "id": 1 + janus.number}),
            )?;
        } else {
            let streams: Vec<Value> = (1..=janus.number).map(|feed| json!({"feed": feed})).collect();
            janus.ask(json!({"request": "join", "ptype": "subscriber", "room": ROOM, "streams": streams}))?;
        }
        Ok(janus)
    }

    fn send(&mut self, mut message: Value) -> Result<(), Box<dyn Error>> {
        message["transaction"] = "load".into();
        if self.session != 0 {
            message["session_id"] = self.session.into();
        }
        if self.handle != 0 {
            message["handle_id"] = self.handle.into();
        }
        Ok(self.socket.send(Message::text(message.to_string()))?)
    }

    fn ask(&mut self, body: Value) -> Result<(), Box<dyn Error>> {
        self.send(json!({"janus": "message", "body": body}))
    }

    /// The id that a session or a handle was given.
    fn id(&mut self) -> Result<u64, Box<dyn Error>> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(message) = self.message()? {
                let id = message["data"]["id"].as_u64();
                return id.ok_or_else(|| format!("no id in {message}").into());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Err("Janus does not answer".into())
    }

    fn message(&mut self) -> Result<Option<Value>, Box<dyn Error>> {
        Ok(match read(&mut self.socket)? {
            Some(Message::Text(text)) => Some(serde_json::from_str(&text)?),
            _ => None,
        })
    }

    pub fn next(&mut self) -> Result<Option<Heard>, Box<dyn Error>> {
        while let Some(message) = self.message()? {
            let said = &message["plugindata"]["data"];
            if let Some(error) = said["error"].as_str().or(message["error"]["reason"].as_str()) {
                return Err(format!("Janus: {error}").into());
            }
            let sdp = message["jsep"]["sdp"].as_str().map(str::to_owned);
            match (message["jsep"]["type"].as_str(), sdp) {
                (Some("offer"), Some(sdp)) => return Ok(Some(Heard::Offer(sdp, 0))),
                (Some("answer"), Some(sdp)) => return Ok(Some(Heard::Answer(sdp))),
                _ if said["videoroom"] == "joined" => return Ok(Some(Heard::Joined)),
                _ => {}
            }
        }
        Ok(None)
    }

    pub fn offer(&mut self, sdp: String) -> Result<(), Box<dyn Error>> {
        let body = json!({"request": "publish"});
        self.send(json!({"janus": "message", "body": body, "jsep": {"type": "offer", "sdp": sdp}}))
    }

    pub fn answer(&mut self, sdp: String) -> Result<(), Box<dyn Error>> {
        let body = json!({"request": "start"});
        self.send(json!({"janus": "message", "body": body, "jsep": {"type": "answer", "sdp": sdp}}))
    }

    pub fn ping(&mut self) -> Result<(), Box<dyn Error>> {
        self.send(json!({"janus": "keepalive"}))
    }

    pub fn leave(&mut self) {
        self.send(json!({"janus": "destroy"})).ok();
    }
}
