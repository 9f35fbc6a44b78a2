//! One rule, and a store that may be elsewhere: the same decision as the general one, without what it
//! costs to be ready for several rules.

use smallvec::SmallVec;

use super::Limiter;
use super::ask::{Asked, Questions};
use super::permit::Receipt;
use super::prepared::{Prepared, PreparedRule, Tier};
use super::ruling::{Ruling, is_charged, usage};
use crate::algorithm::{Algorithm, Verdict};
use crate::decision::{Decision, Source};
use crate::few::Few;
use crate::key::{Key, KeyContext};
use crate::policy::Policy;
use crate::store::{Answer, Charged, Decide, Decided, Item, ItemReply, Mode, Reply, Store, StoreError, Subject};
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

/// What was asked, and by whose word the answer is read.
struct Sent<'a> {
    limiter: &'a Limiter,
    prepared: &'a Prepared,
    rule: &'a PreparedRule,
    item: &'a Item,
    now: Now,
    key: &'a Key,
    request: Option<&'a KeyContext<'a>>,
}

impl Afar<'_> {
    pub(super) fn ruling(&self, prepared: &Prepared, mode: Mode) -> Reply<Ruling> {
        let Self { limiter, store, rule, tier, key, cost, request, .. } = *self;
        let Tier { params, budget } = tier;
        let now = limiter.inner.clock.read(prepared.wall || params.needs_wall());
        let item = Item {
            budget,
            subject: limiter.subject(budget, rule, &params, key),
            params,
            cost,
            mode: rule.mode(mode, false),
            at_ceiling: rule.at_ceiling,
            settles: rule.settle.is_some(),
        };
        let mut op = Decide { now, items: SmallVec::new() };
        op.items.push(item);
        let reply = store.decide(&op);
        // It stays with whoever asks.
        let Some(item) = op.items.pop() else { return Reply::Now(Ruling::default()) };
        match reply {
            Reply::Now(answer) => {
                let sent = Sent { limiter, prepared, rule, item: &item, now, key, request };
                Reply::Now(sent.answered(answer))
            }
            Reply::Later(answer) => {
                let (limiter, policy) = (limiter.clone(), self.policy.clone());
                let index = usize::from(rule.shown.index);
                // The subject has it as well, where it is there in full.
                let apart = matches!(item.subject, Subject::Local(_)).then(|| key.clone());
                Reply::Later(Box::pin(async move {
                    let answer = answer.await;
                    let key = match &item.subject {
                        Subject::Named(named) => Some(named.key()),
                        Subject::Local(_) => apart.as_ref(),
                    };
                    let prepared = limiter.prepared(&policy);
                    let rule = prepared.ok().and_then(|prepared| Some((prepared, prepared.rules.get(index)?)));
                    let (Some((prepared, rule)), Some(key)) = (rule, key) else { return Ruling::default() };
                    // Written where it is returned.
                    let (limiter, item) = (&limiter, &item);
                    Sent { limiter, prepared, rule, item, now, key, request: None }.answered(answer)
                }))
            }
        }
    }
}

impl Sent<'_> {
    fn answered(&self, answer: Result<Answer, StoreError>) -> Ruling {
        let plain = self.item.params.algorithm() != Algorithm::Concurrent && self.rule.settle.is_none();
        match &answer {
            Ok(Answer::Decided(decided)) if plain => match decided.items.as_slice() {
                [reply] => self.decided(decided, reply),
                _ => self.at_length(answer),
            },
            _ => self.at_length(answer),
        }
    }

    fn decided(&self, decided: &Decided, reply: &ItemReply) -> Ruling {
        if decided.source == Source::Store && self.limiter.inner.outage.is_on() {
            self.limiter.recovered(self.now.monotonic);
        }
        self.tell(decided, reply);
        let charged = is_charged(self.item.mode, self.item.cost, decided.allowed, reply);
        let charges =
            if charged { Few::one(self.item.charged(reply, decided.now.unwrap_or(self.now))) } else { Few::new() };
        self.ruling(decided, reply, charges)
    }

    /// Where the caller holds something, or the store has failed.
    #[inline(never)]
    fn at_length(&self, answer: Result<Answer, StoreError>) -> Ruling {
        let Item { budget, params, cost, .. } = *self.item;
        let (rule, key, tier) = (usize::from(self.rule.shown.index), self.key.clone(), Tier { params, budget });
        let asked = Questions::from_iter([Asked { rule, key, cost, tier, shadow: false }]);
        let op = Decide { now: self.now, items: core::iter::once(self.item.clone()).collect() };
        self.limiter.answer(self.prepared, &op, &asked, answer, self.request)
    }

    #[inline]
    fn tell(&self, decided: &Decided, reply: &ItemReply) {
        if self.limiter.inner.observer.is_some() {
            self.limiter.tell_keys(core::slice::from_ref(self.key), &self.decision(decided, reply), self.request);
        }
    }

    /// Where no slots are held and nothing is settled.
    #[inline(always)]
    fn ruling(&self, decided: &Decided, reply: &ItemReply, charges: Few<[Charged; 2]>) -> Ruling {
        Ruling {
            decision: self.decision(decided, reply),
            receipt: Receipt { charges, local: decided.source == Source::Local },
            permit: None,
            reservation: None,
        }
    }

    /// Written out where it is returned: a decision is large, and moving it costs more than making it.
    #[inline(always)]
    fn decision(&self, decided: &Decided, reply: &ItemReply) -> Decision {
        let (item, now) = (self.item, decided.now.unwrap_or(self.now));
        Decision {
            allowed: decided.allowed || reply.verdict == Verdict::Allow,
            source: decided.source,
            degraded: decided.source.is_degraded(),
            denied: None,
            usages: Few::one(usage(self.rule, &item.params, item.cost, item.subject.clone(), reply, now)),
        }
    }
}
