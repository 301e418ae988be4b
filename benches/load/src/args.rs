//! The command line.

use std::error::Error;
use std::time::Duration;

const HELP: &str =
    "usage: roomful-load --address HOST:PORT [--key devkey] [--secret secret] [--pid PID] [--room bench]
    [--media video|voice] [--publishers 1] [--subscribers 0] [--idle 0] [--seconds 3] [--windows 3]";

pub struct Args {
    pub address: String,
    pub key: String,
    pub secret: String,
    pub room: String,
    pub pid: Option<u32>,
    pub video: bool,
    pub publishers: usize,
    pub subscribers: usize,
    pub idle: usize,
    pub seconds: Duration,
    pub windows: usize,
}

impl Args {
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut args = Self {
            address: String::new(),
            key: "devkey".into(),
            secret: "secret".into(),
            room: "bench".into(),
            pid: None,
            video: true,
            publishers: 1,
            subscribers: 0,
            idle: 0,
            seconds: Duration::from_secs(3),
            windows: 3,
        };
        while let Some(flag) = words.next() {
            let value = words.next().ok_or(HELP)?;
            match flag.as_str() {
                "--address" => args.address = value,
                "--key" => args.key = value,
                "--secret" => args.secret = value,
                "--room" => args.room = value,
                "--pid" => args.pid = Some(value.parse()?),
                "--media" if value == "video" || value == "voice" => args.video = value == "video",
                "--publishers" => args.publishers = value.parse()?,
                "--subscribers" => args.subscribers = value.parse()?,
                "--idle" => args.idle = value.parse()?,
                "--seconds" => args.seconds = Duration::try_from_secs_f64(value.parse()?)?,
                "--windows" => args.windows = value.parse()?,
                _ => return Err(HELP.into()),
            }
        }
        if args.address.is_empty() {
            return Err(HELP.into());
        }
        Ok(args)
    }
}
