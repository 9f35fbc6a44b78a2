//! Several keys at once, each decided about by itself.

use super::Limiter;
use super::ruling::Ruling;
use crate::joined::Joined;
use crate::key::Key;
use crate::policy::Policy;
use crate::store::Reply;

impl Limiter {
    /// Decides about several keys under the rules of a policy, each at a cost of its own: what
    /// [`Limiter::decide_key`] would say of one after the other, in their order.
    ///
    /// Every key has a decision of its own: those that pass are charged whatever becomes of the others. Who
    /// wants all or none asks a [`Claim`](super::Claim), or one policy with several rules.
    ///
    /// At a store on the network all questions are under way before the first is answered: one round trip to
    /// each server, however many keys there are. A key that is named twice takes one more, since the second
    /// question waits for the first. The deadline holds for each: keys that a store does not get to in time
    /// are decided by their rules' choice for store errors.
    ///
    /// # Cancel safety
    ///
    /// Dropping a pending answer may leave any of the charges standing; slots come back by themselves.
    ///
    /// # Examples
    ///
    /// ```
    /// use limiter_core::{Limiter, Policy, Reply, Rule, key::Key};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let limiter = Limiter::in_memory();
    /// let mails = Policy::new("mails", [Rule::new("100/day".parse()?)])?;
    /// let (alice, bob) = (Key::from("alice"), Key::from("bob"));
    /// let rulings = match limiter.decide_keys(&mails, [(&alice, 1), (&bob, 500), (&alice, 99)]) {
    ///     Reply::Now(rulings) => rulings,
    ///     Reply::Later(rulings) => rulings.await,
    /// };
    /// let allowed: Vec<bool> = rulings.iter().map(|ruling| ruling.decision.is_allowed()).collect();
    /// assert_eq!(allowed, [true, false, true]);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(run())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decide_keys<'a>(
        &self,
        policy: &Policy,
        asked: impl IntoIterator<Item = (&'a Key, u64)>,
    ) -> Reply<Vec<Ruling>> {
        Joined::of(asked.into_iter().map(|(key, cost)| self.decide_key(policy, key, cost)))
    }
}
