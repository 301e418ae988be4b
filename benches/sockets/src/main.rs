//! Load client for WebSocket servers. Called by `benches/ws.py`; prints a line of JSON for each measured window.
//!
//! One thread on one core. CPU time is the server process's, from /proc, so how fast the client is does not enter into it.
mod args;
mod client;
mod frame;
mod process;
mod work;

use args::Args;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = Args::read(std::env::args().skip(1)).and_then(|args| match args.work.as_str() {
        "echo" => work::echo(&args),
        "relay" => work::relay(&args),
        "handshakes" => work::handshakes(&args),
        "idle" => work::idle(&args),
        other => Err(format!("no work is called {other}")),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
