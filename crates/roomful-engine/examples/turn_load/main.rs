//! Load for a TURN server, ours or another: relays packets both ways and asks for bindings, and weighs the server's CPU time.
//!
//! `make bench BENCH=turn` runs it; by hand: `turn_load --server 10.0.0.1:3478 --own 10.0.0.2 --secret S --realm R --pid N up 1100 8`.
//! The work is `up`, `down` (with bytes and packets of a burst) or `binding`. Prints a JSON object for each window. Senders use sendmmsg
//! and no GSO, receivers take one datagram at a time from the kernel's view: browsers do neither better.
#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("CPU time of another process is read from /proc: Linux only");
}

#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod work;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = work::Options::read(std::env::args().skip(1))?;
    match options.work.as_str() {
        "binding" => work::bindings(&options),
        "up" | "down" => work::relay(&options),
        other => Err(format!("no such work: {other}").into()),
    }
}
