//! The machine's own addresses.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses of all interfaces that are up, loopback last; link-local IPv6 is left out (it needs a scope).
pub fn interface_addresses() -> Vec<IpAddr> {
    let mut found = vec![];
    let mut head: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: getifaddrs fills the list or fails; it is walked read-only and freed once.
    unsafe {
        if libc::getifaddrs(&mut head) != 0 {
            return found;
        }
        let mut at = head;
        while !at.is_null() {
            let entry = &*at;
            if !entry.ifa_addr.is_null() && entry.ifa_flags & libc::IFF_UP as u32 != 0 {
                match i32::from((*entry.ifa_addr).sa_family) {
                    libc::AF_INET => {
                        let v4 = &*entry.ifa_addr.cast::<libc::sockaddr_in>();
                        found.push(IpAddr::V4(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr))));
                    }
                    libc::AF_INET6 => {
                        let v6 = &*entry.ifa_addr.cast::<libc::sockaddr_in6>();
                        let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                        if ip.segments()[0] & 0xffc0 != 0xfe80 {
                            found.push(IpAddr::V6(ip));
                        }
                    }
                    _ => {}
                }
            }
            at = entry.ifa_next;
        }
        libc::freeifaddrs(head);
    }
    found.sort_by_key(IpAddr::is_loopback);
    found.dedup();
    found
}

/// Replaces unspecified addresses by those of the machine.
pub fn expand(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut out: Vec<IpAddr> = vec![];
    for address in addresses {
        let all = if address.is_unspecified() {
            interface_addresses()
        } else {
            vec![*address]
        };
        for ip in all {
            // 0.0.0.0 means IPv4 alone, :: means both.
            let fits = !address.is_unspecified() || address.is_ipv6() || ip.is_ipv4();
            if fits && !out.contains(&ip) {
                out.push(ip);
            }
        }
    }
    out
}
