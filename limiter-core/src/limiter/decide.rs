//! One request, one decision: keys are read, the store is asked once, the answer becomes a
//! [`Decision`] and what the caller has to hold.

use smallvec::SmallVec;

use super::alone::Alone;
use super::permit::{Permit, Receipt};
use super::prepared::{Prepared, PreparedRule, Tier};
use super::{Limiter, StoreHandle};
use crate::algorithm::{Algorithm, State, Verdict};
use crate::decision::{Decision, Outcome, Source, Usage};
use crate::event::doctor;
use crate::event::{Event, StoreFailure, Warning};
use crate::key::client_ip::ResolveError;
use crate::key::{Extracted, Key, KeyContext, Later, Missing, Part};
use crate::policy::Policy;
use crate::rule::{MethodClass, OnStoreError};
use crate::store::memory::MemoryStore;
use crate::store::{Answer, Charged, Decide, Decided, Item, ItemReply, Mode, Operation, Place, Reply, StoreError};
use crate::time::Now;

/// A decision, and what the caller holds because of it.
#[derive(Debug, Default)]
#[must_use = "a ruling holds slots, and the charge that may have to be given back"]
pub struct Ruling {
    /// The decision.
    pub decision: Decision,
    /// What was charged.
    pub receipt: Receipt,
    /// Slots of concurrent limits, if the policy has any.
    pub permit: Option<Permit>,
}

impl Ruling {
    fn without_rules() -> Self {
        Ruling { decision: Decision::exempt(), ..Ruling::default() }
    }
}

/// One rule that applies, and who asks how much of it.
struct Asked {
    rule: usize,
    key: Key,
    cost: u64,
    tier: Tier,
}

type Questions = SmallVec<[Asked; 2]>;

impl Limiter {
    /// Decides about one request: reads the keys of the rules that apply and asks the store once.
    ///
    /// Answers at once with a store in this process, and allocates nothing then.
    ///
    /// # Cancel safety
    ///
    /// Dropping a pending answer may leave the charge standing; slots come back by themselves.
    pub fn decide(&self, policy: &Policy, request: &KeyContext<'_>) -> Reply<Ruling> {
        let prepared = match self.prepared(policy) {
            Ok(prepared) => prepared,
            Err(_) => return Reply::Now(Ruling::default()),
        };
        self.examine(request);
        if let Some(ruling) = self.standing(request) {
            return Reply::Now(ruling);
        }
        let class = MethodClass::of(request.parts());
        let mut asked = Questions::new();
        let mut searches = Vec::new();
        for (index, rule) in prepared.rules.iter().enumerate() {
            if !rule.class.counts(class) {
                continue;
            }
            let Some(tier) = rule.tier(self, request.parts()) else { continue };
            let key = match rule.key.key(request) {
                Extracted::Key(key) => key,
                Extracted::Later(search) => {
                    searches.push((asked.len(), search));
                    Key::from(Part::Unknown)
                }
                Extracted::Missing => match self.without_key(rule, request.client_error()) {
                    Missing::Shared => Key::from(Part::Unknown),
                    Missing::Skip => continue,
                    Missing::Refuse => return Reply::Now(self.refuse_keyless(prepared, rule, Some(request))),
                },
            };
            asked.push(Asked { rule: index, key, cost: rule.cost.of(request.parts()), tier });
        }
        if searches.is_empty() {
            return self.ask(policy, prepared, &mut asked, Mode::Charge, Some(request));
        }
        let (limiter, policy, no_client) = (self.clone(), policy.clone(), request.client_error());
        Reply::Later(Box::pin(async move { limiter.ask_when_found(&policy, no_client, asked, searches).await }))
    }

