//! The command line.

use crate::signal::Media;
use std::error::Error;
use std::time::Duration;

const HELP: &str =
    "usage: roomful-load --address HOST:PORT [--key devkey] [--secret secret] [--server livekit|janus|whip]
    [--pid PID] [--room bench] [--media video|voice|simulcast] [--publishers 1] [--subscribers 0] [--mesh 0]
    [--idle 0] [--seconds 3] [--windows 3] [--late 8] [--loss PACKETS-IN-A-THOUSAND]";

/// Whom to talk to.
pub struct Server {
    pub address: String,
    pub key: String,
    pub secret: String,
    /// Janus' video room instead of LiveKit's protocol.
    pub janus: bool,
    /// WHIP and WHEP instead of it.
    pub whip: bool,
}

pub struct Args {
    pub server: Server,
    pub room: String,
    pub pid: Option<u32>,
    pub media: Media,
    pub publishers: usize,
    pub subscribers: usize,
    /// People who all publish and look at one another: one large, the others small.
    pub mesh: usize,
    pub idle: usize,
    pub seconds: Duration,
    pub windows: usize,
    /// Subscribers that join into the running room, one at a time.
    pub late: usize,
    /// Datagrams in a thousand that a subscriber loses on the way in, so that it asks for them again.
    pub loss: u32,
}

impl Args {
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut args = Self {
            server: Server {
                address: String::new(),
                key: "devkey".into(),
                secret: "secret".into(),
                janus: false,
                whip: false,
            },
            room: "bench".into(),
            pid: None,
            media: Media::Video,
            publishers: 1,
            subscribers: 0,
            mesh: 0,
            idle: 0,
            seconds: Duration::from_secs(3),
            windows: 3,
            late: 8,
            loss: 0,
        };
        while let Some(flag) = words.next() {
            let value = words.next().ok_or(HELP)?;
            match (flag.as_str(), value.as_str()) {
                ("--address", _) => args.server.address = value,
                ("--key", _) => args.server.key = value,
                ("--secret", _) => args.server.secret = value,
                ("--server", "livekit" | "janus" | "whip") => {
                    args.server.janus = value == "janus";
                    args.server.whip = value == "whip";
                }
                ("--room", _) => args.room = value,
                ("--pid", _) => args.pid = Some(value.parse()?),
                ("--media", "video") => args.media = Media::Video,
                ("--media", "voice") => args.media = Media::Voice,
                ("--media", "simulcast") => args.media = Media::Simulcast,
                ("--publishers", _) => args.publishers = value.parse()?,
                ("--subscribers", _) => args.subscribers = value.parse()?,
                ("--mesh", _) => args.mesh = value.parse()?,
                ("--idle", _) => args.idle = value.parse()?,
                ("--seconds", _) => args.seconds = Duration::try_from_secs_f64(value.parse()?)?,
                ("--windows", _) => args.windows = value.parse()?,
                ("--late", _) => args.late = value.parse()?,
                ("--loss", _) => args.loss = value.parse()?,
                _ => return Err(HELP.into()),
            }
        }
        if args.server.address.is_empty() {
            return Err(HELP.into());
        }
        Ok(args)
    }
}
