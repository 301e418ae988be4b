//! The opening handshake (RFC 6455 §4.2), as decisions on a request's head.
use crate::head::Head;
use aws_lc_rs::digest::{digest, SHA1_FOR_LEGACY_USE_ONLY};
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD};
use base64::Engine;
use bytes::Bytes;

/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Some clients make their key of random letters: its last four bits mean nothing then.
const KEY: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, PAD.with_decode_allow_trailing_bits(true));

/// Why a request cannot become a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// Answered with 400.
    #[error("{0}")]
    Malformed(&'static str),
    /// Answered with 426, and the version that is spoken here.
    #[error("WebSocket version 13 is spoken here")]
    Version,
}

impl UpgradeError {
    /// Status and header lines of the answer.
    pub fn answer(self) -> (u16, Vec<(String, String)>) {
        match self {
            Self::Malformed(_) => (400, vec![]),
            Self::Version => (426, vec![("sec-websocket-version".to_owned(), "13".to_owned())]),
        }
    }
}

/// A request that may become a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    accept: String,
    /// What the client would speak, the best first.
    pub subprotocols: Vec<String>,
}

impl Upgrade {
    /// Checks what §4.2.1 demands.
    pub fn new(head: &Head) -> Result<Self, UpgradeError> {
        use UpgradeError::Malformed;
        if head.method != "GET" || !head.http11 {
            return Err(Malformed("a WebSocket begins with GET and HTTP/1.1"));
        }
        if head.one("host").is_none() {
            return Err(Malformed("exactly one Host header is needed"));
        }
        if !head.has_token("connection", "upgrade") {
            return Err(Malformed("Connection: Upgrade is missing"));
        }
        // A body would be read as frames.
        if head.all("transfer-encoding").next().is_some() || head.all("content-length").any(|l| l != "0") {
            return Err(Malformed("a handshake has no body"));
        }
        if head.one("sec-websocket-version") != Some("13") {
            return Err(UpgradeError::Version);
        }
        let key = head
            .one("sec-websocket-key")
            .ok_or(Malformed("exactly one Sec-WebSocket-Key is needed"))?;
        if KEY.decode(key).map(|k| k.len()) != Ok(16) {
            return Err(Malformed("Sec-WebSocket-Key is not 16 bytes of base64"));
        }
        let offered = head
            .all("sec-websocket-protocol")
            .flat_map(|line| line.split(','));
        let subprotocols = offered
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        let accept = accept_key(key);
        Ok(Self { accept, subprotocols })
    }

    /// The answer that opens the connection. A subprotocol that was not offered is left out.
    pub fn response(&self, subprotocol: Option<&str>) -> Bytes {
        let accept = &self.accept;
        let mut out = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n"
        );
        if let Some(name) = subprotocol.filter(|name| self.subprotocols.iter().any(|s| s == name)) {
            out.push_str("sec-websocket-protocol: ");
            out.push_str(name);
            out.push_str("\r\n");
        }
        out.push_str("\r\n");
        out.into()
    }
}

/// What proves that a key was read (§4.2.2, 5.4).
pub fn accept_key(key: &str) -> String {
    STANDARD.encode(digest(
        &SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}{GUID}").as_bytes(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[&str] = &[
        "Host: server.example.com",
        "Upgrade: websocket",
        "Connection: keep-alive, Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: chat, superchat",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    ];

    fn ask(first: &str, lines: &[&str]) -> Result<Upgrade, UpgradeError> {
        let text = format!("{first}\r\n{}\r\n\r\n", lines.join("\r\n"));
        Upgrade::new(&Head::parse(text.as_bytes()).unwrap().unwrap().0)
    }

    fn without(at: usize, instead: &[&'static str]) -> Vec<&'static str> {
        let mut lines = LINES.to_vec();
        lines.splice(at..=at, instead.iter().copied());
        lines
    }

    #[test]
    fn the_rfcs_own_example_is_answered_as_there_and_compression_is_not() {
        let upgrade = ask("GET /chat HTTP/1.1", LINES).unwrap();
        let text = String::from_utf8(upgrade.response(Some("superchat")).to_vec()).unwrap();
        assert!(text.starts_with("HTTP/1.1 101 "));
        assert!(text.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert!(text.contains("sec-websocket-protocol: superchat\r\n"));
        assert!(!text.contains("extensions"));
        assert!(text.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_key_of_random_letters_is_taken() {
        assert!(ask(
            "GET / HTTP/1.1",
            &without(3, &["Sec-WebSocket-Key: abcdefghijklmnopqrstuz=="])
        )
        .is_ok());
    }

    #[test]
    fn only_what_was_offered_is_chosen() {
        let upgrade = ask("GET / HTTP/1.1", LINES).unwrap();
        for odd in ["other", "chat, superchat", "a\r\nx: y"] {
            let text = upgrade.response(Some(odd));
            assert!(!String::from_utf8_lossy(&text).contains("protocol"), "{odd}");
        }
    }

    #[test]
    fn each_demand_of_the_rfc_is_checked() {
        let malformed = |r: Result<Upgrade, UpgradeError>| matches!(r, Err(UpgradeError::Malformed(_)));
        assert!(malformed(ask("POST / HTTP/1.1", LINES)));
        assert!(malformed(ask("GET / HTTP/1.0", LINES)));
        assert!(malformed(ask("GET / HTTP/1.1", &without(0, &[]))));
        assert!(malformed(ask(
            "GET / HTTP/1.1",
            &without(0, &["Host: a", "Host: b"])
        )));
        assert!(malformed(ask(
            "GET / HTTP/1.1",
            &without(2, &["Connection: keep-alive"])
        )));
        assert!(malformed(ask(
            "GET / HTTP/1.1",
            &without(3, &["Sec-WebSocket-Key: short"])
        )));
        assert!(malformed(ask(
            "GET / HTTP/1.1",
            &without(3, &[LINES[3], LINES[3]])
        )));
        assert!(malformed(ask(
            "GET / HTTP/1.1",
            &without(6, &["Content-Length: 5"])
        )));
        assert!(malformed(ask(
            "GET / HTTP/1.1",
            &without(6, &["Transfer-Encoding: chunked"])
        )));
        let old = ask("GET / HTTP/1.1", &without(4, &["Sec-WebSocket-Version: 8"]));
        assert_eq!(old.clone(), Err(UpgradeError::Version));
        assert_eq!(old.unwrap_err().answer().0, 426);
    }
}