    /// The second half of a decision whose keys take time to find.
    async fn ask_when_found(
        &self,
        policy: &Policy,
        no_client: Option<ResolveError>,
        asked: Questions,
        searches: Vec<(usize, Later)>,
    ) -> Ruling {
        let mut found: SmallVec<[Option<Key>; 2]> = asked.iter().map(|one| Some(one.key.clone())).collect();
        for (at, search) in searches {
            let key = search.found().await;
            if let Some(slot) = found.get_mut(at) {
                *slot = key;
            }
        }
        let Ok(prepared) = self.prepared(policy) else { return Ruling::default() };
        let mut complete = Questions::new();
        for (one, key) in asked.into_iter().zip(found) {
            let Some(rule) = prepared.rules.get(one.rule) else { continue };
            let key = match key {
                Some(key) => key,
                None => match self.without_key(rule, no_client) {
                    Missing::Shared => Key::from(Part::Unknown),
                    Missing::Skip => continue,
                    Missing::Refuse => return self.refuse_keyless(prepared, rule, None),
                },
            };
            complete.push(Asked { key, ..one });
        }
        match self.ask(policy, prepared, &mut complete, Mode::Charge, None) {
            Reply::Now(ruling) => ruling,
            Reply::Later(ruling) => ruling.await,
        }
    }

    /// Decides about one key under the rules of a policy, as plain Rust without a request. Every
    /// rule takes its constant cost, or 1 where the cost is worked out from a request.
    ///
    /// With a store that answers later the rules' choice for store errors applies; use
    /// [`Limiter::decide_key`] there.
    #[must_use]
    #[inline]
    pub fn check(&self, policy: &Policy, key: &Key) -> Decision {
        self.decision(policy, key, None, Mode::Charge)
    }

    /// As [`Limiter::check`], for `cost` units of every rule.
    #[must_use]
    pub fn check_cost(&self, policy: &Policy, key: &Key, cost: u64) -> Decision {
        self.decision(policy, key, Some(cost), Mode::Charge)
    }

    /// What [`Limiter::check_cost`] would say; takes nothing.
    #[must_use]
    pub fn peek(&self, policy: &Policy, key: &Key, cost: u64) -> Decision {
        self.decision(policy, key, Some(cost), Mode::Peek)
    }

    /// Decides about one key and hands out what was charged, so that it can be released or refunded.
    pub fn decide_key(&self, policy: &Policy, key: &Key, cost: u64) -> Reply<Ruling> {
        let Ok(prepared) = self.prepared(policy) else { return Reply::Now(Ruling::default()) };
        if let Some(alone) = self.alone(prepared) {
            return alone.ruling(key, cost, Mode::Charge);
        }
        self.ask(policy, prepared, &mut questions(prepared, key, Some(cost)), Mode::Charge, None)
    }

    #[inline]
    fn decision(&self, policy: &Policy, key: &Key, cost: Option<u64>, mode: Mode) -> Decision {
        match self.prepared(policy).ok().and_then(|prepared| self.alone(prepared)) {
            Some(alone) if alone.leaves_nothing() => alone.decision(key, cost, mode),
            _ => self.at_once(policy, key, cost, mode),
        }
    }

    #[cold]
    #[inline(never)]
    fn at_once(&self, policy: &Policy, key: &Key, cost: Option<u64>, mode: Mode) -> Decision {
        let Ok(prepared) = self.prepared(policy) else { return Decision::default() };
        if let StoreHandle::Memory(store) = &self.inner.store {
            let asked = questions(prepared, key, cost);
            if asked.is_empty() {
                return Decision::exempt();
            }
            let op = self.operation(prepared, &asked, mode);
            let mut ruling = Ruling::default();
            self.rule(prepared, &op, &asked, &store.decide(&op), Source::Store, None, &mut ruling);
            return ruling.decision;
        }
        let ruling = match self.ask(policy, prepared, &mut questions(prepared, key, cost), mode, None) {
            Reply::Now(ruling) => ruling,
            Reply::Later(_) => {
                let asked = questions(prepared, key, cost);
                let op = self.operation(prepared, &asked, mode);
                self.without_store(prepared, &op, &asked, &StoreError::unsupported(), None)
            }
        };
        ruling.decision
    }

