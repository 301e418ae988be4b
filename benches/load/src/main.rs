//! Load client for servers that speak LiveKit's protocol: publishers, subscribers and idle participants on str0m.
//!
//! It judges a server from outside: what was delivered of what was sent, how late, how soon after joining, and (given
//! the server's pid) for how much CPU time and memory. Prints one JSON object a line; `benches/forward.py` reads them.

mod args;
mod crowd;
mod janus;
mod link;
mod livekit;
mod pattern;
mod peer;
mod process;
mod report;
mod signal;
mod token;
mod whip;
mod wire;

use crowd::Crowd;
use process::Cpu;
use serde_json::json;
use std::error::Error;
use std::time::{Duration, Instant};

fn main() {
    if let Err(error) = run() {
        eprintln!("roomful-load: {error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let args = args::Args::read(std::env::args().skip(1))?;
    let memory = || args.pid.and_then(process::resident);
    signal::wait_for(&args.server.address, Duration::from_secs(60))?;
    let mut crowd = Crowd::new(&args)?;
    if args.idle > 0 {
        // The first ones pay for what is kept once.
        crowd.join(20, None, "idle-warm")?;
        crowd.run(Duration::from_millis(500))?;
        let before = memory();
        crowd.join(args.idle, None, "idle")?;
        crowd.run(Duration::from_secs(1))?;
        let after = memory();
        let (cpu, began) = (args.pid.and_then(process::cpu), Instant::now());
        crowd.run(Duration::from_secs(3))?;
        let (cpu, time) = (spent(cpu, args.pid), began.elapsed().as_secs_f64());
        let each = before
            .zip(after)
            .map(|(b, a)| (a as f64 - b as f64) / args.idle as f64);
        println!(
            "{}",
            json!({
                "kind": "idle",
                "participants": args.idle,
                "bytes_each": each,
                "cpu_share": cpu.map(|cpu| cpu.all / time),
                "media_share": cpu.map(|cpu| cpu.media / time),
            })
        );
    }
    if args.subscribers + args.mesh > 0 {
        let before = memory();
        let people = if args.mesh > 0 {
            crowd.join(args.mesh, Some(args.media), "person")?;
            // The last ones' pictures are chosen, and bitrates settle.
            crowd.run(Duration::from_millis(2000))?;
            args.mesh
        } else {
            crowd.join(args.publishers, Some(args.media), "publisher")?;
            crowd.run(Duration::from_millis(300))?;
            crowd.join(args.subscribers, None, "subscriber")?;
            crowd.run(Duration::from_millis(if args.server.janus { 4000 } else { 1000 }))?;
            args.subscribers + args.publishers
        };
        let each = before
            .zip(memory())
            .map(|(b, a)| (a as f64 - b as f64) / people as f64);
        println!("{}", report::joins("crowd", &crowd.subscribers(), each));
        for _ in 0..args.windows {
            let first = crowd.count(true);
            let (cpu, began) = (args.pid.and_then(process::cpu), Instant::now());
            let own = process::cpu(std::process::id());
            crowd.run(args.seconds)?;
            let last = crowd.number;
            let (cpu, seconds) = (spent(cpu, args.pid), began.elapsed().as_secs_f64());
            let own = spent(own, Some(std::process::id()));
            // What is on its way, and what is asked for again, may still come.
            crowd.run(Duration::from_millis(400))?;
            crowd.count(false);
            println!(
                "{}",
                report::window(
                    &mut crowd.subscribers(),
                    first..last,
                    args.mesh > 0,
                    seconds,
                    cpu,
                    own
                )
            );
        }
        // A server asks the publisher for a key frame only so often: these come one at a time, as people do.
        let late = if args.mesh > 0 { 0 } else { args.late };
        for i in 0..late {
            crowd.run(Duration::from_millis(600))?;
            crowd.join(1, None, &format!("late-{i}"))?;
        }
        crowd.run(Duration::from_millis(600))?;
        if late > 0 {
            let joins = report::joins("late", &crowd.subscribers().split_off(args.subscribers), None);
            println!("{joins}");
        }
    }
    crowd.leave();
    Ok(())
}

fn spent(before: Option<Cpu>, pid: Option<u32>) -> Option<Cpu> {
    Some(pid.and_then(process::cpu)?.since(before?))
}
