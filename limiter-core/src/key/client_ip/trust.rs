//! The set of networks whose connections may speak for someone else.
//!
//! Everything that would quietly trust more than its author meant is refused: a mistake here lets
//! strangers choose the address they are limited by.

use std::net::IpAddr;

use ipnet::IpNet;

use super::error::{ClientIpError, Kind};

/// Families are kept apart and compared after unmapping, so `::/8` does not trust IPv4.
#[derive(Clone, Debug, Default)]
pub(super) struct TrustSet {
    everyone: bool,
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl TrustSet {
    pub(super) fn everyone() -> Self {
        Self { everyone: true, ..Self::default() }
    }

    /// `networks` have passed [`parse_network`] or [`check_network`].
    pub(super) fn new(networks: &[IpNet]) -> Self {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for network in networks {
            match network {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self { everyone: false, v4: Ranges::new(v4), v6: Ranges::new(v6) }
    }

    /// `ip` is canonical: IPv4-mapped addresses have become IPv4.
    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        self.everyone
            || match ip {
                IpAddr::V4(v4) => self.v4.contains(v4.to_bits()),
                IpAddr::V6(v6) => self.v6.contains(v6.to_bits()),
            }
    }
}

/// Disjoint inclusive ranges in ascending order: the cost of a lookup grows with the logarithm of the
/// list, however many ranges a CDN publishes.
#[derive(Clone, Debug, Default)]
struct Ranges<T>(Vec<(T, T)>);

impl<T: Copy + Ord> Ranges<T> {
    fn new(mut ranges: Vec<(T, T)>) -> Self {
        // The widest first among those that start together: networks are nested or disjoint, so what
        // starts inside a kept range then ends there too.
        ranges.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
        ranges.dedup_by(|next, kept| next.0 <= kept.1);
        Self(ranges)
    }

    fn contains(&self, value: T) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= value);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|&(_, last)| value <= last)
    }
}

/// Reads an address or CIDR, refusing what [`check_network`] refuses.
pub(super) fn parse_network(text: &str) -> Result<IpNet, ClientIpError> {
    let bad = || ClientIpError::from(Kind::BadCidr { value: text.to_owned() });
    if text.contains('%') {
        return Err(Kind::Zone { value: text.to_owned() }.into());
    }
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| bad())?;
    let network = match prefix {
        Some(prefix) => IpNet::new(address, parse_prefix(prefix).ok_or_else(bad)?).map_err(|_| bad())?,
        None => IpNet::from(address),
    };
    check_network(network, text)
}

/// Turns an IPv4-mapped network into IPv4 and refuses networks that say something else than is meant;
/// `written` is how the author wrote it.
pub(super) fn check_network(network: IpNet, written: &str) -> Result<IpNet, ClientIpError> {
    let network = unmap(network, written)?;
    if network.prefix_len() == 0 {
        return Err(Kind::PrefixZero { value: written.to_owned() }.into());
    }
    if network.addr() != network.network() {
        let network = network.trunc().to_string();
        return Err(Kind::HostBits { value: written.to_owned(), network }.into());
    }
    Ok(network)
}

fn unmap(network: IpNet, written: &str) -> Result<IpNet, ClientIpError> {
    let IpNet::V6(v6) = network else {
        return Ok(network);
    };
    let Some(v4) = v6.addr().to_ipv4_mapped() else {
        return Ok(network);
    };
    v6.prefix_len()
        .checked_sub(96)
        .and_then(|prefix| IpNet::new(IpAddr::V4(v4), prefix).ok())
        .ok_or_else(|| Kind::MappedPrefixTooShort { value: written.to_owned() }.into())
}

