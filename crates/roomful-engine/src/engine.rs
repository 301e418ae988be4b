//! Starting and stopping the threads, and the way in and out.
use crate::addresses::expand;
use crate::config::{Config, EngineError};
use crate::outbox::Outbox;
use crate::placement::Placement;
use crate::socket::Socket;
use crate::tcp::Tcp;
use crate::wake::Wake;
use crate::worker::{Ready, Worker};
use roomful_rtc::dtls::DtlsIdentity;
use roomful_rtc::sdp::candidate;
use roomful_rtc::transport::Protocol;
use roomful_sfu::command::{Command, Id};
use roomful_sfu::event::Event;
use roomful_sfu::{Router, RouterConfig};
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// Orders that wait for one thread before it is asked for nothing new. What takes away is always taken: there is only so much of it,
/// and forgetting it would leave somebody in the room.
const MAX_ORDERS: usize = 65_536;
/// More threads than this are a mistake.
const MAX_THREADS: usize = 256;

struct Thread {
    orders: Sender<Command>,
    waiting: Arc<AtomicUsize>,
    wake: Arc<Wake>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

/// A running media plane.
pub struct Engine {
    threads: Vec<Thread>,
    placement: Mutex<Placement>,
    outbox: Arc<Outbox>,
    ports: Vec<(Protocol, SocketAddr)>,
    stop: Arc<AtomicBool>,
}

impl Engine {
    /// Binds all sockets, then starts the threads.
    pub fn start(config: &Config) -> Result<Self, EngineError> {
        if config.threads == 0 || config.threads > MAX_THREADS {
            return Err(EngineError::Config(format!(
                "threads must be 1 to {MAX_THREADS}, not {}",
                config.threads
            )));
        }
        let addresses = expand(&config.addresses);
        if addresses.is_empty() {
            return Err(EngineError::Config("no address to bind".to_owned()));
        }
        let os = |e: std::io::Error| EngineError::Os(e.to_string());
        let identity = DtlsIdentity::generate().map_err(|e| EngineError::Os(e.to_string()))?;
        let outbox = Arc::new(Outbox::new(Wake::new().map_err(os)?));
        let stop = Arc::new(AtomicBool::new(false));
        let mut ports = vec![];
        let mut workers = vec![];
        for number in 0..config.threads {
            let bound = bind(config, &addresses, number, &mut ports)?;
            let (orders, commands) = channel();
            let waiting = Arc::new(AtomicUsize::new(0));
            let wake = Arc::new(Wake::new().map_err(os)?);
            let router_config = RouterConfig {
                identity: identity.clone(),
                addresses: bound.locals.clone(),
                candidates: candidates(config, &bound.locals),
                codecs: config.codecs.clone(),
                max_tracks: config.max_tracks,
                max_subscriptions: config.max_subscriptions,
            };
            // Seeds SSRCs only; std's hasher is seeded by the system.
            let seed = std::hash::RandomState::new().build_hasher().finish();
            let worker = Worker {
                router: Router::new(router_config, seed, Instant::now()),
                sockets: bound.sockets,
                tcp: bound.tcp,
                commands,
                waiting: waiting.clone(),
                wake: wake.clone(),
                outbox: outbox.clone(),
                stop: stop.clone(),
                ready: Ready::default(),
            };
            workers.push((worker, orders, waiting, wake));
        }
        let mut threads = vec![];
        for (number, (worker, orders, waiting, wake)) in workers.into_iter().enumerate() {
            let handle = std::thread::Builder::new()
                .name(format!("roomful-media-{number}"))
                .spawn(move || worker.run())
                .map_err(os)?;
            threads.push(Thread {
                orders,
                waiting,
                wake,
                handle: Mutex::new(Some(handle)),
            });
        }
        let placement = Mutex::new(Placement::new(config.threads));
        Ok(Self {
            threads,
            placement,
            outbox,
            ports,
            stop,
        })
    }

