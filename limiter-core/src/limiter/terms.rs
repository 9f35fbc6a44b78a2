//! Decisions in which each rule of a policy is asked about a key of its own, at a quota of its own.

use super::ask::{Asked, Questions};
use super::{Limiter, Ruling};
use crate::key::Key;
use crate::policy::Policy;
use crate::quota::Quota;
use crate::store::{Mode, Reply};

/// One rule of a policy, with who is asked about and on what terms.
///
/// ```
/// use limiter_core::key::Key;
/// use limiter_core::{Algorithm, Terms, Limiter, Policy, Quota, Reply, Rule};
///
/// let hourly = |count| Quota::per_hour(count);
/// let policy = Policy::new("spend", [
///     Rule::new(hourly(100)).algorithm(Algorithm::Fixed).named("company"),
///     Rule::new(hourly(10)).algorithm(Algorithm::Fixed).named("user"),
/// ])?;
/// let limiter = Limiter::in_memory();
/// let terms = [Terms::new(0, Key::from("acme")).quota(hourly(250)), Terms::new(1, Key::from(101u64))];
/// let Reply::Now(ruling) = limiter.decide_on(&policy, &terms) else { unreachable!() };
/// assert_eq!(ruling.decision.usages()[0].limit(), 250);
/// assert_eq!(ruling.decision.usages()[1].remaining(), 9);
/// # Ok::<(), limiter_core::PolicyError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Terms {
    rule: usize,
    key: Key,
    cost: Option<u64>,
    quota: Option<Quota>,
}

impl Terms {
    /// Asks the rule at this place of the policy, counted from 0, about a key. A place that the
    /// policy does not have asks nothing.
    pub fn new(rule: usize, key: Key) -> Self {
        Terms { rule, key, cost: None, quota: None }
    }

    /// For so many units, in the place of the rule's own cost.
    pub fn cost(mut self, cost: u64) -> Self {
        self.cost = Some(cost);
        self
    }

    /// At this quota, in the place of the rule's. [`Quota::UNLIMITED`] asks nothing. One that the
    /// rule's algorithm cannot count is reported, and the rule's own holds.
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quota = Some(quota);
        self
    }
}

impl Limiter {
    /// Decides about several rules of a policy in one step, each about a key of its own: all are
    /// charged or none is. Rules that no terms name are not asked.
    ///
    /// # Cancel safety
    ///
    /// As [`Limiter::decide`].
    pub fn decide_on(&self, policy: &Policy, terms: &[Terms]) -> Reply<Ruling> {
        let Ok(prepared) = self.prepared(policy) else { return Reply::Now(Ruling::default()) };
        let mut asked = Questions::new();
        for one in terms {
            let Some(rule) = prepared.rules.get(one.rule) else { continue };
            let tier = match one.quota {
                Some(quota) => rule.tier_of(self, quota),
                None => rule.stated_tier(),
            };
            let Some(tier) = tier else { continue };
            let cost = one.cost.unwrap_or_else(|| rule.cost.constant());
            let shadow = rule.is_shadow_for(&one.key);
            asked.push(Asked { rule: one.rule, key: one.key.clone(), cost, tier, shadow });
        }
        self.ask(policy, prepared, &mut asked, Mode::Charge, None)
    }
}
