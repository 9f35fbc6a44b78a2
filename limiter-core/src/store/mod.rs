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

pub mod barrier;
#[cfg(any(test, feature = "testing"))]
pub mod contract;
pub mod counters;
#[cfg(feature = "remote")]
pub mod front;
#[cfg(feature = "redis")]
pub(crate) mod key_text;
mod lease;
mod lifetime;
#[cfg(feature = "memcached")]
pub mod memcached;
pub mod memory;
#[cfg(any(feature = "memcached", feature = "redis"))]
mod polling;
#[cfg(feature = "redis")]
pub mod redis;
mod stand_in;

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::algorithm::{Algorithm, Params, State, Verdict};
use crate::decision::Source;
use crate::key::Key;
use crate::rule::AtCeiling;
use crate::time::{Nanos, Now};

pub use barrier::{Arrival, AtTimeout, Barriers, Ticket, Waited};
pub use counters::Counters;
pub use lease::{Lease, Lost};
pub use lifetime::{Lifetime, LifetimeError};
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

    /// Which of the servers behind this store keeps a key, by number, where there are several that can
    /// fail one by one.
    fn shard_of(&self, subject: &Subject, params: &Params) -> usize {
        let _ = (subject, params);
        0
    }

    /// What decides in this process while the store fails, for rules that say so. Stores that several
    /// processes share have one that takes this process's share of each quota.
    fn stand_in(&self) -> Arc<StandIn> {
        Arc::new(StandIn::alone())
    }

    /// What this store has counted of its own doings, for dashboards: a few names that never change,
    /// each with a number that only goes up. A store around another hands on what that one says.
    fn totals(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// Who is meant by an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// A keyed 64-bit hash of budget and key, good within one process. Two of a million keys meet
    /// with a probability of 2.7e-8.
    Local(u64),
    /// Budget and key in full, for stores that several processes share.
    Named(Arc<(String, Key)>),
}

/// Whether an item takes, asks, or only records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Take the cost if everything passes.
    #[default]
    Charge,
    /// Ask without taking; a refusal counts.
    Peek,
    /// As [`Charge`](Mode::Charge), but what this item itself refuses is counted too, up to the
    /// capacity: the third promise is waived at the rule's wish. A cost above the capacity is not.
    Penalty,
    /// Take the cost if every item lets it pass, those in shadow included; a refusal does not count
    /// against the others.
    Shadow,
}

/// One rule's part of a decision.
#[derive(Clone, Debug)]
pub struct Item {
    /// The budget: equal for all keys of a rule.
    pub budget: u64,
    /// The budget of one key.
    pub subject: Subject,
    /// The quota travels with each operation.
    pub params: Params,
    /// Units.
    pub cost: u64,
    /// Take, ask or record.
    pub mode: Mode,
    /// What to do when there is no room for a new key.
    pub at_ceiling: AtCeiling,
}

/// Every applicable rule of one request, decided in one step.
#[derive(Clone, Debug)]
pub struct Decide {
    /// The caller's clock. Stores that several processes share use their own.
    pub now: Now,
    /// The rules.
    pub items: SmallVec<[Item; 2]>,
}

/// What a store says to a [`Decide`].
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// Whether everything passed, and so was charged.
    pub allowed: bool,
    /// One reply for each item, in order.
    pub items: SmallVec<[ItemReply; 2]>,
    /// Who says so: the store itself, or something in this process that knows what it would say.
    pub source: Source,
    /// What keeps the slots of this decision, at stores where slots run out unless they are renewed.
    pub lease: Option<Arc<Lease>>,
    /// When that was, where a store goes by a clock of its own: its reading in terms of the caller's
    /// clock. The states are as of then.
    pub now: Option<Now>,
}

/// What a store says to an [`Item`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemReply {
    /// The algorithm's answer.
    pub verdict: Verdict,
    /// The state after the decision, on the caller's clock.
    pub state: State,
    /// Where the state is kept.
    pub place: Place,
}

/// Where the state of a key is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// In a cell of its own.
    #[default]
    Own,
    /// Nowhere: the table is full and the rule turns new keys away.
    NoRoom,
    /// In the cell that new keys share while the table is full.
    Shared,
}

/// A charge that was made, to be settled or released later.
#[derive(Clone, Debug)]
pub struct Charged {
    /// The budget.
    pub budget: u64,
    /// The budget of one key.
    pub subject: Subject,
    /// The quota it was charged under.
    pub params: Params,
    /// Units charged.
    pub cost: u64,
    /// When.
    pub at: Nanos,
    /// When it has worn off by itself: the [`State::fresh_at`] that it left behind. From then on
    /// there is nothing left to give back.
    pub until: Nanos,
    /// Where.
    pub place: Place,
}

/// What a store can be asked to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Decide about one request.
    Decide(Decide),
    /// Show the state of keys without touching it, and what a decision about these items would be.
    Inspect(Decide),
    /// Give slots back.
    Release {
        /// The caller's clock.
        now: Now,
        /// The slots.
        charges: SmallVec<[Charged; 2]>,
        /// What kept them, if the decision came with one.
        lease: Option<Arc<Lease>>,
    },
    /// Decide the same several times in a row, in one step. A store need not know this: it is asked
    /// only by what stands before stores that several processes share.
    Repeat {
        /// What to decide.
        decide: Decide,
        /// How many times.
        times: u32,
    },
    /// Forget a key.
    Reset {
        /// Whose budgets.
        charges: SmallVec<[Charged; 2]>,
    },
    /// Change charges after the fact.
    Settle {
        /// The caller's clock.
        now: Now,
        /// Each charge with the units to add, or to give back if negative.
        charges: SmallVec<[(Charged, i64); 2]>,
    },
}

