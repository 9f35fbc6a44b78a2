//! What goes in and what comes out: the peer, the address found, how it was found.

use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use super::ip_key::IpKey;

/// Who opened the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// A TCP or QUIC peer. After the PROXY protocol it is the address that protocol yielded.
    Ip(IpAddr),
    /// A Unix socket, which has no address.
    Unix,
    /// The server was built without connection info. This is an error, never a licence to read headers.
    Unknown,
}

impl From<IpAddr> for Peer {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

/// Port and scope id are dropped.
impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address.ip())
    }
}

/// How an address was found.
///
/// [`Malformed`](Self::Malformed), [`Opaque`](Self::Opaque), [`Limit`](Self::Limit) and
/// [`ShortChain`](Self::ShortChain) mean that proxies and policy do not fit together: strangers cannot
/// cause them, because the proxy's own entry stands to the right of whatever a stranger sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Via {
    /// Every entry of the list is trusted; the leftmost is the client. An internal caller.
    AllTrusted,
    /// The header names the client.
    Header,
    /// More trusted entries than `max_entries`; the last one looked at is taken.
    Limit,
    /// An entry, or the value, is not an address; the last trusted hop is taken.
    Malformed,
    /// A hop hides its client (`unknown`, `_name`, no `for`); the last trusted hop is taken.
    Opaque,
    /// The connection's own address: no header configured, none sent, or the peer is not trusted.
    Peer,
    /// Fewer entries than `hops`; the peer is taken.
    ShortChain,
}

impl Via {
    /// One stable word, such as `header`, for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllTrusted => "all_trusted",
            Self::Header => "header",
            Self::Limit => "limit",
            Self::Malformed => "malformed",
            Self::Opaque => "opaque",
            Self::Peer => "peer",
            Self::ShortChain => "short_chain",
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A client address, and how it was found.
#[derive(Clone, Copy)]
pub struct Resolved {
    /// As it came: a peer is copied whole, and unmapped when somebody asks for it.
    pub(super) ip: IpAddr,
    pub(super) via: Via,
    pub(super) ipv6_prefix: u8,
}

impl Resolved {
    /// The client's address; never IPv4-mapped.
    #[must_use]
    #[inline]
    pub fn ip(&self) -> IpAddr {
        self.ip.to_canonical()
    }

    /// How the address was found.
    #[must_use]
    pub fn via(&self) -> Via {
        self.via
    }

    /// What to limit by: the address, or its network if it is IPv6.
    #[must_use]
    #[inline]
    pub fn key(&self) -> IpKey {
        IpKey::new(self.ip, self.ipv6_prefix)
    }

    /// The same by another prefix, if one is given.
    #[inline]
    pub(crate) fn key_by(&self, prefix: Option<u8>) -> IpKey {
        IpKey::new(self.ip, prefix.unwrap_or(self.ipv6_prefix))
    }

    /// What can be asked of it.
    fn parts(&self) -> (IpAddr, Via, u8) {
        (self.ip(), self.via, self.ipv6_prefix)
    }
}

impl PartialEq for Resolved {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Resolved {}

impl Hash for Resolved {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ip, via, ipv6_prefix) = self.parts();
        f.debug_struct("Resolved").field("ip", &ip).field("via", &via).field("ipv6_prefix", &ipv6_prefix).finish()
    }
}

/// Why a request has no client address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResolveError {
    /// A trusted Unix-socket peer named nobody, and has no address of its own.
    NoAddress,
    /// The server was built without connection info.
    NoPeer,
    /// The policy refuses such requests ([`OnMalformed::Refuse`](super::OnMalformed::Refuse)); the value
    /// says what was wrong.
    Refused(Via),
    /// The peer is a Unix socket and the policy does not trust those.
    UnixPeerUntrusted,
}

impl ResolveError {
    /// The kind of error as one stable word, such as `no_peer`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAddress => "no_address",
            Self::NoPeer => "no_peer",
            Self::Refused(via) => via.as_str(),
            Self::UnixPeerUntrusted => "unix_peer_untrusted",
        }
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str(
                "the unix-socket peer sent no usable client address and has none itself; let the proxy set \
                 the configured header",
            ),
            Self::NoPeer => f.write_str(
                "the connection's address is unknown; serve with connection info (in axum \
                 `into_make_service_with_connect_info::<SocketAddr>()`)",
            ),
            Self::Refused(via) => {
                write!(f, "the forwarding header is not usable ({via}) and the policy refuses such requests")
            }
            Self::UnixPeerUntrusted => f.write_str(
                "the peer is a unix socket, which has no address; call `trust_unix(true)` if only your proxy \
                 can open it",
            ),
        }
    }
}

impl Error for ResolveError {}
