//! What follows from an answer: a [`Decision`] with a usage for each rule, what the caller has to
//! hold, and a word to the observer. Also what follows when there is no answer.

use smallvec::SmallVec;

use super::Limiter;
use super::ask::{Asked, Questions};
use super::permit::{Permit, Receipt};
use super::prepared::{Prepared, PreparedRule};
use super::reservation;
use crate::algorithm::{Algorithm, Params, State, Verdict};
use crate::decision::{Decision, Outcome, Source, Usage};
use crate::event::{Event, StoreFailure};
use crate::few::Few;
use crate::key::{Key, KeyContext, Part};
use crate::rule::OnStoreError;
use crate::settle::Reservation;
use crate::store::memory::Single;
use crate::store::{Charged, Decide, Decided, ItemReply, Mode, Place, StoreError, Subject};
use crate::time::{Nanos, Now};

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
    /// What is settled once the outcome is known, if the policy has such rules.
    pub reservation: Option<Reservation>,
}

impl Ruling {
    pub(super) fn without_rules() -> Self {
        Ruling { decision: Decision::exempt(), ..Ruling::default() }
    }
}

impl Limiter {
    /// Turns a store's numbers into a ruling and tells the observer.
    #[expect(clippy::too_many_arguments, reason = "a ruling is large, so it is filled where it will stay")]
    pub(super) fn rule(
        &self,
        prepared: &Prepared,
        op: &Decide,
        asked: &Questions,
        decided: &Decided,
        source: Source,
        request: Option<&KeyContext<'_>>,
        ruling: &mut Ruling,
    ) {
        self.fill(prepared, op, asked, decided, source, ruling);
        self.tell(prepared, asked, &ruling.decision, request);
    }

    /// Turns a store's numbers into a ruling: into one that is there, since a ruling is large.
    pub(super) fn fill(
        &self,
        prepared: &Prepared,
        op: &Decide,
        asked: &Questions,
        decided: &Decided,
        source: Source,
        ruling: &mut Ruling,
    ) {
        // A question has no shadow of its own: what it would refuse there does not count.
        let passes = |(one, reply): (&Asked, &ItemReply)| one.shadow || reply.verdict == Verdict::Allow;
        ruling.decision.allowed = decided.allowed || asked.iter().zip(&decided.items).all(passes);
        // What is in shadow is charged as if all were enforced.
        let whole = decided.items.iter().all(|reply| reply.verdict == Verdict::Allow);
        ruling.decision.source = source;
        ruling.decision.degraded = source.is_degraded();
        ruling.receipt.local = source == Source::Local;
        let now = decided.now.unwrap_or(op.now);
        let (mut slots, mut reserved) = (Few::new(), SmallVec::new());
        for ((one, item), reply) in asked.iter().zip(&op.items).zip(&decided.items) {
            let Some(rule) = prepared.rules.get(one.rule) else { continue };
            let mut usage = usage(rule, &item.params, item.cost, item.subject.clone(), reply, now);
            if one.shadow {
                usage.shown = rule.shown_in_shadow;
            }
            ruling.decision.usages.push(usage);
            let passed = decided.allowed && reply.verdict == Verdict::Allow && (!one.shadow || whole);
            if let Some(settle) = rule.settle.as_ref().filter(|_| passed) {
                reserved.push(reservation::reserved(rule, settle, item, reply, now, ruling.receipt.local));
            } else if passed && item.mode != Mode::Peek && item.cost > 0 {
                // Charges on one budget wear off one after the other, the last one last.
                let one_cell = |earlier: &Charged| match (earlier.place, reply.place) {
                    (Place::Shared, Place::Shared) => earlier.budget == item.budget,
                    _ => earlier.subject == item.subject,
                };
                for earlier in ruling.receipt.charges.iter_mut().filter(|earlier| one_cell(earlier)) {
                    earlier.until = earlier.until.saturating_sub(item.params.weight(item.cost));
                }
                let charge = item.charged(reply, now);
                if item.params.algorithm() == Algorithm::Concurrent {
                    slots.push(charge);
                } else {
                    ruling.receipt.charges.push(charge);
                }
            }
        }
        if !slots.is_empty() {
            let lease = decided.lease.clone().or_else(|| self.lease_of(&slots));
            ruling.permit = Some(Permit::new(self.clone(), slots, lease, ruling.receipt.local));
        }
        if !reserved.is_empty() {
            ruling.reservation = Some(Reservation::new(self.clone(), reserved));
        }
    }