    fn ask(
        &self,
        policy: &Policy,
        prepared: &Prepared,
        asked: &mut Questions,
        mode: Mode,
        request: Option<&KeyContext<'_>>,
    ) -> Reply<Ruling> {
        if let [one] = asked.as_slice()
            && let StoreHandle::Memory(store) = &self.inner.store
            && let Some(rule) = prepared.rules.get(one.rule)
        {
            let alone =
                Alone { limiter: self, store, rule, params: &one.tier.params, budget: one.tier.budget, request };
            return alone.ruling(&one.key, one.cost, mode);
        }
        if asked.is_empty() {
            return Reply::Now(Ruling::without_rules());
        }
        let op = self.operation(prepared, asked, mode);
        let store = match &self.inner.store {
            StoreHandle::Memory(store) => {
                let mut ruling = Ruling::default();
                self.rule(prepared, &op, asked, &store.decide(&op), Source::Store, request, &mut ruling);
                return Reply::Now(ruling);
            }
            StoreHandle::Other(store) => store,
        };
        match store.submit(Operation::Decide(op.clone())) {
            Reply::Now(answer) => Reply::Now(self.answer(prepared, &op, asked, answer, request)),
            Reply::Later(answer) => {
                let (limiter, policy) = (self.clone(), policy.clone());
                let asked = core::mem::take(asked);
                Reply::Later(Box::pin(async move {
                    let answer = answer.await;
                    match limiter.prepared(&policy) {
                        Ok(prepared) => limiter.answer(prepared, &op, &asked, answer, None),
                        Err(_) => Ruling::default(),
                    }
                }))
            }
        }
    }

    fn operation(&self, prepared: &Prepared, asked: &[Asked], mode: Mode) -> Decide {
        let mut wall = prepared.wall;
        let mut op = Decide { now: Now::default(), items: SmallVec::new() };
        for one in asked {
            let Some(rule) = prepared.rules.get(one.rule) else { continue };
            wall |= one.tier.params.needs_wall();
            op.items.push(Item {
                budget: one.tier.budget,
                subject: self.subject(one.tier.budget, rule, &one.tier.params, &one.key),
                params: one.tier.params,
                cost: one.cost,
                mode: if rule.penalty && mode == Mode::Charge { Mode::Penalty } else { mode },
                at_ceiling: rule.at_ceiling,
            });
        }
        op.now = self.inner.clock.read(wall);
        op
    }

    fn answer(
        &self,
        prepared: &Prepared,
        op: &Decide,
        asked: &Questions,
        answer: Result<Answer, StoreError>,
        request: Option<&KeyContext<'_>>,
    ) -> Ruling {
        match answer {
            Ok(Answer::Decided(decided)) if decided.items.len() == op.items.len() => {
                let mut ruling = Ruling::default();
                self.rule(prepared, op, asked, &decided, Source::Store, request, &mut ruling);
                ruling
            }
            Ok(_) => self.without_store(prepared, op, asked, &StoreError::unsupported(), request),
            Err(error) => self.without_store(prepared, op, asked, &error, request),
        }
    }

