//! Who may come in: which requests are the hub's, which origins browsers may come from, how many connections an address has. Pure.
use crate::config::Config;
use crate::head::Head;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// What becomes of a first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A WebSocket of the hub's.
    Hub,
    /// A WebSocket of the hub's that a page of somebody else's asks for: 403.
    Foreign,
    /// Everything else.
    Backend,
}

/// Rules of paths and origins.
#[derive(Debug, Default)]
pub struct Entry {
    paths: Vec<String>,
    open_paths: Vec<String>,
    origins: Vec<String>,
}

impl Entry {
    /// From what the door was told.
    pub fn new(config: &Config) -> Self {
        Self {
            paths: config.paths.clone(),
            open_paths: config.open_paths.clone(),
            origins: config
                .origins
                .iter()
                .map(|o| o.trim_end_matches('/').to_ascii_lowercase())
                .collect(),
        }
    }

    /// Where a request goes.
    pub fn way(&self, head: &Head) -> Way {
        let open = fits(&self.open_paths, &head.path);
        if !head.is_upgrade() || !(open || fits(&self.paths, &head.path)) {
            return Way::Backend;
        }
        if open || self.origin_may(head) {
            Way::Hub
        } else {
            Way::Foreign
        }
    }

    /// Programs send no Origin. A browser's must name this host, or one that was allowed.
    fn origin_may(&self, head: &Head) -> bool {
        let mut sent = head.all("origin");
        let Some(origin) = sent.next() else {
            return true;
        };
        let origin = origin.to_ascii_lowercase();
        if sent.next().is_some() {
            return false;
        }
        if self.origins.iter().any(|o| o == "*" || *o == origin) {
            return true;
        }
        // A proxy before this may have ended TLS, so the scheme is not compared; its default port is left out of Host.
        let (Some((scheme, authority)), Some(host)) = (origin.split_once("://"), head.one("host")) else {
            return false;
        };
        let port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return false,
        };
        let plain = |text: &str| text.strip_suffix(port).unwrap_or(text).to_ascii_lowercase();
        plain(authority) == plain(host)
    }
}

fn fits(paths: &[String], path: &str) -> bool {
    paths
        .iter()
        .any(|p| p == path || (p.ends_with('/') && path.starts_with(p.as_str())))
}

/// Whose a request is, and whether it came by TLS. A reverse proxy on this machine is believed about those it speaks for
/// (`X-Forwarded-For`, `X-Forwarded-Proto`), nobody else is.
pub fn client_of(head: &Head, peer: IpAddr, secure: bool) -> (IpAddr, bool) {
    let peer = peer.to_canonical();
    if !peer.is_loopback() {
        return (peer, secure);
    }
    // Each proxy appends whom it heard; what the client itself wrote stands before that.
    let lines: Vec<&str> = head.all("x-forwarded-for").collect();
    let named = lines.iter().rev().flat_map(|line| line.rsplit(','));
    let mut client = peer;
    for name in named.map(address) {
        let Some(address) = name else { break };
        client = address;
        if !address.is_loopback() {
            break;
        }
    }
    let scheme = head.one("x-forwarded-proto").map(str::trim);
    let secure = scheme.map_or(secure, |s| {
        s.eq_ignore_ascii_case("https") || s.eq_ignore_ascii_case("wss")
    });
    (client, secure)
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip());
    bare.or_else(with_port).map(|a| a.to_canonical())
}

/// Counts connections, all and of each address.
#[derive(Debug)]
pub struct Admission {
    most: usize,
    most_each: usize,
    all: usize,
    each: HashMap<IpAddr, usize>,
}

impl Admission {
    /// `most_each`: 0 for no limit.
    pub fn new(most: usize, most_each: usize) -> Self {
        Self {
            most,
            most_each,
            all: 0,
            each: HashMap::new(),
        }
    }

    /// Counts one in, unless that is one too many.
    pub fn enter(&mut self, address: IpAddr) -> bool {
        if self.all >= self.most {
            return false;
        }
        // Through a proxy on this machine comes everybody.
        if self.most_each > 0 && !address.to_canonical().is_loopback() {
            let count = self.each.entry(block(address)).or_default();
            if *count >= self.most_each {
                return false;
            }
            *count += 1;
        }
        self.all += 1;
        true
    }

    /// One that was let in takes a second place, for its way to the server behind.
    pub fn pass_on(&mut self) -> bool {
        let free = self.all < self.most;
        self.all += usize::from(free);
        free
    }

    /// Gives the second place back.
    pub fn passed_on_ends(&mut self) {
        self.all = self.all.saturating_sub(1);
    }

    /// Counts one out that was let in.
    pub fn leave(&mut self, address: IpAddr) {
        self.all = self.all.saturating_sub(1);
        if let Some(count) = self.each.get_mut(&block(address)) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.each.remove(&block(address));
            }
        }
    }
}

