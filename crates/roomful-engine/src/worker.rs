//! One media thread: waits, takes what came, lets the router decide, sends what it made.
use crate::outbox::Outbox;
use crate::outgoing::Outgoing;
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
/// While media flows, this long after a turn that brought none passes before the next: what many people report in that time is taken
/// together.
const REST: Duration = Duration::from_millis(1);
/// How often TCP connections that are silent are looked at.
const TCP_EVERY: Duration = Duration::from_millis(200);
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
    pub ready: Ready,
}

/// What `poll` found, in the order of the descriptors: the wake, the sockets, the TCP connections.
#[derive(Default)]
pub struct Ready {
    fds: Vec<libc::pollfd>,
    tcp_at: Option<Instant>,
}

impl Ready {
    fn add(&mut self, fd: i32, writes: bool) {
        let events = libc::POLLIN | if writes { libc::POLLOUT } else { 0 };
        self.fds.push(libc::pollfd {
            fd,
            events,
            revents: 0,
        });
    }

    fn any(&self, places: impl std::slice::SliceIndex<[libc::pollfd], Output = [libc::pollfd]>) -> bool {
        self.fds
            .get(places)
            .is_some_and(|fds| fds.iter().any(|fd| fd.revents != 0))
    }
}

impl Worker {
    /// Runs until it is told to stop.
    pub fn run(mut self) {
        let _last = LastWord(self.outbox.clone());
        let mut batch = Batch::new(self.sockets.iter().map(|s| (s.local(), s.joins())).collect());
        while !self.stop.load(Ordering::Acquire) {
            let now = Instant::now();
            let next = self.router.poll_timeout();
            self.wait(next.map_or(LONGEST_WAIT, |at| at.saturating_duration_since(now)));
            let mut now = Instant::now();
            self.take(now, &mut batch);
            let media = self.router.has_media();
            if media {
                self.send(&mut batch);
                std::thread::sleep(GATHER);
                self.wait(Duration::ZERO);
                now = Instant::now();
                self.take(now, &mut batch);
            }
            if self.ready.any(..1) {
                self.wake.clear();
            }
            while let Ok(command) = self.commands.try_recv() {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                self.router.handle_command(command, now);
            }
            if self.router.poll_timeout().is_some_and(|at| at <= now) {
                self.router.handle_timeout(now, &mut batch);
            }
            let mut outgoing = Outgoing {
                batch: &mut batch,
                sockets: &mut self.sockets,
                tcp: &mut self.tcp,
            };
            self.router.flush(now, &mut outgoing);
            outgoing.send();
            let router = &mut self.router;
            self.outbox.put(std::iter::from_fn(|| router.poll_event()));
            if !media && router.is_busy() {
                std::thread::sleep(REST);
            }
        }
    }

    /// Takes what `poll` found.
    fn take(&mut self, now: Instant, batch: &mut Batch) {
        for (at, socket) in self.sockets.iter_mut().enumerate() {
            if !self.ready.any(1 + at..2 + at) {
                continue;
            }
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
        if self.ready.any(1 + self.sockets.len()..) || self.ready.tcp_at.is_none_or(|at| at <= now) {
            self.ready.tcp_at = Some(now + TCP_EVERY);
            self.take_frames(now, batch);
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
        let (sockets, tcp) = (&mut self.sockets, &mut self.tcp);
        Outgoing { batch, sockets, tcp }.send();
    }

    fn wait(&mut self, time: Duration) {
        let millis = time.min(LONGEST_WAIT).as_micros().div_ceil(1000) as i32;
        let ready = &mut self.ready;
        ready.fds.clear();
        ready.add(self.wake.fd(), false);
        self.sockets.iter().for_each(|s| ready.add(s.fd(), false));
        self.tcp.fds().for_each(|(fd, writes)| ready.add(fd, writes));
        let fds = &mut ready.fds;
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
