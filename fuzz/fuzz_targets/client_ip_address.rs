//! One address: never a panic, always canonical, and no laxer than the standard library.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use limiter_core::key::client_ip::parse_address;

fuzz_target!(|text: &[u8]| {
    let found = parse_address(text);
    assert_eq!(
        found,
        by_the_standard_library(text),
        "{}",
        text.escape_ascii()
    );
    let Some(ip) = found else { return };
    assert_eq!(ip, ip.to_canonical());
    assert!(!ip.is_unspecified());

    let bare = ip.to_string();
    let with_port = match ip {
        IpAddr::V4(_) => format!("{bare}:65535"),
        IpAddr::V6(_) => format!("[{bare}%eth0]:0"),
    };
    assert_eq!(parse_address(bare.as_bytes()), Some(ip));
    assert_eq!(parse_address(with_port.as_bytes()), Some(ip));
});

/// The same rule said differently: take port and zone off as text, then leave it to the library.
fn by_the_standard_library(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let ip = match text.strip_prefix('[') {
        Some(inside) => {
            let (address, port) = inside.split_once(']')?;
            if !port.is_empty() && !is_port(port.strip_prefix(':')?) {
                return None;
            }
            without_zone(address)?.parse::<Ipv6Addr>().ok()?.into()
        }
        None if text.matches(':').count() > 1 => {
            without_zone(text)?.parse::<Ipv6Addr>().ok()?.into()
        }
        None => {
            let address = match text.split_once(':') {
                Some((address, port)) if is_port(port) => address,
                Some(_) => return None,
                None => text,
            };
            IpAddr::from(address.parse::<Ipv4Addr>().ok()?)
        }
    };
    let ip = IpAddr::to_canonical(&ip);
    (!ip.is_unspecified()).then_some(ip)
}

fn without_zone(text: &str) -> Option<&str> {
    let Some((address, zone)) = text.split_once('%') else {
        return Some(text);
    };
    let fine = zone
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._~-".contains(c));
    (fine && !zone.is_empty() && zone.len() <= 32).then_some(address)
}

fn is_port(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit()) && text.len() <= 5 && text.parse::<u16>().is_ok()
}
