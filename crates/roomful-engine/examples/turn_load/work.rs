//! What is sent, how fast, and what is counted.
use crate::client::{Client, CHANNEL};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use roomful_engine::socket::{widen, Message, Pump};
use roomful_turn::message::{method, Class, Writer};
use std::error::Error;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A sender that fell behind by more lets the time go rather than flood.
const LATE: Duration = Duration::from_millis(20);
/// Before the first window, for caches and for the server to find its pace.
const WARM: Duration = Duration::from_millis(500);
/// So long nothing comes: what was under way has arrived. And when that is not waited for any longer.
const REST: Duration = Duration::from_millis(200);
const LONGEST_REST: u32 = 25;
/// Binding requests of one socket at a time.
const ASKED_AT_ONCE: usize = 2;

/// From the command line.
pub struct Options {
    pub work: String,
    server: SocketAddr,
    own: IpAddr,
    secret: String,
    realm: String,
    pid: u32,
    clients: usize,
    rate: f64,
    windows: u32,
    window: Duration,
    bytes: usize,
    burst: usize,
}

impl Options {
    /// `--name value` in any order, then the work.
    pub fn read(words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut read = Self {
            work: String::new(),
            server: ([127, 0, 0, 1], 3478).into(),
            own: [127, 0, 0, 1].into(),
            secret: "north".to_owned(),
            realm: "roomful".to_owned(),
            pid: std::process::id(),
            clients: 100,
            rate: 24_000.0,
            windows: 3,
            window: Duration::from_secs(3),
            bytes: 1_100,
            burst: 8,
        };
        let mut plain = vec![];
        let mut words = words;
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                plain.push(word);
                continue;
            };
            let value = words.next().ok_or_else(|| format!("--{name} wants a value"))?;
            match name {
                "server" => read.server = value.parse()?,
                "own" => read.own = value.parse()?,
                "secret" => read.secret = value,
                "realm" => read.realm = value,
                "pid" => read.pid = value.parse()?,
                "clients" => read.clients = value.parse()?,
                "rate" => read.rate = value.parse()?,
                "windows" => read.windows = value.parse()?,
                "seconds" => read.window = Duration::from_secs_f64(value.parse()?),
                _ => return Err(format!("no such option: --{name}").into()),
            }
        }
        let mut plain = plain.into_iter();
        read.work = plain.next().ok_or("say what to do: up, down or binding")?;
        read.bytes = plain.next().map_or(Ok(read.bytes), |text| text.parse())?;
        read.burst = plain.next().map_or(Ok(read.burst), |text| text.parse())?;
        Ok(read)
    }
}

/// Packets through lent addresses, in bursts of one client after the other.
pub fn relay(options: &Options) -> Result<(), Box<dyn Error>> {
    let up = options.work == "up";
    let clients = (0..options.clients)
        .map(|n| Client::new(n, options.server, options.own, &options.secret, &options.realm))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut from, mut to, mut towards) = (vec![], vec![], vec![]);
    for client in &clients {
        towards.push(if up { options.server } else { client.relayed });
        let (sender, receiver) = if up {
            (&client.socket, &client.peer)
        } else {
            (&client.peer, &client.socket)
        };
        from.push(sender);
        to.push(receiver);
    }
    let head = [CHANNEL.to_be_bytes(), u16::try_from(options.bytes)?.to_be_bytes()].concat();
    let mut packet = if up { head } else { vec![] };
    packet.resize(packet.len() + options.bytes, 7);
    let arena = packet.repeat(options.burst);
    let counted = drain(&to)?;
    let mut pump = Pump::new(from.first().ok_or("no clients")?, false);
    let mut next = 0;
    let load = (options.bytes, options.burst);
    measure(options, load, &counted.count, |sent| {
        if let (Some(socket), Some(remote)) = (from.get(next), towards.get(next)) {
            let burst = (0..options.burst)
                .map(|n| Message::new(*remote, n * packet.len(), packet.len()))
                .collect::<Vec<_>>();
            pump.send(socket, &arena, &burst);
            *sent += options.burst as u64;
        }
        next = (next + 1) % from.len();
        options.burst
    })
}

