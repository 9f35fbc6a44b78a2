//! Who the client is, behind proxies.
//!
//! A request through a proxy comes from the proxy's address; the client's stands in a header. Anyone
//! can send that header, so it is believed only as far as our own proxies vouch for it:
//!
//! 1. The peer comes first. If it is not trusted it is the client, and no header is read.
//! 2. One header is read, never a list of headers to fall back to.
//! 3. A list is walked from the right, where our proxies write. Trusted entries are looked through; the
//!    first that is not trusted is the client. What stands left of it is the client's own text.
//! 4. An entry that cannot be read ends the walk at the last trusted hop.
//!
//! The default trusts nobody. Settings that would trust more than they seem to are refused when the
//! policy is built.
//!
//! ```
//! use http::HeaderMap;
//! use limiter_core::key::client_ip::{ClientIp, Peer, Via};
//!
//! let policy = ClientIp::behind_nginx(["10.0.0.1", "10.0.0.2"]).build()?;
//!
//! let mut headers = HeaderMap::new();
//! headers.append("x-forwarded-for", "198.51.100.66, 203.0.113.7".parse()?);
//!
//! // Through the proxy: the entry that the proxy wrote, not the one the client sent.
//! let proxied = policy.resolve(Peer::Ip("10.0.0.1".parse()?), &headers)?;
//! assert_eq!(proxied.ip().to_string(), "203.0.113.7");
//! assert_eq!(proxied.via(), Via::Header);
//!
//! // Past the proxy: the header is the caller's own invention.
//! let direct = policy.resolve(Peer::Ip("192.0.2.9".parse()?), &headers)?;
//! assert_eq!(direct.ip().to_string(), "192.0.2.9");
//! assert_eq!(direct.via(), Via::Peer);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What to know before trusting a header
//!
//! * List the proxies, not their network: whatever connects from a trusted address names any client.
//! * Counting ([`ClientIp::hops`]) trusts whoever connects. Too high a count is spoofable, because the
//!   client fills the missing places, and a way around the first proxy has the same effect; too low a
//!   count is only coarse.
//! * HAProxy adds a separate line; nginx and Caddy append to one line; nginx without `proxy_set_header`
//!   passes the client's lines on and adds nothing.
//! * nginx matches `real_ip_header` by exact case: `x-forwarded-for` there means the first line only,
//!   which behind HAProxy is the client's.
//! * `Connection: X-Forwarded-For` makes some proxies delete the header. The peer is then the client:
//!   coarse, not spoofable.
//! * `X_Forwarded_For` is another header here.
//! * The PROXY protocol belongs in the listener. The address it yields is the peer, and the client's own
//!   headers arrive untouched behind it, so they need a trusted proxy of their own.
//! * Health checks come from trusted peers without a header and get the proxy's key: exempt their path.

mod address;
mod builder;
mod counts;
mod error;
mod forwarded;
mod ip_key;
mod outcome;
mod policy;
mod presets;
mod single;
mod trust;
mod walk;
mod x_forwarded_for;

use std::net::IpAddr;
use std::sync::{Arc, Weak};

use http::{HeaderMap, HeaderName, HeaderValue};

pub use address::parse_address;
pub use builder::{ClientIpBuilder, OnMalformed};
pub use counts::OutcomeCounts;
pub use error::ClientIpError;
pub use ip_key::IpKey;
pub use outcome::{Peer, ResolveError, Resolved, Via};
pub(crate) use policy::Reloaded;

use policy::Policy;
use trust::TrustSet;

use super::AddressSet;

/// A policy that says who the client of a request is. Cheap to clone; clones share the trusted set and
/// the counts.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use limiter_core::key::client_ip::{ClientIp, Peer};
///
/// let policy = ClientIp::builder()
///     .header("forwarded")
///     .trusted(["10.0.0.0/24", "fd00::1"])
///     .ipv6_prefix(56)
///     .build()?;
///
/// let mut headers = HeaderMap::new();
/// headers.append("forwarded", "for=\"[2001:db8:1:1300::7]:4711\"".parse()?);
/// let client = policy.resolve(Peer::Ip("::ffff:10.0.0.9".parse()?), &headers)?;
/// assert_eq!(client.key().to_string(), "2001:db8:1:1300::/56");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientIp {
    policy: Arc<Policy>,
    /// Two facts of the policy, at hand: with them a request that has nothing but its peer is done.
    reads_header: bool,
    ipv6_prefix: u8,
}

