//! What a granted claim holds.

use core::fmt;
use std::time::Duration;

use super::granted::Granted;
use super::ruling::Ruling;
use super::{Limiter, Permit};
use crate::decision::Decision;
use crate::settle::Settlement;
use crate::store::{Lease, StoreError};

/// A granted claim. The slots of concurrent limits are given back when it is dropped, however that
/// comes about: at the end of a scope, by an error, by cancellation, by a panic. What was charged to
/// other limits stays charged, unless their rules settle by outcome and [a word](Held::settle) says so.
///
/// ```
/// use limiter_core::{Limiter, Policy, Rule, key::Key};
///
/// fn import(limiter: &Limiter, once: &Policy) -> Result<(), Box<dyn std::error::Error>> {
///     let _held = limiter.try_acquire(once, &Key::from("import"))?;
///     // Nobody else is here.
///     Ok(())
/// }
///
/// let (limiter, once) = (Limiter::in_memory(), Policy::new("import", [Rule::concurrent(1)])?);
/// import(&limiter, &once)?;
/// import(&limiter, &once)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a claim that is not kept is given back at once"]
pub struct Held {
    limiter: Limiter,
    ruling: Ruling,
    waited: Duration,
}

impl Held {
    pub(super) fn new(limiter: &Limiter, granted: Granted, waited: Duration) -> Self {
        Held { limiter: limiter.clone(), ruling: granted.ruling, waited }
    }

    /// The numbers of every rule.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.ruling.decision
    }

    /// How long the claim waited before it was granted.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// What keeps the slots, where they run out: under a rule with a lease, and at stores that several
    /// processes share. It tells when the slots may belong to others, and has a number for resources
    /// that can turn away holders who were overtaken.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        self.ruling.permit.as_ref().and_then(Permit::lease)
    }

    /// Whether the slots are still this holder's: they may be another's once their lease is over.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.lease().is_none_or(|lease| lease.is_valid(self.limiter.now()))
    }

    /// Says what the claim has cost in all, once that is known, under every rule that
    /// [settles](crate::Rule::settle): the difference to what was charged is taken, or given back at
    /// once. Other rules keep what they took. Slots stay until this is dropped.
    ///
    /// The first word counts. Tells whether there was something to settle, in time; the numbers of the
    /// [decision](Held::decision) follow.
    ///
    /// Without a word the charge stands: see [what is promised](crate::settle).
    ///
    /// ```
    /// use limiter_core::{Claim, Limiter, Policy, Rule, key::{Global, Key}, settle::Settle};
    ///
    /// let tokens = Rule::new("1000/min".parse()?).key(Global).settle(Settle::by_handler());
    /// let policy = Policy::new("tokens", [tokens])?;
    /// let limiter = Limiter::in_memory();
    ///
    /// // At most 400; 150 it was.
    /// let mut held = limiter.try_claim(&Claim::new(&policy, &Key::from("ada")).cost(400))?;
    /// assert_eq!(held.decision().usages()[0].remaining(), 600);
    /// assert!(held.settle(150));
    /// assert_eq!(held.decision().usages()[0].remaining(), 850);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn settle(&mut self, units: u64) -> bool {
        self.ruling.correct_by(|reservation| reservation.cost(units))
    }

    /// As [`Held::settle`], where rules say themselves what counts: the work went well.
    ///
    /// ```
    /// use limiter_core::{Limiter, Policy, Rule, key::{Global, Key}, settle::Settle};
    ///
    /// let failures = Rule::new("3/min".parse()?).key(Global).settle(Settle::failed());
    /// let policy = Policy::new("login", [failures])?;
    /// let limiter = Limiter::in_memory();
    /// for _ in 0..100 {
    ///     limiter.try_acquire(&policy, &Key::from("ada"))?.succeeded();
    /// }
    /// for _ in 0..3 {
    ///     limiter.try_acquire(&policy, &Key::from("ada"))?.failed();
    /// }
    /// assert!(limiter.try_acquire(&policy, &Key::from("ada")).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn succeeded(&mut self) -> bool {
        self.ruling.correct_by(|reservation| reservation.went(true))
    }

    /// As [`Held::succeeded`]: the work failed.
    pub fn failed(&mut self) -> bool {
        self.ruling.correct_by(|reservation| reservation.went(false))
    }

    /// What says the cost from elsewhere, such as from a task that reads a stream to its end, if a rule
    /// [leaves it to the handler](crate::settle::Settle::by_handler).
    #[must_use]
    pub fn settlement(&self) -> Option<Settlement> {
        self.ruling.settlement()
    }

    /// Gives everything back, as if the claim had not been made: slots, and what was charged.
    pub fn undo(mut self) {
        self.limiter.undo(&mut self.ruling);
    }

    /// Gives the slots back and waits until the store has them. Dropping does the same, and nobody
    /// hears if it fails.
    ///
    /// # Cancel safety
    ///
    /// The slots are on their way back from the first poll on.
    ///
    /// # Errors
    ///
    /// When the store could not be told; the slots then run out with their lease.
    pub async fn release(mut self) -> Result<(), StoreError> {
        match self.ruling.permit.take() {
            Some(permit) => permit.release().await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("permit", &self.ruling.permit)
            .field("waited", &self.waited)
            .finish_non_exhaustive()
    }
}
