//! WebSockets through real sockets: opening, talking, ending, and clients that do none of it as they should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod common;
use common::*;
use roomful_door::websocket::{masked_frame, Opcode};
use roomful_door::Config;
use roomful_hub::{Command, Message, OnSlow};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

#[test]
fn an_echo_comes_back_however_it_is_sent() {
    let server = Server::start(config());
    let mut client = open(server.address(), "/ws/echo");
    say(&mut client, Opcode::Text, "grüße".as_bytes());
    assert_eq!(hear(&mut client).unwrap(), (0x81, "grüße".as_bytes().to_vec()));
    let large: Vec<u8> = (0..65536u32).map(|n| n as u8).collect();
    say(&mut client, Opcode::Binary, &large);
    assert_eq!(hear(&mut client).unwrap(), (0x82, large));
    client
        .write_all(&masked_frame(Opcode::Text, false, b"a", [9; 4]))
        .unwrap();
    say(&mut client, Opcode::Ping, b"between");
    assert_eq!(hear(&mut client).unwrap(), (0x8a, b"between".to_vec()));
    client
        .write_all(&masked_frame(Opcode::Continuation, true, b"b", [9; 4]))
        .unwrap();
    assert_eq!(hear(&mut client).unwrap(), (0x81, b"ab".to_vec()));
    say(&mut client, Opcode::Close, &[3, 232, b'x']);
    assert_eq!(hear_close(&mut client), 1000);
    assert_eq!(server.wait_told("closed"), "closed 1000 x");
}

#[test]
fn a_client_may_speak_before_it_is_answered() {
    let server = Server::start(config());
    let mut client = connect(server.address());
    let mut wire = request("/ws/echo", "").into_bytes();
    wire.extend(masked_frame(Opcode::Text, true, b"early", [1; 4]));
    for byte in wire {
        client.write_all(&[byte]).unwrap();
    }
    assert!(head(&mut client).starts_with("HTTP/1.1 101"));
    assert_eq!(hear(&mut client).unwrap(), (0x81, b"early".to_vec()));
}

#[test]
fn much_may_come_with_the_handshake() {
    let server = Server::start(config());
    let mut client = connect(server.address());
    let frames = masked_frame(Opcode::Binary, true, &[7; 25_000], [1; 4]).repeat(5);
    let mut wire = request("/ws/echo", "").into_bytes();
    wire.extend(&frames);
    let mut writer = client.try_clone().unwrap();
    let sends = std::thread::spawn(move || writer.write_all(&wire));
    let answer = head(&mut client);
    // What does not fit before the answer ends the connection; what does is all there.
    if answer.starts_with("HTTP/1.1 101") {
        for _ in 0..5 {
            assert_eq!(hear(&mut client).unwrap().1.len(), 25_000);
        }
    } else {
        assert_eq!(answer, "");
    }
    let _ = sends.join().unwrap();
}

#[test]
fn a_refusal_and_silence_and_strangers_pages_are_answered_in_http() {
    let server = Server::start(config());
    for (path, more, status) in [
        ("/ws/no", "", "401 Unauthorized\r\nx-why: so"),
        ("/ws/echo", "Origin: http://evil.example\r\n", "403"),
        ("/other", "", "404"),
        ("/ws/echo", "Sec-WebSocket-Key: twice\r\n", "400"),
    ] {
        let mut client = connect(server.address());
        client.write_all(request(path, more).as_bytes()).unwrap();
        let head = head(&mut client);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        let mut rest = vec![];
        client.read_to_end(&mut rest).unwrap();
    }
    assert_eq!(server.told.lock().unwrap().len(), 1, "only one was for Python");
}

#[test]
fn compression_is_offered_in_vain() {
    let server = Server::start(config());
    let mut client = connect(server.address());
    let offers = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8, x\r\n";
    client.write_all(request("/ws/echo", offers).as_bytes()).unwrap();
    let answer = head(&mut client);
    assert!(answer.starts_with("HTTP/1.1 101") && !answer.contains("extensions"));
    // What would be a compressed frame is a broken one.
    client.write_all(&[0xc1, 0x81, 0, 0, 0, 0, 0]).unwrap();
    assert_eq!(hear_close(&mut client), 1002);
}

#[test]
fn ten_thousand_broken_handshakes_and_frames_harm_nobody() {
    let server = Server::start(config());
    let mut friend = open(server.address(), "/ws/echo");
    let good = request("/ws/echo", "");
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for n in 0..10_000 {
        let mut wire = good.clone().into_bytes();
        match n % 4 {
            0 => wire.truncate(next(wire.len())),
            1 => {
                let at = next(wire.len());
                wire[at] = next(256) as u8;
            }
            2 => wire = (0..next(300)).map(|_| next(256) as u8).collect(),
            _ => wire.extend((0..next(60)).map(|_| next(256) as u8)),
        }
        let mut client = connect(server.address());
        let _ = client.write_all(&wire);
        if n % 8 < 4 {
            let _ = client.shutdown(Shutdown::Write);
            let _ = client.read(&mut [0; 64]);
        }
        if n % 1000 == 0 {
            say(&mut friend, Opcode::Text, b"still here");
            assert_eq!(hear(&mut friend).unwrap().1, b"still here");
        }
    }
    say(&mut friend, Opcode::Text, b"and now");
    assert_eq!(hear(&mut friend).unwrap().1, b"and now");
}

