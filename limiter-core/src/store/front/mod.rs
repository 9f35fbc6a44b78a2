//! What stands before a store that several processes share.
//!
//! A [`Front`] is itself a [`Store`]. It asks the one behind it as seldom as it can without changing a
//! single decision, waits for it no longer than a deadline, and leaves it alone while it fails.
//!
//! * **Deadline.** Every operation has an answer within [`FleetOptions::deadline`]. A round
//!   trip that others wait for too runs in a task of its own, so a caller who goes away takes nothing from them.
//! * **Denials.** A cost that the store refused is refused here until it can pass, exactly. Giving
//!   something back through this process ends that; what *other* processes give back is noticed when the
//!   wait is over. Rules that settle, of which any process gives back as a matter of course, are asked about
//!   each time.
//! * **Together.** While a question about some keys is under way, further ones wait for it and then travel
//!   together, in the order in which they came. There is no timer and nothing is delayed: a round trip that
//!   takes more than a quarter of the deadline is not waited for.
//! * **Bounded mode**, off unless [`FleetOptions::set_aside`] turns it on: units are fetched ahead.
//! * **Failure.** Five failures in a row, or half of at least twenty calls within a second, and the store
//!   is left alone; one look every 100 ms, then less and less often, but every 0.8 s at least. Nobody
//!   waits meanwhile. What this process admits on its own is charged to the store when it is back, before
//!   any of its decisions about those keys is used. Nothing that may have been carried out is repeated.

mod aside;
mod asking;
mod breaker;
mod caller;
mod decide;
mod denials;
mod flights;
mod numbers;
mod options;
mod pass;
mod recover;
mod round;
mod ticks;
mod under_way;
mod watch;

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::{Answer, Capabilities, Decide, Item, Operation, Reply, StandIn, Store, StoreError};
#[cfg(any(feature = "redis", feature = "memcached"))]
use crate::time::SystemClock;
use crate::time::{Nanos, TokioClock};
use aside::Aside;
use breaker::Breaker;
use flights::Flights;
use ticks::Ticks;
use watch::Watch;

pub use options::{DEFAULT_DEADLINE, DEFAULT_LEASE_TTL, FleetOptions};

/// Servers that fail one by one; those beyond share a breaker with another.
const BREAKERS: usize = 64;

/// Stands before a store that several processes share. See the [module](self).
///
/// The store behind it carries out each operation in one round trip and knows
/// [`Operation::Repeat`].
///
/// ```
/// use limiter_core::store::front::{FleetOptions, Front};
/// use limiter_core::store::memory::MemoryStore;
/// use limiter_core::{Limiter, Policy, Rule, key::Key};
///
/// let store = Front::new(MemoryStore::new(), FleetOptions::new().nodes(3));
/// let limiter = Limiter::builder().store(store).build();
/// let policy = Policy::new("hello", [Rule::new("2/min".parse()?)])?;
/// assert!(limiter.check(&policy, &Key::from(7u64)).is_allowed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Front<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    engine: S,
    options: FleetOptions,
    clock: Ticks,
    breakers: Box<[Breaker]>,
    flights: Flights,
    watch: Watch,
    /// Only in bounded mode.
    aside: Option<Aside>,
    stand_in: Arc<StandIn>,
    /// Where it was made; used where a caller is in no runtime, as when a permit is dropped by a thread.
    runtime: Option<Handle>,
}

impl<S: Store> Front<S> {
    /// Puts it before a store. Tasks run in the runtime of whoever asks, or else in that of whoever calls
    /// this.
    #[must_use]
    pub fn new(engine: S, options: FleetOptions) -> Self {
        Self::by(Ticks::Runtime(TokioClock::new()), engine, options)
    }

    /// The same before a store whose answers take real time.
    #[cfg(any(feature = "redis", feature = "memcached"))]
    pub(super) fn before_servers(engine: S, options: FleetOptions) -> Self {
        Self::by(Ticks::Machine(SystemClock::new()), engine, options)
    }

    fn by(clock: Ticks, engine: S, options: FleetOptions) -> Self {
        Front {
            inner: Arc::new(Inner {
                engine,
                options,
                clock,
                breakers: (0..BREAKERS).map(|_| Breaker::default()).collect(),
                flights: Flights::new(),
                watch: Watch::default(),
                aside: (options.lease_permille > 0).then(Aside::new),
                stand_in: Arc::new(options.nodes.map_or_else(StandIn::uncounted, StandIn::one_of)),
                runtime: Handle::try_current().ok(),
            }),
        }
    }

    /// The store behind it.
    #[must_use]
    pub fn engine(&self) -> &S {
        &self.inner.engine
    }

    /// Says how many processes share the store from now on, at least 1.
    pub fn set_nodes(&self, nodes: u32) {
        self.inner.stand_in.set_nodes(nodes);
    }

    /// Whether some server of the store is left alone because it fails.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.inner.breakers.iter().any(Breaker::is_open)
    }
}

impl<S: Store> Inner<S> {
    fn deadline(&self) -> Duration {
        self.options.deadline
    }

    fn now(&self) -> Nanos {
        self.clock.now()
    }

    fn runtime(&self) -> Result<Handle, StoreError> {
        let here = Handle::try_current().ok().or_else(|| self.runtime.clone()).or_else(|| self.watch.runtime());
        here.ok_or_else(|| StoreError::unavailable("a shared store needs a tokio runtime, and there is none here"))
    }

    /// The number of the server that is asked about these items: that of the first.
    fn shard(&self, items: &[Item]) -> usize {
        items.first().map_or(0, |item| self.engine.shard_of(&item.subject, &item.params))
    }

    fn breaker(&self, shard: usize) -> Option<&Breaker> {
        self.breakers.get(shard % BREAKERS)
    }

    fn is_open(&self, shard: usize) -> bool {
        self.breaker(shard).is_some_and(Breaker::is_open)
    }

    /// Notes how a call ended.
    fn note(&self, shard: usize, answer: &Result<Answer, StoreError>, now: Nanos) {
        let worked = !matches!(answer, Err(error) if error.is_outage());
        if self.options.breaker
            && let Some(breaker) = self.breaker(shard)
        {
            breaker.note(now, worked);
        }
    }
}

impl<S: Store> Store for Front<S> {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        match operation {
            Operation::Decide(decide) => self.find(&decide),
            other => self.pass(other),
        }
    }

    fn decide(&self, decide: &Decide) -> Reply<Result<Answer, StoreError>> {
        self.find(decide)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.engine.capabilities()
    }

    fn behind(&self) -> Option<&dyn Store> {
        Some(&self.inner.engine)
    }

    fn stand_in(&self) -> Arc<StandIn> {
        Arc::clone(&self.inner.stand_in)
    }
}

/// Clones are one.
impl<S> Clone for Front<S> {
    fn clone(&self) -> Self {
        Front { inner: Arc::clone(&self.inner) }
    }
}

impl<S: Store> fmt::Debug for Front<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("engine", &self.inner.engine)
            .field("options", &self.inner.options)
            .field("under_way", &self.inner.flights.len())
            .finish_non_exhaustive()
    }
}
