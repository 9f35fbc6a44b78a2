//! The common case: one rule applies, and the store is in this process. The same decision as the
//! general one, made in place: nothing is collected, cloned or moved.

use super::decide::{Ruling, charged, usage};
use super::permit::{Permit, Receipt};
use super::prepared::{Prepared, PreparedRule, Tier};
use super::{Limiter, StoreHandle};
use crate::algorithm::{Algorithm, Verdict};
use crate::decision::{Decision, Source};
use crate::few::Few;
use crate::key::{Key, KeyContext};
use crate::store::memory::MemoryStore;
use crate::store::{Charged, Item, ItemReply, Mode, Reply, Subject};
use crate::time::Now;

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
        let asked = self.ask(key, cost.unwrap_or_else(|| self.rule.cost.constant()), mode);
        if self.limiter.inner.observer.is_some() {
            self.tell(key, &asked.decision(self.rule));
        }
        asked.decision(self.rule)
    }

    /// Decides, and hands out what was charged.
    #[inline]
    pub(super) fn ruling(&self, key: &Key, cost: u64, mode: Mode) -> Reply<Ruling> {
        let asked = self.ask(key, cost, mode);
        if self.limiter.inner.observer.is_some() {
            self.tell(key, &asked.decision(self.rule));
        }
        if !asked.holds() {
            let receipt = Receipt { charges: Few::new(), local: false };
            return Reply::Now(Ruling { decision: asked.decision(self.rule), receipt, permit: None });
        }
        if self.leaves_nothing() {
            return Reply::Now(Ruling {
                decision: asked.decision(self.rule),
                receipt: Receipt { charges: Few::one(asked.charge()), local: false },
                permit: None,
            });
        }
        let slots = core::iter::once(asked.charge()).collect();
        Reply::Now(Ruling {
            decision: asked.decision(self.rule),
            receipt: Receipt { charges: Few::new(), local: false },
            permit: Some(Permit::new(self.limiter.clone(), slots, false)),
        })
    }

    #[cold]
    #[inline(never)]
    fn tell(&self, key: &Key, decision: &Decision) {
        self.limiter.tell_keys(core::slice::from_ref(key), decision, self.request);
    }

    #[inline]
    fn ask(&self, key: &Key, cost: u64, mode: Mode) -> Asked {
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
        Asked { item, now, allowed, reply }
    }
}

/// What was asked and answered.
struct Asked {
    item: Item,
    now: Now,
    allowed: bool,
    reply: ItemReply,
}

impl Asked {
    /// Whether the caller holds something that can be given back.
    #[inline]
    fn holds(&self) -> bool {
        let charged = self.item.mode != Mode::Peek && self.item.cost > 0;
        self.allowed && self.reply.verdict == Verdict::Allow && charged
    }

    #[inline(always)]
    fn decision(&self, rule: &PreparedRule) -> Decision {
        Decision {
            allowed: self.allowed,
            source: Source::Store,
            degraded: false,
            usages: Few::one(usage(rule, &self.item, &self.reply, self.now)),
        }
    }

    #[inline]
    fn charge(&self) -> Charged {
        charged(&self.item, &self.reply, self.now)
    }
}
