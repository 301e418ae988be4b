//! All peers on one thread: sockets are polled, clocks ticked, frames sent when they are due.

use crate::args::Args;
use crate::peer::Peer;
use crate::signal::{Media, Wish};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::error::Error;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// How long one participant may take to be in the room.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Crowd<'a> {
    args: &'a Args,
    poll: Poll,
    events: Events,
    peers: Vec<Peer>,
    buffer: Vec<u8>,
    scanned: Instant,
    /// The next packet's number.
    pub number: u64,
}

impl<'a> Crowd<'a> {
    pub fn new(args: &'a Args) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            args,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            peers: Vec::new(),
            buffer: vec![0; 1 << 16],
            scanned: Instant::now(),
            number: 0,
        })
    }

    /// Lets `count` participants in, one after the other; those named idle share a room of their own.
    pub fn join(&mut self, count: usize, publish: Option<Media>, name: &str) -> Result<(), Box<dyn Error>> {
        let idle = name.starts_with("idle");
        let room = format!("{}{}", self.args.room, if idle { "-idle" } else { "" });
        for i in 0..count {
            let mesh = self.args.mesh > 0;
            let published = self
                .peers
                .iter()
                .filter(|peer| peer.state.sender.is_some())
                .count();
            let wish = Wish {
                room: &room,
                name: &format!("{name}-{i}"),
                number: published,
                publish,
                subscribe: publish.is_none() || mesh,
            };
            let looks_at = mesh.then(|| format!("{name}-{}", (i + 1) % count));
            let mut peer = Peer::open(&self.args.server, wish, looks_at, self.args.loss)?;
            let index = self.peers.len();
            let registry = self.poll.registry();
            let stream = peer.signal_stream().as_raw_fd();
            registry.register(&mut SourceFd(&stream), Token(index * 2 + 1), Interest::READABLE)?;
            for link in peer.links() {
                let socket = link.socket.as_raw_fd();
                registry.register(&mut SourceFd(&socket), Token(index * 2), Interest::READABLE)?;
            }
            self.peers.push(peer);
            self.peers[index].poll_signal()?;
            let began = Instant::now();
            while !self.arrived(index, idle) {
                if began.elapsed() > PATIENCE {
                    let seen = &self.peers[index].state.seen;
                    return Err(format!(
                        "{name}-{i} did not get in: join {:?}, connected {:?}, first media {:?}",
                        seen.join, seen.connected, seen.first_media
                    )
                    .into());
                }
                self.turn()?;
            }
        }
        Ok(())
    }

    fn arrived(&self, index: usize, idle: bool) -> bool {
        let seen = &self.peers[index].state.seen;
        // Janus' transports take a second each, one at a time: those of its subscribers come up together.
        let together = self.args.server.janus && self.peers[index].state.sender.is_none();
        // A server may wait with the subscriber's transport until there is something to hear.
        seen.join.is_some() && (idle || together || seen.connected.is_some())
    }

    pub fn run(&mut self, time: Duration) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<(), Box<dyn Error>> {
        self.poll.poll(&mut self.events, Some(Duration::from_millis(1)))?;
        for event in &self.events {
            let index = event.token().0;
            let peer = &mut self.peers[index / 2];
            if index % 2 == 0 {
                peer.poll_sockets(&mut self.buffer)?;
            } else {
                peer.poll_signal()?;
            }
        }
        let now = Instant::now();
        for peer in self.peers.iter_mut().filter(|peer| peer.state.sender.is_some()) {
            peer.send_due(now, &mut self.number)?;
        }
        for peer in &mut self.peers {
            peer.tick(now)?;
        }
        if now - self.scanned > Duration::from_secs(1) {
            self.scanned = now;
            for peer in &mut self.peers {
                peer.poll_signal()?;
            }
        }
        Ok(())
    }

    pub fn subscribers(&mut self) -> Vec<&mut Peer> {
        self.peers
            .iter_mut()
            .filter(|peer| peer.state.subscribes && peer.state.seen.first_media.is_some())
            .collect()
    }

    /// Begins or ends counting; the next packet's number.
    pub fn count(&mut self, on: bool) -> u64 {
        for peer in &mut self.peers {
            peer.state.seen.counting = on;
        }
        self.number
    }

    pub fn leave(&mut self) {
        self.peers.iter_mut().for_each(Peer::leave);
    }
}
