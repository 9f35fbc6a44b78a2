//! Claims: what several policies ask of one caller, taken all together or not at all.

use core::fmt;

use smallvec::SmallVec;

use super::Limiter;
use super::ask::Questions;
use super::decide::questions_by;
use super::prepared::Prepared;
use crate::key::Key;
use crate::policy::Policy;
use crate::quota::Quota;

/// Policies with the key that each goes by, such as one for everybody, one for a service, and one
/// for an endpoint. A claim is granted if all of them let it pass, and then all are charged; if one
/// refuses, none is.
///
/// ```
/// use limiter_core::limiter::Claim;
/// use limiter_core::{Limiter, Policy, Rule, key::{Global, Key}};
///
/// let everybody = Policy::new("everybody", [Rule::concurrent(100)])?;
/// let search = Policy::new("search", [Rule::concurrent(1).key(Global)])?;
/// let claim = Claim::new(&everybody, &Key::everyone()).and(&search, &Key::from("search"));
///
/// let limiter = Limiter::in_memory();
/// let held = limiter.try_claim(&claim)?;
/// let refused = limiter.try_claim(&claim).unwrap_err();
/// assert_eq!(refused.rule(), Some("search"));
/// drop(held);
/// assert!(limiter.try_claim(&claim).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Claim {
    parts: SmallVec<[Part; 1]>,
}

#[derive(Clone)]
pub(super) struct Part {
    pub(super) policy: Policy,
    pub(super) key: Key,
    pub(super) cost: Option<u64>,
    quota: Option<Quota>,
}

impl Part {
    fn new(policy: &Policy, key: &Key) -> Self {
        Part { policy: policy.clone(), key: key.clone(), cost: None, quota: None }
    }

    /// What is asked of each rule.
    pub(super) fn questions(&self, limiter: &Limiter, prepared: &Prepared) -> Questions {
        questions_by(prepared, &self.key, self.cost, |rule| match self.quota {
            Some(quota) => rule.caller_tier(limiter, quota),
            None => rule.stated_tier(),
        })
    }
}

impl Claim {
    /// What one policy asks.
    #[must_use]
    pub fn new(policy: &Policy, key: &Key) -> Self {
        Claim { parts: core::iter::once(Part::new(policy, key)).collect() }
    }

    /// And what another asks. Say the outermost first: refusals name the rules in this order.
    #[must_use]
    pub fn and(mut self, policy: &Policy, key: &Key) -> Self {
        self.parts.push(Part::new(policy, key));
        self
    }

    /// How many units each rule of the policy named last takes, instead of the rules' own cost.
    #[must_use]
    pub fn cost(mut self, cost: u64) -> Self {
        if let Some(last) = self.parts.last_mut() {
            last.cost = Some(cost);
        }
        self
    }

    /// The quota of this caller, which every rule of the policy named last that counts per time goes
    /// by instead of its own. A caller whose quota is [`Quota::UNLIMITED`] is exempt from those rules.
    /// What a caller has used stays used when the quota changes, as under [`Rule::quota_fn`](crate::Rule::quota_fn).
    ///
    /// ```
    /// use limiter_core::limiter::Claim;
    /// use limiter_core::{Algorithm, Limiter, Policy, Quota, Rule, key::{Global, Key}};
    ///
    /// let rule = Rule::new("1/min".parse()?).key(Global).algorithm(Algorithm::Fixed);
    /// let reports = Policy::new("reports", [rule])?;
    /// let (limiter, ada) = (Limiter::in_memory(), Key::from("ada"));
    /// let as_declared = Claim::new(&reports, &ada);
    /// assert!(limiter.try_claim(&as_declared).is_ok());
    /// assert!(limiter.try_claim(&as_declared).is_err());
    /// assert!(limiter.try_claim(&as_declared.quota(Quota::per_minute(2))).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn quota(mut self, quota: Quota) -> Self {
        if let Some(last) = self.parts.last_mut() {
            last.quota = Some(quota);
        }
        self
    }

    /// One part by itself.
    pub(super) fn alone(part: &Part) -> Self {
        Claim { parts: core::iter::once(part.clone()).collect() }
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|part| (part.policy.identity(), &part.key))).finish()
    }
}
