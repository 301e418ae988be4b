//! A door on any free port, a thread that answers like Python would, and a client with its own frames.
#![allow(dead_code)]
use roomful_door::websocket::{masked_frame, Opcode};
use roomful_door::{Config, Door};
use roomful_hub::command::{Speech, Who};
use roomful_hub::sink::Acceptance;
use roomful_hub::{Command, ConnectionId, Event};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What Python was told, as words.
pub type Told = Arc<Mutex<Vec<String>>>;

pub struct Server {
    pub door: Arc<Door>,
    pub told: Told,
    pub last: Arc<Mutex<Vec<ConnectionId>>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

pub fn config() -> Config {
    Config {
        addresses: vec!["127.0.0.1".parse().unwrap()],
        port: Some(0),
        paths: vec!["/ws/".to_owned()],
        ..Config::default()
    }
}

impl Server {
    /// `/ws/echo` echoes, `/ws/raw` is Python's, `/ws/no` is refused, `/ws/never` is not answered.
    pub fn start(config: Config) -> Self {
        let door = Arc::new(Door::start(config, roomful_hub::Config::default()).unwrap());
        let (told, stop, last) = (Told::default(), Arc::new(AtomicBool::new(false)), Arc::default());
        let thread = std::thread::spawn({
            let (door, told, stop, last) = (door.clone(), told.clone(), stop.clone(), Arc::clone(&last));
            move || python(&door, &told, &stop, &last)
        });
        Self {
            door,
            told,
            last,
            stop,
            thread: Some(thread),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.door.ports()[0].1
    }

    /// Waits until something was told that holds these words.
    pub fn wait_told(&self, words: &str) -> String {
        for _ in 0..5000 {
            if let Some(line) = self.told.lock().unwrap().iter().find(|t| t.contains(words)) {
                return line.clone();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("never told {words}: {:?}", self.told.lock().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.door.close(0);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn python(door: &Door, told: &Told, stop: &AtomicBool, last: &Mutex<Vec<ConnectionId>>) {
    while !stop.load(Ordering::Relaxed) {
        for event in door.drain() {
            let words = match event {
                Event::Opened { connection, head, .. } => {
                    last.lock().unwrap().push(connection);
                    let (who, how) = (Who::default(), Acceptance::default());
                    let speech = if head.path == "/ws/echo" {
                        Speech::Echo
                    } else {
                        Speech::Raw
                    };
                    let order = match head.path.as_str() {
                        "/ws/never" => None,
                        "/ws/no" => Some(Command::Refuse {
                            connection,
                            status: 401,
                            headers: vec![("x-why".into(), "so".into())],
                            body: "no".into(),
                        }),
                        _ => Some(Command::Accept {
                            connection,
                            speech,
                            who,
                            how,
                        }),
                    };
                    order.map(|order| door.command(order));
                    format!("opened {} {} secure={}", head.path, head.peer, head.secure)
                }
                Event::Message { message, .. } => format!("message {}", message.payload.len()),
                Event::Closed { code, reason, .. } => format!("closed {code} {reason}"),
                Event::Slow { .. } => "slow".to_owned(),
                Event::Writable { .. } => "writable".to_owned(),
                other => format!("{other:?}"),
            };
            told.lock().unwrap().push(words);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn request(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

pub fn connect(to: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect(to).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    tcp.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    tcp
}

/// A response's head.
pub fn head(from: &mut impl Read) -> String {
    let mut got = vec![];
    let mut byte = [0];
    while !got.ends_with(b"\r\n\r\n") && from.read(&mut byte).unwrap_or(0) == 1 {
        got.push(byte[0]);
    }
    String::from_utf8(got).unwrap()
}

/// A WebSocket that was let in.
pub fn open(to: SocketAddr, path: &str) -> TcpStream {
    let mut tcp = connect(to);
    tcp.write_all(request(path, "").as_bytes()).unwrap();
    let head = head(&mut tcp);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    tcp
}

pub fn say(to: &mut impl Write, opcode: Opcode, payload: &[u8]) {
    to.write_all(&masked_frame(opcode, true, payload, [1, 2, 3, 4]))
        .unwrap();
}

/// The next frame: first byte and payload; `None` at the end.
pub fn hear(from: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut two = [0; 2];
    from.read_exact(&mut two).ok()?;
    let mut wide = [0; 8];
    let length = match two[1] {
        126 => {
            from.read_exact(&mut wide[6..]).ok()?;
            u64::from_be_bytes(wide) as usize
        }
        127 => {
            from.read_exact(&mut wide).ok()?;
            u64::from_be_bytes(wide) as usize
        }
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    from.read_exact(&mut payload).ok()?;
    Some((two[0], payload))
}

/// A close frame's code, then the end.
pub fn hear_close(from: &mut impl Read) -> u16 {
    loop {
        let (first, payload) = hear(from).expect("a close frame");
        if first == 0x88 {
            assert_eq!(hear(from), None, "nothing comes after it");
            return payload
                .first_chunk::<2>()
                .map_or(1005, |c| u16::from_be_bytes(*c));
        }
    }
}
