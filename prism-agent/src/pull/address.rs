//! Which addresses a host may have. A name that somebody else controls must not lead into the agent's own machine or to
//! the services that a cloud gives its machines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Whether `host`, which is on the list, may be at `address`: any public or private network, and this machine or its
/// link only if the list says so by the address itself or by the name `localhost`.
pub(super) fn is_permitted(host: &str, address: IpAddr) -> bool {
    let said_aloud = host == "localhost" || host.parse::<IpAddr>().is_ok();
    leads_outside(host, address) && (said_aloud || !is_own(address))
}

/// Whether this machine has the address itself: the system gives a socket only such a one. Sends nothing.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address.to_canonical(), 0)).is_ok()
}

fn leads_outside(host: &str, address: IpAddr) -> bool {
    if let Ok(listed) = host.parse::<IpAddr>() {
        return listed == address;
    }
    let address = address.to_canonical();
    if host == "localhost" {
        return address.is_loopback();
    }
    match address {
        IpAddr::V4(v4) => is_outside_v4(v4),
        IpAddr::V6(v6) => is_outside_v6(v6),
    }
}

fn is_outside_v4(v4: Ipv4Addr) -> bool {
    let [first, ..] = v4.octets();
    let inside = v4.is_loopback()
        || v4.is_link_local()
        || v4.is_unspecified()
        || v4.is_broadcast()
        || v4.is_multicast()
        || first == 0
        // The metadata service of Alibaba's cloud, and what Azure's gives its machines.
        || v4 == Ipv4Addr::new(100, 100, 100, 200)
        || v4 == Ipv4Addr::new(168, 63, 129, 16);
    !inside
}

fn is_outside_v6(v6: Ipv6Addr) -> bool {
    // Addresses that carry an IPv4 one lead there (RFC 4291, RFC 2765, RFC 6052, RFC 3056).
    let carried = match v6.segments() {
        [0, 0, 0, 0, 0 | 0xffff, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    };
    let inside = v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unicast_link_local()
        || carried.is_some_and(|v4| !is_outside_v4(v4))
        // Where such an address leads, only those know who gave it out (RFC 8215).
        || v6.segments().starts_with(&[0x64, 0xff9b, 1])
        // What Amazon's cloud gives its machines, and the metadata service of Google's.
        || v6.segments().starts_with(&[0xfd00, 0xec2])
        || v6 == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);
    !inside
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(host: &str, address: &str) -> bool {
        is_permitted(host, address.parse().unwrap())
    }

    #[test]
    fn a_name_does_not_lead_into_the_agents_own_machine_or_its_link() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "::",
            "::1",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "64:ff9b:1:7f00:0:100::",
            "::ffff:0:127.0.0.1",
            "2002:7f00:1::",
        ] {
            assert!(!permitted("store.example", address), "{address}");
        }
    }

    #[test]
    fn a_name_may_be_on_any_other_network() {
        for address in [
            "93.184.216.34",
            "10.0.0.7",
            "192.168.1.1",
            "172.16.0.1",
            "2001:db8::1",
            "fd12:3456::1",
            "168.63.129.17",
            "64:ff9b::808:808",
            "64:ff9b:2::1",
        ] {
            assert!(leads_outside("store.example", address.parse().unwrap()), "{address}");
        }
        // A network for documentation (RFC 5737): no machine is on it.
        assert!(permitted("store.example", "192.0.2.1"));
    }

    #[test]
    fn a_name_does_not_lead_to_an_address_that_this_machine_has() {
        // The address under which others would see it, if it is on a network; nothing is sent.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("192.0.2.1:9").is_err() {
            return;
        }
        let own = socket.local_addr().unwrap().ip();
        assert!(!is_permitted("store.example", own), "{own}");
        assert!(is_permitted(&own.to_string(), own), "{own}");
    }

    #[test]
    fn this_machine_is_asked_when_the_list_names_it() {
        assert!(permitted("127.0.0.1", "127.0.0.1") && permitted("::1", "::1") && permitted("localhost", "127.0.0.1"));
        assert!(!permitted("127.0.0.1", "127.0.0.2") && !permitted("localhost", "10.0.0.7"));
        assert!(!permitted("localhost", "169.254.169.254") && !permitted("10.0.0.7", "169.254.169.254"));
    }
}