/// Binding requests, answered to the socket that asked.
pub fn bindings(options: &Options) -> Result<(), Box<dyn Error>> {
    let sockets = (0..options.clients)
        .map(|_| {
            let socket = UdpSocket::bind((options.own, 0))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    let all = sockets.iter().collect::<Vec<_>>();
    let counted = drain(&all)?;
    let mut request = vec![];
    Writer::new(&mut request, method::BINDING, Class::Request, [9; 12]);
    let arena = request.repeat(ASKED_AT_ONCE);
    let burst = (0..ASKED_AT_ONCE)
        .map(|n| Message::new(options.server, n * request.len(), request.len()))
        .collect::<Vec<_>>();
    let mut pump = Pump::new(sockets.first().ok_or("no clients")?, false);
    let mut next = 0;
    let load = (request.len(), ASKED_AT_ONCE);
    measure(options, load, &counted.count, |sent| {
        if let Some(socket) = sockets.get(next) {
            pump.send(socket, &arena, &burst);
            *sent += ASKED_AT_ONCE as u64;
        }
        next = (next + 1) % sockets.len();
        ASKED_AT_ONCE
    })
}

/// Sends at the wanted rate and prints what each window cost. `step` sends one burst and tells its packets.
fn measure(
    options: &Options,
    (bytes, burst): (usize, usize),
    count: &AtomicU64,
    mut step: impl FnMut(&mut u64) -> usize,
) -> Result<(), Box<dyn Error>> {
    let mut ignored = 0;
    run(options.rate, WARM, &mut ignored, &mut step);
    for _ in 0..options.windows {
        rest(count);
        let (before, cpu, began) = (count.load(Ordering::Relaxed), cpu_s(options.pid)?, Instant::now());
        let mut sent = 0;
        run(options.rate, options.window, &mut sent, &mut step);
        let seconds = began.elapsed().as_secs_f64();
        rest(count);
        let delivered = count.load(Ordering::Relaxed) - before;
        let cpu_s = cpu_s(options.pid)? - cpu;
        println!(
            "{{\"kind\": \"{}\", \"bytes\": {bytes}, \"burst\": {burst}, \"seconds\": {seconds:.3}, \"sent\": {sent}, \"delivered\": {delivered}, \
             \"server_cpu_s\": {cpu_s:.4}, \"per_cpu_s\": {:.0}}}",
            options.work, delivered as f64 / cpu_s.max(1e-9)
        );
    }
    Ok(())
}

fn rest(count: &AtomicU64) {
    for _ in 0..LONGEST_REST {
        let before = count.load(Ordering::Relaxed);
        std::thread::sleep(REST);
        if count.load(Ordering::Relaxed) == before {
            return;
        }
    }
}

fn run(rate: f64, span: Duration, sent: &mut u64, step: &mut impl FnMut(&mut u64) -> usize) {
    let end = Instant::now() + span;
    let mut due = Instant::now();
    loop {
        let now = Instant::now();
        if now >= end {
            return;
        }
        if now < due {
            std::thread::sleep(due - now);
            continue;
        }
        if now - due > LATE {
            due = now;
        }
        due += Duration::from_secs_f64(step(sent) as f64 / rate);
    }
}

/// User and system time of all threads of a process.
fn cpu_s(pid: u32) -> Result<f64, Box<dyn Error>> {
    let mut ns = 0u64;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        ns += text
            .split(' ')
            .next()
            .ok_or("an empty schedstat")?
            .parse::<u64>()?;
    }
    Ok(ns as f64 / 1e9)
}

/// A thread that takes in whatever comes to these sockets and counts it.
struct Drain {
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn drain(sockets: &[&UdpSocket]) -> Result<Drain, Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut owned = vec![];
    for (at, socket) in sockets.iter().enumerate() {
        widen(socket);
        poll.registry()
            .register(&mut SourceFd(&socket.as_raw_fd()), Token(at), Interest::READABLE)?;
        owned.push(socket.try_clone()?);
    }
    let made = Drain {
        count: Arc::default(),
        stop: Arc::default(),
    };
    let (count, stop) = (made.count.clone(), made.stop.clone());
    let mut pump = Pump::new(owned.first().ok_or("no sockets")?, false);
    std::thread::spawn(move || {
        let mut events = Events::with_capacity(1_024);
        while !stop.load(Ordering::Relaxed) {
            if poll.poll(&mut events, Some(Duration::from_millis(100))).is_err() {
                continue;
            }
            for event in &events {
                let Some(socket) = owned.get(event.token().0) else {
                    continue;
                };
                // Until it is empty: the poll tells once.
                loop {
                    let taken = pump.receive(socket, |_, _| {});
                    if taken == 0 {
                        break;
                    }
                    count.fetch_add(taken as u64, Ordering::Relaxed);
                }
            }
        }
    });
    Ok(made)
}
