//! Asking for claims: the parts of one become a single question, and what the store says of each is put
//! together again.

use smallvec::SmallVec;

use super::ask::Questions;
use super::claim::Claim;
use super::prepared::Prepared;
use super::reservation::{Places, refuse_more};
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

/// A part of a claim, ready to be asked.
struct Ready {
    policy: Policy,
    asked: Questions,
    op: Decide,
    /// Where the claim is among those under way.
    places: Places,
}

/// What a claim came to.
#[derive(Debug, Default)]
pub(super) struct Granted {
    pub(super) ruling: Ruling,
    /// One for each usage.
    pub(super) keys: Vec<Key>,
    /// Of all questions the one whose rule lets no more be under way; no other was asked then.
    pub(super) full: Option<usize>,
}

impl Granted {
    fn without_rules() -> Self {
        Granted { ruling: Ruling::without_rules(), ..Granted::default() }
    }
}

impl Limiter {
    /// Asks the store for a claim in one step. Nobody is told: whoever waits asks more than once.
    pub(super) fn ask_claim(&self, claim: &Claim, mode: Mode) -> Reply<Granted> {
        let mut parts = SmallVec::<[Ready; 1]>::new();
        for part in claim.parts() {
            let Ok(prepared) = self.prepared(&part.policy) else { return Reply::Now(Granted::default()) };
            let asked = part.questions(self, prepared);
            let op = Decide { now: Now::default(), items: self.items(prepared, &asked, mode) };
            parts.push(Ready { policy: part.policy.clone(), asked, op, places: Places::new() });
        }
        let mut whole = Decide { now: Now::default(), items: SmallVec::new() };
        parts.iter().for_each(|part| whole.items.extend(part.op.items.iter().cloned()));
        whole.now = self.inner.clock.read(whole.items.iter().any(|item| item.params.needs_wall()));
        parts.iter_mut().for_each(|part| part.op.now = whole.now);
        if whole.items.is_empty() {
            return Reply::Now(Granted::without_rules());
        }
        if let StoreHandle::Other(store) = &self.inner.store
            && whole.items.len() > store.capabilities().rules_per_decision()
        {
            let (limiter, claim) = (self.clone(), claim.clone());
            return Reply::Later(Box::pin(async move { limiter.ask_one_by_one(&claim, mode).await }));
        }
        if mode == Mode::Charge
            && let Some(refused) = self.enter(&mut parts)
        {
            return Reply::Now(refused);
        }
        let store = match &self.inner.store {
            StoreHandle::Memory(store) => return Reply::Now(self.granted(parts, mode, Ok(store.decide(&whole)))),
            StoreHandle::Other(store) => store,
        };
        let read = |answer: Result<Answer, StoreError>| match answer {
            Ok(Answer::Decided(decided)) => Ok(decided),
            Ok(_) => Err(StoreError::unsupported()),
            Err(error) => Err(error),
        };
        match store.submit(Operation::Decide(whole)) {
            Reply::Now(answer) => Reply::Now(self.granted(parts, mode, read(answer))),
            Reply::Later(answer) => {
                let limiter = self.clone();
                Reply::Later(Box::pin(async move { limiter.granted(parts, mode, read(answer.await)) }))
            }
        }
    }

    /// The store cannot decide about so many rules at once: each part after the other, and when one
    /// refuses, those before it are given back.
    async fn ask_one_by_one(&self, claim: &Claim, mode: Mode) -> Granted {
        let mut whole = Granted::without_rules();
        for part in claim.parts() {
            let alone = Claim::alone(part);
            let granted = match self.ask_claim(&alone, mode) {
                Reply::Now(granted) => granted,
                // A policy that does not fit by itself was refused when it was prepared.
                Reply::Later(granted) => granted.await,
            };
            let allowed = granted.ruling.decision.is_allowed();
            whole.full = granted.full.map(|full| full + whole.ruling.decision.usages().len());
            self.join(&mut whole, granted);
            if !allowed {
                self.undo(&mut whole.ruling);
                break;
            }
        }
        whole
    }

    /// Enters a claim among those under way, under all rules that settle; refused if one lets in no more.
    fn enter(&self, parts: &mut [Ready]) -> Option<Granted> {
        let mut before = 0;
        for part in parts {
            let Ok(prepared) = self.prepared(&part.policy) else { return Some(Granted::default()) };
            match self.places(prepared, &part.asked, &part.op) {
                Ok(places) => part.places = places,
                Err(full) => {
                    return Some(Granted {
                        ruling: refuse_more(prepared, &part.asked, &part.op, full),
                        keys: part.asked.get(full).map(|one| one.key.clone()).into_iter().collect(),
                        full: Some(before + full),
                    });
                }
            }
            before += part.asked.len();
        }
        None
    }

    fn granted(&self, parts: SmallVec<[Ready; 1]>, mode: Mode, answer: Result<Decided, StoreError>) -> Granted {
        let mut whole = Granted::without_rules();
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
                    self.part_of(prepared, &part, &own)
                }
                Err(_) if part.op.items.is_empty() => Ruling::without_rules(),
                Err(error) => self.without_store(prepared, &part.op, &part.asked, error, None),
            };
            // While the store fails not every rule says something.
            let asked = |usage: &Usage| part.asked.iter().find(|one| one.rule == usage.index());
            let keys = ruling.decision.usages().iter().filter_map(asked).map(|one| one.key.clone()).collect();
            let ruling = if mode == Mode::Peek { ruling.untaken() } else { ruling.occupying(part.places) };
            self.join(&mut whole, Granted { ruling, keys, full: None });
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
