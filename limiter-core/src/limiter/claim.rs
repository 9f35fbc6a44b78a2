//! Claims: what several policies ask of one caller, taken all together or not at all.

use core::fmt;

use smallvec::SmallVec;

use super::ask::Questions;
use super::decide::questions;
use super::prepared::Prepared;
use super::ruling::Ruling;
use super::{Limiter, StoreHandle};
#[cfg(feature = "wait")]
use crate::decision::{Decision, Outcome};
use crate::decision::{Source, Usage};
use crate::event::Event;
use crate::key::Key;
use crate::policy::Policy;
use crate::store::{Answer, Decide, Decided, Mode, Operation, Reply, StoreError};
use crate::time::Now;

/// Policies with the key that each goes by, such as one for everybody, one for a service, and one
/// for an endpoint. A claim is granted if all of them let it pass, and then all are charged; if one
/// refuses, none is.
///
/// ```
/// use limiter_core::limiter::Claim;
/// use limiter_core::{Limiter, Policy, Rule, key::{Global, Key}};
///
/// let everybody = Policy::new("everybody", [Rule::concurrent(100)])?;
/// let search = Policy::new("search", [Rule::concurrent(1).key(Global)])?;
/// let claim = Claim::new(&everybody, &Key::everyone()).and(&search, &Key::from("search"));
///
/// let limiter = Limiter::in_memory();
/// let held = limiter.try_claim(&claim)?;
/// let refused = limiter.try_claim(&claim).unwrap_err();
/// assert_eq!(refused.rule(), Some("search"));
/// drop(held);
/// assert!(limiter.try_claim(&claim).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Claim {
    parts: SmallVec<[Part; 1]>,
}

#[derive(Clone)]
pub(super) struct Part {
    pub(super) policy: Policy,
    pub(super) key: Key,
    pub(super) cost: Option<u64>,
}

impl Claim {
    /// What one policy asks.
    #[must_use]
    pub fn new(policy: &Policy, key: &Key) -> Self {
        Claim { parts: core::iter::once(Part { policy: policy.clone(), key: key.clone(), cost: None }).collect() }
    }

    /// And what another asks. Say the outermost first: refusals name the rules in this order.
    #[must_use]
    pub fn and(mut self, policy: &Policy, key: &Key) -> Self {
        self.parts.push(Part { policy: policy.clone(), key: key.clone(), cost: None });
        self
    }

    /// How many units each rule of the policy named last takes, instead of the rules' own cost.
    #[must_use]
    pub fn cost(mut self, cost: u64) -> Self {
        if let Some(last) = self.parts.last_mut() {
            last.cost = Some(cost);
        }
        self
    }

    #[cfg(feature = "wait")]
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|part| (part.policy.identity(), &part.key))).finish()
    }
}

/// A part of a claim, ready to be asked.
struct Ready {
    policy: Policy,
    asked: Questions,
    op: Decide,
}

/// What a claim came to.
#[derive(Debug, Default)]
pub(super) struct Granted {
    pub(super) ruling: Ruling,
    /// One for each usage.
    pub(super) keys: Vec<Key>,
}

impl Limiter {
    /// Asks the store for a claim in one step. Nobody is told: whoever waits asks more than once.
    pub(super) fn ask_claim(&self, claim: &Claim, mode: Mode) -> Reply<Granted> {
        let mut parts = SmallVec::<[Ready; 1]>::new();
        for part in &claim.parts {
            let Ok(prepared) = self.prepared(&part.policy) else { return Reply::Now(Granted::default()) };
            let asked = questions(prepared, &part.key, part.cost);
            let op = Decide { now: Now::default(), items: self.items(prepared, &asked, mode) };
            parts.push(Ready { policy: part.policy.clone(), asked, op });
        }
        let mut whole = Decide { now: Now::default(), items: SmallVec::new() };
        parts.iter().for_each(|part| whole.items.extend(part.op.items.iter().cloned()));
        whole.now = self.inner.clock.read(whole.items.iter().any(|item| item.params.needs_wall()));
        parts.iter_mut().for_each(|part| part.op.now = whole.now);
        if whole.items.is_empty() {
            return Reply::Now(Granted { ruling: Ruling::without_rules(), keys: Vec::new() });
        }
        let store = match &self.inner.store {
            StoreHandle::Memory(store) => return Reply::Now(self.granted(&parts, Ok(store.decide(&whole)))),
            StoreHandle::Other(store) => store,
        };
        if whole.items.len() > store.capabilities().rules_per_decision() {
            let (limiter, claim) = (self.clone(), claim.clone());
            return Reply::Later(Box::pin(async move { limiter.ask_one_by_one(&claim, mode).await }));
        }
        let read = |answer: Result<Answer, StoreError>| match answer {
            Ok(Answer::Decided(decided)) => Ok(decided),
            Ok(_) => Err(StoreError::unsupported()),
            Err(error) => Err(error),
        };
        match store.submit(Operation::Decide(whole)) {
            Reply::Now(answer) => Reply::Now(self.granted(&parts, read(answer))),
            Reply::Later(answer) => {
                let limiter = self.clone();
                Reply::Later(Box::pin(async move { limiter.granted(&parts, read(answer.await)) }))
            }
        }
    }

