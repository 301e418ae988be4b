//! What is passed on to the server behind, and TLS: bytes, addresses and ends arrive as they were sent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod common;
use common::*;
use roomful_door::websocket::Opcode;
use roomful_door::Config;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("roomful-door-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A fresh certificate for `localhost`, in its files.
    fn certificate(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(self.0.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.0.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    fn config(&self) -> Config {
        Config {
            backend: Some(self.0.join("http")),
            certificate: Some(self.0.join("cert.pem")),
            private_key: Some(self.0.join("key.pem")),
            ..config()
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn backend(folder: &Folder) -> UnixListener {
    UnixListener::bind(folder.0.join("http")).unwrap()
}

/// The next connection, its family and flags.
fn take(listener: &UnixListener) -> (UnixStream, Vec<u8>) {
    let mut one = listener.accept().unwrap().0;
    one.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut head = [0; 16];
    one.read_exact(&mut head).unwrap();
    assert_eq!(&head[..12], b"\r\n\r\n\0\r\nQUIT\n");
    let mut rest = vec![0; usize::from(u16::from_be_bytes([head[14], head[15]]))];
    one.read_exact(&mut rest).unwrap();
    (one, rest)
}

#[test]
fn megabytes_pass_both_ways_while_neither_side_hurries() {
    let folder = Folder::new("bytes");
    let listener = backend(&folder);
    let server = Server::start(folder.config());
    let mut client = connect(server.address());
    let up: Vec<u8> = (0..6_000_000u32).map(|n| ((n * 7) >> 3) as u8).collect();
    let down: Vec<u8> = (0..7_000_000u32).map(|n| ((n * 13) >> 5) as u8).collect();
    let first = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6000000\r\n\r\n";
    client.write_all(first).unwrap();
    let (mut behind, addresses) = take(&listener);
    let own = client.local_addr().unwrap();
    assert_eq!(addresses[..4], [127, 0, 0, 1]);
    assert_eq!(u16::from_be_bytes([addresses[8], addresses[9]]), own.port());
    assert_eq!(addresses.len(), 12, "no TLS");
    let (mut writer, mut behind_writer) = (client.try_clone().unwrap(), behind.try_clone().unwrap());
    let (up2, down2) = (up.clone(), down.clone());
    let sends = std::thread::spawn(move || {
        writer
            .write_all(&up2)
            .and_then(|()| writer.shutdown(Shutdown::Write))
    });
    let answers = std::thread::spawn(move || behind_writer.write_all(&down2));
    std::thread::sleep(Duration::from_millis(200));
    let reads = std::thread::spawn(move || {
        let mut got = vec![];
        behind.read_to_end(&mut got).unwrap();
        // The client has ended, and is still answered.
        behind.write_all(b"last").unwrap();
        got
    });
    let mut got = vec![];
    client.read_to_end(&mut got).unwrap();
    let all = reads.join().unwrap();
    assert!(all.starts_with(first) && all[first.len()..] == up);
    assert!(got[..down.len()] == down && &got[down.len()..] == b"last");
    sends.join().unwrap().unwrap();
    answers.join().unwrap().unwrap();
}

#[test]
fn a_server_that_ends_first_still_hears_the_client() {
    let folder = Folder::new("half");
    let listener = backend(&folder);
    let server = Server::start(folder.config());
    let mut client = connect(server.address());
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let (mut behind, _) = take(&listener);
    behind.write_all(b"answer").unwrap();
    behind.shutdown(Shutdown::Write).unwrap();
    let mut got = vec![];
    client.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"answer");
    client.write_all(b"more").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut all = vec![];
    behind.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"GET / HTTP/1.1\r\n\r\nmore");
}

#[test]
fn an_answer_to_a_body_that_nobody_reads_arrives() {
    let folder = Folder::new("deaf");
    let listener = backend(&folder);
    let server = Server::start(folder.config());
    let mut client = connect(server.address());
    client
        .write_all(b"POST / HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n")
        .unwrap();
    let (mut behind, _) = take(&listener);
    behind.write_all(b"HTTP/1.1 413 no\r\n\r\n").unwrap();
    drop(behind);
    let mut writer = client.try_clone().unwrap();
    let pours = std::thread::spawn(move || {
        let _ = writer.write_all(&vec![0; 3_000_000]);
        let _ = writer.shutdown(Shutdown::Write);
    });
    let mut got = vec![];
    let _ = client.read_to_end(&mut got);
    assert_eq!(got, b"HTTP/1.1 413 no\r\n\r\n");
    pours.join().unwrap();
}

#[test]
fn without_a_server_behind_the_client_is_told_to_try_again() {
    let folder = Folder::new("none");
    let server = Server::start(folder.config());
    let mut client = connect(server.address());
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let head = head(&mut client);
    assert!(
        head.starts_with("HTTP/1.1 503") && head.contains("retry-after: 1"),
        "{head}"
    );
}

#[test]
fn a_door_that_closes_waits_for_the_server_behind_and_not_for_its_clients() {
    let folder = Folder::new("close");
    let listener = backend(&folder);
    let server = Server::start(folder.config());
    let mut clients: Vec<_> = (0..2).map(|_| connect(server.address())).collect();
    let mut behind: Vec<_> = clients
        .iter_mut()
        .map(|client| {
            client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            take(&listener).0
        })
        .collect();
    // One has been answered before, one is while the door closes.
    drop(behind.pop());
    let door = server.door.clone();
    let closing = std::thread::spawn(move || door.close(3_600_000));
    while TcpStream::connect(server.address()).is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(!server.door.is_dead());
    behind[0].write_all(b"answer").unwrap();
    drop(behind);
    closing.join().unwrap();
    let mut got = vec![];
    clients[0].read_to_end(&mut got).unwrap();
    assert_eq!(got, b"answer");
}

#[test]
fn one_that_is_passed_on_counts_twice() {
    let folder = Folder::new("twice");
    let listener = backend(&folder);
    let server = Server::start(Config {
        max_connections: 3,
        ..folder.config()
    });
    let mut first = connect(server.address());
    first.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let (behind, _) = take(&listener);
    let mut second = connect(server.address());
    second.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(head(&mut second).starts_with("HTTP/1.1 503"));
    second.read_to_end(&mut vec![]).unwrap();
    drop((first, behind));
    for _ in 0..500 {
        let mut third = connect(server.address());
        third.write_all(request("/ws/echo", "").as_bytes()).unwrap();
        if head(&mut third).starts_with("HTTP/1.1 101") {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no room was made");
}

#[test]
fn a_second_request_stays_with_the_server_that_has_the_first() {
    let folder = Folder::new("second");
    let listener = backend(&folder);
    let server = Server::start(folder.config());
    let mut client = connect(server.address());
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (mut behind, _) = take(&listener);
    let upgrade = request("/ws/echo", "");
    client.write_all(upgrade.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut all = String::new();
    behind.read_to_string(&mut all).unwrap();
    assert!(all.ends_with(&upgrade));
    assert!(server.told.lock().unwrap().is_empty());
}

fn secure(
    server: &Server,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut tls = StreamOwned::new(session, connect(server.door.ports()[1].1));
    tls.flush().map(|()| tls)
}

#[test]
fn tls_carries_websockets_and_what_is_passed_on() {
    let folder = Folder::new("tls");
    let trusted = folder.certificate();
    let listener = backend(&folder);
    let server = Server::start(Config {
        tls_port: Some(0),
        ..folder.config()
    });
    let mut client = secure(&server, &trusted).unwrap();
    client.write_all(request("/ws/echo", "").as_bytes()).unwrap();
    assert!(head(&mut client).starts_with("HTTP/1.1 101"));
    server.wait_told("opened /ws/echo 127.0.0.1 secure=true");
    let large: Vec<u8> = (0..65536u32).map(|n| n as u8).collect();
    for _ in 0..50 {
        say(&mut client, Opcode::Binary, &large);
    }
    for _ in 0..50 {
        assert_eq!(hear(&mut client).unwrap(), (0x82, large.clone()));
    }
    say(&mut client, Opcode::Close, &[3, 232]);
    assert_eq!(hear_close(&mut client), 1000);
    let mut other = secure(&server, &trusted).unwrap();
    other.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let (mut behind, addresses) = take(&listener);
    assert_eq!(addresses[12..], [0x20, 0, 5, 1, 0, 0, 0, 0]);
    let down: Vec<u8> = (0..3_000_000u32).map(|n| (n >> 3) as u8).collect();
    let sends = std::thread::spawn({
        let down = down.clone();
        move || behind.write_all(&down).map(|()| drop(behind))
    });
    let mut got = vec![];
    other.read_to_end(&mut got).unwrap();
    assert!(got == down);
    sends.join().unwrap().unwrap();
}

#[test]
fn a_certificate_is_read_again_for_the_next_connection() {
    let folder = Folder::new("reload");
    let first = folder.certificate();
    let server = Server::start(Config {
        tls_port: Some(0),
        ..folder.config()
    });
    let mut kept = secure(&server, &first).unwrap();
    let second = folder.certificate();
    server.door.reload().unwrap();
    let failed = |trusted| {
        let asked = secure(&server, trusted);
        asked
            .and_then(|mut one| one.write_all(request("/ws/echo", "").as_bytes()))
            .is_err()
    };
    for _ in 0..1000 {
        if !failed(&second) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(failed(&first) && !failed(&second));
    kept.write_all(request("/ws/echo", "").as_bytes()).unwrap();
    assert!(head(&mut kept).starts_with("HTTP/1.1 101"), "who was there stays");
    std::fs::write(folder.0.join("cert.pem"), "nothing").unwrap();
    assert_eq!(server.door.reload().unwrap_err().code(), "config");
    assert!(!failed(&second), "the old one stays");
}

#[test]
fn noise_on_the_tls_port_harms_nobody() {
    let folder = Folder::new("noise");
    let trusted = folder.certificate();
    let server = Server::start(Config {
        tls_port: Some(0),
        head_timeout_ms: 500,
        ..folder.config()
    });
    let to = server.door.ports()[1].1;
    for n in 0..500u32 {
        let mut client = connect(to);
        let noise: Vec<u8> = (0..n).map(|m| ((m * n) >> 2) as u8).collect();
        let _ = client.write_all(if n % 2 == 0 {
            b"GET / HTTP/1.1\r\n\r\n"
        } else {
            &noise
        });
        if n % 50 == 0 {
            let mut silent = connect(to);
            assert!(!matches!(silent.read(&mut [0; 64]), Ok(n) if n > 64));
        }
    }
    let mut client = secure(&server, &trusted).unwrap();
    client.write_all(request("/ws/echo", "").as_bytes()).unwrap();
    assert!(head(&mut client).starts_with("HTTP/1.1 101"));
}