/// Who has one IPv6 address has its whole /64.
fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(origins: &[&str]) -> Entry {
        Entry::new(&Config {
            paths: vec!["/relay".into(), "/echo/".into()],
            open_paths: vec!["/rtc".into(), "/rtc/".into()],
            origins: origins.iter().map(|o| (*o).to_owned()).collect(),
            ..Config::default()
        })
    }

    fn ask(path: &str, more: &str) -> Head {
        let text = format!("GET {path} HTTP/1.1\r\nHost: a.example:8080\r\n{more}\r\n");
        Head::parse(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn only_upgrades_to_its_paths_are_the_hubs() {
        let up = "Upgrade: WebSocket\r\n";
        for (path, way) in [
            ("/relay", Way::Hub),
            ("//relay?x", Way::Hub),
            ("/echo/any/thing", Way::Hub),
            ("/rtc/v1", Way::Hub),
            ("/relay/", Way::Backend),
            ("/relayed", Way::Backend),
            ("/echo", Way::Backend),
            ("/", Way::Backend),
        ] {
            assert_eq!(entry(&[]).way(&ask(path, up)), way, "{path}");
        }
        assert_eq!(entry(&[]).way(&ask("/relay", "")), Way::Backend);
    }

    #[test]
    fn a_page_comes_from_here_or_from_where_it_may() {
        for (origin, allowed, way) in [
            ("http://a.example:8080", &[][..], Way::Hub),
            ("https://A.example:8080", &[], Way::Hub),
            ("http://a.example", &[], Way::Foreign),
            ("http://a.example:8080.evil.example", &[], Way::Foreign),
            ("null", &[], Way::Foreign),
            ("", &[], Way::Foreign),
            ("file://a.example:8080", &[], Way::Foreign),
            ("https://b.example", &["https://b.example/"], Way::Hub),
            ("http://b.example", &["https://b.example"], Way::Foreign),
            ("null", &["*"], Way::Hub),
        ] {
            let head = ask("/relay", &format!("Upgrade: websocket\r\nOrigin: {origin}\r\n"));
            assert_eq!(entry(allowed).way(&head), way, "{origin}");
        }
        let twice = "Upgrade: websocket\r\nOrigin: http://a.example:8080\r\nOrigin: http://evil.example\r\n";
        assert_eq!(entry(&[]).way(&ask("/relay", twice)), Way::Foreign);
        let elsewhere = "Upgrade: websocket\r\nOrigin: http://evil.example\r\n";
        assert_eq!(entry(&[]).way(&ask("/rtc", elsewhere)), Way::Hub);
    }

    #[test]
    fn default_ports_are_the_same_as_none() {
        let head = "GET /relay HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nOrigin: https://a.example:443\r\n\r\n";
        let head = Head::parse(head.as_bytes()).unwrap().unwrap().0;
        assert_eq!(entry(&[]).way(&head), Way::Hub);
    }

    #[test]
    fn only_a_proxy_on_this_machine_is_believed() {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let from = |peer, more: &str| client_of(&ask("/relay", more), at(peer), false);
        let forged = "X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\n";
        assert_eq!(from("192.0.2.1", forged), (at("192.0.2.1"), false));
        assert_eq!(from("127.0.0.1", forged), (at("10.9.9.9"), true));
        assert_eq!(
            from("::ffff:127.0.0.1", "X-Forwarded-For: [2001:db8::1]:99\r\n"),
            (at("2001:db8::1"), false)
        );
        let chain = "X-Forwarded-For: 10.9.9.9, 192.0.2.7:80\r\nX-Forwarded-For: 127.0.0.1\r\n";
        assert_eq!(
            from("::1", chain),
            (at("192.0.2.7"), false),
            "the nearest that is not of this machine"
        );
        assert_eq!(
            from("::1", "X-Forwarded-For: 192.0.2.7, nonsense\r\n"),
            (at("::1"), false)
        );
        assert_eq!(from("::1", ""), (at("::1"), false));
    }

    #[test]
    fn connections_are_counted_by_address_and_by_network() {
        let mut admission = Admission::new(5, 2);
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(admission.enter(at("192.0.2.1")) && admission.enter(at("::ffff:192.0.2.1")));
        assert!(!admission.enter(at("192.0.2.1")));
        assert!(admission.enter(at("2001:db8::1")) && admission.enter(at("2001:db8::2")));
        assert!(!admission.enter(at("2001:db8::3")));
        assert!(
            admission.enter(at("192.0.2.2")) && !admission.enter(at("192.0.2.3")),
            "five in all"
        );
        admission.leave(at("192.0.2.1"));
        assert!(admission.enter(at("192.0.2.1")));
        for one in [
            "192.0.2.1",
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8::7",
            "2001:db8::8",
        ] {
            admission.leave(at(one));
        }
        assert!(admission.each.is_empty() && admission.all == 0);
        assert!(
            admission.enter(at("192.0.2.1")) && (0..4).all(|_| admission.pass_on()) && !admission.pass_on()
        );
        assert!(!admission.enter(at("192.0.2.2")));
        (0..4).for_each(|_| admission.passed_on_ends());
        admission.leave(at("192.0.2.1"));
        assert!(admission.each.is_empty() && admission.all == 0);
        assert!(
            (0..4).all(|_| admission.enter(at("127.0.0.1"))),
            "nobody's address"
        );
    }
}