    /// Gives an order. One about something unknown (it ended meanwhile) is passed over.
    pub fn command(&self, command: Command) -> Result<(), EngineError> {
        let place = self
            .placement
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .place(&command);
        let Some(thread) = place.and_then(|at| self.threads.get(at)) else {
            if let Command::RemoteOffer { request, .. }
            | Command::RemoteAnswer { request, .. }
            | Command::AskReceived { request, .. }
            | Command::AskStats { request, .. } = command
            {
                let message = "that transport or room is gone".to_owned();
                self.outbox.put(std::iter::once(Event::Refused {
                    request,
                    code: "not_found",
                    message,
                }));
            }
            return Ok(());
        };
        let waiting = thread.waiting.load(Ordering::Relaxed);
        if waiting >= MAX_ORDERS && !takes_away(&command) {
            return Err(EngineError::Overloaded(waiting));
        }
        thread.waiting.fetch_add(1, Ordering::Relaxed);
        thread.orders.send(command).map_err(|_| EngineError::Dead)?;
        thread.wake.wake();
        Ok(())
    }

    /// Whether these rooms are all there, and on one thread: then people can go from one to the other, and be shown there.
    pub fn together(&self, rooms: &[Id]) -> bool {
        let placement = self.placement.lock().unwrap_or_else(PoisonError::into_inner);
        placement.together(rooms)
    }

    /// All news since the last call, in order.
    pub fn drain(&self) -> Vec<Event> {
        self.outbox.drain()
    }

    /// A descriptor that is readable while there is news.
    pub fn event_fd(&self) -> i32 {
        self.outbox.fd()
    }

    /// Every socket.
    pub fn ports(&self) -> &[(Protocol, SocketAddr)] {
        &self.ports
    }

    /// Whether a thread ended by itself, which none may.
    pub fn is_dead(&self) -> bool {
        !self.stop.load(Ordering::Acquire)
            && self.threads.iter().any(|t| {
                let handle = t.handle.lock().unwrap_or_else(PoisonError::into_inner);
                handle.as_ref().is_some_and(JoinHandle::is_finished)
            })
    }

