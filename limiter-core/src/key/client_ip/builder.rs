//! Collects the settings of a policy and checks them together.

use arc_swap::ArcSwap;
use http::HeaderName;
use ipnet::IpNet;

use super::ClientIp;
use super::error::{ClientIpError, Kind};
use super::ip_key::{DEFAULT_IPV6_PREFIX, IPV6_PREFIXES};
use super::policy::{DEFAULT_MAX_ENTRIES, Policy, Source};
use super::trust::TrustSet;
use crate::key::address_set::{self, AddressSet};

/// What to do with a request whose header breaks off before a client was found: an entry that is not
/// an address, a hop that hides its client, or more entries than `max_entries`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnMalformed {
    /// Take the last trusted hop for the client; the peer if there is none.
    #[default]
    LastTrustedHop,
    /// Give [`ResolveError::Refused`](super::ResolveError::Refused).
    Refuse,
}

/// Settings of a [`ClientIp`] policy; everything is checked by [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientIpBuilder {
    header: Option<HeaderName>,
    trusted: Vec<IpNet>,
    trust_everyone: bool,
    hops: Option<u32>,
    trust_unix: bool,
    max_entries: usize,
    ipv6_prefix: u8,
    on_malformed: OnMalformed,
    /// The first setting that could not be taken; told by `build`.
    error: Option<ClientIpError>,
}

impl ClientIpBuilder {
    pub(super) fn new() -> Self {
        Self {
            header: None,
            trusted: Vec::new(),
            trust_everyone: false,
            hops: None,
            trust_unix: false,
            max_entries: DEFAULT_MAX_ENTRIES,
            ipv6_prefix: DEFAULT_IPV6_PREFIX,
            on_malformed: OnMalformed::default(),
            error: None,
        }
    }

    /// The one header to read. `x-forwarded-for` and `forwarded` are lists, `cloudfront-viewer-address`
    /// is an address with a port, any other holds one address. Without a header the peer is the client.
    ///
    /// There is never a second header to fall back to: what our proxies do not set, a client can.
    pub fn header(mut self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        match (HeaderName::from_bytes(name.as_bytes()), &self.header) {
            (Ok(second), Some(first)) if second != *first => {
                let (first, second) = (first.to_string(), second.to_string());
                self.refuse(Kind::HeaderTwice { first, second }.into());
            }
            (Ok(name), _) => self.header = Some(name),
            (Err(_), _) => self.refuse(Kind::HeaderName { value: name.to_owned() }.into()),
        }
        self
    }

    /// Adds addresses and networks of proxies: peers that may speak for someone else, and hops to look
    /// through in a list. Without any, nobody is trusted.
    ///
    /// List the proxies, not the network they are in: whatever can connect from `10.0.0.0/8` can name any
    /// client it likes.
    pub fn trusted<I>(mut self, networks: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        for text in networks {
            match address_set::parse_network(text.as_ref()) {
                Ok(network) => self.trusted.push(network),
                Err(error) => self.refuse(error.into()),
            }
        }
        self
    }

    /// [`trusted`](Self::trusted) for networks that are already parsed; the same checks apply.
    pub fn trusted_nets(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        for network in networks {
            match address_set::check_network(network, &network.to_string()) {
                Ok(network) => self.trusted.push(network),
                Err(error) => self.refuse(error.into()),
            }
        }
        self
    }

    /// **Dangerous.** Trusts every peer and every hop: the client is whoever the header says, and where
    /// strangers can connect, they choose. Only for a platform whose front end overwrites the header and
    /// is the only way in.
    pub fn trust_everyone(mut self) -> Self {
        self.trust_everyone = true;
        self
    }

    /// Counts `hops` entries from the right of a list header instead of looking through trusted ones, for
    /// proxies without stable addresses. Trusted networks, if any, then gate the peer alone.
    ///
    /// See [`ClientIp::hops`] for when this is safe.
    pub fn hops(mut self, hops: u32) -> Self {
        self.hops = Some(hops);
        self
    }

    /// Whether a Unix-socket peer counts as trusted; it does not by default.
    pub fn trust_unix(mut self, trust: bool) -> Self {
        self.trust_unix = trust;
        self
    }

    /// How many entries of a list are looked at, 32 by default. Only entries that trusted parties
    /// vouched for are counted, so a client cannot use them up.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.max_entries = max_entries;
        self
    }

    /// How many bits of an IPv6 address make its key: 32 to 128, 64 by default.
    pub fn ipv6_prefix(mut self, bits: u8) -> Self {
        self.ipv6_prefix = bits;
        self
    }

    /// What to do when the header breaks off; the last trusted hop is taken by default.
    pub fn on_malformed(mut self, action: OnMalformed) -> Self {
        self.on_malformed = action;
        self
    }

    /// Checks the settings together.
    ///
    /// # Errors
    ///
    /// When a network is malformed or would trust more than it says, a header name is unusable or a
    /// second one is given, `hops` is 0, above `max_entries` or without a list header, or `ipv6_prefix` is
    /// out of range.
    pub fn build(self) -> Result<ClientIp, ClientIpError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !IPV6_PREFIXES.contains(&self.ipv6_prefix) {
            return Err(Kind::Ipv6Prefix { value: self.ipv6_prefix }.into());
        }
        let source = self.header.map(Source::new);
        if let Some(hops) = self.hops {
            if hops == 0 || usize::try_from(hops).is_ok_and(|hops| hops > self.max_entries) {
                return Err(Kind::Hops { value: hops, max_entries: self.max_entries }.into());
            }
            if !source.as_ref().is_some_and(|source| source.format.is_list()) {
                let header = source.map(|source| source.name.to_string());
                return Err(Kind::HopsNeedListHeader { header }.into());
            }
        }
        // Counting without networks trusts whoever connects; a later reload closes that gate.
        let ungated = self.hops.is_some() && self.trusted.is_empty();
        let trust = if self.trust_everyone || ungated {
            TrustSet::everyone()
        } else {
            TrustSet::new(AddressSet::of(&self.trusted))
        };
        Ok(ClientIp::of(Policy {
            source,
            trust: ArcSwap::from_pointee(trust),
            hops: self.hops,
            trust_unix: self.trust_unix,
            max_entries: self.max_entries,
            ipv6_prefix: self.ipv6_prefix,
            on_malformed: self.on_malformed,
            ..Policy::default()
        }))
    }

    fn refuse(&mut self, error: ClientIpError) {
        self.error.get_or_insert(error);
    }
}
