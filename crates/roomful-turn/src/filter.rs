//! Where packets may be relayed to: the public internet, and what the operator allows by name. A relay sits inside somebody's network,
//! so every other address would be a way in. Called by `server`, for each permission and, where only some ports are allowed, each packet.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Addresses with a common start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    start: u128,
    bits: u32,
}

impl Range {
    /// `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(ip) => Self::new(ip.to_ipv6_mapped(), 96 + bits.unwrap_or(32)),
            IpAddr::V6(ip) => Self::new(ip, bits.unwrap_or(128)),
        }
    }

    fn new(ip: Ipv6Addr, bits: u32) -> Option<Self> {
        (bits <= 128).then(|| Self {
            start: u128::from(ip) & mask(bits),
            bits,
        })
    }

    /// Whether it holds this address; IPv4 counts as mapped.
    pub fn holds(&self, ip: IpAddr) -> bool {
        number(ip) & mask(self.bits) == self.start
    }
}

fn mask(bits: u32) -> u128 {
    u128::MAX.checked_shl(128 - bits).unwrap_or(0)
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

/// IPv4 that is not the public internet (RFC 6890 and its registry).
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];
/// The part of IPv6 that is given out for the public internet (RFC 4291 §2.4) …
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// … and what of it is something else: protocol assignments with Teredo, documentation, 6to4 (which carries an IPv4 address).
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn is_public(ip: IpAddr) -> bool {
    let within =
        |ip: IpAddr, (start, bits): (Ipv6Addr, u32)| Range::new(start, bits).is_some_and(|r| r.holds(ip));
    match ip {
        IpAddr::V4(_) => !NOT_PUBLIC_V4
            .iter()
            .any(|(start, bits)| within(ip, (start.to_ipv6_mapped(), 96 + bits))),
        // Mapped, compatible, NAT64, loopback, link-local, private and multicast addresses are all outside of it.
        IpAddr::V6(_) => within(ip, GLOBAL_V6) && !NOT_PUBLIC_V6.iter().any(|one| within(ip, *one)),
    }
}

/// What may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of it.
    Open,
    /// Only ports that were allowed one by one: each packet is to be asked for.
    SomePorts,
    /// Nothing.
    Closed,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    allowed: Vec<Range>,
    refused: Vec<Range>,
    own: Vec<IpAddr>,
    ports: Vec<SocketAddr>,
}

impl Filter {
    /// `allowed` opens ranges that are closed by default, `refused` closes ranges and wins; `own` are this machine's addresses;
    /// `ports` are open whatever else is said: the media engine's own.
    pub fn new(allowed: Vec<Range>, refused: Vec<Range>, own: Vec<IpAddr>, ports: Vec<SocketAddr>) -> Self {
        Self {
            allowed,
            refused,
            own: own.into_iter().map(|ip| ip.to_canonical()).collect(),
            ports: ports
                .into_iter()
                .map(|at| SocketAddr::new(at.ip().to_canonical(), at.port()))
                .collect(),
        }
    }

    /// What of an address may be reached. A mapped IPv4 address is judged as what it stands for, and never relayed to as IPv6.
    pub fn reach(&self, ip: IpAddr) -> Reach {
        let ip = ip.to_canonical();
        if self.is_open(ip) {
            Reach::Open
        } else if self.ports.iter().any(|at| at.ip() == ip) {
            Reach::SomePorts
        } else {
            Reach::Closed
        }
    }

    /// Whether packets may go there and come from there.
    pub fn allows(&self, peer: SocketAddr) -> bool {
        let ip = peer.ip().to_canonical();
        peer.port() != 0 && (self.is_open(ip) || self.ports.contains(&SocketAddr::new(ip, peer.port())))
    }

    fn is_open(&self, ip: IpAddr) -> bool {
        if self.refused.iter().any(|range| range.holds(ip)) {
            return false;
        }
        if self.allowed.iter().any(|range| range.holds(ip)) {
            return true;
        }
        is_public(ip) && !self.own.contains(&ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_public_internet_is_open_by_default() {
        let filter = Filter::new(vec![], vec![], vec![ip("8.8.4.4"), ip("2600::7")], vec![]);
        for open in [
            "8.8.8.8",
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2600::1",
            "2a00:1450::5",
            "2001:4860::1",
        ] {
            assert_eq!(filter.reach(ip(open)), Reach::Open, "{open}");
        }
        for closed in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00::1",
            "ff02::1",
            "fec0::1",
            "::ffff:8.8.4.4",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::8.8.8.8",
            "2002:7f00:1::",
            "2002:808:808::1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "100::1",
            "8.8.4.4",
            "2600::7",
        ] {
            assert_eq!(filter.reach(ip(closed)), Reach::Closed, "{closed}");
            assert!(!filter.allows(SocketAddr::new(ip(closed), 80)), "{closed}");
        }
        assert!(!filter.allows("8.8.8.8:0".parse().unwrap()));
    }

    #[test]
    fn the_engine_is_reached_at_its_ports_alone() {
        let filter = Filter::new(
            vec![],
            vec![],
            vec![ip("192.168.1.5")],
            vec!["192.168.1.5:7882".parse().unwrap()],
        );
        assert_eq!(filter.reach(ip("192.168.1.5")), Reach::SomePorts);
        assert_eq!(filter.reach(ip("::ffff:192.168.1.5")), Reach::SomePorts);
        assert!(filter.allows("192.168.1.5:7882".parse().unwrap()));
        assert!(!filter.allows("192.168.1.5:22".parse().unwrap()));
        assert_eq!(filter.reach(ip("192.168.1.6")), Reach::Closed);
    }

    #[test]
    fn ranges_open_and_close() {
        let range = |text| Range::parse(text).unwrap();
        let filter = Filter::new(
            vec![range("10.0.0.0/8"), range("fd00::/8")],
            vec![range("10.9.0.0/16"), range("8.8.8.8")],
            vec![],
            vec![],
        );
        for (address, reach) in [
            ("10.1.1.1", Reach::Open),
            ("10.9.1.1", Reach::Closed),
            ("fd12::1", Reach::Open),
            ("8.8.8.8", Reach::Closed),
            ("8.8.8.9", Reach::Open),
        ] {
            assert_eq!(filter.reach(ip(address)), reach, "{address}");
        }
        for wrong in ["", "10.0.0.0/33", "::/129", "x", "10.0.0.0/", "10.0.0.0/-1"] {
            assert_eq!(Range::parse(wrong), None, "{wrong}");
        }
        assert!(range("0.0.0.0/0").holds(ip("9.9.9.9")));
        assert!(!range("0.0.0.0/0").holds(ip("2600::1")));
    }

    proptest! {
        #[test]
        fn an_ipv4_address_in_ipv6_clothes_never_opens_more(raw: u32, port: u16) {
            let v4 = Ipv4Addr::from(raw);
            let filter = Filter::default();
            let [a, b, c, d] = v4.octets();
            let two = |x: u8, y: u8| u16::from_be_bytes([x, y]);
            let clothes = [
                v4.to_ipv6_mapped(),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, two(a, b), two(c, d)),
                Ipv6Addr::new(0x2002, two(a, b), two(c, d), 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, two(a, b), two(c, d)),
            ];
            for v6 in clothes {
                let open = filter.allows(SocketAddr::new(v6.into(), port));
                prop_assert!(!open || (v6.to_ipv4_mapped() == Some(v4) && filter.allows(SocketAddr::new(v4.into(), port))));
            }
        }
    }
}
