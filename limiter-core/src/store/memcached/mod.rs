//! State at Memcached, shared by every process of a fleet.
//!
//! Memcached is a fast counter without scripts, time, replicas or a disk. What that means:
//!
//! * **One rule a decision.** There is no step that touches two keys. A policy of several rules is
//!   refused when it is prepared.
//! * **Fixed and sliding windows** are counters of the server: one round trip. Windows follow each
//!   other by the wall clock, for every key at an offset of its own unless they are `aligned`; they
//!   do not wait for the first request. What a refused request added is taken back at once; until
//!   then others may be refused what would have fitted, and nobody is admitted beyond the limit.
//! * **Buckets, intervals and logs** (of up to 100 units) are read, decided here, and written back
//!   unless somebody else changed them: one round trip where one process has a key to itself, two
//!   otherwise, and more where many processes share a busy key.
//! * **Concurrent limits** (of up to 32 slots) are a key for each slot. A slot runs out unless its
//!   holder renews it, a few seconds after its holder died at the latest.
//! * **Barriers** are one value each, for up to 1,000 parties.
//! * **Counters** are kept in groups of up to 1,000, one value for each group, so that a sum over several
//!   is one step: see [`Counters`](MemcachedStore#impl-Counters-for-MemcachedStore). Events are a value each.
//!
//! # Clocks
//!
//! Every process goes by its own wall clock; keep them in step, as NTP does. Where the fastest and
//! the slowest differ by `e`, windows of two neighbouring numbers are open at once for `e`, and a
//! bucket lets through at most what comes back in `e`. A clock that is set back by more than five
//! seconds locks nobody out for longer than that; one that is set back by less, for no longer than
//! it takes to catch up.
//!
//! # What is lost
//!
//! Memcached forgets everything when it is restarted or flushed, and gives up values when its memory
//! is full (`-M` makes it fail instead, which is safer here). Each key that is lost is as good as
//! new: at most one more burst, or one more window's count, for each time. Give it a server of its
//! own, with more memory than the keys need.
//!
//! # Before the servers
//!
//! There is a [`Front`](super::front): it waits no longer than the deadline, asks for several callers at once,
//! remembers refusals, and leaves a failing server alone.
//!
//! # Several servers
//!
//! Keys are spread by rendezvous hashing, without copies. A server that fails takes its keys with
//! it: their decisions fail, and the rules' choice for store errors applies, until it is back. Every
//! process must name the servers in the same way; the order does not matter.

mod answer;
mod barriers;
mod builder;
mod cell;
mod change;
mod counters;
mod engine;
mod fault;
mod instant;
mod line;
mod name;
mod protocol;
mod ring;
mod slots;
mod stats;
mod window;

use std::sync::Arc;

use super::front::Front;
use super::{Answer, Capabilities, Decide, Operation, Reply, Store, StoreError};
pub use builder::{ConnectError, MemcachedBuilder};
use engine::Engine;
pub(super) use name::Begun;
pub use stats::Stats;

/// State at one or several Memcached servers. See the [module](self) for what it keeps.
///
/// Cheap to clone; all clones share their connections, which are closed with the last of them.
///
/// ```no_run
/// use limiter_core::Limiter;
/// use limiter_core::store::memcached::MemcachedStore;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemcachedStore::connect(["cache-1:11211", "cache-2:11211"]).await?;
/// let limiter = Limiter::builder().store(store).build();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MemcachedStore {
    front: Front<Engine>,
}

impl MemcachedStore {
    /// Connects to servers: `host`, `host:port` or `unix:/path` each.
    ///
    /// # Errors
    ///
    /// When none is given, an address cannot be read, or a server does not answer.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer and its sockets enabled.
    pub async fn connect(servers: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ConnectError> {
        Self::builder().connect(servers).await
    }

    /// Starts a configuration.
    pub fn builder() -> MemcachedBuilder {
        MemcachedBuilder::default()
    }

    fn inner(&self) -> &Arc<engine::Inner> {
        self.front.engine().inner()
    }

    /// Says how many processes share the servers from now on, at least 1. See [`FleetOptions::nodes`](super::front::FleetOptions::nodes).
    pub fn set_nodes(&self, nodes: u32) {
        self.front.set_nodes(nodes);
    }

    /// Whether some server is left alone because it fails.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.front.is_failing()
    }

    /// What happened at the servers so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner().counters.read()
    }
}

impl Store for MemcachedStore {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        self.front.submit(operation)
    }

    fn decide(&self, decide: &Decide) -> Reply<Result<Answer, StoreError>> {
        self.front.decide(decide)
    }

    fn capabilities(&self) -> Capabilities {
        self.front.capabilities()
    }

    fn behind(&self) -> Option<&dyn Store> {
        Some(&self.front)
    }

    fn totals(&self) -> Vec<(&'static str, u64)> {
        let Stats { quarantined, contended, wrapped, lost } = self.stats();
        vec![("foreign", quarantined), ("contended", contended), ("wrapped", wrapped), ("lost", lost)]
    }
}
