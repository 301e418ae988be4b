//! LiveKit's signaling, version 0: a peer connection for each direction, protobuf over a WebSocket.

use crate::args::Server;
use crate::signal::{read, Heard, Media, Wish};
use crate::token;
use crate::wire::{AddTrack, Description, Layer, Leave, Participant, Ping, Request, Response, TrackSettings};
use prost::Message as _;
use std::collections::VecDeque;
use std::error::Error;
use std::net::TcpStream;
use std::time::Duration;
use tungstenite::{Message, WebSocket};

pub struct LiveKit {
    pub socket: WebSocket<TcpStream>,
    heard: VecDeque<Heard>,
}

impl LiveKit {
    /// Opens `/rtc`, as a client of two peer connections.
    pub fn open(server: &Server, wish: Wish) -> Result<Self, Box<dyn Error>> {
        let stream = TcpStream::connect(&server.address)?;
        stream.set_nodelay(true)?;
        let url = format!(
            "ws://{}/rtc?access_token={}&protocol=15&auto_subscribe={}&sdk=rust&version=1.0.0",
            server.address,
            token::sign(&server.key, &server.secret, wish.room, wish.name),
            u8::from(wish.subscribe)
        );
        let (socket, _) = tungstenite::client(url, stream)?;
        socket.get_ref().set_nonblocking(true)?;
        Ok(Self {
            socket,
            heard: VecDeque::new(),
        })
    }

    pub fn next(&mut self) -> Result<Option<Heard>, Box<dyn Error>> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Ok(Some(heard));
            }
            match read(&mut self.socket)? {
                None => return Ok(None),
                Some(Message::Binary(bytes)) => self.understand(Response::decode(bytes)?)?,
                Some(_) => {}
            }
        }
    }

    fn understand(&mut self, response: Response) -> Result<(), Box<dyn Error>> {
        if let Some(leave) = response.leave {
            return Err(format!("the server sent us away, reason {}", leave.reason).into());
        }
        let heard = &mut self.heard;
        let mut people: Vec<Participant> = vec![];
        if let Some(join) = response.join {
            heard.push_back(Heard::Joined);
            people.extend(join.others);
        }
        people.extend(response.update.into_iter().flat_map(|update| update.participants));
        for person in people {
            heard.extend(person.tracks.into_iter().map(|track| Heard::Track {
                id: track.sid,
                owner: person.identity.clone(),
            }));
        }
        heard.extend(response.answer.map(|answer| Heard::Answer(answer.sdp)));
        heard.extend(response.offer.map(|offer| Heard::Offer(offer.sdp, offer.id)));
        if let Some(trickle) = response.trickle {
            let json: serde_json::Value = serde_json::from_str(&trickle.candidate)?;
            let text = json["candidate"].as_str().unwrap_or_default().to_owned();
            heard.push_back(Heard::Candidate(text, trickle.target == 0));
        }
        Ok(())
    }

    fn send(&mut self, request: Request) -> Result<(), Box<dyn Error>> {
        Ok(self
            .socket
            .send(Message::Binary(request.encode_to_vec().into()))?)
    }

    pub fn offer(&mut self, media: Media, cid: &str, sdp: String) -> Result<(), Box<dyn Error>> {
        let (width, height) = if media.is_video() { (1280, 720) } else { (0, 0) };
        let layer = |quality: u32, rid: &str| Layer {
            quality: quality as i32,
            width: width >> (2 - quality),
            height: height >> (2 - quality),
            bitrate: 0,
            rid: rid.to_owned(),
        };
        let layers = match media {
            Media::Simulcast => vec![layer(0, "q"), layer(1, "h"), layer(2, "f")],
            _ => vec![],
        };
        let add_track = Some(AddTrack {
            cid: cid.to_owned(),
            name: "load".into(),
            kind: i32::from(media.is_video()),
            width,
            height,
            source: if media.is_video() { 1 } else { 2 },
            layers,
            disable_red: true,
        });
        self.send(Request {
            add_track,
            ..Request::default()
        })?;
        let offer = Some(Description {
            kind: "offer".into(),
            sdp,
            id: 1,
        });
        self.send(Request {
            offer,
            ..Request::default()
        })
    }

    pub fn answer(&mut self, sdp: String, id: u32) -> Result<(), Box<dyn Error>> {
        let answer = Some(Description {
            kind: "answer".into(),
            sdp,
            id,
        });
        self.send(Request {
            answer,
            ..Request::default()
        })
    }

    pub fn view(&mut self, track: String, large: bool) -> Result<(), Box<dyn Error>> {
        let (width, height) = if large { (1280, 720) } else { (320, 180) };
        let track_setting = Some(TrackSettings {
            track_sids: vec![track],
            width,
            height,
        });
        self.send(Request {
            track_setting,
            ..Request::default()
        })
    }

    pub fn ping(&mut self, since: Duration) -> Result<(), Box<dyn Error>> {
        let ping = Some(Ping {
            timestamp: since.as_millis() as i64,
            rtt: 1,
        });
        self.send(Request {
            ping,
            ..Request::default()
        })
    }

    pub fn leave(&mut self) {
        let leave = Some(Leave { reason: 1 });
        self.send(Request {
            leave,
            ..Request::default()
        })
        .ok();
    }
}
