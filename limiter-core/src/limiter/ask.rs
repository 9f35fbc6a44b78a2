//! Asking: what applies becomes one operation, and the store is asked once.

use smallvec::SmallVec;

use super::afar::Afar;
use super::alone::Alone;
use super::decide::questions;
use super::prepared::{Prepared, Tier};
use super::ruling::Ruling;
use super::{Limiter, StoreHandle};
use crate::decision::Source;
use crate::key::{Key, KeyContext};
use crate::policy::Policy;
use crate::store::{Answer, Charged, Decide, Item, Mode, Operation, Place, Reply, StoreError};

/// One rule that applies, and who asks how much of it.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) rule: usize,
    pub(super) key: Key,
    pub(super) cost: u64,
    pub(super) tier: Tier,
    /// Whether the rule is not enforced for this key.
    pub(super) shadow: bool,
}

pub(super) type Questions = SmallVec<[Asked; 2]>;

impl Limiter {
    pub(super) fn ask(
        &self,
        policy: &Policy,
        prepared: &Prepared,
        asked: &mut Questions,
        mode: Mode,
        request: Option<&KeyContext<'_>>,
    ) -> Reply<Ruling> {
        if prepared.outlasts && mode == Mode::Charge {
            return self.ask_outlasting(policy, prepared, asked, request);
        }
        if let [one] = asked.as_slice()
            && let Some(rule) = prepared.rules.get(one.rule)
            && !one.shadow
        {
            let Asked { key, tier, .. } = one;
            let store = match &self.inner.store {
                StoreHandle::Memory(store) => store,
                StoreHandle::Other(store) if !prepared.holds => {
                    let (store, tier, cost) = (&**store, *tier, one.cost);
                    let afar = Afar { limiter: self, store, policy, rule, tier, key, cost, request };
                    return afar.ruling(prepared, mode);
                }
                StoreHandle::Other(_) => {
                    let op = self.operation(prepared, asked, mode);
                    return self.submit(policy, prepared, op, asked, request);
                }
            };
            let fingerprint = self.inner.fingerprints.of(tier.budget, key);
            let (params, budget) = (&tier.params, tier.budget);
            let alone = Alone { limiter: self, store, rule, params, budget, key, fingerprint, request };
            return alone.ruling(one.cost, mode);
        }
        if asked.is_empty() {
            return Reply::Now(Ruling::without_rules());
        }
        let op = self.operation(prepared, asked, mode);
        self.submit(policy, prepared, op, asked, request)
    }

    /// Under rules whose requests are not done with when they are decided about.
    #[cold]
    fn ask_outlasting(
        &self,
        policy: &Policy,
        prepared: &Prepared,
        asked: &mut Questions,
        request: Option<&KeyContext<'_>>,
    ) -> Reply<Ruling> {
        #[cfg(feature = "wait")]
        if prepared.holds {
            return self.ask_holding(policy, prepared, asked, request);
        }
        self.ask_reserving(policy, prepared, asked, request)
    }

    /// Has the store decide.
    pub(super) fn submit(
        &self,
        policy: &Policy,
        prepared: &Prepared,
        op: Decide,
        asked: &mut Questions,
        request: Option<&KeyContext<'_>>,
    ) -> Reply<Ruling> {
        let store = match &self.inner.store {
            StoreHandle::Memory(store) => {
                let mut ruling = Ruling::default();
                self.rule(prepared, &op, asked, &store.decide(&op), Source::Store, request, &mut ruling);
                return Reply::Now(ruling);
            }
            StoreHandle::Other(store) => store,
        };
        match store.decide(&op) {
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

    pub(super) fn operation(&self, prepared: &Prepared, asked: &[Asked], mode: Mode) -> Decide {
        let items = self.items(prepared, asked, mode);
        let wall = prepared.wall || items.iter().any(|item| item.params.needs_wall());
        Decide { now: self.inner.clock.read(wall), items }
    }

    pub(super) fn items(&self, prepared: &Prepared, asked: &[Asked], mode: Mode) -> SmallVec<[Item; 2]> {
        let mut items = SmallVec::new();
        for one in asked {
            let Some(rule) = prepared.rules.get(one.rule) else { continue };
            items.push(Item {
                budget: one.tier.budget,
                subject: self.subject(one.tier.budget, rule, &one.tier.params, &one.key),
                params: one.tier.params,
                cost: one.cost,
                mode: rule.mode(mode, one.shadow),
                at_ceiling: rule.at_ceiling,
                settles: rule.settle.is_some(),
            });
        }
        items
    }

    pub(super) fn answer(
        &self,
        prepared: &Prepared,
        op: &Decide,
        asked: &Questions,
        answer: Result<Answer, StoreError>,
        request: Option<&KeyContext<'_>>,
    ) -> Ruling {
        match answer {
            Ok(Answer::Decided(decided)) if decided.items.len() == op.items.len() => {
                if decided.source == Source::Store && self.inner.outage.is_on() {
                    self.recovered(op.now.monotonic);
                }
                let mut ruling = Ruling::default();
                self.rule(prepared, op, asked, &decided, decided.source, request, &mut ruling);
                ruling
            }
            Ok(_) => self.without_store(prepared, op, asked, &StoreError::unsupported(), request),
            Err(error) => self.without_store(prepared, op, asked, &error, request),
        }
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
