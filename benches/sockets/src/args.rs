//! What `benches/ws.py` asks for. `{room}` stands for a room's number, `{data}` for the payload.
use std::net::SocketAddr;

pub struct Args {
    pub work: String,
    pub address: SocketAddr,
    pub pid: u32,
    pub path: String,
    /// Said first by each connection of `relay`; empty for nothing.
    pub hello: String,
    pub message: String,
    pub connections: usize,
    /// Members of a room.
    pub room: usize,
    /// Members of a room that have a message under way.
    pub speakers: usize,
    /// Bytes of data.
    pub size: usize,
    pub seconds: f64,
    pub windows: usize,
}

impl Args {
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            work: words.next().ok_or("which work?")?,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            pid: 0,
            path: "/".into(),
            hello: String::new(),
            message: "{data}".into(),
            connections: 1000,
            room: 10,
            speakers: 1,
            size: 64,
            seconds: 3.0,
            windows: 3,
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or(format!("{name} wants a value"))?;
            let number = || value.parse::<usize>().map_err(|_| format!("{name}: {value}"));
            match name.as_str() {
                "--address" => args.address = value.parse().map_err(|_| format!("{name}: {value}"))?,
                "--pid" => args.pid = number()? as u32,
                "--path" => args.path = value,
                "--hello" => args.hello = value,
                "--message" => args.message = value,
                "--connections" => args.connections = number()?,
                "--room" => args.room = number()?,
                "--speakers" => args.speakers = number()?,
                "--size" => args.size = number()?,
                "--seconds" => args.seconds = value.parse().map_err(|_| format!("{name}: {value}"))?,
                "--windows" => args.windows = number()?,
                _ => return Err(format!("unknown: {name}")),
            }
        }
        Ok(args)
    }

    /// A template filled in.
    pub fn fill(&self, template: &str, room: usize) -> String {
        template
            .replace("{room}", &room.to_string())
            .replace("{data}", &"x".repeat(self.size))
    }
}
