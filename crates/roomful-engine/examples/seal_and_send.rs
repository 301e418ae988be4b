//! The limit of forwarding on this machine: encrypting packets and handing them to the kernel, and nothing else.
//!
//! `cargo run --release -p roomful-engine --example seal_and_send [ADDRESS RECEIVERS-ADDRESS NAMESPACE-FILE]`; `make bench
//! BENCH=forward` runs it beside the server, with the receivers in the load client's network namespace.
//! Uses the engine's own sockets; receivers drain on another thread and take segments joined, as the load client does.
//! Prints a JSON object a line: packets per second of the sending thread's CPU time, by packets in a GSO message.
#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("CPU time of a thread is read from /proc: Linux only");
}

#[cfg(target_os = "linux")]
mod linux {
    use roomful_engine::socket::{Batch, Socket};
    use roomful_rtc::srtp::{SrtpKeys, SrtpProfile, SrtpSender};
    use roomful_rtc::transport::{Path, Protocol};
    use roomful_sfu::egress::Egress;
    use std::error::Error;
    use std::net::{IpAddr, SocketAddr, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    /// As many bytes as the load client's packets have on the wire, on average; those of a voice.
    const PACKET: usize = 1_121;
    const VOICE: usize = 130;
    /// What one receiver gets at a time: bytes of each packet and how many.
    const BURSTS: [(&str, usize, usize); 5] = [
        ("32", PACKET, 32),
        ("8", PACKET, 8),
        ("4", PACKET, 4),
        ("1", PACKET, 1),
        ("voice", VOICE, 1),
    ];
    const RECEIVERS: usize = 100;
    /// As the engine does.
    const SEND_FROM: usize = 256 << 10;
    const ROUND: Duration = Duration::from_millis(700);

    pub fn main() -> Result<(), Box<dyn Error>> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let (ours, theirs, namespace) = match words.as_slice() {
            [ours, theirs, namespace] => (ours.parse()?, theirs.parse()?, Some(namespace.clone())),
            _ => (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 1]), None),
        };
        let mut socket = Socket::bind(SocketAddr::new(ours, 0), false)?;
        let local = socket.local();
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let (tell, hear) = channel();
        let drain = std::thread::spawn(move || {
            let open = || -> Result<Vec<UdpSocket>, Box<dyn Error>> {
                if let Some(file) = namespace {
                    enter(&file)?;
                }
                (0..RECEIVERS).map(|_| receiver(theirs)).collect()
            };
            let receivers = match open() {
                Ok(receivers) => receivers,
                Err(error) => return drop(tell.send(Err(error.to_string()))),
            };
            let remotes: std::io::Result<Vec<SocketAddr>> =
                receivers.iter().map(UdpSocket::local_addr).collect();
            if tell.send(remotes.map_err(|error| error.to_string())).is_err() {
                return;
            }
            let mut buffer = [0u8; 1 << 16];
            while !told.load(Ordering::Relaxed) {
                for receiver in &receivers {
                    while receiver.recv(&mut buffer).is_ok() {}
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let paths: Vec<Path> = hear
            .recv()??
            .into_iter()
            .map(|remote| Path {
                local,
                remote,
                protocol: Protocol::Udp,
            })
            .collect();
        let profile = SrtpProfile::AeadAes128Gcm;
        let material = vec![7u8; 2 * (profile.key_len() + profile.salt_len())];
        let sender = SrtpSender::new(&SrtpKeys::from_dtls(profile, &material, true)?)?;
        for (name, size, run) in BURSTS {
            let rate = round(&mut socket, &paths, &sender, size, run)?;
            println!("{{\"kind\": \"limit\", \"burst\": \"{name}\", \"per_cpu_s\": {rate:.0}}}");
        }
        stop.store(true, Ordering::Relaxed);
        drain.join().map_err(|_| "the draining thread panicked")?;
        Ok(())
    }

    /// Takes this thread into a network namespace.
    fn enter(file: &str) -> Result<(), Box<dyn Error>> {
        let file = std::fs::File::open(file)?;
        // SAFETY: the descriptor is open through the call.
        match unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error().into()),
        }
    }

    fn receiver(ip: IpAddr) -> Result<UdpSocket, Box<dyn Error>> {
        let socket = UdpSocket::bind((ip, 0))?;
        socket.set_nonblocking(true)?;
        let on = 1i32;
        // SAFETY: the value outlives the call and its size is given.
        unsafe {
            let value = std::ptr::from_ref(&on).cast();
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, value, 4);
        }
        Ok(socket)
    }

    /// Packets per CPU second with `run` packets of `size` bytes to one receiver after the other.
    fn round(
        socket: &mut Socket,
        paths: &[Path],
        sender: &SrtpSender,
        size: usize,
        run: usize,
    ) -> Result<f64, Box<dyn Error>> {
        let plain = vec![0x55u8; size - sender.overhead()];
        let mut batch = Batch::new(vec![(socket.local(), socket.joins())]);
        let (mut index, mut sent) = (0u64, 0u64);
        let (began, before) = (Instant::now(), cpu_ns()?);
        while began.elapsed() < ROUND {
            for path in paths {
                for _ in 0..run {
                    let out = batch.slot(path, size);
                    if let Some(body) = out.get_mut(..plain.len()) {
                        body.copy_from_slice(&plain);
                    }
                    sender.protect_rtp(out, 12, 1, index)?;
                    index += 1;
                    sent += 1;
                }
                if batch.used() >= SEND_FROM {
                    batch.flush(|_, arena, messages| socket.send(arena, messages));
                }
            }
            batch.flush(|_, arena, messages| socket.send(arena, messages));
        }
        Ok(sent as f64 * 1e9 / (cpu_ns()? - before) as f64)
    }

    /// Nanoseconds this thread ran on a processor.
    fn cpu_ns() -> Result<u64, Box<dyn Error>> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
        Ok(text.split_whitespace().next().ok_or("no schedstat")?.parse()?)
    }
}
