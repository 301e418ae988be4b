//! A door whose hub answers every message with itself: `echo PORT`, on 127.0.0.1. For conformance suites and load clients that are to
//! meet the door alone, without Python.
use roomful_door::{Config, Door};
use roomful_hub::command::{Speech, Who};
use roomful_hub::sink::Acceptance;
use roomful_hub::{Command, Event};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).unwrap_or_default().parse()?;
    let config = Config {
        addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        port: Some(port),
        paths: vec!["/".to_owned()],
        ..Config::default()
    };
    let hub = roomful_hub::Config {
        max_message: 1 << 20,
        ..roomful_hub::Config::default()
    };
    let door = Door::start(config, hub)?;
    println!("ready {}", door.ports().first().map_or(0, |(_, at)| at.port()));
    while !door.is_dead() {
        let events = door.drain();
        if events.is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        for event in events {
            if let Event::Opened {
                connection,
                accepted: false,
                ..
            } = event
            {
                let (who, how) = (Who::default(), Acceptance::default());
                door.command(Command::Accept {
                    connection,
                    speech: Speech::Echo,
                    who,
                    how,
                })?;
            }
        }
    }
    Ok(())
}
