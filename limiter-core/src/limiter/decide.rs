//! Where decisions begin: the keys of a request are read, or a key is given.

use smallvec::SmallVec;

use super::afar::Afar;
use super::alone::Alone;
use super::ask::{Asked, Questions};
use super::prepared::{Prepared, PreparedRule, Tier};
use super::ruling::Ruling;
use super::{Limiter, StoreHandle};
use crate::decision::{Decision, Source};
use crate::event::{Warning, doctor};
use crate::key::client_ip::ResolveError;
use crate::key::{Extracted, Key, KeyContext, Later, Missing, Part};
use crate::policy::Policy;
use crate::rule::MethodClass;
use crate::store::{Mode, Reply, StoreError};

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
        let mut extracted = None;
        if let Some(rule) = prepared.only()
            && rule.tiers.is_none()
            && rule.class.counts(class)
        {
            // In place: what is collected and moved below costs more than the decision.
            match rule.key.key(request) {
                Extracted::Key(key) => {
                    let cost = rule.cost.of(request.parts());
                    let (key, request) = (&key, Some(request));
                    return match &self.inner.store {
                        StoreHandle::Memory(store) => {
                            let fingerprint = self.inner.fingerprints.under(rule.start, key);
                            let (params, budget) = (&rule.params, rule.budget);
                            let alone = Alone { limiter: self, store, rule, params, budget, key, fingerprint, request };
                            alone.ruling(cost, Mode::Charge)
                        }
                        StoreHandle::Other(store) => {
                            let (store, tier) = (&**store, rule.default_tier());
                            let afar = Afar { limiter: self, store, policy, rule, tier, key, cost, request };
                            afar.ruling(prepared, Mode::Charge)
                        }
                    };
                }
                other => extracted = Some(other),
            }
        }
        let mut asked = Questions::new();
        let mut searches = Vec::new();
        for (index, rule) in prepared.rules.iter().enumerate() {
            if !rule.class.counts(class) {
                continue;
            }
            let Some(tier) = rule.tier(self, request.parts()) else { continue };
            let key = match extracted.take().unwrap_or_else(|| rule.key.key(request)) {
                Extracted::Key(key) => key,
                Extracted::Later(search) => {
                    searches.push((asked.len(), search));
                    Key::from(Part::Unknown)
                }
                Extracted::Missing => match self.without_key(rule, request.client_error()) {
                    Missing::Shared => Key::from(Part::Unknown),
                    Missing::Skip => continue,
                    Missing::Refuse if rule.is_shadow_for(&Key::from(Part::Unknown)) => continue,
                    Missing::Refuse => return Reply::Now(self.refuse_keyless(prepared, rule, Some(request))),
                },
            };
            let shadow = rule.is_shadow_for(&key);
            asked.push(Asked { rule: index, key, cost: rule.cost.of(request.parts()), tier, shadow });
        }
        if searches.is_empty() {
            return self.ask(policy, prepared, &mut asked, Mode::Charge, Some(request));
        }
        let (limiter, policy, no_client) = (self.clone(), policy.clone(), request.client_error());
        Reply::Later(Box::pin(async move { limiter.ask_when_found(&policy, no_client, asked, searches).await }))
    }

    /// The second half of a decision whose keys take time to find.
    pub(super) async fn ask_when_found(
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
                    Missing::Refuse if rule.is_shadow_for(&Key::from(Part::Unknown)) => continue,
                    Missing::Refuse => return self.refuse_keyless(prepared, rule, None),
                },
            };
            let shadow = rule.is_shadow_for(&key);
            complete.push(Asked { key, shadow, ..one });
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

    /// Decides about one key and hands out what was charged, so that it can be released, refunded, or
    /// settled once the outcome is known.
    pub fn decide_key(&self, policy: &Policy, key: &Key, cost: u64) -> Reply<Ruling> {
        let Ok(prepared) = self.prepared(policy) else { return Reply::Now(Ruling::default()) };
        if let Some(alone) = self.alone(prepared, key) {
            return alone.ruling(cost, Mode::Charge);
        }
        if let (Some(rule), StoreHandle::Other(store)) = (prepared.only(), &self.inner.store) {
            let (store, tier, request) = (&**store, rule.default_tier(), None);
            let afar = Afar { limiter: self, store, policy, rule, tier, key, cost, request };
            return afar.ruling(prepared, Mode::Charge);
        }
        if let Some(ruling) = self.rule_both(prepared, key, cost, Mode::Charge) {
            return Reply::Now(ruling);
        }
        self.ask(policy, prepared, &mut questions(prepared, key, Some(cost)), Mode::Charge, None)
    }

    #[inline]
    pub(super) fn decision(&self, policy: &Policy, key: &Key, cost: Option<u64>, mode: Mode) -> Decision {
        let Ok(prepared) = self.prepared(policy) else { return Decision::default() };
        if let Some(alone) = self.alone(prepared, key)
            && alone.leaves_nothing()
        {
            return alone.decision(cost, mode);
        }
        self.at_once(policy, prepared, key, cost, mode)
    }

    #[inline(never)]
    pub(super) fn at_once(
        &self,
        policy: &Policy,
        prepared: &Prepared,
        key: &Key,
        cost: Option<u64>,
        mode: Mode,
    ) -> Decision {
        if let Some(both) = self.both(prepared, key, cost) {
            let now = both.now();
            if let Some((allowed, replies)) = both.known(mode, now) {
                return both.made(now, allowed, &replies);
            }
            let [first, second] = both.fingerprints();
            if let Some(decision) = self.decide_both(prepared, key, cost, mode, first, second, now) {
                return decision;
            }
        }
        if let StoreHandle::Memory(store) = &self.inner.store {
            let asked = questions(prepared, key, cost);
            if asked.is_empty() {
                return Decision::exempt();
            }
            let op = self.operation(prepared, &asked, mode);
            let mut ruling = Ruling::default();
            self.rule(prepared, &op, &asked, &store.decide(&op), Source::Store, None, &mut ruling);
            return self.alone_decided(prepared, &asked, ruling, mode);
        }
        let ruling = match self.ask(policy, prepared, &mut questions(prepared, key, cost), mode, None) {
            Reply::Now(ruling) => ruling,
            Reply::Later(_) => {
                let asked = questions(prepared, key, cost);
                let op = self.operation(prepared, &asked, mode);
                self.without_store(prepared, &op, &asked, &StoreError::unsupported(), None)
            }
        };
        self.alone_decided(prepared, &questions(prepared, key, cost), ruling, mode)
    }

    /// The decision alone, without what the caller would hold.
    fn alone_decided(&self, prepared: &Prepared, asked: &Questions, ruling: Ruling, mode: Mode) -> Decision {
        let ruling = if mode == Mode::Peek { ruling.untaken() } else { ruling };
        if prepared.holds {
            self.tell_at_last(asked, &ruling.decision, None);
        }
        ruling.decision
    }

    /// What becomes of a request that lacks the key, with a word to those who can mend it.
    #[cold]
    pub(super) fn without_key(&self, rule: &PreparedRule, no_client: Option<ResolveError>) -> Missing {
        match no_client.and_then(doctor::no_client) {
            Some(warning) => self.warn(warning),
            None if rule.missing == Missing::Shared => {
                self.warn(Warning::MissingKey { rule: rule.shown.name.clone(), key: rule.key.describe() });
            }
            None => {}
        }
        rule.missing
    }
}

/// Every rule, asked about one key: at a stated cost, or at the rule's own.
pub(super) fn questions(prepared: &Prepared, key: &Key, cost: Option<u64>) -> Questions {
    questions_by(prepared, key, cost, PreparedRule::stated_tier)
}

/// The same, by the quota that `tier` says; what it exempts is not asked.
pub(super) fn questions_by(
    prepared: &Prepared,
    key: &Key,
    cost: Option<u64>,
    tier: impl Fn(&PreparedRule) -> Option<Tier>,
) -> Questions {
    let ask = |rule: &PreparedRule| {
        Some(Asked {
            rule: usize::from(rule.shown.index),
            key: key.clone(),
            cost: cost.unwrap_or_else(|| rule.cost.constant()),
            tier: tier(rule)?,
            shadow: rule.is_shadow_for(key),
        })
    };
    prepared.rules.iter().filter_map(ask).collect()
}
