//! The common case: one rule applies, and the store is in this process. The same decision as the
//! general one, made in place: nothing is collected, cloned or moved.

use super::permit::{Permit, Receipt};
use super::prepared::{Prepared, PreparedRule};
use super::ruling::{Ruling, charged, usage};
use super::{Limiter, StoreHandle};
use crate::algorithm::{Algorithm, Params, Verdict};
use crate::decision::{Decision, Source};
use crate::few::Few;
use crate::key::{Key, KeyContext};
use crate::store::memory::MemoryStore;
use crate::store::{Item, ItemReply, Mode, Reply, Subject};
use crate::time::Now;

/// One rule, and where it is counted.
pub(super) struct Alone<'a> {
    pub(super) limiter: &'a Limiter,
    pub(super) store: &'a MemoryStore,
    pub(super) rule: &'a PreparedRule,
    pub(super) params: &'a Params,
    pub(super) budget: u64,
    pub(super) request: Option<&'a KeyContext<'a>>,
}

impl Limiter {
    /// The only rule of a policy, asked without a request.
    #[inline]
    pub(super) fn alone<'a>(&'a self, prepared: &'a Prepared) -> Option<Alone<'a>> {
        match (&self.inner.store, prepared.rules.as_slice()) {
            (StoreHandle::Memory(store), [rule]) if !rule.lifted && !prepared.outlasts => {
                Some(Alone { limiter: self, store, rule, params: &rule.params, budget: rule.budget, request: None })
            }
            _ => None,
        }
    }
}

impl Alone<'_> {
    /// Whether the caller holds nothing after a decision.
    #[inline]
    pub(super) fn leaves_nothing(&self) -> bool {
        self.params.algorithm() != Algorithm::Concurrent
    }

    /// Decides, and forgets what was charged.
    #[inline]
    pub(super) fn decision(&self, key: &Key, cost: Option<u64>, mode: Mode) -> Decision {
        let item = self.item(key, cost.unwrap_or_else(|| self.rule.cost.constant()), mode);
        let now = self.limiter.inner.clock.read(item.params.needs_wall());
        let (allowed, reply) = self.store.decide_one(&item, now);
        if self.limiter.inner.observer.is_some() {
            self.tell(key, &self.made(&item, now, allowed, &reply));
        }
        self.made(&item, now, allowed, &reply)
    }

    /// Decides, and hands out what was charged.
    #[inline]
    pub(super) fn ruling(&self, key: &Key, cost: u64, mode: Mode) -> Reply<Ruling> {
        let item = self.item(key, cost, mode);
        let now = self.limiter.inner.clock.read(item.params.needs_wall());
        let (allowed, reply) = self.store.decide_one(&item, now);
        if self.limiter.inner.observer.is_some() {
            self.tell(key, &self.made(&item, now, allowed, &reply));
        }
        if !allowed || reply.verdict != Verdict::Allow || item.mode == Mode::Peek || cost == 0 {
            return Reply::Now(Ruling {
                decision: self.made(&item, now, allowed, &reply),
                receipt: Receipt { charges: Few::new(), local: false },
                permit: None,
                reservation: None,
            });
        }
        if self.leaves_nothing() {
            return Reply::Now(Ruling {
                decision: self.made(&item, now, allowed, &reply),
                receipt: Receipt { charges: Few::one(charged(&item, &reply, now)), local: false },
                permit: None,
                reservation: None,
            });
        }
        let slots = core::iter::once(charged(&item, &reply, now)).collect();
        Reply::Now(Ruling {
            decision: self.made(&item, now, allowed, &reply),
            receipt: Receipt { charges: Few::new(), local: false },
            permit: Some(Permit::new(self.limiter.clone(), slots, None, false)),
            reservation: None,
        })
    }

    #[inline(always)]
    fn item(&self, key: &Key, cost: u64, mode: Mode) -> Item {
        let (params, budget) = (*self.params, self.budget);
        Item {
            budget,
            subject: Subject::Local(self.limiter.inner.fingerprints.of(budget, key)),
            params,
            cost,
            mode: if self.rule.penalty && mode == Mode::Charge { Mode::Penalty } else { mode },
            at_ceiling: self.rule.at_ceiling,
        }
    }

    /// Written out where it is returned: a decision is large, and moving it costs more than making it.
    #[inline(always)]
    fn made(&self, item: &Item, now: Now, allowed: bool, reply: &ItemReply) -> Decision {
        Decision {
            allowed,
            source: Source::Store,
            degraded: false,
            denied: None,
            usages: Few::one(usage(self.rule, item, reply, now)),
        }
    }

    #[cold]
    #[inline(never)]
    fn tell(&self, key: &Key, decision: &Decision) {
        self.limiter.tell_keys(core::slice::from_ref(key), decision, self.request);
    }
}
