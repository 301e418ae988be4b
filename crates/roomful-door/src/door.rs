//! The door as the rest of the program holds it: started, told, asked, closed. Its thread is in `shell`.
use crate::config::{Config, DoorError};
use crate::outbox::{Order, Outbox};
use crate::shell::{Listener, Shell, WAKE};
use crate::tls;
use mio::{Poll, Waker};
use roomful_hub::{Command, Event, Hub};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTTP and WebSocket.
    Plain,
    /// The same within TLS.
    Tls,
}

/// A running door. Safe to use from any thread; nothing but `start` and `close` waits.
pub struct Door {
    config: Config,
    outbox: Arc<Outbox>,
    ports: Vec<(Kind, SocketAddr)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Door {
    /// Binds, listens, and starts the thread. Without any port there are only foreign connections.
    pub fn start(config: Config, hub: roomful_hub::Config) -> Result<Self, DoorError> {
        let tls = config.tls_port.map(|_| tls::load(&config)).transpose()?;
        let poll = Poll::new()?;
        let outbox = Arc::new(Outbox::new(Waker::new(poll.registry(), WAKE)?)?);
        let mut listeners = vec![];
        for (kind, port) in [(Kind::Plain, config.port), (Kind::Tls, config.tls_port)] {
            let Some(mut port) = port else { continue };
            for address in &config.addresses {
                let listener = Listener::bind(SocketAddr::new(*address, port), kind)?;
                // 0 takes any free port, the same one for every address.
                port = listener.local.port();
                listeners.push(listener);
            }
        }
        let ports = listeners.iter().map(|l| (l.kind, l.local)).collect();
        let max_message = hub.max_message;
        let shell = Shell::new(
            &config,
            poll,
            listeners,
            tls,
            outbox.clone(),
            Hub::new(hub),
            max_message,
        )?;
        let name = std::thread::Builder::new().name("roomful-door".to_owned());
        let thread = name.spawn(move || shell.run())?;
        let thread = Mutex::new(Some(thread));
        Ok(Self {
            config,
            outbox,
            ports,
            thread,
        })
    }

    /// An order for the hub.
    pub fn command(&self, command: Command) -> Result<(), DoorError> {
        self.outbox.order([Order::Command(command)])
    }

    /// Orders for the hub, with one wake for all.
    pub fn commands(&self, commands: impl IntoIterator<Item = Command>) -> Result<(), DoorError> {
        self.outbox.order(commands.into_iter().map(Order::Command))
    }

    /// Events since the last call, in order.
    pub fn drain(&self) -> Vec<Event> {
        self.outbox.drain()
    }

    /// Readable while there is something to drain, and when the door is dead.
    pub fn event_fd(&self) -> i32 {
        self.outbox.fd()
    }

    /// Its thread has ended.
    pub fn is_dead(&self) -> bool {
        self.outbox.is_dead()
    }

    /// Every listener's address.
    pub fn ports(&self) -> &[(Kind, SocketAddr)] {
        &self.ports
    }

    /// Reads certificate and key again, for connections from now on. On an error the old ones stay.
    pub fn reload(&self) -> Result<(), DoorError> {
        self.outbox.order([Order::Certificate(tls::load(&self.config)?)])
    }

    /// Listens no more, closes every connection with 1012 at a random time within `grace_ms`, and waits for the end.
    pub fn close(&self, grace_ms: u64) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.outbox.order([Order::Close(grace_ms)]);
            let _ = thread.join();
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close(0);
    }
}
