//! One rule, and a store that may be elsewhere: the same decision as the general one, without what it
//! costs to be ready for several rules.

use super::Limiter;
use super::ask::{Asked, Questions};
use super::permit::Receipt;
use super::prepared::{Prepared, PreparedRule, Tier};
use super::ruling::{Ruling, usage};
use crate::algorithm::{Algorithm, Verdict};
use crate::decision::{Decision, Source};
use crate::few::Few;
use crate::key::{Key, KeyContext};
use crate::policy::Policy;
use crate::store::{
    Answer, Charged, Decide, Decided, Item, ItemReply, Mode, Operation, Reply, Store, StoreError, Subject,
};
use crate::time::Now;

/// The only rule that applies, and where it is counted.
pub(super) struct Afar<'a> {
    pub(super) limiter: &'a Limiter,
    pub(super) store: &'a dyn Store,
    pub(super) policy: &'a Policy,
    pub(super) rule: &'a PreparedRule,
    pub(super) tier: Tier,
    pub(super) key: &'a Key,
    pub(super) cost: u64,
    pub(super) request: Option<&'a KeyContext<'a>>,
}

/// What was asked, as far as the answer does not say it.
struct Sent {
    tier: Tier,
    subject: Subject,
    cost: u64,
    mode: Mode,
    now: Now,
}

impl Afar<'_> {
    pub(super) fn ruling(&self, prepared: &Prepared, mode: Mode) -> Reply<Ruling> {
        let Self { limiter, store, rule, tier, key, cost, .. } = *self;
        let now = limiter.inner.clock.read(prepared.wall || tier.params.needs_wall());
        let (subject, mode) = (limiter.subject(tier.budget, rule, &tier.params, key), rule.mode(mode, false));
        let sent = Sent { tier, subject, cost, mode, now };
        let op = Decide { now, items: core::iter::once(sent.item(rule)).collect() };
        if let Some(decided) = store.foregone(&op)
            && let Some(reply) = decided.items.first()
        {
            limiter.tell_of(rule, &sent, &decided, reply, key, self.request);
            return Reply::Now(Ruling {
                decision: sent.made(rule, &decided, reply),
                receipt: Receipt { charges: Few::new(), local: false },
                permit: None,
                reservation: None,
            });
        }
        match store.submit(Operation::Decide(op)) {
            Reply::Now(answer) => Reply::Now(limiter.answered(prepared, rule, &sent, key, answer, self.request)),
            Reply::Later(answer) => {
                let (limiter, policy) = (limiter.clone(), self.policy.clone());
                let (index, key) = (usize::from(rule.shown.index), key.clone());
                Reply::Later(Box::pin(async move {
                    let answer = answer.await;
                    match limiter.prepared(&policy).map(|prepared| (prepared, prepared.rules.get(index))) {
                        Ok((prepared, Some(rule))) => limiter.answered(prepared, rule, &sent, &key, answer, None),
                        _ => Ruling::default(),
                    }
                }))
            }
        }
    }
}

impl Limiter {
    fn answered(
        &self,
        prepared: &Prepared,
        rule: &PreparedRule,
        sent: &Sent,
        key: &Key,
        answer: Result<Answer, StoreError>,
        request: Option<&KeyContext<'_>>,
    ) -> Ruling {
        let plain = sent.tier.params.algorithm() != Algorithm::Concurrent && rule.settle.is_none();
        let (decided, reply) = match &answer {
            Ok(Answer::Decided(decided)) if plain => match decided.items.as_slice() {
                [reply] => (decided, reply),
                _ => return self.answered_at_length(prepared, rule, sent, key, answer, request),
            },
            _ => return self.answered_at_length(prepared, rule, sent, key, answer, request),
        };
        if decided.source == Source::Store && self.inner.outage.is_on() {
            self.recovered(sent.now.monotonic);
        }
        self.tell_of(rule, sent, decided, reply, key, request);
        let takes = decided.allowed && reply.verdict == Verdict::Allow && sent.mode != Mode::Peek && sent.cost > 0;
        let charges = if takes { Few::one(sent.charged(decided, reply)) } else { Few::new() };
        Ruling {
            decision: sent.made(rule, decided, reply),
            receipt: Receipt { charges, local: decided.source == Source::Local },
            permit: None,
            reservation: None,
        }
    }

    /// Where the caller holds something, or the store has failed.
    #[inline(never)]
    fn answered_at_length(
        &self,
        prepared: &Prepared,
        rule: &PreparedRule,
        sent: &Sent,
        key: &Key,
        answer: Result<Answer, StoreError>,
        request: Option<&KeyContext<'_>>,
    ) -> Ruling {
        let (index, key) = (usize::from(rule.shown.index), key.clone());
        let asked = Questions::from_iter([Asked { rule: index, key, cost: sent.cost, tier: sent.tier, shadow: false }]);
        let op = Decide { now: sent.now, items: core::iter::once(sent.item(rule)).collect() };
        self.answer(prepared, &op, &asked, answer, request)
    }

    #[inline]
    fn tell_of(
        &self,
        rule: &PreparedRule,
        sent: &Sent,
        decided: &Decided,
        reply: &ItemReply,
        key: &Key,
        request: Option<&KeyContext<'_>>,
    ) {
        if self.inner.observer.is_some() {
            self.tell_keys(core::slice::from_ref(key), &sent.made(rule, decided, reply), request);
        }
    }
}

impl Sent {
    #[inline]
    fn item(&self, rule: &PreparedRule) -> Item {
        let Tier { params, budget } = self.tier;
        let (subject, cost, mode, at_ceiling) = (self.subject.clone(), self.cost, self.mode, rule.at_ceiling);
        Item { budget, subject, params, cost, mode, at_ceiling, settles: rule.settle.is_some() }
    }

    /// Written out where it is returned: a decision is large, and moving it costs more than making it.
    #[inline(always)]
    fn made(&self, rule: &PreparedRule, decided: &Decided, reply: &ItemReply) -> Decision {
        let (params, now) = (&self.tier.params, decided.now.unwrap_or(self.now));
        Decision {
            allowed: decided.allowed || reply.verdict == Verdict::Allow,
            source: decided.source,
            degraded: !matches!(decided.source, Source::Store | Source::DenialCache | Source::Lease),
            denied: None,
            usages: Few::one(usage(rule, params, self.cost, self.subject.clone(), reply, now)),
        }
    }

    fn charged(&self, decided: &Decided, reply: &ItemReply) -> Charged {
        Charged {
            budget: self.tier.budget,
            subject: self.subject.clone(),
            params: self.tier.params,
            cost: self.cost,
            at: decided.now.unwrap_or(self.now).monotonic,
            until: reply.state.fresh_at,
            place: reply.place,
        }
    }
}
