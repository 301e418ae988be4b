//! The limit of forwarding on this machine: encrypting packets and handing them to the kernel, and nothing else.
//!
//! `cargo run --release -p roomful-engine --example seal_and_send`; `make bench BENCH=forward` runs it beside the server.
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
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    /// As many bytes as the load client's packets have on the wire, on average.
    const PACKET: usize = 1_070;
    const RECEIVERS: usize = 100;
    const ROUND: Duration = Duration::from_millis(700);

    pub fn main() -> Result<(), Box<dyn Error>> {
        let receivers: Vec<UdpSocket> = (0..RECEIVERS).map(|_| receiver()).collect::<Result<_, _>>()?;
        let mut paths = vec![];
        let mut socket = Socket::bind("127.0.0.1:0".parse()?, false)?;
        for receiver in &receivers {
            let (local, remote) = (socket.local(), receiver.local_addr()?);
            paths.push(Path {
                local,
                remote,
                protocol: Protocol::Udp,
            });
        }
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let drain = std::thread::spawn(move || {
            let mut buffer = [0u8; 1 << 16];
            while !told.load(Ordering::Relaxed) {
                for receiver in &receivers {
                    while receiver.recv(&mut buffer).is_ok() {}
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let profile = SrtpProfile::AeadAes128Gcm;
        let material = vec![7u8; 2 * (profile.key_len() + profile.salt_len())];
        let sender = SrtpSender::new(&SrtpKeys::from_dtls(profile, &material, true)?)?;
        for run in [8, 4, 1] {
            let rate = round(&mut socket, &paths, &sender, run)?;
            println!("{{\"kind\": \"limit\", \"segments\": {run}, \"per_cpu_s\": {rate:.0}}}");
        }
        stop.store(true, Ordering::Relaxed);
        drain.join().map_err(|_| "the draining thread panicked")?;
        Ok(())
    }

    fn receiver() -> Result<UdpSocket, Box<dyn Error>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let on = 1i32;
        // SAFETY: the value outlives the call and its size is given.
        unsafe {
            let value = std::ptr::from_ref(&on).cast();
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, value, 4);
        }
        Ok(socket)
    }

    /// Packets per CPU second with `run` packets to one receiver after the other.
    fn round(
        socket: &mut Socket,
        paths: &[Path],
        sender: &SrtpSender,
        run: usize,
    ) -> Result<f64, Box<dyn Error>> {
        let plain = vec![0x55u8; PACKET - sender.overhead()];
        let mut batch = Batch::new(vec![(socket.local(), socket.joins())]);
        let (mut index, mut sent) = (0u64, 0u64);
        let (began, before) = (Instant::now(), cpu_ns()?);
        while began.elapsed() < ROUND {
            for path in paths {
                for _ in 0..run {
                    let out = batch.slot(path, PACKET);
                    if let Some(body) = out.get_mut(..plain.len()) {
                        body.copy_from_slice(&plain);
                    }
                    sender.protect_rtp(out, 12, 1, index)?;
                    index += 1;
                    sent += 1;
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