    /// Ends all threads and waits for them.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        for thread in &self.threads {
            thread.wake.wake();
            let handle = thread
                .handle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(handle) = handle {
                // A thread that panicked has said so already.
                let _ = handle.join();
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

fn takes_away(command: &Command) -> bool {
    matches!(
        command,
        Command::CloseRoom { .. }
            | Command::RemoveParticipant { .. }
            | Command::SetRights { .. }
            | Command::Unpublish { .. }
            | Command::Mute { .. }
            | Command::Unsubscribe { .. }
            | Command::UnpublishDataTrack { .. }
            | Command::UnsubscribeDataTrack { .. }
            | Command::Decide { .. }
    )
}

struct Bound {
    sockets: Vec<Socket>,
    tcp: Tcp,
    locals: Vec<(SocketAddr, Protocol)>,
}

fn bind(
    config: &Config,
    addresses: &[IpAddr],
    number: usize,
    ports: &mut Vec<(Protocol, SocketAddr)>,
) -> Result<Bound, EngineError> {
    let mut bound = Bound {
        sockets: vec![],
        tcp: Tcp::default(),
        locals: vec![],
    };
    let plus = |port: u16| match port {
        0 => Some(0),
        port => port.checked_add(number as u16),
    };
    let too_high = || {
        EngineError::Config(format!(
            "there are no {} ports from {}",
            config.threads, config.udp_port
        ))
    };
    let mut udp = plus(config.udp_port).ok_or_else(too_high)?;
    let mut tcp = config
        .tcp_port
        .map(|port| plus(port).ok_or_else(too_high))
        .transpose()?;
    for ip in addresses {
        let socket = Socket::bind(SocketAddr::new(*ip, udp), config.portable)?;
        // All addresses of a thread share a port, so that one firewall rule is enough.
        udp = socket.local().port();
        bound.locals.push((socket.local(), Protocol::Udp));
        bound.sockets.push(socket);
        if let Some(port) = tcp.as_mut() {
            let local = bound.tcp.listen(SocketAddr::new(*ip, *port))?;
            *port = local.port();
            bound.locals.push((local, Protocol::Tcp));
        }
    }
    ports.extend(
        bound
            .locals
            .iter()
            .map(|(address, protocol)| (*protocol, *address)),
    );
    Ok(bound)
}

/// What is announced: the bound addresses, or those that were configured in their place with the bound ports.
fn candidates(config: &Config, locals: &[(SocketAddr, Protocol)]) -> Vec<String> {
    let mut told: Vec<(SocketAddr, Protocol)> = vec![];
    for (local, protocol) in locals {
        let announced = config
            .announced
            .iter()
            .filter(|ip| ip.is_ipv4() == local.is_ipv4());
        let shown: Vec<SocketAddr> = announced.map(|ip| SocketAddr::new(*ip, local.port())).collect();
        for address in if config.announced.is_empty() {
            vec![*local]
        } else {
            shown
        } {
            if !told.contains(&(address, *protocol)) {
                told.push((address, *protocol));
            }
        }
    }
    // Loopback helps nobody but this machine: it goes last.
    told.sort_by_key(|(address, protocol)| (*protocol, address.ip().is_loopback()));
    let word = |protocol| match protocol {
        Protocol::Udp => candidate::Protocol::Udp,
        Protocol::Tcp => candidate::Protocol::Tcp,
    };
    (0u16..)
        .zip(told)
        .map(|(n, (address, protocol))| candidate::host(word(protocol), address, u16::MAX - n))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Config {
        Config {
            addresses: vec![IpAddr::from([127, 0, 0, 1])],
            tcp_port: Some(0),
            ..Config::default()
        }
    }

    #[test]
    fn it_starts_answers_and_stops() {
        let engine = Engine::start(&local()).unwrap();
        assert_eq!(engine.ports().len(), 2);
        engine
            .command(Command::OpenRoom {
                room: "RM_1".into(),
                beside: None,
            })
            .unwrap();
        engine
            .command(Command::AskStats {
                request: 7,
                room: "RM_1".into(),
            })
            .unwrap();
        let mut news = vec![];
        while news.is_empty() {
            news = engine.drain();
        }
        assert!(matches!(&news[0], Event::Stats { request: 7, .. }), "{news:?}");
        assert!(!engine.is_dead());
        engine.stop();
    }

    #[test]
    fn a_full_queue_is_not_a_dead_engine() {
        let (orders, commands) = channel();
        let waiting = Arc::new(AtomicUsize::new(MAX_ORDERS - 1));
        let engine = Engine {
            threads: vec![Thread {
                orders,
                waiting: waiting.clone(),
                wake: Arc::new(Wake::new().unwrap()),
                handle: Mutex::new(None),
            }],
            placement: Mutex::new(Placement::new(1)),
            outbox: Arc::new(Outbox::new(Wake::new().unwrap())),
            ports: vec![],
            stop: Arc::new(AtomicBool::new(false)),
        };
        let open = |n: u32| {
            let room = format!("RM_{n}").into();
            engine
                .command(Command::OpenRoom { room, beside: None })
                .map_err(|e| e.code())
        };
        assert_eq!((open(1), open(2)), (Ok(()), Err("overloaded")));
        let close = Command::CloseRoom { room: "RM_1".into() };
        assert!(engine.command(close).is_ok());
        assert_eq!(commands.try_iter().count(), 2);
        waiting.store(0, Ordering::Relaxed);
        assert_eq!(open(3), Ok(()));
        drop(commands);
        assert_eq!(open(4), Err("engine_dead"));
    }

    #[test]
    fn what_is_announced_can_be_told() {
        let mut config = local();
        config.announced = vec!["203.0.113.9".parse().unwrap()];
        let told = candidates(&config, &[("127.0.0.1:7882".parse().unwrap(), Protocol::Udp)]);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains(" 203.0.113.9 7882 typ host"), "{told:?}");
    }
}
