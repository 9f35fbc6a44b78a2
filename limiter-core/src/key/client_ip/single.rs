//! Headers that hold one address, written by one proxy.

use std::net::IpAddr;

use super::address;
use super::outcome::Via;
use super::walk::{Found, trim};

/// Several lines are believed only if they all say the same: which one is the proxy's cannot be told.
pub(super) fn resolve<'h>(
    peer: Option<IpAddr>,
    lines: impl Iterator<Item = &'h [u8]>,
    read: impl Fn(&'h [u8]) -> Option<IpAddr>,
) -> Found {
    let mut lines = lines.map(trim);
    let first = lines.next().unwrap_or_default();
    if lines.any(|line| line != first) {
        return Found { ip: peer, via: Via::Malformed };
    }
    if first.is_empty() {
        return Found { ip: peer, via: Via::Peer };
    }
    match read(first) {
        Some(ip) => Found { ip: Some(ip), via: Via::Header },
        None => Found { ip: peer, via: Via::Malformed },
    }
}

/// `CloudFront-Viewer-Address`: `address:port` with IPv6 not in brackets, so the last colon decides and
/// the port must be there.
pub(super) fn read_viewer_address(value: &[u8]) -> Option<IpAddr> {
    let colon = value.iter().rposition(|&byte| byte == b':')?;
    let (address, port) = (&value[..colon], &value[colon + 1..]);
    if address::is_port(port) { address::parse_bare(address) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(value: &str) -> Option<String> {
        read_viewer_address(value.as_bytes()).map(|ip| ip.to_string())
    }

    #[test]
    fn a_viewer_address_is_split_at_its_last_colon() {
        assert_eq!(viewer("203.0.113.7:46532").as_deref(), Some("203.0.113.7"));
        assert_eq!(viewer("2001:db8:1:2::7:46532").as_deref(), Some("2001:db8:1:2::7"));
        assert_eq!(viewer("[2001:db8::7]:46532").as_deref(), Some("2001:db8::7"));
        assert_eq!(viewer("::ffff:203.0.113.7:1").as_deref(), Some("203.0.113.7"));
    }

    #[test]
    fn a_viewer_address_without_a_port_is_refused() {
        for value in [
            "203.0.113.7",
            "2001:db8:1:2::7",
            "[2001:db8::7]",
            "203.0.113.7:",
            "203.0.113.7:1:2",
            "203.0.113.7:65536",
            ":80",
            "",
        ] {
            assert_eq!(viewer(value), None, "{value}");
        }
    }
}
