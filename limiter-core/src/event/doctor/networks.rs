//! Which networks are our own, and which are too wide to be a list of proxies.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::Warning;
use crate::key::client_ip::ClientIp;

/// Private ranges as whoever is lazy writes them: everything inside may speak for anyone.
const PRIVATE: [([u8; 4], u8); 5] =
    [([10, 0, 0, 0], 8), ([100, 64, 0, 0], 10), ([169, 254, 0, 0], 16), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16)];

/// Wider networks than these are no list of proxies.
const WIDEST_V4: u8 = 16;
const WIDEST_V6: u8 = 32;

/// Whether the peer is in a network where our own machines are.
pub(super) fn is_internal(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_loopback() || PRIVATE.iter().any(|&(network, prefix)| holds(network, prefix, v4.octets()))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn holds(network: [u8; 4], prefix: u8, ip: [u8; 4]) -> bool {
    let differing = u32::from_be_bytes(network) ^ u32::from_be_bytes(ip);
    differing.leading_zeros() >= u32::from(prefix)
}

/// The first network that is too wide to be meant.
pub(super) fn too_wide(policy: &ClientIp) -> Option<Warning> {
    let header = policy.header()?;
    // A header that one provider alone sets is read from the ranges it publishes, which are wide.
    let published = !matches!(header.as_str(), super::X_FORWARDED_FOR | super::FORWARDED);
    let network = policy.trusted().networks().find(|network| is_too_wide(network, published))?;
    Some(Warning::WideTrust { network: network.to_string() })
}

fn is_too_wide(network: &IpNet, published: bool) -> bool {
    // Whoever is on this machine can do worse.
    if network.addr().is_loopback() {
        return false;
    }
    let short = match network {
        IpNet::V4(v4) => v4.prefix_len() < WIDEST_V4,
        IpNet::V6(v6) => v6.prefix_len() < WIDEST_V6,
    };
    let private = match network {
        IpNet::V4(v4) => PRIVATE
            .iter()
            .any(|&(whole, prefix)| v4.prefix_len() <= prefix && holds(v4.addr().octets(), v4.prefix_len(), whole)),
        IpNet::V6(_) => is_internal(network.addr()) && short,
    };
    private || (short && !published)
}