#[test]
fn a_slow_reader_is_closed_and_others_are_not() {
    let server = Server::start(Config {
        max_backlog: 100_000,
        ..config()
    });
    let mut slow = open(server.address(), "/ws/raw");
    let mut quick = open(server.address(), "/ws/raw");
    let to = server.last.lock().unwrap().clone();
    let closed = || {
        server
            .told
            .lock()
            .unwrap()
            .iter()
            .any(|t| t.starts_with("closed"))
    };
    let mut count = 0;
    while !closed() {
        let (to, message) = (to.clone(), Message::binary(vec![7; 10_000]));
        server
            .door
            .command(Command::Send {
                to,
                message,
                slow: OnSlow::Close,
            })
            .unwrap();
        assert_eq!(hear(&mut quick).unwrap().1.len(), 10_000);
        count += 1;
        assert!(count < 20_000, "nobody was too slow");
    }
    assert_eq!(server.wait_told("closed"), "closed 1013 reads too slowly");
    let (to, message) = (vec![to[1]], Message::text("end"));
    server
        .door
        .command(Command::Send {
            to,
            message,
            slow: OnSlow::Close,
        })
        .unwrap();
    assert_eq!(hear(&mut quick).unwrap().1, b"end");
    assert_eq!(hear_close(&mut slow), 1013);
}

#[test]
fn a_slow_reader_may_go_without() {
    let server = Server::start(Config {
        max_backlog: 100_000,
        ..config()
    });
    let mut slow = open(server.address(), "/ws/raw");
    let to = server.last.lock().unwrap().clone();
    for _ in 0..2_000 {
        let (to, message) = (to.clone(), Message::binary(vec![7; 10_000]));
        server
            .door
            .command(Command::Send {
                to,
                message,
                slow: OnSlow::Skip,
            })
            .unwrap();
    }
    server.wait_told("slow");
    slow.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut count = 0;
    while let Some((first, payload)) = hear(&mut slow) {
        assert_eq!((first, payload.len()), (0x82, 10_000));
        count += 1;
    }
    assert!(count > 10 && count < 2_000, "{count}");
    server.wait_told("writable");
}

#[test]
fn who_does_not_answer_a_ping_is_gone() {
    let server = Server::start(Config {
        ping_ms: 300,
        ..config()
    });
    let mut silent = open(server.address(), "/ws/raw");
    let mut polite = open(server.address(), "/ws/raw");
    let answers = std::thread::spawn(move || {
        for _ in 0..4 {
            let (first, payload) = hear(&mut polite).unwrap();
            assert_eq!(first, 0x89);
            say(&mut polite, Opcode::Pong, &payload);
        }
    });
    assert_eq!(server.wait_told("closed"), "closed 1006 no answer to a ping");
    answers.join().unwrap();
    assert_eq!(hear(&mut silent).unwrap().0, 0x89);
    assert_eq!(hear(&mut silent), None);
}

#[test]
fn who_says_nothing_is_closed_where_that_is_wanted() {
    let server = Server::start(Config {
        idle_ms: 300,
        ..config()
    });
    let mut silent = open(server.address(), "/ws/raw");
    assert_eq!(hear_close(&mut silent), 1001);
}

#[test]
fn a_head_that_dawdles_is_cut_off() {
    let server = Server::start(Config {
        head_timeout_ms: 300,
        ..config()
    });
    let mut slow = connect(server.address());
    slow.write_all(b"GET / HT").unwrap();
    assert!(head(&mut slow).starts_with("HTTP/1.1 408"));
    let mut mute = connect(server.address());
    assert_eq!(mute.read(&mut [0; 8]).unwrap(), 0);
    let mut long = connect(server.address());
    let _ = long.write_all(format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(40_000)).as_bytes());
    assert!(head(&mut long).starts_with("HTTP/1.1 431"));
}

#[test]
fn connections_are_bounded_and_room_is_made_again() {
    let server = Server::start(Config {
        max_connections: 3,
        ..config()
    });
    let kept: Vec<_> = (0..3).map(|_| open(server.address(), "/ws/echo")).collect();
    let mut more = connect(server.address());
    let _ = more.write_all(request("/ws/echo", "").as_bytes());
    assert_eq!(head(&mut more), "");
    drop(kept);
    for _ in 0..3 {
        server.wait_told("closed 1006");
    }
    std::thread::sleep(Duration::from_millis(50));
    open(server.address(), "/ws/echo");
}

#[test]
fn python_that_does_not_answer_is_not_waited_for_when_the_door_closes() {
    let server = Server::start(config());
    let mut asked = connect(server.address());
    asked.write_all(request("/ws/never", "").as_bytes()).unwrap();
    server.wait_told("opened /ws/never");
    let mut open = open(server.address(), "/ws/raw");
    let door = server.door.clone();
    let closing = std::thread::spawn(move || door.close(500));
    assert_eq!(
        hear(&mut open).map(|(f, p)| (f, p[..2].to_vec())),
        Some((0x88, vec![3, 244]))
    );
    say(&mut open, Opcode::Close, &[3, 244]);
    assert!(head(&mut asked).starts_with("HTTP/1.1 503"));
    closing.join().unwrap();
    assert!(server.door.is_dead() && server.door.command(Command::Stats { request: 1 }).is_err());
}

#[test]
fn a_storm_of_reconnects_leaves_nothing_behind() {
    let server = Server::start(config());
    for _ in 0..2_000 {
        drop(open(server.address(), "/ws/raw"));
    }
    for _ in 0..5000 {
        let told = server.told.lock().unwrap();
        let count = |word: &str| told.iter().filter(|t| t.starts_with(word)).count();
        if count("closed") == 2_000 {
            return assert_eq!(count("opened"), 2_000);
        }
        drop(told);
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("some are not gone");
}
