//! What a granted claim holds.

use core::fmt;
use std::time::Duration;

use super::claim::Granted;
use super::ruling::Ruling;
use super::{Limiter, Permit};
use crate::decision::Decision;
use crate::store::{Lease, StoreError};

/// A granted claim. The slots of concurrent limits are given back when it is dropped, however that
/// comes about: at the end of a scope, by an error, by cancellation, by a panic. What was charged to
/// other limits stays charged.
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
