//! Reads one address as proxies write it: with a port, in brackets, with a zone.
//!
//! The text is bytes, because one byte above 0x7F anywhere in a header line makes the whole line
//! unreadable as a string. What the standard library's parsers refuse (leading zeros, hexadecimal and
//! single-number forms, hostnames, blanks) is refused here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Six full groups and a dotted quad.
const LONGEST_ADDRESS: usize = 45;
const LONGEST_ZONE: usize = 32;

/// Reads an address as it stands in a forwarding header.
///
/// Accepted are `203.0.113.7`, `203.0.113.7:443`, `2001:db8::7`, `[2001:db8::7]` and
/// `[2001:db8::7]:443`; IPv6 may carry a zone (`fe80::1%eth0`). Port and zone are checked, then
/// dropped. IPv6 without brackets is all address, even where its tail looks like a port. An
/// IPv4-mapped address becomes IPv4. Unspecified addresses and everything else give `None`.
///
/// # Examples
///
/// ```
/// use limiter_core::key::client_ip::parse_address;
///
/// assert_eq!(parse_address(b"[2001:db8::7]:443"), "2001:db8::7".parse().ok());
/// assert_eq!(parse_address(b"::ffff:203.0.113.7"), "203.0.113.7".parse().ok());
/// assert_eq!(parse_address(b"203.0.113.07"), None);
/// ```
#[must_use]
pub fn parse_address(text: &[u8]) -> Option<IpAddr> {
    match parse_plain_v4(text) {
        Some(ip) => (!ip.is_unspecified()).then_some(IpAddr::V4(ip)),
        None => parse_with_port(text, is_port),
    }
}

/// IPv4 without a port, which most entries are, in one pass over the bytes: a third of what the
/// standard library's parser takes by way of text. `None` says nothing but that this is not it.
#[inline]
fn parse_plain_v4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let (mut at, mut value, mut digits) = (0, 0_u16, 0);
    for &byte in text {
        match byte {
            b'0'..=b'9' if digits == 0 || value != 0 => {
                value = value * 10 + u16::from(byte - b'0');
                digits += 1;
                if value > 255 {
                    return None;
                }
            }
            b'.' if digits > 0 && at < 3 => {
                octets[at] = value as u8;
                (at, value, digits) = (at + 1, 0, 0);
            }
            _ => return None,
        }
    }
    octets[3] = value as u8;
    (at == 3 && digits > 0).then(|| Ipv4Addr::from(octets))
}

/// Like [`parse_address`], but the caller says what a port looks like.
pub(super) fn parse_with_port(text: &[u8], is_port: fn(&[u8]) -> bool) -> Option<IpAddr> {
    if text.first() == Some(&b'[') {
        let close = text.iter().position(|&byte| byte == b']')?;
        let (address, rest) = text.split_at(close + 1);
        let port_is_fine = match rest {
            [] => true,
            [b':', port @ ..] => is_port(port),
            _ => false,
        };
        return if port_is_fine { parse_bare(address) } else { None };
    }
    let mut colons = text.iter().enumerate().filter(|&(_, &byte)| byte == b':');
    match (colons.next(), colons.next()) {
        // One colon: no IPv6 address has so few.
        (Some((at, _)), None) => {
            let (address, port) = (&text[..at], &text[at + 1..]);
            if is_port(port) { parse_bare(address) } else { None }
        }
        _ => parse_bare(text),
    }
}

/// An address without a port: IPv4, IPv6 or `[IPv6]`.
pub(super) fn parse_bare(text: &[u8]) -> Option<IpAddr> {
    let ip = match text {
        [b'[', inside @ .., b']'] => IpAddr::V6(parse_v6(inside)?),
        _ if text.contains(&b':') => IpAddr::V6(parse_v6(text)?),
        _ => IpAddr::V4(parse_text::<Ipv4Addr>(text)?),
    };
    // Unmapped first: `::ffff:0.0.0.0` is unspecified too.
    let ip = ip.to_canonical();
    (!ip.is_unspecified()).then_some(ip)
}