    /// The store cannot decide about so many rules at once: each part after the other, and when one
    /// refuses, those before it are given back.
    async fn ask_one_by_one(&self, claim: &Claim, mode: Mode) -> Granted {
        let mut whole = Granted { ruling: Ruling::without_rules(), keys: Vec::new() };
        for part in &claim.parts {
            let alone = Claim { parts: core::iter::once(part.clone()).collect() };
            let granted = match self.ask_claim(&alone, mode) {
                Reply::Now(granted) => granted,
                // A policy that does not fit by itself was refused when it was prepared.
                Reply::Later(granted) => granted.await,
            };
            let allowed = granted.ruling.decision.is_allowed();
            self.join(&mut whole, granted);
            if !allowed {
                self.undo(&mut whole.ruling);
                break;
            }
        }
        whole
    }

    fn granted(&self, parts: &[Ready], answer: Result<Decided, StoreError>) -> Granted {
        let mut whole = Granted { ruling: Ruling::without_rules(), keys: Vec::new() };
        let expected: usize = parts.iter().map(|part| part.op.items.len()).sum();
        let answer = answer.and_then(|decided| match decided.items.len() == expected {
            true => Ok(decided),
            false => Err(StoreError::unsupported()),
        });
        if let (Ok(decided), Some(part)) = (&answer, parts.first())
            && decided.source == Source::Store
            && self.inner.outage.is_on()
        {
            self.recovered(part.op.now.monotonic);
        }
        let mut lease = None;
        let mut from = 0;
        for part in parts {
            let Ok(prepared) = self.prepared(&part.policy) else { continue };
            let ruling = match &answer {
                Ok(decided) => {
                    lease.clone_from(&decided.lease);
                    let items = decided.items.iter().skip(from).take(part.op.items.len()).copied().collect();
                    from += part.op.items.len();
                    let own = Decided {
                        allowed: decided.allowed,
                        items,
                        source: decided.source,
                        lease: None,
                        now: decided.now,
                    };
                    self.part_of(prepared, part, &own)
                }
                Err(_) if part.op.items.is_empty() => Ruling::without_rules(),
                Err(error) => self.without_store(prepared, &part.op, &part.asked, error, None),
            };
            // While the store fails not every rule says something.
            let asked = |usage: &Usage| part.asked.iter().find(|one| one.rule == usage.index());
            let keys = ruling.decision.usages().iter().filter_map(asked).map(|one| one.key.clone()).collect();
            self.join(&mut whole, Granted { ruling, keys });
        }
        if let Some(permit) = &mut whole.ruling.permit
            && lease.is_some()
        {
            permit.keep_by(lease);
        }
        if !whole.ruling.decision.is_allowed() {
            self.undo(&mut whole.ruling);
        }
        whole
    }

    fn part_of(&self, prepared: &Prepared, part: &Ready, decided: &Decided) -> Ruling {
        if part.op.items.is_empty() {
            return Ruling::without_rules();
        }
        let mut ruling = Ruling::default();
        self.fill(prepared, &part.op, &part.asked, decided, decided.source, &mut ruling);
        ruling
    }

    /// Puts what a part came to beside what the parts before it came to.
    fn join(&self, whole: &mut Granted, part: Granted) {
        let (decision, joined) = (part.ruling.decision, &mut whole.ruling);
        joined.decision.allowed &= decision.allowed;
        joined.decision.degraded |= decision.degraded;
        if decision.source != Source::Store {
            joined.decision.source = decision.source;
        }
        decision.usages.into_items().into_iter().for_each(|usage| joined.decision.usages.push(usage));
        joined.receipt.local |= part.ruling.receipt.local;
        part.ruling.receipt.charges.into_items().into_iter().for_each(|charge| joined.receipt.charges.push(charge));
        joined.permit = match (joined.permit.take(), part.ruling.permit) {
            (Some(permit), Some(more)) => Some(permit.with(more)),
            (permit, more) => permit.or(more),
        };
        joined.reservation = match (joined.reservation.take(), part.ruling.reservation) {
            (Some(reservation), Some(more)) => Some(reservation.with(more)),
            (reservation, more) => reservation.or(more),
        };
        whole.keys.extend(part.keys);
    }

    /// Gives back what a ruling took; the decision stays.
    pub(super) fn undo(&self, ruling: &mut Ruling) {
        ruling.permit = None;
        if let Some(reservation) = ruling.reservation.take() {
            reservation.cancel();
        }
        self.refund(core::mem::take(&mut ruling.receipt));
    }

    /// Tells the observer what a claim came to in the end.
    pub(super) fn tell_claim(&self, granted: &Granted) {
        let Some(observer) = &self.inner.observer else { return };
        let event = Event { decision: &granted.ruling.decision, keys: &granted.keys, request: None };
        if event.decision.is_allowed() {
            observer.on_allow(&event);
        } else {
            observer.on_deny(&event);
        }
    }

    /// The numbers of a claim, as far as they can be had at once; it is refused in any case.
    #[cfg(feature = "wait")]
    pub(super) fn refused_unasked(&self, claim: &Claim) -> Granted {
        let mut granted = match &self.inner.store {
            StoreHandle::Memory(_) => match self.ask_claim(claim, Mode::Peek) {
                Reply::Now(granted) => granted,
                Reply::Later(_) => Granted::default(),
            },
            StoreHandle::Other(_) => Granted::default(),
        };
        granted.ruling.decision.allowed = false;
        granted
    }
}

/// Whether asking again cannot help.
#[cfg(feature = "wait")]
pub(super) fn is_final(decision: &Decision) -> bool {
    let hopeless = |outcome| matches!(outcome, Outcome::NeverFits | Outcome::NoKey | Outcome::StoreFailed);
    let mut violated = decision.violated().peekable();
    violated.peek().is_none() || violated.any(|usage| hopeless(usage.outcome()))
}
