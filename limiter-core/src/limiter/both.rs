//! The second most common case: two rules apply, and the store is in this process. As for one rule,
//! the decision is made in place.

use super::permit::Receipt;
use super::prepared::{Prepared, PreparedRule};
use super::ruling::{Ruling, charge, is_charged, usage};
use super::{Limiter, StoreHandle};
use crate::decision::{Decision, Source};
use crate::few::Few;
use crate::key::Key;
use crate::store::memory::{MemoryStore, Single};
use crate::store::{ItemReply, Mode, Subject};
use crate::time::Now;

/// Two rules, and where each counts a key. Neither holds slots.
pub(super) struct Both<'a> {
    limiter: &'a Limiter,
    store: &'a MemoryStore,
    sides: [Side<'a>; 2],
}

/// One of the two.
struct Side<'a> {
    rule: &'a PreparedRule,
    fingerprint: u64,
    cost: u64,
}

impl Limiter {
    /// The two rules of a policy, asked about one key without a request.
    #[inline(always)]
    pub(super) fn both<'a>(&'a self, prepared: &'a Prepared, key: &Key, cost: Option<u64>) -> Option<Both<'a>> {
        let (StoreHandle::Memory(store), Some(rules)) = (&self.inner.store, prepared.pair()) else { return None };
        let prints = self.inner.fingerprints.under_both([rules[0].start, rules[1].start], key);
        Some(Both::new(self, store, rules, prints, cost))
    }

    /// What `both` decide if a key is new, or somebody is told. `None` if the case is not common, and then
    /// nothing has happened. Handing on all that was worked out would put it into memory, though hardly
    /// anybody calls.
    #[inline(never)]
    #[expect(clippy::too_many_arguments, reason = "as above")]
    pub(super) fn decide_both(
        &self,
        prepared: &Prepared,
        key: &Key,
        cost: Option<u64>,
        mode: Mode,
        first: u64,
        second: u64,
        now: Now,
    ) -> Option<Decision> {
        let (StoreHandle::Memory(store), Some(rules)) = (&self.inner.store, prepared.pair()) else { return None };
        let both = Both::new(self, store, rules, [first, second], cost);
        let (allowed, replies) = both.store.decide_pair(&both.pair(mode), now)?;
        both.tell(key, now, allowed, &replies);
        Some(both.made(now, allowed, &replies))
    }

    /// The same, with what was charged.
    #[inline(always)]
    pub(super) fn rule_both(&self, prepared: &Prepared, key: &Key, cost: u64, mode: Mode) -> Option<Ruling> {
        let both = self.both(prepared, key, Some(cost))?;
        let (pair, now) = (both.pair(mode), both.now());
        let (allowed, replies) = both.store.decide_pair(&pair, now)?;
        both.tell(key, now, allowed, &replies);
        let mut charges = Few::new();
        for (single, reply) in pair.iter().zip(&replies) {
            if is_charged(single.mode, single.cost, allowed, reply) {
                charges.push(charge(*single, now, reply));
            }
        }
        let receipt = Receipt { charges, local: false };
        Some(Ruling { decision: both.made(now, allowed, &replies), receipt, permit: None, reservation: None })
    }
}

impl<'a> Both<'a> {
    #[inline(always)]
    fn new(
        limiter: &'a Limiter,
        store: &'a MemoryStore,
        rules: [&'a PreparedRule; 2],
        prints: [u64; 2],
        cost: Option<u64>,
    ) -> Self {
        let side = |at: usize| {
            let (rule, fingerprint) = (rules[at], prints[at]);
            Side { rule, fingerprint, cost: cost.unwrap_or(rule.constant_cost) }
        };
        Both { limiter, store, sides: [side(0), side(1)] }
    }

    /// Decides about a key that both rules know, where nobody is told.
    #[inline(always)]
    pub(super) fn known(&self, mode: Mode, now: Now) -> Option<(bool, [ItemReply; 2])> {
        if self.limiter.inner.observer.is_some() {
            return None;
        }
        self.store.decide_known_pair(&self.pair(mode), now)
    }

    #[inline(always)]
    pub(super) fn fingerprints(&self) -> [u64; 2] {
        [self.sides[0].fingerprint, self.sides[1].fingerprint]
    }

    #[inline(always)]
    fn pair(&self, mode: Mode) -> [Single<'a>; 2] {
        let single = |Side { rule, fingerprint, cost }: &Side<'a>| {
            rule.single(&rule.params, rule.budget, *fingerprint, *cost, mode)
        };
        [single(&self.sides[0]), single(&self.sides[1])]
    }

    #[inline(always)]
    pub(super) fn now(&self) -> Now {
        let [first, second] = &self.sides;
        self.limiter.inner.clock.read(first.rule.params.needs_wall() || second.rule.params.needs_wall())
    }

    #[inline(always)]
    pub(super) fn made(&self, now: Now, allowed: bool, replies: &[ItemReply; 2]) -> Decision {
        let usage = |Side { rule, fingerprint, cost }: &Side<'_>, reply| {
            usage(rule, &rule.params, *cost, Subject::Local(*fingerprint), reply, now)
        };
        Decision {
            allowed,
            source: Source::Store,
            degraded: false,
            denied: None,
            usages: Few::two(usage(&self.sides[0], &replies[0]), usage(&self.sides[1], &replies[1])),
        }
    }

    #[inline]
    fn tell(&self, key: &Key, now: Now, allowed: bool, replies: &[ItemReply; 2]) {
        if self.limiter.inner.observer.is_some() {
            let keys = [key.clone(), key.clone()];
            self.limiter.tell_keys(&keys, &self.made(now, allowed, replies), None);
        }
    }
}