/// A port is 1 to 5 digits and at most 65535.
pub(super) fn is_port(text: &[u8]) -> bool {
    (1..=5).contains(&text.len())
        && text.iter().all(u8::is_ascii_digit)
        && text.iter().fold(0_u32, |port, &digit| port * 10 + u32::from(digit - b'0')) <= 65_535
}

fn parse_v6(text: &[u8]) -> Option<Ipv6Addr> {
    match text.iter().position(|&byte| byte == b'%') {
        Some(at) if is_zone(&text[at + 1..]) => parse_text(&text[..at]),
        Some(_) => None,
        None => parse_text(text),
    }
}

fn is_zone(text: &[u8]) -> bool {
    (1..=LONGEST_ZONE).contains(&text.len())
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(byte))
}

fn parse_text<T: FromStr>(text: &[u8]) -> Option<T> {
    // The length comes first, so that a huge element costs nothing to refuse.
    if text.len() > LONGEST_ADDRESS {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        parse_address(text.as_bytes()).map(|ip| ip.to_string())
    }

    #[test]
    fn every_accepted_spelling_gives_the_plain_address() {
        for (text, address) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:0", "203.0.113.7"),
            ("203.0.113.7:00080", "203.0.113.7"),
            ("2001:DB8:0:0::7", "2001:db8::7"),
            ("2001:db8::7:443", "2001:db8::7:443"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:65535", "2001:db8::7"),
            ("fe80::1%eth0.1_~-", "fe80::1"),
            ("[fe80::1%25eth0]:1", "fe80::1"),
            ("0:0:0:0:0:FFFF:cb00:7107", "203.0.113.7"),
            ("[::ffff:203.0.113.7%eth0]:1", "203.0.113.7"),
            ("1111:2222:3333:4444:5555:6666:203.113.113.107", "1111:2222:3333:4444:5555:6666:cb71:716b"),
            ("::203.0.113.7", "::cb00:7107"),
            ("::ffff:0:203.0.113.7", "::ffff:0:cb00:7107"),
            ("2002:cb00:7107::1", "2002:cb00:7107::1"),
            ("64:ff9b::203.0.113.7", "64:ff9b::cb00:7107"),
        ] {
            assert_eq!(read(text).as_deref(), Some(address), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            " ",
            "[",
            "]",
            "[]",
            "[]:1",
            ":",
            "::",
            "[::]:80",
            "0.0.0.0",
            "::ffff:0.0.0.0",
            "0.0.0.0:80",
            "203.0.113",
            "203.0.113.256",
            "203.0.113.07",
            "0xcb.0.113.7",
            "3405803783",
            "0xcb007107",
            "203.0.113.7/32",
            "2001:db8::/32",
            "localhost",
            "\"203.0.113.7\"",
            "'203.0.113.7'",
            "203.0.113.7 ",
            " 203.0.113.7",
            "203. 0.113.7",
            "203.0.113.7:",
            "203.0.113.7:65536",
            "203.0.113.7:000080",
            "203.0.113.7:+80",
            "203.0.113.7:http",
            "203.0.113.7:80:80",
            "203.0.113.7%eth0",
            "[203.0.113.7]",
            "[203.0.113.7]:80",
            "2001:db8::12345",
            "2001:db8:::1",
            "1:2:3:4:5:6:7:8:9",
            "[2001:db8::7",
            "2001:db8::7]",
            "[2001:db8::7]:",
            "[2001:db8::7]80",
            "[2001:db8::7]:65536",
            "[[2001:db8::7]]",
            "[2001:db8::7]]",
            "fe80::1%",
            "fe80::1%eth0:80",
            "fe80::1%e]h",
            "[fe80::1]%eth0",
            "fe80::1%a%b",
            "::ffff:010.0.0.1",
            "fe80::1%aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "203.0.113.7;",
            "203.0.113.7, 10.0.0.1",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        assert_eq!(parse_address(b"203.0.113.7\xff"), None);
        assert_eq!(parse_address("\u{ff11}.2.3.4".as_bytes()), None);
        assert_eq!(parse_address(b"fe80::1%\xff"), None);
    }
}
