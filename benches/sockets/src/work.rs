//! The four kinds of work. A payload ends in `x`, three bytes before the end at most: so messages are told from the server's own.
use crate::args::Args;
use crate::client::Client;
use crate::frame::masked;
use crate::process::{cpu_s, resident};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::json;
use std::time::{Duration, Instant};

const LONGEST_WAIT: Duration = Duration::from_secs(20);
type Done = Result<(), String>;

/// All connections of a run.
struct Crowd {
    poll: Poll,
    clients: Vec<Client>,
    buffer: Vec<u8>,
}

fn text<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> String + '_ {
    move |error| format!("{what}: {error}")
}

fn is_data(payload: &[u8]) -> bool {
    payload.len() > 3 && payload[payload.len() - 3] == b'x'
}

impl Crowd {
    /// Opens all connections and waits until the last is open. Each says its hello.
    fn open(args: &Args) -> Result<Self, String> {
        let mut crowd = Self {
            poll: Poll::new().map_err(text("poll"))?,
            clients: vec![],
            buffer: vec![0; 64 << 10],
        };
        let mut open = 0;
        while open < args.connections {
            // A listener's queue is short: not all at once.
            while crowd.clients.len() < args.connections && crowd.clients.len() < open + 100 {
                let n = crowd.clients.len();
                let mut stream = TcpStream::connect(args.address).map_err(text("connect"))?;
                crowd
                    .poll
                    .registry()
                    .register(&mut stream, Token(n), Interest::READABLE | Interest::WRITABLE)
                    .map_err(text("register"))?;
                let mut client = Client::new(stream);
                client.knock(&args.address.to_string(), &args.fill(&args.path, n / args.room))?;
                crowd.clients.push(client);
            }
            crowd.turn(|_, _| {})?;
            open = crowd.clients.iter().filter(|client| client.open).count();
        }
        if !args.hello.is_empty() {
            for (n, client) in crowd.clients.iter_mut().enumerate() {
                client.send(&masked(&args.fill(&args.hello, n / args.room)))?;
            }
            // Joining is not measured: until nothing comes any more.
            while crowd.turn(|_, _| {})? > 0 {}
        }
        Ok(crowd)
    }

    /// One poll: calls for each message; how many sockets had something.
    fn turn(&mut self, mut message: impl FnMut(usize, &[u8])) -> Result<usize, String> {
        let mut events = Events::with_capacity(1024);
        self.poll
            .poll(&mut events, Some(Duration::from_millis(500)))
            .map_err(text("poll"))?;
        let mut busy = 0;
        for event in &events {
            busy += 1;
            let n = event.token().0;
            let client = &mut self.clients[n];
            if event.is_writable() {
                client.flush()?;
            }
            if event.is_readable() {
                client.read(&mut self.buffer, |payload| message(n, payload))?;
            }
        }
        Ok(busy)
    }
}

/// Counts in windows, the first of which warms up.
struct Meter<'a> {
    args: &'a Args,
    window: usize,
    since: Instant,
    server_s: f64,
    client_s: f64,
    pub count: u64,
    pub last: Instant,
}

impl<'a> Meter<'a> {
    fn new(args: &'a Args) -> Self {
        Self {
            args,
            window: 0,
            since: Instant::now(),
            server_s: cpu_s(args.pid),
            client_s: cpu_s(std::process::id()),
            count: 0,
            last: Instant::now(),
        }
    }

    /// Err when nothing moves; true when all windows are over.
    fn tick(&mut self) -> Result<bool, String> {
        if self.last.elapsed() > LONGEST_WAIT {
            return Err("nothing comes any more".into());
        }
        let seconds = self.since.elapsed().as_secs_f64();
        if seconds < if self.window == 0 { 1.0 } else { self.args.seconds } {
            return Ok(false);
        }
        let (server_s, client_s) = (cpu_s(self.args.pid), cpu_s(std::process::id()));
        if self.window > 0 {
            let line = json!({
                "count": self.count, "seconds": seconds,
                "server_cpu_s": server_s - self.server_s, "client_cpu_s": client_s - self.client_s,
            });
            println!("{line}");
        }
        self.window += 1;
        (self.since, self.server_s, self.client_s, self.count) = (Instant::now(), server_s, client_s, 0);
        Ok(self.window > self.args.windows)
    }
}