    /// Turns a store's numbers into a ruling and tells the observer.
    #[expect(clippy::too_many_arguments, reason = "a ruling is large, so it is filled where it will stay")]
    fn rule(
        &self,
        prepared: &Prepared,
        op: &Decide,
        asked: &Questions,
        decided: &Decided,
        source: Source,
        request: Option<&KeyContext<'_>>,
        ruling: &mut Ruling,
    ) {
        ruling.decision.allowed = decided.allowed;
        ruling.decision.source = source;
        ruling.decision.degraded = source != Source::Store;
        ruling.receipt.local = source == Source::Local;
        let mut slots = SmallVec::new();
        for ((one, item), reply) in asked.iter().zip(&op.items).zip(&decided.items) {
            let Some(rule) = prepared.rules.get(one.rule) else { continue };
            ruling.decision.usages.push(usage(rule, item, reply, op.now));
            if decided.allowed && reply.verdict == Verdict::Allow && item.mode != Mode::Peek && item.cost > 0 {
                // Charges on one budget wear off one after the other, the last one last.
                let one_cell = |earlier: &Charged| match (earlier.place, reply.place) {
                    (Place::Shared, Place::Shared) => earlier.budget == item.budget,
                    _ => earlier.subject == item.subject,
                };
                for earlier in ruling.receipt.charges.iter_mut().filter(|earlier| one_cell(earlier)) {
                    earlier.until = earlier.until.saturating_sub(item.params.weight(item.cost));
                }
                let charge = charged(item, reply, op.now);
                if item.params.algorithm() == Algorithm::Concurrent {
                    slots.push(charge);
                } else {
                    ruling.receipt.charges.push(charge);
                }
            }
        }
        if !slots.is_empty() {
            ruling.permit = Some(Permit::new(self.clone(), slots, ruling.receipt.local));
        }
        self.tell(asked, &ruling.decision, request);
    }

    /// The store failed: each rule says what happens. Rules that close refuse; the others pass if
    /// those with a local stand-in do.
    fn without_store(
        &self,
        prepared: &Prepared,
        op: &Decide,
        asked: &Questions,
        error: &StoreError,
        request: Option<&KeyContext<'_>>,
    ) -> Ruling {
        let choice =
            |one: &Asked| prepared.rules.get(one.rule).map_or(OnStoreError::Closed, |rule| rule.on_store_error);
        let mut ruling = if asked.iter().any(|one| choice(one) == OnStoreError::Closed) {
            let mut ruling = Ruling::default();
            ruling.decision.source = Source::Closed;
            ruling.decision.degraded = true;
            for (one, item) in asked.iter().zip(&op.items).filter(|(one, _)| choice(one) == OnStoreError::Closed) {
                if let Some(rule) = prepared.rules.get(one.rule) {
                    let mut usage = usage(rule, item, &unknown_reply(), op.now);
                    usage.outcome = Outcome::StoreFailed;
                    ruling.decision.usages.push(usage);
                }
            }
            self.tell(asked, &ruling.decision, request);
            ruling
        } else {
            let (mut local_op, mut local_asked) = (Decide { now: op.now, items: SmallVec::new() }, Questions::new());
            for (one, item) in asked.iter().zip(&op.items).filter(|(one, _)| choice(one) == OnStoreError::Local) {
                local_op.items.push(item.clone());
                local_asked.push(Asked { key: one.key.clone(), ..*one });
            }
            if local_op.items.is_empty() {
                let mut ruling = Ruling::without_rules();
                ruling.decision.source = Source::Open;
                ruling.decision.degraded = true;
                self.tell(asked, &ruling.decision, request);
                ruling
            } else {
                let decided = self.inner.local.get_or_init(MemoryStore::new).decide(&local_op);
                let mut ruling = Ruling::default();
                self.rule(prepared, &local_op, &local_asked, &decided, Source::Local, request, &mut ruling);
                ruling
            }
        };
        ruling.decision.degraded = true;
        if let Some(observer) = &self.inner.observer {
            observer.on_store_error(&StoreFailure { error, decision: &ruling.decision });
        }
        ruling
    }

    fn refuse_keyless(&self, prepared: &Prepared, rule: &PreparedRule, request: Option<&KeyContext<'_>>) -> Ruling {
        let asked: Questions = [Asked {
            rule: usize::from(rule.index),
            key: Key::from(Part::Unknown),
            cost: 0,
            tier: rule.default_tier(),
        }]
        .into_iter()
        .collect();
        let op = self.operation(prepared, &asked, Mode::Peek);
        let mut ruling = Ruling::default();
        for item in &op.items {
            let mut usage = usage(rule, item, &unknown_reply(), op.now);
            usage.outcome = Outcome::NoKey;
            ruling.decision.usages.push(usage);
        }
        self.tell(&asked, &ruling.decision, request);
        ruling
    }

