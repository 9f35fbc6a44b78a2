//! Finds out whether one request is charged to the same budget twice, as by a layer around a router
//! and again around a route in it.

use core::sync::atomic::{AtomicU32, Ordering};

use smallvec::SmallVec;

use super::Limiter;
use crate::event::Warning;
use crate::policy::Policy;
use crate::rule::MethodClass;

/// The budgets that a request has come by so far. Travels with the request.
#[derive(Clone, Debug, Default)]
pub struct Applied(SmallVec<[u64; 4]>);

/// Where requests are counted, as to whether they are counted twice: the first of them are looked at.
#[derive(Debug, Default)]
pub struct AppliedWatch(AtomicU32);

/// A route that is limited twice is so from its first request on.
const LOOKED_AT: u32 = 200;

impl AppliedWatch {
    /// Whether enough requests were looked at.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= LOOKED_AT
    }

    /// Adds the budgets of `policy` that a request of this class is about to be charged to by `limiter`, and
    /// has `listener` warn of those that it has been charged to before.
    #[cold]
    pub fn note(
        &self,
        limiter: &Limiter,
        listener: &Limiter,
        policy: &Policy,
        class: MethodClass,
        applied: &mut Applied,
    ) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let Ok(prepared) = limiter.prepared(policy) else { return };
        let charged = prepared.rules.iter().filter(|rule| !rule.lifted && rule.class.counts(class));
        let charged: SmallVec<[_; 4]> = charged
            .map(|rule| (rule, limiter.inner.fingerprints.of_value(&(rule.budget, rule.key.describe()))))
            .collect();
        for (rule, budget) in &charged {
            if applied.0.contains(budget) {
                listener.warn(Warning::AppliedTwice { rule: rule.shown.name.clone() });
            }
        }
        applied.0.extend(charged.into_iter().map(|(_, budget)| budget));
    }
}
