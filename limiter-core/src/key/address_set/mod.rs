//! A set of addresses: networks whose connections may speak for someone else, clients that are not
//! limited, clients that never get in.
//!
//! Everything that would quietly hold more than its author meant is refused: a mistake here lets
//! strangers choose the address they are limited by, or shuts everybody out.

mod error;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

pub use error::AddressError;
use error::{Kind, refused};

/// Addresses and networks of both families. A look-up takes time by the logarithm of their number.
///
/// Families are kept apart and compared after unmapping: `::ffff:10.0.0.1` is in `10.0.0.0/8`, and
/// `::/8` holds no IPv4 address.
///
/// # Examples
///
/// ```
/// use limiter_core::key::AddressSet;
///
/// let office = AddressSet::parse(["192.0.2.0/24", "2001:db8:7::/48", "203.0.113.7"])?;
/// assert!(office.contains("::ffff:192.0.2.9".parse()?));
/// assert!(!office.contains("203.0.113.8".parse()?));
///
/// let error = AddressSet::parse(["192.0.2.1/24"]).unwrap_err();
/// assert_eq!(error.code(), "host_bits");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AddressSet {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl AddressSet {
    /// Reads addresses and CIDRs such as `10.0.0.1`, `10.0.0.0/8` or `fd00::/8`.
    ///
    /// # Errors
    ///
    /// When one of them is no network, says something else than it seems to (bits after the prefix, a
    /// zone, an IPv4-mapped network wider than IPv4), or holds every address there is.
    pub fn parse<I>(networks: I) -> Result<Self, AddressError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let networks = networks.into_iter().map(|text| parse_network(text.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of(&networks))
    }

    /// As [`parse`](Self::parse), of networks that are parsed already; the same checks apply.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn from_nets(networks: impl IntoIterator<Item = IpNet>) -> Result<Self, AddressError> {
        let checked = networks.into_iter().map(|network| check_network(network, &network.to_string()));
        Ok(Self::of(&checked.collect::<Result<Vec<_>, _>>()?))
    }

    /// `networks` have passed [`parse_network`] or [`check_network`].
    pub(crate) fn of(networks: &[IpNet]) -> Self {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for network in networks {
            match network {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self { v4: Ranges::new(v4), v6: Ranges::new(v6) }
    }

    /// Whether an address is in the set; an IPv4-mapped one counts as IPv4.
    #[inline]
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(v4) => self.v4.contains(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.contains(v6.to_bits()),
        }
    }

    /// The network of the set that an address is in.
    #[must_use]
    pub fn find(&self, ip: IpAddr) -> Option<IpNet> {
        match ip.to_canonical() {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()).and_then(network_v4),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits()).and_then(network_v6),
        }
    }

    /// Whether no address is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.0.is_empty() && self.v6.0.is_empty()
    }

    /// The networks of the set in ascending order, IPv4 first, without those that lie in others.
    pub fn networks(&self) -> impl Iterator<Item = IpNet> {
        let v4 = self.v4.0.iter().copied().filter_map(network_v4);
        let v6 = self.v6.0.iter().copied().filter_map(network_v6);
        v4.chain(v6)
    }
}

// A range is a network, since networks are nested or disjoint: the bits in which its ends differ are
// those after the prefix.
fn network_v4((first, last): (u32, u32)) -> Option<IpNet> {
    let prefix = u8::try_from((first ^ last).leading_zeros()).ok()?;
    Ipv4Net::new(Ipv4Addr::from_bits(first), prefix).ok().map(IpNet::V4)
}

fn network_v6((first, last): (u128, u128)) -> Option<IpNet> {
    let prefix = u8::try_from((first ^ last).leading_zeros()).ok()?;
    Ipv6Net::new(Ipv6Addr::from_bits(first), prefix).ok().map(IpNet::V6)
}

/// So many ranges are looked through in less time than it takes to halve their number a few times.
const FEW: usize = 8;

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

    #[inline]
    fn contains(&self, value: T) -> bool {
        self.find(value).is_some()
    }

    #[inline]
    fn find(&self, value: T) -> Option<(T, T)> {
        if self.0.len() <= FEW {
            return self.0.iter().copied().find(|&(first, last)| first <= value && value <= last);
        }
        let after = self.0.partition_point(|&(first, _)| first <= value);
        let range = after.checked_sub(1).and_then(|at| self.0.get(at))?;
        (value <= range.1).then_some(*range)
    }
}

/// Reads an address or CIDR, refusing what [`check_network`] refuses.
pub(crate) fn parse_network(text: &str) -> Result<IpNet, AddressError> {
    let bad = || refused(text, Kind::BadCidr);
    if text.contains('%') {
        return Err(refused(text, Kind::Zone));
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
pub(crate) fn check_network(network: IpNet, written: &str) -> Result<IpNet, AddressError> {
    let network = unmap(network, written)?;
    if network.prefix_len() == 0 {
        return Err(refused(written, Kind::PrefixZero));
    }
    if network.addr() != network.network() {
        return Err(refused(written, Kind::HostBits { network: network.trunc() }));
    }
    Ok(network)
}

fn unmap(network: IpNet, written: &str) -> Result<IpNet, AddressError> {
    let IpNet::V6(v6) = network else {
        return Ok(network);
    };
    let Some(v4) = v6.addr().to_ipv4_mapped() else {
        return Ok(network);
    };
    v6.prefix_len()
        .checked_sub(96)
        .and_then(|prefix| IpNet::new(IpAddr::V4(v4), prefix).ok())
        .ok_or_else(|| refused(written, Kind::MappedPrefixTooShort))
}

/// Digits only, no leading zero: some systems read `/010` as eight.
fn parse_prefix(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}
