//! What a rule counts a caller by: its own quota, or one that is the caller's.

use http::request::Parts;

use super::{Limiter, PreparedRule};
use crate::algorithm::Params;
use crate::event::Warning;
use crate::key::Key;
use crate::policy;
use crate::quota::Quota;
use crate::store::Subject;

/// What one request's rule counts by.
#[derive(Clone, Copy)]
pub(in crate::limiter) struct Tier {
    pub(in crate::limiter) params: Params,
    pub(in crate::limiter) budget: u64,
}

impl PreparedRule {
    /// The quota for a request; `None` if it is exempt.
    #[inline]
    pub(in crate::limiter) fn tier(&self, limiter: &Limiter, parts: &Parts) -> Option<Tier> {
        match &self.tiers {
            None => self.stated_tier(),
            Some(quota) => self.caller_tier(limiter, quota(parts)),
        }
    }

    /// The quota of a caller whose own is known; `None` if the caller is exempt. Slots have no quota.
    pub(in crate::limiter) fn caller_tier(&self, limiter: &Limiter, quota: Quota) -> Option<Tier> {
        match self.quota {
            Some(declared) if declared != quota => self.tier_of(limiter, quota),
            _ => self.stated_tier(),
        }
    }

    /// The quota that goes for all; `None` if it is lifted.
    #[inline]
    pub(in crate::limiter) fn stated_tier(&self) -> Option<Tier> {
        (!self.lifted).then(|| self.default_tier())
    }

    /// The quota where nothing is known of the caller.
    pub(in crate::limiter) fn default_tier(&self) -> Tier {
        Tier { params: self.params, budget: self.budget }
    }

    /// A quota in the place of the declared one; `None` if it is without limit.
    pub(in crate::limiter) fn tier_of(&self, limiter: &Limiter, quota: Quota) -> Option<Tier> {
        if quota.is_unlimited() {
            return None;
        }
        let spaced = policy::spaced(quota, self.spacing);
        let params = match spaced.and_then(|quota| Params::new(self.params.algorithm(), quota)) {
            Ok(params) => params,
            Err(mismatch) => {
                limiter.warn(Warning::CallerQuota { rule: self.shown.name.clone(), reason: mismatch.to_string() });
                return self.stated_tier();
            }
        };
        if !limiter.inner.store.capabilities().counts(&params) {
            let reason = "the store cannot count so large a capacity or so long a period exactly".to_owned();
            limiter.warn(Warning::CallerQuota { rule: self.shown.name.clone(), reason });
            return self.stated_tier();
        }
        let budget = if shape(&params) == shape(&self.params) {
            self.budget
        } else {
            limiter.inner.fingerprints.of_value(&(self.budget, shape(&params)))
        };
        Some(Tier { params, budget })
    }

    /// The budget of a key in words, for stores that several processes share.
    pub(in crate::limiter) fn named(&self, params: &Params, key: &Key) -> Subject {
        // Mostly it is the very same.
        if *params == self.params || shape(params) == shape(&self.params) {
            return Subject::under(&self.identity, key.clone());
        }
        Subject::named(format!("{} tier {:?}", self.identity.words, shape(params)), key.clone())
    }
}

/// What counts cannot be carried across: they mean nothing in a window of another length.
pub(super) type Shape = (&'static str, u64, Option<i32>);

pub(super) fn shape(params: &Params) -> Shape {
    // Slots that run out are remembered in another way than slots that do not.
    let period = if params.lease().is_some() { 1 } else { params.period() };
    (params.algorithm().name(), period, params.offset())
}
