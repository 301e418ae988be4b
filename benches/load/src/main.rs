//! Load client for servers that speak LiveKit's protocol: publishers, subscribers and idle participants on str0m.
//!
//! It judges a server from outside: what was delivered of what was sent, how late, how soon after joining, and (given
//! the server's pid) for how much CPU time and memory. Prints one JSON object a line; `benches/forward.py` reads them.

mod args;
mod crowd;
mod link;
mod pattern;
mod peer;
mod process;
mod report;
mod signal;
mod token;
mod wire;

use crowd::Crowd;
use serde_json::json;
use std::error::Error;
use std::time::{Duration, Instant};

/// Subscribers that join into the running room, one at a time.
const LATE: usize = 8;

fn main() {
    if let Err(error) = run() {
        eprintln!("roomful-load: {error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let args = args::Args::read(std::env::args().skip(1))?;
    let memory = || args.pid.and_then(process::resident);
    signal::wait_for(&args.address, Duration::from_secs(20))?;
    let mut crowd = Crowd::new(&args)?;
    if args.idle > 0 {
        // The first ones pay for what is kept once.
        crowd.join(20, None, "idle-warm")?;
        crowd.run(Duration::from_millis(500))?;
        let before = memory();
        crowd.join(args.idle, None, "idle")?;
        crowd.run(Duration::from_secs(1))?;
        let after = memory();
        let (cpu, began) = (args.pid.and_then(process::cpu_seconds), Instant::now());
        crowd.run(Duration::from_secs(3))?;
        let busy = spent(cpu, args.pid).map(|cpu| cpu / began.elapsed().as_secs_f64());
        let each = before
            .zip(after)
            .map(|(b, a)| (a as f64 - b as f64) / args.idle as f64);
        println!(
            "{}",
            json!({"kind": "idle", "participants": args.idle, "bytes_each": each, "cpu_share": busy})
        );
    }
    if args.subscribers > 0 {
        let before = memory();
        crowd.join(args.publishers, Some(args.video), "publisher")?;
        crowd.run(Duration::from_millis(300))?;
        crowd.join(args.subscribers, None, "subscriber")?;
        crowd.run(Duration::from_millis(1000))?;
        let people = args.subscribers + args.publishers;
        let each = before
            .zip(memory())
            .map(|(b, a)| (a as f64 - b as f64) / people as f64);
        println!("{}", report::joins("crowd", &crowd.subscribers(), each));
        for _ in 0..args.windows {
            let first = crowd.count(true);
            let (cpu, began) = (args.pid.and_then(process::cpu_seconds), Instant::now());
            let own = process::cpu_seconds(std::process::id());
            crowd.run(args.seconds)?;
            let last = crowd.number;
            let (cpu, seconds) = (spent(cpu, args.pid), began.elapsed().as_secs_f64());
            let own = spent(own, Some(std::process::id()));
            // What is on its way, and what is asked for again, may still come.
            crowd.run(Duration::from_millis(400))?;
            crowd.count(false);
            println!(
                "{}",
                report::window(&mut crowd.subscribers(), first..last, seconds, cpu, own)
            );
        }
        // A server asks the publisher for a key frame only so often: these come one at a time, as people do.
        for i in 0..LATE {
            crowd.run(Duration::from_millis(600))?;
            crowd.join(1, None, &format!("late-{i}"))?;
        }
        crowd.run(Duration::from_millis(600))?;
        println!(
            "{}",
            report::joins("late", &crowd.subscribers().split_off(args.subscribers), None)
        );
    }
    crowd.leave();
    Ok(())
}

fn spent(before: Option<f64>, pid: Option<u32>) -> Option<f64> {
    Some(pid.and_then(process::cpu_seconds)? - before?)
}
