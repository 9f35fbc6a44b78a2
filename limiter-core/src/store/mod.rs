//! Where the state of limits lives, and what a store promises.
//!
//! A store receives operations as data, never closures, so that an operation can travel to another
//! process. One call decides everything for one request.
//!
//! # Promises
//!
//! Every store keeps these. The [contract] suite checks them.
//!
//! 1. **Atomic.** A [`Decide`] is one indivisible step: however many callers decide at once, no
//!    more is admitted than one after the other would be.
//! 2. **All or nothing.** Either every charged item of a [`Decide`] is charged or none is.
//! 3. **Refusals are free.** A refused cost is not charged, not even in part.
//! 4. **True waits.** A refused item passes exactly after the wait it was told, and not before.
//! 5. **True remainders.** What is reported as remaining is what would be admitted now.
//! 6. **Expiry.** A key left alone for as long as its reset is as good as new.
//! 7. **Settling.** What was charged can be given back once, or charged more; never below nothing,
//!    and never into a later window.
//! 8. **Slots come back.** A released slot is free at once; releasing never frees a slot of another.
//! 9. **Independent keys.** What one key does changes nothing for another, but for the store's
//!    stated ceiling.
//! 10. **Errors are errors.** A store that cannot decide says so; it never answers with a refusal.
//! 11. **Penalties.** A store that declares them counts what a rule refuses under one, up to the
//!     capacity, and tells the wait that then holds.

#[cfg(any(feature = "memcached", feature = "redis"))]
mod attempts;
pub mod barrier;
mod capabilities;
#[cfg(any(test, feature = "testing"))]
pub mod contract;
pub mod counters;
mod error;
#[cfg(feature = "remote")]
pub mod front;
#[cfg(feature = "remote")]
mod jitter;
#[cfg(feature = "redis")]
pub(crate) mod key_text;
mod lease;
mod lifetime;
#[cfg(feature = "memcached")]
pub mod memcached;
pub mod memory;
mod operation;
#[cfg(any(feature = "memcached", feature = "redis"))]
mod polling;
#[cfg(feature = "redis")]
pub mod redis;
mod stand_in;

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::sync::Arc;

use crate::algorithm::Params;

pub use barrier::{Arrival, AtTimeout, Barriers, Ticket, Waited};
pub use capabilities::Capabilities;
pub use counters::Counters;
pub use error::StoreError;
pub use lease::{Lease, Lost};
pub use lifetime::{Lifetime, LifetimeError};
pub(crate) use operation::Budget;
pub use operation::{
    Answer, Charged, Decide, Decided, Item, ItemReply, Mode, Named, Operation, Place, Repeated, Subject,
};
pub use stand_in::StandIn;

/// A future that a store hands out when it cannot answer at once.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An answer: at once, or later.
#[must_use = "an answer that nobody reads may hold slots"]
pub enum Reply<T> {
    /// At once.
    Now(T),
    /// Later. Dropping the future abandons the answer; what the store did stays done.
    Later(BoxFuture<T>),
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reply::Now(_) => "Now(..)",
            Reply::Later(_) => "Later(..)",
        })
    }
}

/// Where the state of limits lives. See the [module](self) for what it promises.
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Carries out one operation. It is under way when this returns: dropping a future abandons
    /// the answer, never the operation.
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>>;

    /// What this store can do. A policy that needs more is refused when it is prepared.
    fn capabilities(&self) -> Capabilities;

    /// The same as [`submit`](Self::submit), of a decision that stays with whoever asks: stores that can do
    /// with that save a copy of it.
    fn decide(&self, decide: &Decide) -> Reply<Result<Answer, StoreError>> {
        self.submit(Operation::Decide(decide.clone()))
    }

    /// The store that this one stands around, if it does. What the methods below do not say otherwise
    /// is what that one says.
    fn behind(&self) -> Option<&dyn Store> {
        None
    }

    /// Which of the servers behind this store keeps a key, by number, where there are several that can
    /// fail one by one.
    fn shard_of(&self, subject: &Subject, params: &Params) -> usize {
        self.behind().map_or(0, |store| store.shard_of(subject, params))
    }

    /// What decides in this process while the store fails, for rules that say so. Stores that several
    /// processes share have one that takes this process's share of each quota.
    fn stand_in(&self) -> Arc<StandIn> {
        self.behind().map_or_else(|| Arc::new(StandIn::alone()), |store| store.stand_in())
    }

    /// What this store has counted of its own doings, for dashboards: a few names that never change,
    /// each with a number that only goes up.
    fn totals(&self) -> Vec<(&'static str, u64)> {
        self.behind().map_or_else(Vec::new, |store| store.totals())
    }
}
