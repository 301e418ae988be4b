//! What goes before a connection that is passed on, so that the server behind knows whose it is and whether it came by TLS.
//!
//! PROXY protocol, version 2 (the specification in HAProxy's documentation). Pure.
use std::net::{IpAddr, SocketAddr};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, PROXY.
const PROXY: u8 = 0x21;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
/// `PP2_TYPE_SSL`: a byte of flags (1: the client came by TLS) and four for the certificate's check (0: none was wanted, none failed).
const SSL: [u8; 8] = [0x20, 0, 5, 1, 0, 0, 0, 0];

/// The bytes that go first.
pub fn preamble(client: SocketAddr, server: SocketAddr, secure: bool) -> Vec<u8> {
    let mut body = vec![];
    let family = match (client.ip().to_canonical(), server.ip().to_canonical()) {
        (IpAddr::V4(client), IpAddr::V4(server)) => {
            body.extend(client.octets());
            body.extend(server.octets());
            TCP4
        }
        (client, server) => {
            let wide = |ip| match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            body.extend(wide(client));
            body.extend(wide(server));
            TCP6
        }
    };
    body.extend(client.port().to_be_bytes());
    body.extend(server.port().to_be_bytes());
    if secure {
        body.extend(SSL);
    }
    let mut out = SIGNATURE.to_vec();
    out.extend([PROXY, family]);
    // Never more than 44.
    out.extend(u16::try_from(body.len()).unwrap_or(0).to_be_bytes());
    out.extend(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_scheme_are_where_the_specification_has_them() {
        let made = preamble(
            "192.0.2.1:5000".parse().unwrap(),
            "192.0.2.9:443".parse().unwrap(),
            true,
        );
        let wanted = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\x02\x01\xc0\0\x02\x09\x13\x88\x01\xbb\x20\0\x05\x01\0\0\0\0";
        assert_eq!(made, wanted);
        let made = preamble(
            "[2001:db8::1]:5000".parse().unwrap(),
            "192.0.2.9:80".parse().unwrap(),
            false,
        );
        assert_eq!((made[13], made.len()), (TCP6, 16 + 36));
        let mapped = preamble(
            "[::ffff:192.0.2.1]:1".parse().unwrap(),
            "[::ffff:192.0.2.9]:2".parse().unwrap(),
            false,
        );
        assert_eq!((mapped[13], mapped.len()), (TCP4, 16 + 12));
    }
}
