//! A Python that takes nothing: clients are read no further, nothing is lost, and memory stays bounded.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod common;
use common::*;
use roomful_door::websocket::{masked_frame, Opcode};
use roomful_door::Door;
use roomful_hub::command::{Speech, Who};
use roomful_hub::sink::Acceptance;
use roomful_hub::{Command, Event};
use std::io::{ErrorKind, Write};
use std::time::Duration;

const SIZE: usize = 60_000;
const MANY: usize = 2_000;

#[test]
fn clients_are_not_read_while_python_is_behind_and_nothing_is_lost() {
    let door = Door::start(config(), roomful_hub::Config::default()).unwrap();
    let mut client = connect(door.ports()[0].1);
    client.write_all(request("/ws/raw", "").as_bytes()).unwrap();
    let connection = loop {
        match door.drain().into_iter().next() {
            Some(Event::Opened { connection, .. }) => break connection,
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let (who, how) = (Who::default(), Acceptance::default());
    door.command(Command::Accept {
        connection,
        speech: Speech::Raw,
        who,
        how,
    })
    .unwrap();
    assert!(head(&mut client).starts_with("HTTP/1.1 101"));
    let mut writer = client.try_clone().unwrap();
    writer
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let wire = masked_frame(Opcode::Binary, true, &[7; SIZE], [1, 2, 3, 4]).repeat(MANY);
    let mut sent = 0;
    while sent < wire.len() {
        match writer.write(&wire[sent..]) {
            Ok(n) => sent += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) => panic!("{e}"),
        }
    }
    assert!(sent < wire.len() / 2, "the door read on: {sent} bytes");
    let mut got = 0;
    let pours = std::thread::spawn(move || {
        writer.set_write_timeout(None).unwrap();
        writer.write_all(&wire[sent..]).unwrap();
    });
    while got < MANY {
        let events = door.drain();
        let bytes: usize = events
            .iter()
            .map(|e| {
                if let Event::Message { message, .. } = e {
                    message.payload.len()
                } else {
                    0
                }
            })
            .sum();
        assert!(bytes < 20 << 20, "{bytes} bytes waited at once");
        got += events
            .iter()
            .filter(|e| matches!(e, Event::Message { message, .. } if message.payload.len() == SIZE))
            .count();
        std::thread::sleep(Duration::from_millis(1));
    }
    pours.join().unwrap();
    assert_eq!(got, MANY);
}
