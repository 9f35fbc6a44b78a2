//! A built policy: what is read, who is trusted, and the order of the two.

use std::net::IpAddr;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use http::HeaderName;
use parking_lot::Mutex;

use super::OnMalformed;
use super::address;
use super::counts::Counters;
use super::ip_key::DEFAULT_IPV6_PREFIX;
use super::outcome::{Peer, ResolveError, Resolved, Via};
use super::trust::TrustSet;
use super::walk::{self, Entry, Found};
use super::{forwarded, single, x_forwarded_for};

pub(super) const FORWARDED_FOR: &str = "x-forwarded-for";
pub(super) const VIEWER_ADDRESS: &str = "cloudfront-viewer-address";

/// More proxies in a row than anyone runs, few enough to bound the work of a request.
pub(super) const DEFAULT_MAX_ENTRIES: usize = 32;

#[derive(Debug)]
pub(super) struct Policy {
    /// `None`: the peer is the client.
    pub(super) source: Option<Source>,
    pub(super) trust: ArcSwap<TrustSet>,
    pub(super) hops: Option<u32>,
    pub(super) trust_unix: bool,
    pub(super) max_entries: usize,
    pub(super) ipv6_prefix: u8,
    pub(super) on_malformed: OnMalformed,
    pub(super) counters: Counters,
    /// Who wants to know when other networks are trusted, as long as they live.
    pub(super) listeners: Mutex<Vec<Weak<dyn Reloaded>>>,
}

/// Is told when other networks are trusted.
pub(crate) trait Reloaded: Send + Sync {
    fn reloaded(self: Arc<Self>);
}

#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: HeaderName,
    pub(super) format: Format,
}

impl Source {
    pub(super) fn new(name: HeaderName) -> Self {
        let format = match name.as_str() {
            FORWARDED_FOR => Format::XForwardedFor,
            "forwarded" => Format::Forwarded,
            VIEWER_ADDRESS => Format::ViewerAddress,
            _ => Format::Single,
        };
        Self { name, format }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    XForwardedFor,
    Forwarded,
    ViewerAddress,
    Single,
}

impl Format {
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::XForwardedFor | Self::Forwarded)
    }
}

/// The peer is the client.
impl Default for Policy {
    fn default() -> Self {
        Self {
            source: None,
            trust: ArcSwap::default(),
            hops: None,
            trust_unix: false,
            max_entries: DEFAULT_MAX_ENTRIES,
            ipv6_prefix: DEFAULT_IPV6_PREFIX,
            on_malformed: OnMalformed::default(),
            counters: Counters::default(),
            listeners: Mutex::default(),
        }
    }
}

impl Policy {
    pub(super) fn resolve<'h, I>(
        &self,
        peer: Peer,
        lines: impl FnOnce(&HeaderName) -> I,
    ) -> Result<Resolved, ResolveError>
    where
        I: DoubleEndedIterator<Item = &'h [u8]>,
    {
        let peer = match peer {
            Peer::Ip(ip) => Some(ip.to_canonical()),
            Peer::Unix if self.trust_unix => None,
            Peer::Unix => return Err(ResolveError::UnixPeerUntrusted),
            Peer::Unknown => return Err(ResolveError::NoPeer),
        };
        let found = match &self.source {
            Some(source) => self.read(source, peer, lines),
            None => Found { ip: peer, via: Via::Peer },
        };
        self.counters.record(found.via);
        if self.refuses(found.via) {
            return Err(ResolveError::Refused(found.via));
        }
        let ip = found.ip.ok_or(ResolveError::NoAddress)?;
        Ok(Resolved { ip, via: found.via, ipv6_prefix: self.ipv6_prefix })
    }

    /// `peer` is `None` behind a trusted Unix socket.
    fn read<'h, I>(&self, source: &Source, peer: Option<IpAddr>, lines: impl FnOnce(&HeaderName) -> I) -> Found
    where
        I: DoubleEndedIterator<Item = &'h [u8]>,
    {
        // Held to the end, so that a reload in between cannot mix two sets.
        let trust = self.trust.load();
        if peer.is_some_and(|ip| !trust.contains(ip)) {
            return Found { ip: peer, via: Via::Peer };
        }
        let lines = lines(&source.name);
        match source.format {
            Format::XForwardedFor => {
                let entries = lines.rev().flat_map(x_forwarded_for::entries_from_right);
                self.walk(peer, entries, x_forwarded_for::read, &trust)
            }
            Format::Forwarded => {
                let entries = lines.rev().flat_map(forwarded::entries_from_right);
                self.walk(peer, entries, forwarded::read, &trust)
            }
            Format::ViewerAddress => single::resolve(peer, lines, single::read_viewer_address),
            Format::Single => single::resolve(peer, lines, address::parse_address),
        }
    }

    fn walk<'h>(
        &self,
        peer: Option<IpAddr>,
        entries: impl Iterator<Item = &'h [u8]>,
        read: fn(&[u8]) -> Entry,
        trust: &TrustSet,
    ) -> Found {
        match self.hops {
            Some(hops) => walk::nth_from_right(peer, entries, read, hops),
            None => walk::first_untrusted(peer, entries, read, trust, self.max_entries),
        }
    }

    fn refuses(&self, via: Via) -> bool {
        self.on_malformed == OnMalformed::Refuse && matches!(via, Via::Limit | Via::Malformed | Via::Opaque)
    }
}