impl ClientIp {
    /// The peer is the client; no header is read. This is also the default.
    #[must_use]
    pub fn peer_only() -> Self {
        Self::of(Policy::default())
    }

    fn of(policy: Policy) -> Self {
        let (reads_header, ipv6_prefix) = (policy.source.is_some(), policy.ipv6_prefix);
        Self { policy: Arc::new(policy), reads_header, ipv6_prefix }
    }

    /// Starts a policy that reads no header and trusts nobody.
    pub fn builder() -> ClientIpBuilder {
        ClientIpBuilder::new()
    }

    /// Whether more than the peer is looked at.
    #[inline]
    pub(crate) fn reads_header(&self) -> bool {
        self.reads_header
    }

    /// Finds the client of a request. Nothing is allocated, and the time is linear in the length of the
    /// configured header.
    ///
    /// # Errors
    ///
    /// When the peer is unknown, is a Unix socket that is not trusted or that named nobody, or when the
    /// policy refuses malformed headers and this one is.
    #[inline]
    pub fn resolve(&self, peer: Peer, headers: &HeaderMap) -> Result<Resolved, ResolveError> {
        match peer {
            // The default, for the price of a copy.
            Peer::Ip(ip) if !self.reads_header => Ok(Resolved { ip, via: Via::Peer, ipv6_prefix: self.ipv6_prefix }),
            _ => self.resolve_with(peer, headers),
        }
    }

    fn resolve_with(&self, peer: Peer, headers: &HeaderMap) -> Result<Resolved, ResolveError> {
        self.policy.resolve(peer, |name| headers.get_all(name).iter().map(HeaderValue::as_bytes))
    }

    /// [`resolve`](Self::resolve) for servers that do not use [`http`]: `lines` are the values of the
    /// lines of the [configured header](Self::header), in order of arrival.
    ///
    /// # Errors
    ///
    /// As for [`resolve`](Self::resolve).
    pub fn resolve_lines<'h, I>(&self, peer: Peer, lines: I) -> Result<Resolved, ResolveError>
    where
        I: IntoIterator<Item = &'h [u8]>,
        I::IntoIter: DoubleEndedIterator,
    {
        self.policy.resolve(peer, |_| lines.into_iter())
    }

    /// The header that is read; `None` if the peer is always the client.
    #[must_use]
    pub fn header(&self) -> Option<&HeaderName> {
        self.policy.source.as_ref().map(|source| &source.name)
    }

    /// How many bits of an IPv6 address make its key.
    #[must_use]
    pub fn ipv6_prefix(&self) -> u8 {
        self.ipv6_prefix
    }

    /// Replaces the trusted networks, also for all clones, and has limiters look anew whether the way in is
    /// configured as it was meant. From then on the list alone counts, whatever
    /// the policy was built with: an empty one trusts nobody.
    ///
    /// # Errors
    ///
    /// When a network is refused, as by [`ClientIpBuilder::build`]; the old set then stays.
    pub fn reload_trusted<I>(&self, networks: I) -> Result<(), ClientIpError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let trust = TrustSet::new(AddressSet::parse(networks)?);
        self.policy.trust.store(Arc::new(trust));
        // Told outside the lock: they may look at the policy.
        let listeners = self.policy.listeners.lock().clone();
        listeners.iter().filter_map(Weak::upgrade).for_each(Reloaded::reloaded);
        Ok(())
    }

    /// Tells `listener`, as long as it lives, when other networks are trusted.
    pub(crate) fn on_reload(&self, listener: Weak<dyn Reloaded>) {
        let mut listeners = self.policy.listeners.lock();
        listeners.retain(|known| known.strong_count() > 0);
        listeners.push(listener);
    }

    /// The networks that are trusted now. Empty where everyone is trusted.
    #[must_use]
    pub fn trusted(&self) -> AddressSet {
        self.policy.trust.load().listed().clone()
    }

    /// Whether `ip` may speak for someone else.
    #[must_use]
    pub fn trusts(&self, ip: IpAddr) -> bool {
        self.policy.trust.load().contains(ip)
    }

    /// How many entries are counted from the right, where they are counted.
    #[must_use]
    pub fn hop_count(&self) -> Option<u32> {
        self.policy.hops
    }

    /// How often the header did not name a client, since the policy was built.
    #[must_use]
    pub fn counts(&self) -> OutcomeCounts {
        self.policy.counters.snapshot()
    }
}

impl Default for ClientIp {
    fn default() -> Self {
        Self::peer_only()
    }
}