/// What a store answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Operation::Decide`] and [`Operation::Inspect`].
    Decided(Decided),
    /// To [`Operation::Repeat`].
    Repeated {
        /// How many were allowed: all, or those before the first refusal.
        granted: u32,
        /// The last of those, if any.
        allowed: Option<Decided>,
        /// What the rest were told, if any were refused.
        refused: Option<Decided>,
    },
    /// To the others.
    Done,
}

/// What a store can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    algorithms: &'static [Algorithm],
    rules_per_decision: usize,
    local: bool,
    penalties: bool,
    one_principal: bool,
    largest: (u64, Nanos),
    most: &'static [(Algorithm, u64)],
}

impl Capabilities {
    /// Exact algorithms, and how many rules one decision may hold.
    #[must_use]
    pub const fn new(algorithms: &'static [Algorithm], rules_per_decision: usize) -> Self {
        Capabilities {
            algorithms,
            rules_per_decision,
            local: false,
            penalties: false,
            one_principal: false,
            largest: (u64::MAX, Nanos::MAX),
            most: &[],
        }
    }

    /// Says that one decision can only be about the keys of one principal: they are kept apart from
    /// those of others, as in a cluster.
    #[must_use]
    pub const fn one_principal(mut self) -> Self {
        self.one_principal = true;
        self
    }

    /// Says how large a capacity and how long a period can be counted exactly.
    #[must_use]
    pub const fn up_to(mut self, capacity: u64, period: Nanos) -> Self {
        self.largest = (capacity, period);
        self
    }

    /// Says that the state stays in this process, so that hashed subjects are enough.
    #[must_use]
    pub const fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// Says that [`Mode::Penalty`] is known.
    #[must_use]
    pub const fn with_penalties(mut self) -> Self {
        self.penalties = true;
        self
    }

    /// Says that some algorithms are counted up to a capacity only.
    #[must_use]
    pub const fn with_most(mut self, most: &'static [(Algorithm, u64)]) -> Self {
        self.most = most;
        self
    }

    /// The largest capacity that this store counts by an algorithm.
    #[must_use]
    pub fn most(&self, algorithm: Algorithm) -> u64 {
        self.most.iter().find(|(limited, _)| *limited == algorithm).map_or(u64::MAX, |(_, most)| *most)
    }

    /// The algorithms that this store counts exactly as defined.
    #[must_use]
    pub const fn algorithms(&self) -> &'static [Algorithm] {
        self.algorithms
    }

    /// How many rules one atomic decision may hold.
    #[must_use]
    pub const fn rules_per_decision(&self) -> usize {
        self.rules_per_decision
    }

    /// Whether the rules of one decision must all have the same key.
    #[must_use]
    pub const fn is_one_principal(&self) -> bool {
        self.one_principal
    }

    /// Whether a limit is small enough to be counted exactly.
    #[must_use]
    pub fn counts(&self, params: &Params) -> bool {
        params.capacity() <= self.largest.0 && params.period() <= self.largest.1.get()
    }

    /// Whether refused costs can be counted.
    #[must_use]
    pub const fn penalties(&self) -> bool {
        self.penalties
    }

    /// Whether the state stays in this process.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.local
    }
}

/// A store could not do what it was asked. Never a refusal.
#[derive(Clone, Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StoreErrorKind {
    Foreign,
    LeftAlone,
    Timeout,
    Unavailable,
    Unsupported,
}

impl StoreError {
    /// The store did not answer in time; it may yet do what it was asked.
    #[must_use]
    pub fn timeout() -> Self {
        StoreError { kind: StoreErrorKind::Timeout, source: None }
    }

    /// The store cannot be reached or refuses to work.
    #[must_use]
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError { kind: StoreErrorKind::Unavailable, source: Some(source.into().into()) }
    }

    /// What the store holds under this very key is nothing that it can decide by. Other keys are well.
    #[must_use]
    pub fn foreign(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError { kind: StoreErrorKind::Foreign, source: Some(source.into().into()) }
    }

    /// The store failed before, and is not asked again for a short while.
    #[must_use]
    pub fn left_alone() -> Self {
        StoreError { kind: StoreErrorKind::LeftAlone, source: None }
    }

    /// The store does not know the operation.
    #[must_use]
    pub fn unsupported() -> Self {
        StoreError { kind: StoreErrorKind::Unsupported, source: None }
    }

    /// Whether the store did not answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == StoreErrorKind::Timeout
    }

    /// What went wrong, in one word of a few: for labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.kind {
            StoreErrorKind::Foreign => "foreign",
            StoreErrorKind::LeftAlone => "left_alone",
            StoreErrorKind::Timeout => "timeout",
            StoreErrorKind::Unavailable => "unavailable",
            StoreErrorKind::Unsupported => "unsupported",
        }
    }

    /// Whether the store failed as a whole, rather than at this operation alone.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        !matches!(self.kind, StoreErrorKind::Foreign | StoreErrorKind::Unsupported)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Foreign => "the store holds something else under this key",
            StoreErrorKind::LeftAlone => "the store failed before and is left alone for a while",
            StoreErrorKind::Timeout => "the store did not answer in time",
            StoreErrorKind::Unavailable => "the store is not available",
            StoreErrorKind::Unsupported => "the store does not support this operation",
        })
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
