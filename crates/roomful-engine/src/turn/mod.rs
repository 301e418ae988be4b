//! The shell of STUN and TURN: a thread with sockets around `roomful_turn::Server`. Started beside the media threads by the binding.
mod config;
mod listeners;
mod outgoing;
mod relays;
mod streams;
mod worker;

pub use config::TurnConfig;

use crate::config::EngineError;
use listeners::Listeners;
use roomful_turn::server::Stats;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream in TLS.
    Tls,
}

/// A running server.
pub struct Turn {
    stop: Arc<AtomicBool>,
    waker: Arc<mio::Waker>,
    stats: Arc<Mutex<Stats>>,
    ports: Vec<(Kind, SocketAddr)>,
    handle: Option<JoinHandle<()>>,
}

impl Turn {
    /// Binds all listeners, then starts the thread. `media`: the engine's own ports, which clients may always reach.
    pub fn start(config: &TurnConfig, media: &[SocketAddr]) -> Result<Self, EngineError> {
        let os = |e: std::io::Error| EngineError::Os(e.to_string());
        let poll = mio::Poll::new().map_err(os)?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), worker::WAKE).map_err(os)?);
        let listeners = Listeners::bind(config, poll.registry())?;
        let ports = listeners.ports();
        let stop = Arc::new(AtomicBool::new(false));
        let stats = Arc::new(Mutex::new(Stats::default()));
        let worker = worker::Worker::new(config, media, poll, listeners, stop.clone(), stats.clone())?;
        let handle = std::thread::Builder::new()
            .name("roomful-turn".to_owned())
            .spawn(move || worker.run())
            .map_err(os)?;
        Ok(Self {
            stop,
            waker,
            stats,
            ports,
            handle: Some(handle),
        })
    }

    /// Every listener.
    pub fn ports(&self) -> &[(Kind, SocketAddr)] {
        &self.ports
    }

    /// As of the last turn of the thread.
    pub fn stats(&self) -> Stats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the thread ended by itself, which it must not.
    pub fn is_dead(&self) -> bool {
        !self.stop.load(Ordering::Acquire) && self.handle.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Ends the thread and waits for it.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.waker.wake();
        if let Some(handle) = self.handle.take() {
            // A thread that panicked has said so already.
            let _ = handle.join();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
