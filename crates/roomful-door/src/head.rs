//! The head of a request (RFC 9112 §2–3), read once per connection to decide who serves it. Never answers, never reads a body.
use std::fmt::Write;

/// Header lines beyond that are an attack.
const MAX_HEADERS: usize = 100;

/// What cannot be a request that anything here serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Answered with 400.
    #[error("not HTTP")]
    Malformed,
    /// Answered with 431.
    #[error("the request's head is too large")]
    TooLarge,
}

/// A request's line and header lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// As sent.
    pub method: String,
    /// With doubled slashes made single, percent-encoding as sent; starts with a slash.
    pub path: String,
    /// Without its question mark; empty when there is none.
    pub query: String,
    /// The version is 1.1, not 1.0.
    pub http11: bool,
    /// Names in lower case, in the order they came; values that are not UTF-8 are read as Latin-1.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// `None` while the head is not whole; else the head and its length in bytes.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, HeadError> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut lines);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
            Err(_) => return Err(HeadError::Malformed),
        };
        let (Some(method), Some(target)) = (request.method, request.path) else {
            return Err(HeadError::Malformed);
        };
        let (path, query) = split_target(target);
        let headers = request.headers.iter();
        let headers = headers
            .map(|h| (h.name.to_ascii_lowercase(), text(h.value)))
            .collect();
        let head = Self {
            method: method.to_owned(),
            path,
            query,
            http11: request.version == Some(1),
            headers,
        };
        Ok(Some((head, length)))
    }

    /// The values of a header, in order. `name` is in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// The value of a header that came exactly once.
    pub fn one<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut found = self.all(name);
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    /// Whether a comma-separated header holds a token, without regard to case (RFC 9110 §5.6.1).
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .any(|v| v.split(',').any(|t| t.trim().eq_ignore_ascii_case(token)))
    }

    /// Asks to become a WebSocket, rightly or not.
    pub fn is_upgrade(&self) -> bool {
        self.has_token("upgrade", "websocket")
    }
}

fn split_target(target: &str) -> (String, String) {
    // The absolute form (RFC 9112 §3.2.2) names the same resource.
    let rest = target
        .split_once("://")
        .filter(|(scheme, _)| !scheme.contains('/'))
        .map(|(_, rest)| rest);
    let target = rest.map_or(target, |r| {
        r.find(['/', '?']).and_then(|at| r.get(at..)).unwrap_or("/")
    });
    let (raw, query) = target.split_once('?').unwrap_or((target, ""));
    let mut path = String::with_capacity(raw.len() + 1);
    path.push('/');
    for c in raw.chars() {
        if c != '/' || !path.ends_with('/') {
            path.push(c);
        }
    }
    (path, query.to_owned())
}

fn text(value: &[u8]) -> String {
    std::str::from_utf8(value).map_or_else(|_| value.iter().map(|b| char::from(*b)).collect(), str::to_owned)
}

/// Whether a head can have become whole by what came after its first `before` bytes: an empty line ends it.
pub fn may_be_whole(bytes: &[u8], before: usize) -> bool {
    let new = bytes.get(before.saturating_sub(2)..).unwrap_or(bytes);
    new.windows(2).any(|w| w == b"\n\n") || new.windows(3).any(|w| w == b"\n\r\n")
}

/// A whole response that ends its connection. `headers` lines end without CRLF.
pub fn response(status: u16, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        // A line break here would begin a header of somebody else's choosing.
        let clean = |c: &char| !matches!(c, '\r' | '\n' | '\0');
        let _ = write!(
            out,
            "{}: {}\r\n",
            name.chars().filter(clean).collect::<String>(),
            value.chars().filter(clean).collect::<String>()
        );
    }
    let _ = write!(out, "content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        Head::parse(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn a_head_is_read_however_it_is_cut() {
        let text = b"GET /a//b?x=1&y=%20 HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nx-two: \xe9\r\n\r\nrest";
        for at in 0..text.len() - 4 {
            assert_eq!(Head::parse(&text[..at]), Ok(None));
        }
        let (head, length) = Head::parse(text).unwrap().unwrap();
        assert_eq!(length, text.len() - 4);
        assert_eq!(
            (head.path.as_str(), head.query.as_str(), head.http11),
            ("/a/b", "x=1&y=%20", true)
        );
        assert_eq!(head.all("x-two").collect::<Vec<_>>(), ["1", "é"]);
        assert_eq!((head.one("host"), head.one("x-two")), (Some("h"), None));
    }

    #[test]
    fn a_head_is_not_read_again_before_it_may_be_whole() {
        for text in [
            "GET / HTTP/1.1\r\nA: b\r\n\r\nrest",
            "GET / HTTP/1.1\nA: b\n\nrest",
        ] {
            let bytes = text.as_bytes();
            let whole = bytes.len() - 4;
            for before in 1..whole {
                for to in before + 1..=bytes.len() {
                    let wanted = to >= whole;
                    assert_eq!(
                        may_be_whole(&bytes[..to], before),
                        wanted,
                        "{before} {to} of {text:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_form_of_a_target_names_its_path() {
        for (target, path, query) in [
            ("/", "/", ""),
            ("//rtc?", "/rtc", ""),
            ("http://h:80/rtc?a=b://c", "/rtc", "a=b://c"),
            ("http://h?a", "/", "a"),
            ("http://h", "/", ""),
            ("*", "/*", ""),
            ("h:443", "/h:443", ""),
            ("/a://b", "/a:/b", ""),
        ] {
            let head = head(&format!("GET {target} HTTP/1.1\r\n\r\n"));
            assert_eq!(
                (head.path.as_str(), head.query.as_str()),
                (path, query),
                "{target}"
            );
        }
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert_eq!(Head::parse(b"\x16\x03\x01\x02\x00"), Err(HeadError::Malformed));
        assert_eq!(
            Head::parse(b"GET / HTTP/1.1\r\nA B: c\r\n\r\n"),
            Err(HeadError::Malformed)
        );
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(Head::parse(many.as_bytes()), Err(HeadError::TooLarge));
    }

    #[test]
    fn a_response_takes_no_line_breaks() {
        let answer = response(403, &[("x-a".into(), "1\r\nset-cookie: 2".into())], b"no");
        let text = String::from_utf8(answer).unwrap();
        assert!(text.starts_with("HTTP/1.1 403 Forbidden\r\nx-a: 1set-cookie: 2\r\ncontent-length: 2\r\n"));
        assert!(text.ends_with("\r\n\r\nno"));
    }
}
