//! The proxy doctor: finds out from the first requests whether the way in is configured as its owner
//! meant, and says so once for each cause.
//!
//! It looks at the configuration when a limiter is built and at the first requests, and at both once
//! more when other networks are trusted; a request costs one relaxed load otherwise. It changes no
//! decision.

mod networks;

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::net::IpAddr;
use std::sync::OnceLock;

use http::HeaderMap;

use super::Warning;
use crate::key::client_ip::{ClientIp, Peer, ResolveError, Resolved, Via};

/// Enough to meet health checks, deployments and the first visitors; afterwards it is too late to
/// tell a mistake from habit.
const LOOKED_AT: u32 = 1000;
/// So many requests through proxies and all from one client: chance no longer explains it, a
/// developer alone with a proxy might.
const ONE_CLIENT_AFTER: u32 = 200;
/// A proxy that is not counted on is missing from every chain, so few requests suffice.
const SHORT_AFTER: u32 = 50;
/// Strangers send forwarding headers too, but not nearly always.
const FORWARDED_AFTER: u32 = 100;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";
/// What proxies set; [`ClientIp`] documents who sets which.
const FORWARDING: [&str; 7] = [
    X_FORWARDED_FOR,
    FORWARDED,
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "fly-client-ip",
    "cloudfront-viewer-address",
];

/// What the first requests have shown.
#[derive(Debug, Default)]
pub(crate) struct Doctor {
    is_off: bool,
    seen: AtomicU32,
    /// Requests with a forwarding header from peers that are not trusted.
    unheard: AtomicU32,
    untrusted_told: AtomicBool,
    /// Requests from trusted peers, and the client that the first of them came from.
    proxied: AtomicU32,
    first_client: OnceLock<IpAddr>,
    several_clients: AtomicBool,
    /// Chains that were shorter than the hops to be counted.
    short: AtomicU32,
    long_enough: AtomicBool,
}

impl Doctor {
    /// A doctor that looks at nothing.
    pub(crate) fn off() -> Self {
        Doctor { is_off: true, seen: AtomicU32::new(LOOKED_AT), ..Doctor::default() }
    }

    /// What the configuration alone tells.
    pub(crate) fn at_start(&self, policy: &ClientIp) -> Option<Warning> {
        if self.is_off { None } else { networks::too_wide(policy) }
    }

    /// Looks at the first requests from now on: other networks are trusted.
    pub(crate) fn start_again(&self) {
        if self.is_off {
            return;
        }
        for count in [&self.unheard, &self.proxied, &self.short, &self.seen] {
            count.store(0, Ordering::Relaxed);
        }
        for found in [&self.untrusted_told, &self.several_clients, &self.long_enough] {
            found.store(false, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.seen.load(Ordering::Relaxed) >= LOOKED_AT
    }

    /// Looks at one of the first requests. May say the same twice, when requests come at once.
    #[cold]
    pub(crate) fn examine(
        &self,
        policy: &ClientIp,
        peer: Peer,
        headers: &HeaderMap,
        client: impl FnOnce() -> Result<Resolved, ResolveError>,
        warn: impl Fn(Warning),
    ) {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        match peer {
            Peer::Ip(ip) if policy.header().is_none() || !policy.trusts(ip) => {
                // Whoever sends all the headers there are, one after the other, is told of once.
                if !self.untrusted_told.load(Ordering::Relaxed)
                    && let Some(header) = forwarding_header(policy, headers)
                    && self.is_proxy(ip, seen)
                    && !self.untrusted_told.swap(true, Ordering::Relaxed)
                {
                    warn(Warning::UntrustedPeer { header });
                }
            }
            Peer::Ip(_) | Peer::Unix => self.examine_proxied(policy, headers, client, warn),
            Peer::Unknown => {}
        }
    }

    /// Whether a peer that sends a forwarding header without being trusted looks like a proxy, not
    /// like a stranger who tries their luck.
    fn is_proxy(&self, peer: IpAddr, seen: u32) -> bool {
        if networks::is_internal(peer) {
            return true;
        }
        let unheard = self.unheard.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        unheard >= FORWARDED_AFTER && unheard.saturating_mul(10) >= seen.saturating_mul(9)
    }

    fn examine_proxied(
        &self,
        policy: &ClientIp,
        headers: &HeaderMap,
        client: impl FnOnce() -> Result<Resolved, ResolveError>,
        warn: impl Fn(Warning),
    ) {
        let Some(header) = policy.header() else { return };
        if headers.contains_key(X_FORWARDED_FOR) && headers.contains_key(FORWARDED) {
            warn(Warning::TwoForwardedHeaders { read: header.to_string() });
        }
        let Ok(client) = client() else { return };
        if let Some(hops) = policy.hop_count() {
            self.count_hops(hops, client, &warn);
        }
        if *self.first_client.get_or_init(|| client.ip()) != client.ip() {
            self.several_clients.store(true, Ordering::Relaxed);
        }
        let proxied = self.proxied.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if proxied >= ONE_CLIENT_AFTER && !self.several_clients.load(Ordering::Relaxed) {
            warn(Warning::OneClient { header: header.to_string() });
            // Said; what comes after changes nothing.
            self.several_clients.store(true, Ordering::Relaxed);
        }
    }

    fn count_hops(&self, hops: u32, client: Resolved, warn: &impl Fn(Warning)) {
        if !matches!(client.via(), Via::ShortChain | Via::Peer) {
            self.long_enough.store(true, Ordering::Relaxed);
            return;
        }
        let short = self.short.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if short >= SHORT_AFTER && !self.long_enough.load(Ordering::Relaxed) {
            warn(Warning::HopsNeverMatch { hops });
        }
    }
}

/// What to tell of a request whose client was asked for and not found.
pub(crate) fn no_client(error: ResolveError) -> Option<Warning> {
    match error {
        ResolveError::NoPeer => Some(Warning::NoPeer),
        ResolveError::UnixPeerUntrusted => Some(Warning::UnixPeerUntrusted),
        ResolveError::NoAddress | ResolveError::Refused(_) => None,
    }
}

fn forwarding_header(policy: &ClientIp, headers: &HeaderMap) -> Option<String> {
    let configured = policy.header().map(|name| name.as_str());
    configured.into_iter().chain(FORWARDING).find(|name| headers.contains_key(*name)).map(str::to_owned)
}
