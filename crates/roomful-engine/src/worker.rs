//! One media thread: waits, takes what came, lets the router decide, sends what it made.
use crate::outbox::Outbox;
use crate::socket::{Batch, Socket};
use crate::tcp::Tcp;
use crate::wake::Wake;
use roomful_rtc::transport::{Path, Protocol};
use roomful_sfu::command::Command;
use roomful_sfu::Router;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest sleep: housekeeping of TCP connections is due by then.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// Batches taken from one socket in one turn, so that orders are not starved.
const MAX_BATCHES: usize = 8;
/// A frame's packets come in a burst. Sent together, runs of equal size are one message to the kernel; this is how long the first
/// of them waits for the others.
const GATHER: Duration = Duration::from_millis(1);

pub struct Worker {
    pub router: Router,
    pub sockets: Vec<Socket>,
    pub tcp: Tcp,
    pub commands: Receiver<Command>,
    /// Orders not taken yet.
    pub waiting: Arc<AtomicUsize>,
    pub wake: Arc<Wake>,
    pub outbox: Arc<Outbox>,
    pub stop: Arc<AtomicBool>,
}

impl Worker {
    /// Runs until it is told to stop.
    pub fn run(mut self) {
        let _last = LastWord(self.outbox.clone());
        let mut batch = Batch::new(self.sockets.iter().map(|s| (s.local(), s.joins())).collect());
        while !self.stop.load(Ordering::Acquire) {
            self.wait();
            let mut now = Instant::now();
            self.take_datagrams(now, &mut batch);
            self.take_frames(now, &mut batch);
            if self.router.has_media() {
                self.send(&mut batch);
                std::thread::sleep(GATHER);
                now = Instant::now();
                self.take_datagrams(now, &mut batch);
                self.take_frames(now, &mut batch);
            }
            self.wake.clear();
            while let Ok(command) = self.commands.try_recv() {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                self.router.handle_command(command, now);
            }
            if self.router.poll_timeout().is_some_and(|at| at <= now) {
                self.router.handle_timeout(now, &mut batch);
            }
            self.router.flush(now, &mut batch);
            self.send(&mut batch);
            let router = &mut self.router;
            self.outbox.put(std::iter::from_fn(|| router.poll_event()));
        }
    }

    fn take_datagrams(&mut self, now: Instant, batch: &mut Batch) {
        for socket in &mut self.sockets {
            let local = socket.local();
            let router = &mut self.router;
            for _ in 0..MAX_BATCHES {
                let taken = socket.receive(|remote, bytes| {
                    router.handle_packet(
                        &Path {
                            local,
                            remote,
                            protocol: Protocol::Udp,
                        },
                        bytes,
                        now,
                        batch,
                    );
                });
                if taken < crate::socket::BATCH {
                    break;
                }
            }
        }
    }

    fn take_frames(&mut self, now: Instant, batch: &mut Batch) {
        let router = &mut self.router;
        self.tcp.receive(now, |local, remote, frame| {
            router.handle_packet(
                &Path {
                    local,
                    remote,
                    protocol: Protocol::Tcp,
                },
                frame,
                now,
                batch,
            )
        });
    }

    fn send(&mut self, batch: &mut Batch) {
        for (remote, frame) in batch.frames() {
            self.tcp.send(remote, frame);
        }
        let sockets = &mut self.sockets;
        batch.flush(|at, arena, messages| {
            if let Some(socket) = sockets.get_mut(at) {
                socket.send(arena, messages);
            }
        });
        for (at, socket) in self.sockets.iter().enumerate() {
            batch.set_joins(at, socket.joins());
        }
    }

    fn wait(&mut self) {
        let now = Instant::now();
        let until = self
            .router
            .poll_timeout()
            .map_or(LONGEST_WAIT, |at| at.saturating_duration_since(now));
        let millis = until.min(LONGEST_WAIT).as_micros().div_ceil(1000) as i32;
        let mut fds: Vec<libc::pollfd> = Vec::with_capacity(self.sockets.len() + 2);
        let mut add = |fd: i32, writes: bool| {
            let events = libc::POLLIN | if writes { libc::POLLOUT } else { 0 };
            fds.push(libc::pollfd {
                fd,
                events,
                revents: 0,
            });
        };
        add(self.wake.fd(), false);
        self.sockets.iter().for_each(|s| add(s.fd(), false));
        self.tcp.fds().for_each(|(fd, writes)| add(fd, writes));
        // SAFETY: the vector lives through the call and its length is given.
        unsafe {
            libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, millis);
        }
    }
}

/// Whoever waits for news hears of the thread's end, however it ends.
struct LastWord(Arc<Outbox>);

impl Drop for LastWord {
    fn drop(&mut self) {
        self.0.nudge();
    }
}
