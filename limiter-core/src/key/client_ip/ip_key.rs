//! The key of an address: IPv4 whole, IPv6 by its network.
//!
//! One subscriber line holds a whole /64, so a limit on single IPv6 addresses limits nobody.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;

/// What a subscriber line always gets; mobile networks hand adjacent /64s to different people.
pub(super) const DEFAULT_IPV6_PREFIX: u8 = 64;

/// Shorter than /32 puts whole providers into one bucket.
pub(super) const IPV6_PREFIXES: RangeInclusive<u8> = 32..=128;

/// An address reduced to what is limited: an IPv4 address, or the network of an IPv6 address.
///
/// An IPv4-mapped address is unmapped before anything is masked, else all of IPv4 would share one key
/// on a dual-stack listener. Addresses of the NAT64 network `64:ff9b::/96` are kept whole for the same
/// reason: one /64 holds the whole IPv4 internet there.
///
/// A /64 limit stops a subscriber line; who owns a /48 holds 65 536 of them. Pair it with a looser
/// limit on a /48 key where that matters, or choose 56 or 48.
///
/// # Examples
///
/// ```
/// use limiter_core::key::client_ip::IpKey;
///
/// let one = IpKey::new("2001:db8:1:2::7".parse()?, 64);
/// let other = IpKey::new("2001:db8:1:2:ffff::1".parse()?, 64);
/// assert_eq!(one, other);
/// assert_eq!(one.to_string(), "2001:db8:1:2::/64");
/// assert_eq!(IpKey::new("::ffff:203.0.113.7".parse()?, 64).to_string(), "203.0.113.7");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpKey {
    network: IpAddr,
    prefix_len: u8,
}

impl IpKey {
    /// The key of `ip`, keeping `ipv6_prefix` bits if it is IPv6; a value outside 32 to 128 is taken as
    /// the nearer of the two.
    #[must_use]
    #[inline]
    pub fn new(ip: IpAddr, ipv6_prefix: u8) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Self { network: IpAddr::V4(v4), prefix_len: 32 },
            IpAddr::V6(v6) => {
                let prefix_len =
                    if is_nat64(v6) { 128 } else { ipv6_prefix.clamp(*IPV6_PREFIXES.start(), *IPV6_PREFIXES.end()) };
                // The length is 32 to 128, so the shift is at most 96.
                let mask = u128::MAX << (128 - u32::from(prefix_len));
                Self { network: IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask)), prefix_len }
            }
        }
    }

    /// The address, or the first address of the network.
    #[must_use]
    #[inline]
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// How many bits of the address are kept: 32 for IPv4.
    #[must_use]
    #[inline]
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }
}

/// IPv4 bare, IPv6 as `network/length`.
impl fmt::Display for IpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/{}", self.prefix_len),
        }
    }
}

fn is_nat64(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0x64, 0xff9b, 0, 0, 0, 0, _, _])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(ip: &str, prefix: u8) -> String {
        IpKey::new(ip.parse().unwrap(), prefix).to_string()
    }

    #[test]
    fn all_of_ipv4_does_not_collapse_on_a_dual_stack_listener() {
        assert_eq!(key("::ffff:203.0.113.7", 56), "203.0.113.7");
        assert_eq!(key("::ffff:203.0.113.8", 56), "203.0.113.8");
    }

    #[test]
    fn nat64_is_whole_and_its_neighbours_are_not() {
        assert_eq!(key("64:ff9b::203.0.113.7", 64), "64:ff9b::cb00:7107/128");
        assert_eq!(key("64:ff9b:1::203.0.113.7", 64), "64:ff9b:1::/64");
        assert_eq!(key("64:ff9b::1:0:0", 64), "64:ff9b::/64");
    }

    #[test]
    fn prefixes_cut_at_any_bit_and_stay_in_range() {
        assert_eq!(key("2001:db8:1:3::1", 63), "2001:db8:1:2::/63");
        assert_eq!(key("2001:db8:1:3::1", 128), "2001:db8:1:3::1/128");
        assert_eq!(key("2001:db8:1:3::1", 255), "2001:db8:1:3::1/128");
        assert_eq!(key("2001:db8:1:3::1", 0), "2001:db8::/32");
    }
}
