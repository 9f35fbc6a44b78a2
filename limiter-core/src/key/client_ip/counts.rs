//! Counts the outcomes that mean misconfiguration. The ordinary ones are not counted, so the usual
//! request touches no shared counter.

use std::sync::atomic::{AtomicU64, Ordering};

use super::outcome::Via;

/// How often a policy could not name a client from its header, since it was built.
///
/// All but `all_trusted` should stay at zero; when they grow, proxies and policy do not fit together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutcomeCounts {
    /// Requests whose every entry was trusted: internal callers, or too wide a trusted network.
    pub all_trusted: u64,
    /// Requests with more trusted entries than `max_entries`.
    pub limit: u64,
    /// Requests with an entry or value that is not an address.
    pub malformed: u64,
    /// Requests with a hop that hides its client.
    pub opaque: u64,
    /// Requests with fewer entries than `hops`.
    pub short_chain: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    all_trusted: AtomicU64,
    limit: AtomicU64,
    malformed: AtomicU64,
    opaque: AtomicU64,
    short_chain: AtomicU64,
}

impl Counters {
    pub(super) fn record(&self, via: Via) {
        let counter = match via {
            Via::AllTrusted => &self.all_trusted,
            Via::Limit => &self.limit,
            Via::Malformed => &self.malformed,
            Via::Opaque => &self.opaque,
            Via::ShortChain => &self.short_chain,
            Via::Header | Via::Peer => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> OutcomeCounts {
        OutcomeCounts {
            all_trusted: self.all_trusted.load(Ordering::Relaxed),
            limit: self.limit.load(Ordering::Relaxed),
            malformed: self.malformed.load(Ordering::Relaxed),
            opaque: self.opaque.load(Ordering::Relaxed),
            short_chain: self.short_chain.load(Ordering::Relaxed),
        }
    }
}