    fn tell(&self, asked: &Questions, decision: &Decision, request: Option<&KeyContext<'_>>) {
        if self.inner.observer.is_some() {
            let keys: SmallVec<[Key; 2]> = asked.iter().map(|one| one.key.clone()).collect();
            self.tell_keys(&keys, decision, request);
        }
    }

    #[inline]
    pub(super) fn tell_keys(&self, keys: &[Key], decision: &Decision, request: Option<&KeyContext<'_>>) {
        let Some(observer) = &self.inner.observer else { return };
        let event = Event { decision, keys, request: request.map(KeyContext::parts) };
        if decision.is_allowed() {
            observer.on_allow(&event);
        } else {
            observer.on_deny(&event);
        }
    }

    /// What becomes of a request that lacks the key, with a word to those who can mend it.
    #[cold]
    fn without_key(&self, rule: &PreparedRule, no_client: Option<ResolveError>) -> Missing {
        match no_client.and_then(doctor::no_client) {
            Some(warning) => self.warn(warning),
            None if rule.missing == Missing::Shared => {
                self.warn(Warning::MissingKey { rule: rule.name.clone(), key: rule.key.describe() });
            }
            None => {}
        }
        rule.missing
    }

    pub(super) fn reset_prepared(&self, prepared: &Prepared, key: &Key) {
        let asked = questions(prepared, key, Some(0));
        let op = self.operation(prepared, &asked, Mode::Charge);
        let charges = op
            .items
            .into_iter()
            .map(|item| Charged {
                budget: item.budget,
                subject: item.subject,
                params: item.params,
                cost: 0,
                at: op.now.monotonic,
                until: op.now.monotonic,
                place: Place::Own,
            })
            .collect();
        match &self.inner.store {
            StoreHandle::Memory(store) => {
                let charges: SmallVec<[Charged; 2]> = charges;
                store.reset(&charges);
            }
            StoreHandle::Other(store) => {
                let _: Reply<_> = store.submit(Operation::Reset { charges });
            }
        }
    }
}

/// Every rule, asked about one key: at a stated cost, or at the rule's own.
fn questions(prepared: &Prepared, key: &Key, cost: Option<u64>) -> Questions {
    let mut asked = Questions::new();
    for rule in prepared.rules.iter().filter(|rule| !rule.lifted) {
        asked.push(Asked {
            rule: usize::from(rule.index),
            key: key.clone(),
            cost: cost.unwrap_or_else(|| rule.cost.constant()),
            tier: rule.default_tier(),
        });
    }
    asked
}

fn unknown_reply() -> ItemReply {
    ItemReply { verdict: Verdict::Deny { retry: None }, state: State::default(), place: Place::Own }
}

#[inline]
pub(super) fn charged(item: &Item, reply: &ItemReply, now: Now) -> Charged {
    Charged {
        budget: item.budget,
        subject: item.subject.clone(),
        params: item.params,
        cost: item.cost,
        at: now.monotonic,
        until: reply.state.fresh_at,
        place: reply.place,
    }
}

#[inline(always)]
pub(super) fn usage(rule: &PreparedRule, item: &Item, reply: &ItemReply, now: Now) -> Usage {
    let (outcome, retry) = match (reply.verdict, reply.place) {
        (Verdict::Allow, _) => (Outcome::Allowed, None),
        (Verdict::TooBig, _) => (Outcome::NeverFits, None),
        (Verdict::Deny { retry }, Place::NoRoom) => (Outcome::NoRoom, retry),
        (Verdict::Deny { retry }, _) => (Outcome::Spent, retry),
    };
    Usage {
        name: rule.name.clone(),
        params: item.params,
        state: reply.state,
        now,
        cost: item.cost,
        outcome,
        retry,
        per_client: rule.per_client,
        index: rule.index,
        subject: item.subject.clone(),
    }
}
