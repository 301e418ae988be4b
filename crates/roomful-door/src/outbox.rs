//! What the door's thread and Python's leave for each other: orders in, events out, each with a wake.
use crate::config::DoorError;
use mio::Waker;
use roomful_hub::{Command, Event};
use rustls::ServerConfig;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of messages that may wait for Python before clients are read no more.
const FULL: usize = 16 << 20;

/// To the door's thread.
pub enum Order {
    /// For the hub.
    Command(Command),
    /// For connections from now on.
    Certificate(Arc<ServerConfig>),
    /// Everybody out within so many milliseconds.
    Close(u64),
}

/// Shared by both threads.
pub struct Outbox {
    orders: Mutex<VecDeque<Order>>,
    events: Mutex<Waiting>,
    /// Python has not kept up, and clients are not read.
    full: AtomicBool,
    dead: AtomicBool,
    thread: Waker,
    reader: UnixStream,
    writer: UnixStream,
}

#[derive(Default)]
struct Waiting {
    events: Vec<Event>,
    bytes: usize,
}

fn own<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outbox {
    /// `thread` wakes the door's thread.
    pub fn new(thread: Waker) -> std::io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Self {
            orders: Mutex::default(),
            events: Mutex::default(),
            full: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            thread,
            reader,
            writer,
        })
    }

    /// Leaves orders, with one wake for all.
    pub fn order(&self, fresh: impl IntoIterator<Item = Order>) -> Result<(), DoorError> {
        if self.is_dead() {
            return Err(DoorError::Dead);
        }
        let first = {
            let mut orders = own(&self.orders);
            let first = orders.is_empty();
            orders.extend(fresh);
            first && !orders.is_empty()
        };
        if first {
            self.thread.wake()?;
        }
        Ok(())
    }

    /// All orders so far.
    pub fn orders(&self) -> VecDeque<Order> {
        std::mem::take(&mut *own(&self.orders))
    }

    /// Leaves events, and wakes Python when none waited.
    pub fn put(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let first = {
            let mut waiting = own(&self.events);
            let first = waiting.events.is_empty();
            waiting.bytes += events.iter().map(weight).sum::<usize>();
            if first {
                std::mem::swap(&mut waiting.events, events);
            } else {
                waiting.events.append(events);
            }
            if waiting.bytes > FULL {
                self.full.store(true, Ordering::Release);
            }
            first
        };
        if first {
            self.wake_python();
        }
    }

    /// Clients are not to be read until Python has taken what waits.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// All events so far.
    pub fn drain(&self) -> Vec<Event> {
        let mut sink = [0u8; 64];
        while matches!((&self.reader).read(&mut sink), Ok(n) if n == sink.len()) {}
        let taken = std::mem::take(&mut *own(&self.events));
        if self.full.swap(false, Ordering::AcqRel) {
            let _ = self.thread.wake();
        }
        taken.events
    }

    /// Readable while something waits.
    pub fn fd(&self) -> i32 {
        self.reader.as_raw_fd()
    }

    /// Nobody takes orders any more.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// The thread's last word.
    pub fn die(&self) {
        self.dead.store(true, Ordering::Release);
        self.wake_python();
    }

    fn wake_python(&self) {
        // A full pipe is awake already.
        let _ = (&self.writer).write(&[1]);
    }
}

fn weight(event: &Event) -> usize {
    match event {
        Event::Message { message, .. }
        | Event::Deliver { message, .. }
        | Event::MessageAsked { message, .. } => message.payload.len() + size_of::<Event>(),
        _ => size_of::<Event>(),
    }
}
