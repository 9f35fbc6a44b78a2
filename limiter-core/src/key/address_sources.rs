//! Keys that are addresses, and the key that is everybody.

use super::client_ip::{IpKey, Peer};
use super::key_value::Key;
use super::source::{Extracted, KeyContext, KeySource, Plain};

/// The client's address; IPv6 by its network.
///
/// A /64 is what one subscriber line gets. A second rule by a wider prefix, such as
/// `Ip::prefix(48)` at a looser rate, limits those who hold many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ip {
    prefix: Option<u8>,
}

impl Ip {
    /// IPv6 addresses by the prefix that the limiter's client-address policy says; 64 by default.
    #[must_use]
    pub const fn new() -> Self {
        Ip { prefix: None }
    }

    /// IPv6 addresses by their first `bits`, held to 32 to 128.
    #[must_use]
    pub const fn prefix(bits: u8) -> Self {
        Ip {
            prefix: Some(match bits {
                0..32 => 32,
                129.. => 128,
                bits => bits,
            }),
        }
    }
}

impl KeySource for Ip {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        match (request.client(), self.prefix) {
            (Ok(resolved), None) => Extracted::Key(resolved.key().into()),
            (Ok(resolved), Some(bits)) => Extracted::Key(IpKey::new(resolved.ip(), bits).into()),
            (Err(_), _) => Extracted::Missing,
        }
    }

    fn describe(&self) -> String {
        self.prefix.map_or_else(|| "ip".to_owned(), |bits| format!("ip/{bits}"))
    }

    fn is_client_address(&self) -> bool {
        true
    }

    fn plain(&self) -> Option<Plain> {
        Some(Plain::Client(self.prefix))
    }
}

/// The address at the other end of the connection, whoever it speaks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerAddress;

impl KeySource for PeerAddress {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        match request.peer() {
            Peer::Ip(ip) => Extracted::Key(IpKey::new(ip, request.ipv6_prefix()).into()),
            Peer::Unix => Extracted::Key(Key::from("unix")),
            Peer::Unknown => Extracted::Missing,
        }
    }

    fn describe(&self) -> String {
        "peer".to_owned()
    }
}

/// One budget for everybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Global;

impl KeySource for Global {
    fn key(&self, _: &KeyContext<'_>) -> Extracted {
        Extracted::Key(Key::everyone())
    }

    fn describe(&self) -> String {
        "global".to_owned()
    }

    fn is_per_client(&self) -> bool {
        false
    }

    fn plain(&self) -> Option<Plain> {
        Some(Plain::Everyone)
    }
}
