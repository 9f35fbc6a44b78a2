//! The second most common case: two rules apply, and the store is in this process. As for one rule,
//! the decision is made in place.

use super::permit::Receipt;
use super::prepared::{Prepared, PreparedRule};
use super::ruling::{Ruling, charge, is_charged, usage};
use super::{Limiter, StoreHandle};
use crate::algorithm::Params;
use crate::decision::{Decision, Source};
use crate::few::Few;
use crate::key::{Key, KeyContext};
use crate::store::memory::{MemoryStore, Single};
use crate::store::{ItemReply, Mode, Subject};
use crate::time::Now;

/// Two rules, and where each is counted. Neither holds slots.
pub(super) struct Both<'a> {
    pub(super) limiter: &'a Limiter,
    pub(super) store: &'a MemoryStore,
    pub(super) sides: [Side<'a>; 2],
    pub(super) request: Option<&'a KeyContext<'a>>,
}

/// One of the two.
pub(super) struct Side<'a> {
    pub(super) rule: &'a PreparedRule,
    pub(super) params: &'a Params,
    pub(super) budget: u64,
    pub(super) key: &'a Key,
    pub(super) fingerprint: u64,
    pub(super) cost: u64,
}

impl Limiter {
    /// The two rules of a policy, asked about one key without a request.
    #[inline(always)]
    pub(super) fn both<'a>(&'a self, prepared: &'a Prepared, key: &'a Key, cost: Option<u64>) -> Option<Both<'a>> {
        let (StoreHandle::Memory(store), Some(rules)) = (&self.inner.store, prepared.pair()) else { return None };
        let prints = self.inner.fingerprints.under_both([rules[0].start, rules[1].start], key);
        let side = |rule: &'a PreparedRule, fingerprint| Side {
            rule,
            params: &rule.params,
            budget: rule.budget,
            key,
            fingerprint,
            cost: cost.unwrap_or(rule.constant_cost),
        };
        Some(Both {
            limiter: self,
            store,
            sides: [side(rules[0], prints[0]), side(rules[1], prints[1])],
            request: None,
        })
    }
}

impl Side<'_> {
    #[inline]
    fn single(&self, mode: Mode) -> Single<'_> {
        self.rule.single(self.params, self.budget, self.fingerprint, self.cost, mode)
    }
}

impl Both<'_> {
    /// Decides, and forgets what was charged. `None` if the case is not common, and then nothing has
    /// happened.
    #[inline(always)]
    pub(super) fn decision(&self, mode: Mode) -> Option<Decision> {
        let pair = self.pair(mode);
        let now = self.now();
        let (allowed, replies) = self.store.decide_pair(&pair, now)?;
        if self.limiter.inner.observer.is_some() {
            self.tell(&self.made(now, allowed, &replies));
        }
        Some(self.made(now, allowed, &replies))
    }

    /// Decides, and hands out what was charged; `None` as above.
    #[inline(always)]
    pub(super) fn ruling(&self, mode: Mode) -> Option<Ruling> {
        let pair = self.pair(mode);
        let now = self.now();
        let (allowed, replies) = self.store.decide_pair(&pair, now)?;
        if self.limiter.inner.observer.is_some() {
            self.tell(&self.made(now, allowed, &replies));
        }
        let mut charges = Few::new();
        for (single, reply) in pair.iter().zip(&replies) {
            if is_charged(single.mode, single.cost, allowed, reply) {
                charges.push(charge(*single, now, reply));
            }
        }
        let receipt = Receipt { charges, local: false };
        Some(Ruling { decision: self.made(now, allowed, &replies), receipt, permit: None, reservation: None })
    }

    #[inline(always)]
    fn pair(&self, mode: Mode) -> [Single<'_>; 2] {
        [self.sides[0].single(mode), self.sides[1].single(mode)]
    }

    #[inline]
    fn now(&self) -> Now {
        self.limiter.inner.clock.read(self.sides[0].params.needs_wall() || self.sides[1].params.needs_wall())
    }

    #[inline(always)]
    fn made(&self, now: Now, allowed: bool, replies: &[ItemReply; 2]) -> Decision {
        let usage = |side: &Side<'_>, reply| {
            usage(side.rule, side.params, side.cost, Subject::Local(side.fingerprint), reply, now)
        };
        Decision {
            allowed,
            source: Source::Store,
            degraded: false,
            denied: None,
            usages: Few::two(usage(&self.sides[0], &replies[0]), usage(&self.sides[1], &replies[1])),
        }
    }

    #[cold]
    #[inline(never)]
    fn tell(&self, decision: &Decision) {
        let keys = [self.sides[0].key.clone(), self.sides[1].key.clone()];
        self.limiter.tell_keys(&keys, decision, self.request);
    }
}
