//! Barriers: parties that wait for each other, in one process or in several.
//!
//! Most programs use the handle [`Barrier`](crate::Barrier); this is what a store offers to it.
//!
//! # Promises
//!
//! Every store of barriers keeps these. The suite [`contract::barriers`](super::contract) checks them.
//!
//! 1. **Made once.** Of all who create a barrier at once, one is told that it did; nobody else is
//!    until its lifetime is over, not even after it was cleared.
//! 2. **Counted exactly.** The arrival that makes the number of parties full clears the barrier,
//!    however many arrive at once, and only that one and those after it are told so.
//! 3. **Parties count once.** A named party arrives once however often it says so; an arrival
//!    without a name counts each time.
//! 4. **Cleared stays cleared,** for arrivals and waits, until the lifetime is over.
//! 5. **Lifetimes.** A barrier is gone when its lifetime has passed since it was made or since the
//!    last arrival that did not clear it, and at that very instant. An arrival at a barrier that is
//!    not there, and a wait for one that is gone, are told so.
//! 6. **No wake-up is lost.** A wait that begins before or after the last arrival ends at once when
//!    the barrier is cleared.
//! 7. **True timeouts.** A wait ends no earlier than its timeout unless the barrier is cleared or
//!    gone. It is told of one outcome: an arrival that is withdrawn did not clear anything.
//! 8. **Generations grow.** A barrier made later under the same name has a larger generation, and
//!    what belongs to an earlier one (a wait, an arrival to be withdrawn) does not touch it.

use core::fmt;
use core::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::{Lifetime, Reply, StoreError};

/// A place where barriers are kept. See the [module](self) for what it promises.
///
/// Making a barrier and arriving are under way when the call returns: dropping a pending answer
/// abandons the answer alone.
pub trait Barriers: Send + Sync + fmt::Debug + 'static {
    /// Makes a barrier for so many parties. `false` if one of this name is there already.
    ///
    /// # Errors
    ///
    /// When the store cannot do it, or has no room for another.
    fn create(&self, barrier: &str, parties: NonZeroU32, lifetime: Lifetime) -> Reply<Result<bool, StoreError>>;

    /// Arrives at a barrier, and begins its lifetime anew unless that clears it or it was cleared.
    ///
    /// # Errors
    ///
    /// When the store cannot do it.
    fn arrive(&self, barrier: &str, party: Option<&str>) -> Reply<Result<Arrival, StoreError>>;

    /// Waits until the barrier of a ticket is cleared or gone, or until the timeout has passed.
    /// [`Duration::MAX`] waits for as long as the barrier lives.
    ///
    /// # Cancel safety
    ///
    /// Dropping the answer is a timeout that nobody hears of: with [`AtTimeout::Withdraw`] the
    /// arrival is withdrawn.
    ///
    /// # Errors
    ///
    /// When the store cannot do it.
    fn wait(&self, ticket: &Ticket, timeout: Duration, then: AtTimeout) -> Reply<Result<Waited, StoreError>>;
}

/// What became of an arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arrival {
    /// The barrier is cleared: by this arrival, or by an earlier one.
    Cleared {
        /// Which barrier of this name.
        generation: u64,
    },
    /// The arrival counts, and others are awaited.
    Waiting {
        /// What to wait with.
        ticket: Ticket,
        /// How many arrivals are missing.
        missing: u32,
    },
    /// There is no such barrier: it was never made, or its lifetime is over.
    NoSuchBarrier,
}

impl Arrival {
    /// Whether the barrier is cleared.
    #[must_use]
    pub const fn is_cleared(&self) -> bool {
        matches!(self, Arrival::Cleared { .. })
    }

    /// Which barrier of this name it was, if there is one.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        match self {
            Arrival::Cleared { generation } => Some(*generation),
            Arrival::Waiting { ticket, .. } => Some(ticket.generation),
            Arrival::NoSuchBarrier => None,
        }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waited {
    /// All parties have arrived.
    Cleared,
    /// There is no such barrier, or not any more.
    NoSuchBarrier,
    /// The timeout passed first.
    TimedOut,
}

/// What becomes of an arrival whose wait times out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtTimeout {
    /// It still counts.
    #[default]
    Keep,
    /// It is taken back, unless the barrier was cleared meanwhile.
    Withdraw,
}

/// An arrival that others are awaited after.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    barrier: Arc<str>,
    party: Option<Arc<str>>,
    generation: u64,
}

impl Ticket {
    /// For stores: what an arrival is known by.
    #[must_use]
    pub fn new(barrier: &str, party: Option<&str>, generation: u64) -> Self {
        Ticket { barrier: Arc::from(barrier), party: party.map(Arc::from), generation }
    }

    /// The name of the barrier.
    #[must_use]
    pub fn barrier(&self) -> &str {
        &self.barrier
    }

    /// The name of the party, if it has one.
    #[must_use]
    pub fn party(&self) -> Option<&str> {
        self.party.as_deref()
    }

    /// Which barrier of this name. Larger than that of every earlier one.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }
}