/// Each connection has one message under way.
pub fn echo(args: &Args) -> Done {
    let mut crowd = Crowd::open(args)?;
    let message = masked(&args.fill(&args.message, 0));
    for client in &mut crowd.clients {
        client.send(&message)?;
    }
    let mut meter = Meter::new(args);
    let mut back = vec![];
    while !meter.tick()? {
        crowd.turn(|n, payload| back.extend(is_data(payload).then_some(n)))?;
        meter.count += back.len() as u64;
        if !back.is_empty() {
            meter.last = Instant::now();
        }
        for n in back.drain(..) {
            crowd.clients[n].send(&message)?;
        }
    }
    Ok(())
}

/// Some members of each room speak, all others hear it, then they speak again.
pub fn relay(args: &Args) -> Done {
    let mut crowd = Crowd::open(args)?;
    let rooms = args.connections / args.room;
    let speakers = args.speakers.clamp(1, args.room);
    let round = speakers * (args.room - 1);
    let messages: Vec<Vec<u8>> = (0..rooms)
        .map(|room| masked(&args.fill(&args.message, room)))
        .collect();
    let mut heard = vec![round; rooms];
    let mut meter = Meter::new(args);
    while !meter.tick()? {
        for (room, heard) in heard.iter_mut().enumerate().filter(|(_, heard)| **heard == round) {
            *heard = 0;
            for speaker in 0..speakers {
                crowd.clients[room * args.room + speaker].send(&messages[room])?;
            }
        }
        let mut count = 0;
        crowd.turn(|n, payload| {
            if is_data(payload) {
                heard[n / args.room] += 1;
                count += 1;
            }
        })?;
        meter.count += count;
        if count > 0 {
            meter.last = Instant::now();
        }
    }
    Ok(())
}

/// So many connections at a time are opened and dropped.
pub fn handshakes(args: &Args) -> Done {
    let mut poll = Poll::new().map_err(text("poll"))?;
    let registry = poll.registry().try_clone().map_err(text("poll"))?;
    let knock = |n: usize| -> Result<Client, String> {
        let stream = TcpStream::connect(args.address).map_err(text("connect"))?;
        // Dropped with a reset, so that no ports are kept waiting.
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .map_err(text("linger"))?;
        let mut client = Client::new(stream);
        registry
            .register(
                &mut client.stream,
                Token(n),
                Interest::READABLE | Interest::WRITABLE,
            )
            .map_err(text("register"))?;
        client.knock(&args.address.to_string(), &args.fill(&args.path, 0))?;
        Ok(client)
    };
    let mut clients = (0..args.connections).map(knock).collect::<Result<Vec<_>, _>>()?;
    let mut buffer = vec![0; 16 << 10];
    let mut meter = Meter::new(args);
    let mut events = Events::with_capacity(1024);
    while !meter.tick()? {
        poll.poll(&mut events, Some(Duration::from_millis(500)))
            .map_err(text("poll"))?;
        for event in &events {
            let n = event.token().0;
            let client = &mut clients[n];
            if event.is_writable() {
                client.flush()?;
            }
            if event.is_readable() {
                client.read(&mut buffer, |_| {})?;
            }
            if client.open {
                meter.count += 1;
                meter.last = Instant::now();
                clients[n] = knock(n)?;
            }
        }
    }
    Ok(())
}

/// Opens all connections and says what one of them costs in memory.
pub fn idle(args: &Args) -> Done {
    let before = resident(args.pid);
    let crowd = Crowd::open(args)?;
    std::thread::sleep(Duration::from_secs(3));
    let after = resident(args.pid);
    let line = json!({
        "connections": crowd.clients.len(),
        "bytes_each": after.saturating_sub(before) / crowd.clients.len() as u64,
    });
    println!("{line}");
    Ok(())
}
