//! Acquiring without waiting.

use std::time::Duration;

use super::Limiter;
use super::claim::Claim;
use super::exceeded::{Exceeded, RateLimitExceeded};
use super::granted::Granted;
use super::held::Held;
use crate::key::Key;
use crate::policy::Policy;
use crate::store::{BoxFuture, Mode, Reply};

impl Limiter {
    /// Takes what a policy asks of a key, or says why not and when to try again. Every rule takes its
    /// constant cost, or 1 where the cost is worked out from a request.
    ///
    /// It does not push in: while others [wait](Limiter::acquire) for the same, it is refused. With a
    /// store that answers later it is refused too: use [`Limiter::acquire`] there.
    ///
    /// # Errors
    ///
    /// When a rule refuses, when others wait, or when the store cannot answer at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use limiter_core::{Limiter, Policy, Rule, key::Key};
    ///
    /// let (limiter, slots) = (Limiter::in_memory(), Policy::new("slots", [Rule::concurrent(1)])?);
    /// let held = limiter.try_acquire(&slots, &Key::everyone())?;
    /// assert!(limiter.try_acquire(&slots, &Key::everyone()).is_err());
    /// drop(held);
    /// assert!(limiter.try_acquire(&slots, &Key::everyone()).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_acquire(&self, policy: &Policy, key: &Key) -> Result<Held, RateLimitExceeded> {
        self.try_claim(&Claim::new(policy, key))
    }

    /// As [`Limiter::try_acquire`], for several policies: all are charged or none is.
    ///
    /// # Errors
    ///
    /// As [`Limiter::try_acquire`].
    pub fn try_claim(&self, claim: &Claim) -> Result<Held, RateLimitExceeded> {
        #[cfg(feature = "wait")]
        if self.inner.lines.waiting() > 0 && self.first_occupied(&self.paths_of(claim)).is_some() {
            return Err(self.refuse(self.refused_unasked(claim), Exceeded::OthersWait, Duration::ZERO));
        }
        let granted = match self.ask_claim(claim, Mode::Charge) {
            Reply::Now(granted) => granted,
            // Nobody waits for the answer; whatever it grants is given back.
            Reply::Later(answer) => {
                self.abandon(answer);
                return Err(self.refuse(Granted::default(), Exceeded::StoreFailed, Duration::ZERO));
            }
        };
        if granted.ruling.decision.is_allowed() {
            return Ok(self.hold(granted, Duration::ZERO));
        }
        let reason = RateLimitExceeded::reason_of(&granted.ruling.decision);
        Err(self.refuse(granted, reason, Duration::ZERO))
    }

    /// What is granted to nobody is given back.
    fn abandon(&self, answer: BoxFuture<Granted>) {
        #[cfg(feature = "wait")]
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let limiter = self.clone();
            runtime.spawn(async move { limiter.undo(&mut answer.await.ruling) });
            return;
        }
        drop(answer);
    }

    pub(super) fn hold(&self, granted: Granted, waited: Duration) -> Held {
        self.tell_claim(&granted);
        Held::new(self, granted, waited)
    }

    pub(super) fn refuse(&self, granted: Granted, reason: Exceeded, waited: Duration) -> RateLimitExceeded {
        self.tell_claim(&granted);
        RateLimitExceeded::new(granted, reason, waited)
    }
}