/// Digits only, no leading zero: some systems read `/010` as eight.
fn parse_prefix(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(networks: &[&str]) -> TrustSet {
        let networks: Vec<IpNet> = networks.iter().map(|text| parse_network(text).unwrap()).collect();
        TrustSet::new(&networks)
    }

    fn refusal(text: &str) -> &'static str {
        parse_network(text).unwrap_err().code()
    }

    #[test]
    fn edges_of_networks_are_inside_and_their_neighbours_are_not() {
        let set = set(&["10.0.0.0/8", "10.1.0.0/16", "192.0.2.4/31", "192.0.2.9", "fd00::/8", "2001:db8::1"]);
        for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.4", "192.0.2.5", "192.0.2.9", "fd00::", "2001:db8::1"] {
            assert!(set.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in
            ["9.255.255.255", "11.0.0.0", "192.0.2.3", "192.0.2.6", "192.0.2.8", "fe00::", "2001:db8::", "::"]
        {
            assert!(!set.contains(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn a_network_listed_beside_its_parts_is_trusted_whole_in_any_order() {
        let mut networks = ["10.0.0.0", "10.0.0.0/8", "10.0.0.0/16", "10.255.0.0/16", "10.0.0.0"];
        for _ in 0..networks.len() {
            networks.rotate_left(1);
            let set = set(&networks);
            for inside in ["10.0.0.0", "10.0.255.255", "10.1.0.0", "10.255.255.255"] {
                assert!(set.contains(inside.parse().unwrap()), "{inside} in {networks:?}");
            }
            assert!(!set.contains("11.0.0.0".parse().unwrap()));
        }
    }

    #[test]
    fn families_do_not_trust_each_other() {
        assert!(!set(&["::/8"]).contains("10.0.0.1".parse().unwrap()));
        assert!(set(&["::ffff:10.0.0.0/104"]).contains("10.0.0.1".parse().unwrap()));
        assert!(!set(&["10.0.0.0/8"]).contains("::a00:1".parse().unwrap()));
    }

    #[test]
    fn the_empty_set_trusts_nobody() {
        assert!(!TrustSet::default().contains("127.0.0.1".parse().unwrap()));
        assert!(TrustSet::everyone().contains("203.0.113.7".parse().unwrap()));
    }

    #[test]
    fn dangerous_networks_are_refused_by_name() {
        for (code, texts) in [
            ("config:mapped_prefix_too_short", &["::ffff:10.0.0.0/8", "::ffff:0:0/95", "::ffff:0:0/0"][..]),
            ("config:prefix_zero", &["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "::ffff:10.0.0.0/96", "10.0.0.0/0"]),
            ("config:host_bits", &["10.0.0.1/8", "fd00::1/8", "::ffff:10.0.0.1/104", "192.0.2.5/31"]),
            ("config:zone", &["fe80::%eth0/10", "fe80::1%eth0", "fe80::/10%eth0"]),
            (
                "config:bad_cidr",
                &[
                    "",
                    " ",
                    "/",
                    "/8",
                    "10.0.0.0/",
                    "10.0.0.0/33",
                    "fd00::/129",
                    "10.0.0.0/-1",
                    "10.0.0.0/+8",
                    "10.0.0.0/08",
                    "10.0.0.0/00",
                    "10.0.0.0/8/8",
                    "10.0.0.0/255.0.0.0",
                    "10.0.0/24",
                    "010.0.0.0/8",
                    " 10.0.0.0/8",
                    "10.0.0.0/8 ",
                    "10.0.0.0 /8",
                    "10.0.0.0/ 8",
                    "10.0.0.0,10.0.0.1",
                    "10.0.0.0-10.0.0.9",
                    "localhost",
                    "*",
                    "[fd00::]/8",
                    "10.0.0.1:80",
                    "10.0.0.0/256",
                    "10.0.0.0/8\n",
                    "10.0.0.*",
                    "0x0a.0.0.0/8",
                ],
            ),
        ] {
            for text in texts {
                assert_eq!(refusal(text), code, "{text:?}");
            }
        }
    }

    #[test]
    fn the_refusal_names_the_network_that_was_probably_meant() {
        let error = parse_network("10.1.2.3/8").unwrap_err().to_string();
        assert!(error.contains("\"10.1.2.3/8\"") && error.contains("`10.0.0.0/8`"), "{error}");
    }
}
