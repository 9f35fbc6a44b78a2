//! State in Redis or Valkey, for limits that several processes share.
//!
//! * **Exact.** Each decision is one script: every rule is looked at, then everything is charged or
//!   nothing is, at one reading of the server's clock. Times are whole microseconds; a bucket whose
//!   interval is none keeps count of the rest.
//! * **Frugal.** A decision is one round trip on a connection that all calls share, and those that come
//!   while others are under way are put to the server in one call. A refusal writes nothing. A key is gone as soon as it is as good as new.
//! * **Healing.** A clock that was put back locks nobody out for longer than one period, and a key
//!   that lost its time to live gets another. A debt above a capacity that was lowered is taken for
//!   one of those: what is above the new capacity is forgotten.
//! * **Quick to fail.** No call takes longer than the deadline, none waits for a connection, and none
//!   that may have been carried out is sent again. The rule says what happens then.
//! * **Forgetting is bounded.** A key that the server gives up for memory is as good as new: one more burst,
//!   or one more window's count, each time. `maxmemory-policy volatile-ttl` gives up those that are nearest
//!   to being as good as new anyway; `noeviction` none, and what would have been charged is an error.
//!
//! What stands before it is a [`Front`](super::front): it waits no longer than the deadline, asks for several
//! callers at once, remembers refusals, and leaves a failing server alone.
//!
//! One server, Sentinel and Cluster are told apart by the address: `redis://`, `rediss://` (feature
//! `redis-tls`), `unix://`, `redis-sentinel://host,host/name`, `redis-cluster://host,host`. User and
//! password go before the hosts. Redis 7.0 and Valkey 8 or later; the user of an ACL needs the
//! commands `EVALSHA`, `SCRIPT LOAD`, `UNLINK`, `ZREM` and those of the scripts, in a cluster `CLUSTER SLOTS`,
//! and with Sentinel `ROLE` as well. What the server runs is kept as scripts, or as
//! [functions](RedisStoreBuilder::functions).
//!
//! Processes that share a store [count each other](FleetOptions::nodes), for as long as it is not stated how
//! many there are.
//!
//! The store keeps [barriers](super::Barriers), [counters and events](super::Counters) as well.
//!
//! In a cluster all keys of one principal are on one server, so the rules of one policy must have the
//! same key; [`RedisStoreBuilder::shared_tag`] lifts that at the price of one server doing all the work.

mod address;
mod afterwards;
mod barriers;
mod builder;
mod clock;
mod cluster;
mod counters;
mod desk;
mod driven;
mod encode;
mod engine;
mod failure;
mod grants;
mod kept;
mod leases;
mod names;
mod node;
mod presence;
mod reply;
mod route;
mod script;
mod settings;
mod short;
mod target;

use core::fmt;
use std::sync::Arc;

pub use address::AddressError;
pub use builder::RedisStoreBuilder;
pub(crate) use engine::RedisEngine;
use failure::Refused;
use presence::Presence;
pub use settings::RedisStats;

use super::front::{FleetOptions, Front};
use super::{Answer, Capabilities, Decide, Operation, Reply, Store, StoreError};

/// State in Redis or Valkey. Clones are one store. See the [module](self).
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use limiter_core::store::redis::RedisStore;
/// use limiter_core::{Limiter, Policy, Reply, Rule, key::Key};
///
/// let store = RedisStore::connect("redis://localhost").await?;
/// let limiter = Limiter::builder().store(store).build();
/// let policy = Policy::new("search", [Rule::new("10/s burst 20".parse()?)])?;
/// let ruling = match limiter.decide_key(&policy, &Key::from("alice"), 1) {
///     Reply::Now(ruling) => ruling,
///     Reply::Later(ruling) => ruling.await,
/// };
/// assert!(ruling.decision.is_allowed());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RedisStore {
    front: Front<RedisEngine>,
    /// Unless it is stated how many processes share the store.
    presence: Option<Arc<Presence>>,
}

impl RedisStore {
    /// Connects to an address with everything else as it is unless stated.
    ///
    /// # Errors
    ///
    /// As [`RedisStoreBuilder::connect`].
    pub async fn connect(url: impl Into<String>) -> Result<Self, ConnectError> {
        Self::builder(url).connect().await
    }

    /// Starts a configuration.
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url)
    }

    fn around(engine: RedisEngine, fleet: FleetOptions) -> Self {
        RedisStore { front: Front::before_servers(engine, fleet), presence: None }
    }

    /// How many processes share the store: as stated, or else as last counted.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.front.stand_in().nodes()
    }

    /// Says how many processes share the store from now on, at least 1; the count is not looked at any more.
    /// See [`FleetOptions::nodes`].
    pub fn set_nodes(&self, nodes: u32) {
        self.front.set_nodes(nodes);
    }

    pub(super) fn engine(&self) -> &RedisEngine {
        self.front.engine()
    }

    /// What the store has met so far.
    #[must_use]
    pub fn stats(&self) -> RedisStats {
        self.front.engine().inner.settings.counts.read()
    }

    /// Whether there is a connection to every server that holds state.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.front.engine().inner.route.is_live()
    }
}

impl Store for RedisStore {
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
        let RedisStats { connections, loads, timeouts, foreign } = self.stats();
        vec![("connections", connections), ("loads", loads), ("timeouts", timeouts), ("foreign", foreign)]
    }
}

/// A store that could not be reached.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address cannot be used.
    Address(AddressError),
    /// There is no tokio runtime to connect on.
    NoRuntime,
    /// The server does not answer, or not as it should.
    Unreachable(StoreError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Address(error) => error.fmt(f),
            ConnectError::NoRuntime => f.write_str("a store is connected within a tokio runtime, and there is none"),
            ConnectError::Unreachable(error) => match std::error::Error::source(error) {
                Some(source) => write!(f, "the store cannot be reached: {source}"),
                None => write!(f, "the store cannot be reached: {error}"),
            },
        }
    }
}

impl std::error::Error for ConnectError {}