    /// The store failed: each rule says what happens. Rules that close refuse; the others pass if
    /// those with a local stand-in do.
    pub(super) fn without_store(
        &self,
        prepared: &Prepared,
        op: &Decide,
        asked: &Questions,
        error: &StoreError,
        request: Option<&KeyContext<'_>>,
    ) -> Ruling {
        let choice = |one: &Asked| match prepared.rules.get(one.rule).map(|rule| rule.on_store_error) {
            Some(OnStoreError::Closed) | None if one.shadow => OnStoreError::Open,
            choice => choice.unwrap_or(OnStoreError::Closed),
        };
        let mut ruling = if asked.iter().any(|one| choice(one) == OnStoreError::Closed) {
            let mut ruling = Ruling::default();
            ruling.decision.source = Source::Closed;
            ruling.decision.degraded = true;
            let mut closed = Questions::new();
            for (one, item) in asked.iter().zip(&op.items).filter(|(one, _)| choice(one) == OnStoreError::Closed) {
                if let Some(rule) = prepared.rules.get(one.rule) {
                    let mut usage =
                        usage(rule, &item.params, item.cost, item.subject.clone(), &unknown_reply(), op.now);
                    usage.outcome = Outcome::StoreFailed;
                    ruling.decision.usages.push(usage);
                    closed.push(Asked { key: one.key.clone(), ..*one });
                }
            }
            self.tell(prepared, &closed, &ruling.decision, request);
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
                self.tell(prepared, &Questions::new(), &ruling.decision, request);
                ruling
            } else {
                let stand_in = self.inner.stand_in.get_or_init(|| self.inner.store.stand_in());
                let share = stand_in.share(&local_op);
                let decided = stand_in.decide(&local_op, &share);
                let mut ruling = Ruling::default();
                self.rule(prepared, &share, &local_asked, &decided, Source::Local, request, &mut ruling);
                ruling
            }
        };
        ruling.decision.degraded = true;
        if error.is_outage() {
            self.inner.outage.note(op.now.monotonic);
        }
        if let Some(observer) = &self.inner.observer {
            observer.on_store_error(&StoreFailure { error, decision: &ruling.decision });
        }
        ruling
    }

    pub(super) fn refuse_keyless(
        &self,
        prepared: &Prepared,
        rule: &PreparedRule,
        request: Option<&KeyContext<'_>>,
    ) -> Ruling {
        let asked: Questions = [Asked {
            rule: usize::from(rule.shown.index),
            key: Key::from(Part::Unknown),
            cost: 0,
            tier: rule.default_tier(),
            shadow: false,
        }]
        .into_iter()
        .collect();
        let op = self.operation(prepared, &asked, Mode::Peek);
        let mut ruling = Ruling::default();
        for item in &op.items {
            let mut usage = usage(rule, &item.params, item.cost, item.subject.clone(), &unknown_reply(), op.now);
            usage.outcome = Outcome::NoKey;
            ruling.decision.usages.push(usage);
        }
        self.tell_at_last(&asked, &ruling.decision, request);
        ruling
    }

    /// Tells the observer, unless the request may be held: then it is told when that is over.
    pub(super) fn tell(
        &self,
        prepared: &Prepared,
        asked: &Questions,
        decision: &Decision,
        request: Option<&KeyContext<'_>>,
    ) {
        if !prepared.holds {
            self.tell_at_last(asked, decision, request);
        }
    }

    /// Tells the observer, with one key for each usage.
    pub(super) fn tell_at_last(&self, asked: &Questions, decision: &Decision, request: Option<&KeyContext<'_>>) {
        if self.inner.observer.is_some() {
            let key = |usage: &Usage| asked.iter().find(|one| one.rule == usage.index()).map(|one| one.key.clone());
            let keys: SmallVec<[Key; 2]> = decision.usages.iter().filter_map(key).collect();
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
}

pub(super) fn unknown_reply() -> ItemReply {
    ItemReply { verdict: Verdict::Deny { retry: None }, state: State::default(), place: Place::Own }
}

/// Whether a rule that was asked by itself was charged.
#[inline(always)]
pub(super) fn is_charged(mode: Mode, cost: u64, allowed: bool, reply: &ItemReply) -> bool {
    allowed && reply.verdict == Verdict::Allow && mode != Mode::Peek && cost > 0
}

/// What was charged, of a rule that was asked by itself.
#[inline(always)]
pub(super) fn charge(single: Single<'_>, now: Now, reply: &ItemReply) -> Charged {
    Charged {
        budget: single.budget,
        subject: Subject::Local(single.fingerprint),
        params: *single.params,
        cost: single.cost,
        at: now.monotonic,
        until: reply.state.fresh_at,
        place: reply.place,
    }
}

#[inline(always)]
pub(super) fn usage(
    rule: &PreparedRule,
    params: &Params,
    cost: u64,
    subject: Subject,
    reply: &ItemReply,
    now: Now,
) -> Usage {
    let (outcome, retry) = match (reply.verdict, reply.place) {
        (Verdict::Allow, _) => (Outcome::Allowed, None),
        (Verdict::TooBig, _) => (Outcome::NeverFits, None),
        (Verdict::Deny { retry }, Place::NoRoom) => (Outcome::NoRoom, retry),
        (Verdict::Deny { retry }, _) => (Outcome::Spent, retry),
    };
    Usage {
        shown: rule.shown,
        params: *params,
        state: reply.state,
        now,
        cost,
        retry: retry.unwrap_or(Nanos::MAX),
        outcome,
        subject,
    }
}
