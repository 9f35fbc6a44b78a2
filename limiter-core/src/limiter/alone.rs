//! The common case: one rule applies, and the store is in this process. The same decision as the
//! general one, made in place: nothing is collected, cloned or moved.

use super::permit::{Permit, Receipt};
use super::prepared::{Prepared, PreparedRule};
use super::ruling::{Ruling, charge, is_charged, usage};
use super::{Limiter, StoreHandle};
use crate::algorithm::{Algorithm, Params};
use crate::decision::{Decision, Source};
use crate::few::Few;
use crate::key::{Key, KeyContext};
use crate::store::memory::{MemoryStore, Single, Unknown, again};
use crate::store::{ItemReply, Mode, Place, Reply, Subject};
use crate::time::Now;

/// One rule, and where it is counted.
pub(super) struct Alone<'a> {
    pub(super) limiter: &'a Limiter,
    pub(super) store: &'a MemoryStore,
    pub(super) rule: &'a PreparedRule,
    pub(super) params: &'a Params,
    pub(super) budget: u64,
    pub(super) key: &'a Key,
    pub(super) fingerprint: u64,
    pub(super) request: Option<&'a KeyContext<'a>>,
}

impl Limiter {
    /// The only rule of a policy, asked about a key without a request.
    #[inline(always)]
    pub(super) fn alone<'a>(&'a self, prepared: &'a Prepared, key: &'a Key) -> Option<Alone<'a>> {
        let (StoreHandle::Memory(store), Some(rule)) = (&self.inner.store, prepared.only()) else { return None };
        Some(Alone {
            limiter: self,
            store,
            rule,
            params: &rule.params,
            budget: rule.budget,
            key,
            fingerprint: self.inner.fingerprints.under(rule.start, key),
            request: None,
        })
    }
}

impl Alone<'_> {
    /// Whether the caller holds nothing after a decision.
    #[inline]
    pub(super) fn leaves_nothing(&self) -> bool {
        self.params.algorithm() != Algorithm::Concurrent
    }

    /// Decides, and forgets what was charged.
    #[inline(always)]
    pub(super) fn decision(&self, cost: Option<u64>, mode: Mode) -> Decision {
        let single = self.single(cost.unwrap_or(self.rule.constant_cost), mode);
        let now = self.limiter.inner.clock.read(self.params.needs_wall());
        if self.limiter.inner.observer.is_some() {
            return self.told(again(single), now);
        }
        match self.store.decide_known(single, now) {
            Ok((allowed, reply)) => self.made(single, now, allowed, &reply),
            Err(unknown) => self.unknown(unknown, again(single), now),
        }
    }

    #[inline(never)]
    fn unknown(&self, unknown: Unknown<'_>, single: Single<'_>, now: Now) -> Decision {
        let (allowed, reply) = self.store.decide_unknown(unknown, single, now);
        self.made(single, now, allowed, &reply)
    }

    #[cold]
    #[inline(never)]
    fn told(&self, single: Single<'_>, now: Now) -> Decision {
        let (allowed, reply) = self.store.decide_one(single, now);
        let decision = self.made(single, now, allowed, &reply);
        self.tell(&decision);
        decision
    }

    /// Decides, and hands out what was charged.
    #[inline(always)]
    pub(super) fn ruling(&self, cost: u64, mode: Mode) -> Reply<Ruling> {
        let single = self.single(cost, mode);
        let now = self.limiter.inner.clock.read(self.params.needs_wall());
        match self.store.decide_known(single, now) {
            Ok((allowed, reply)) => {
                if self.limiter.inner.observer.is_some() {
                    self.tell(&self.made(again(single), now, allowed, &reply));
                }
                self.held(single, now, allowed, &reply)
            }
            Err(unknown) => self.unknown_ruling(unknown, again(single), now),
        }
    }

    #[inline(never)]
    fn unknown_ruling(&self, unknown: Unknown<'_>, single: Single<'_>, now: Now) -> Reply<Ruling> {
        let (allowed, reply) = self.store.decide_unknown(unknown, single, now);
        if self.limiter.inner.observer.is_some() {
            self.tell(&self.made(single, now, allowed, &reply));
        }
        if self.leaves_nothing() || !is_charged(single.mode, single.cost, allowed, &reply) {
            return self.held(single, now, allowed, &reply);
        }
        let permit = if single.params.lease().is_none() && reply.place == Place::Own {
            Permit::here(self.limiter.clone(), single.fingerprint, single.cost)
        } else {
            self.permit(single, now, &reply)
        };
        Reply::Now(Ruling {
            decision: self.made(single, now, allowed, &reply),
            receipt: Receipt { charges: Few::new(), local: false },
            permit: Some(permit),
            reservation: None,
        })
    }

    #[inline(never)]
    fn permit(&self, single: Single<'_>, now: Now, reply: &ItemReply) -> Permit {
        let lease = self.limiter.lease_of(&[charge(single, now, reply)]);
        Permit::new(self.limiter.clone(), Few::one(charge(single, now, reply)), lease, false)
    }

    /// What follows where no slots are held.
    #[inline(always)]
    fn held(&self, single: Single<'_>, now: Now, allowed: bool, reply: &ItemReply) -> Reply<Ruling> {
        let charges = if is_charged(single.mode, single.cost, allowed, reply) {
            Few::one(charge(single, now, reply))
        } else {
            Few::new()
        };
        Reply::Now(Ruling {
            decision: self.made(single, now, allowed, reply),
            receipt: Receipt { charges, local: false },
            permit: None,
            reservation: None,
        })
    }

    #[inline(always)]
    fn single(&self, cost: u64, mode: Mode) -> Single<'_> {
        self.rule.single(self.params, self.budget, self.fingerprint, cost, mode)
    }

    /// Written out where it is returned: a decision is large, and moving it costs more than making it.
    #[inline(always)]
    fn made(&self, single: Single<'_>, now: Now, allowed: bool, reply: &ItemReply) -> Decision {
        let subject = Subject::Local(single.fingerprint);
        Decision {
            allowed,
            source: Source::Store,
            degraded: false,
            denied: None,
            usages: Few::one(usage(self.rule, single.params, single.cost, subject, reply, now)),
        }
    }

    #[cold]
    #[inline(never)]
    fn tell(&self, decision: &Decision) {
        self.limiter.tell_keys(core::slice::from_ref(self.key), decision, self.request);
    }
}
