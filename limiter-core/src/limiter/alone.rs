//! The common case: one rule applies, and the store is in this process. The same decision as the
//! general one, made in place: nothing is collected, cloned or moved.

use smallvec::SmallVec;

use super::decide::{Ruling, charged, usage};
use super::permit::Permit;
use super::prepared::{Prepared, PreparedRule, Tier};
use super::{Limiter, StoreHandle};
use crate::algorithm::{Algorithm, Verdict};
use crate::decision::Decision;
use crate::key::{Key, KeyContext};
use crate::store::memory::MemoryStore;
use crate::store::{Charged, Item, Mode, Reply, Subject};

/// One rule, and where it is counted.
pub(super) struct Alone<'a> {
    pub(super) limiter: &'a Limiter,
    pub(super) store: &'a MemoryStore,
    pub(super) rule: &'a PreparedRule,
    pub(super) tier: Tier,
    pub(super) request: Option<&'a KeyContext<'a>>,
}

impl Limiter {
    /// The only rule of a policy, asked without a request.
    #[inline]
    pub(super) fn alone<'a>(&'a self, prepared: &'a Prepared) -> Option<Alone<'a>> {
        match (&self.inner.store, prepared.rules.as_slice()) {
            (StoreHandle::Memory(store), [rule]) if !rule.lifted => {
                Some(Alone { limiter: self, store, rule, tier: rule.default_tier(), request: None })
            }
            _ => None,
        }
    }
}

impl Alone<'_> {
    /// Whether the caller holds nothing after a decision.
    #[inline]
    pub(super) fn leaves_nothing(&self) -> bool {
        self.tier.params.algorithm() != Algorithm::Concurrent
    }

    /// Decides, and forgets what was charged.
    #[inline]
    pub(super) fn decision(&self, key: &Key, cost: Option<u64>, mode: Mode) -> Decision {
        let mut decision = Decision::default();
        let cost = cost.unwrap_or_else(|| self.rule.cost.constant());
        self.decide(key, cost, mode, &mut decision);
        self.limiter.tell_keys(core::slice::from_ref(key), &decision, self.request);
        decision
    }

    /// Decides, and hands out what was charged.
    pub(super) fn rule(&self, key: &Key, cost: u64, mode: Mode) -> Reply<Ruling> {
        let mut reply = Reply::Now(Ruling::default());
        if let Reply::Now(ruling) = &mut reply {
            let charge = self.decide(key, cost, mode, &mut ruling.decision);
            match charge {
                None => {}
                Some(slot) if !self.leaves_nothing() => {
                    let mut slots = SmallVec::new();
                    slots.push(slot);
                    ruling.permit = Some(Permit::new(self.limiter.clone(), slots, false));
                }
                Some(charge) => ruling.receipt.charges.push(charge),
            }
            self.limiter.tell_keys(core::slice::from_ref(key), &ruling.decision, self.request);
        }
        reply
    }

    #[inline]
    fn decide(&self, key: &Key, cost: u64, mode: Mode, decision: &mut Decision) -> Option<Charged> {
        let Tier { params, budget } = self.tier;
        let item = Item {
            budget,
            subject: Subject::Local(self.limiter.inner.fingerprints.of(budget, key)),
            params,
            cost,
            mode: if self.rule.penalty && mode == Mode::Charge { Mode::Penalty } else { mode },
            at_ceiling: self.rule.at_ceiling,
        };
        let now = self.limiter.inner.clock.read(params.needs_wall());
        let (allowed, reply) = self.store.decide_one(&item, now);
        decision.allowed = allowed;
        decision.usages.push(usage(self.rule, &item, &reply, now));
        let holds = allowed && reply.verdict == Verdict::Allow && item.mode != Mode::Peek && cost > 0;
        holds.then(|| charged(&item, &reply, now))
    }
}
