//! One promise on trial: operations in short words, and a record of them.

use core::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::StoreUnderTest;
use super::limits::{Limit, PERIOD};
use crate::algorithm::{Params, Verdict};
use crate::key::Key;
use crate::rule::AtCeiling;
use crate::store::{Answer, Charged, Decide, Decided, Item, ItemReply, Mode, Operation, Reply, StoreError, Subject};
use crate::time::Nanos;

/// Why a promise is not kept.
pub(super) type Verified = Result<(), String>;

/// Keys of all trials of a process are apart, and apart from those of earlier processes.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A key of its own under a limit.
#[derive(Clone)]
pub(super) struct Account {
    budget: u64,
    subject: Subject,
    pub(super) params: Params,
}

pub(super) struct Trial<'a> {
    subject: &'a dyn StoreUnderTest,
    pub(super) limit: Limit,
    seed: RandomState,
    trace: Mutex<Vec<String>>,
    began: Nanos,
}

impl<'a> Trial<'a> {
    pub(super) fn new(subject: &'a dyn StoreUnderTest, limit: Limit) -> Self {
        if limit.params.needs_wall() {
            // Begin with a window, so that none ends while a promise is looked at.
            let period = Nanos::from(PERIOD).get();
            let into = subject.now().wall.get() % period;
            subject.advance(Duration::from_nanos(period - into));
        }
        let began = subject.now().monotonic;
        Trial { subject, limit, seed: RandomState::new(), trace: Mutex::new(Vec::new()), began }
    }

    pub(super) fn into_trace(self) -> Vec<String> {
        self.trace.into_inner()
    }

    pub(super) fn subject(&self) -> &dyn StoreUnderTest {
        self.subject
    }

    /// A key that nobody has used.
    pub(super) fn account(&self) -> Account {
        self.account_under(self.limit.params)
    }

    pub(super) fn account_under(&self, params: Params) -> Account {
        let number = self.seed.hash_one(NEXT.fetch_add(1, Ordering::Relaxed));
        let capabilities = self.subject.store().capabilities();
        let named = |key: u64| Subject::named(format!("contract {number:x}"), Key::from(key));
        let subject = if capabilities.is_local() {
            Subject::Local(number)
        } else if capabilities.is_one_principal() {
            // One decision may be about several of a trial's accounts: they are rules of one caller.
            named(self.seed.hash_one(0u8))
        } else {
            named(number)
        };
        self.subject.reach_window(&subject, &params);
        Account { budget: number, subject, params }
    }

    pub(super) fn item(&self, account: &Account, cost: u64, mode: Mode) -> Item {
        Item {
            budget: account.budget,
            subject: account.subject.clone(),
            params: account.params,
            cost,
            mode,
            at_ceiling: AtCeiling::default(),
            settles: false,
        }
    }

    pub(super) fn decide_operation(&self, items: &[Item]) -> Operation {
        Operation::Decide(Decide { now: self.subject.now(), items: items.iter().cloned().collect() })
    }

    /// Submits without waiting for the answer.
    pub(super) fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        self.subject.store().submit(operation)
    }

    pub(super) fn answer(&self, reply: Reply<Result<Answer, StoreError>>) -> Result<Answer, StoreError> {
        match reply {
            Reply::Now(answer) => answer,
            Reply::Later(answer) => self.subject.wait(answer),
        }
    }

    pub(super) fn decide(&self, items: &[Item]) -> Result<Decided, String> {
        let operation = self.decide_operation(items);
        let answer = self.answer(self.submit(operation));
        let said = self.decided(answer);
        let asked: Vec<String> = items.iter().map(|item| format!("{:?} {}", item.mode, item.cost)).collect();
        self.note(format!("{} -> {}", asked.join(" and "), said.as_ref().map_or_else(Clone::clone, describe)));
        let said = said?;
        if said.items.len() == items.len() {
            Ok(said)
        } else {
            Err(format!("{} items were asked about, {} were answered", items.len(), said.items.len()))
        }
    }

    pub(super) fn decided(&self, answer: Result<Answer, StoreError>) -> Result<Decided, String> {
        match answer {
            Ok(Answer::Decided(decided)) => Ok(decided),
            Ok(other) => Err(format!("a decision was answered by {other:?}")),
            Err(error) => Err(format!("a decision failed: {error}")),
        }
    }

    /// One item; whether all passed and the item's own reply.
    pub(super) fn one(&self, account: &Account, cost: u64, mode: Mode) -> Result<(bool, ItemReply), String> {
        let decided = self.decide(&[self.item(account, cost, mode)])?;
        match decided.items.first() {
            Some(reply) => Ok((decided.allowed, *reply)),
            None => Err("a decision was answered without items".into()),
        }
    }

    pub(super) fn charge(&self, account: &Account, cost: u64) -> Result<(bool, ItemReply), String> {
        self.one(account, cost, Mode::Charge)
    }

    /// Charges what must pass.
    pub(super) fn take(&self, account: &Account, cost: u64) -> Result<Charged, String> {
        let (allowed, reply) = self.charge(account, cost)?;
        if !allowed {
            return Err(format!("a cost of {cost} was refused although it fits"));
        }
        Ok(Charged {
            budget: account.budget,
            subject: account.subject.clone(),
            params: account.params,
            cost,
            at: self.subject.now().monotonic,
            until: reply.state.fresh_at,
            place: reply.place,
        })
    }

    /// Charges what must be refused; the wait that was told.
    pub(super) fn refuse(&self, account: &Account, cost: u64) -> Result<Option<Nanos>, String> {
        let (allowed, reply) = self.charge(account, cost)?;
        match reply.verdict {
            Verdict::Deny { retry } if !allowed => Ok(retry),
            verdict => Err(format!("a cost of {cost} does not fit, but the answer is {verdict:?}")),
        }
    }

    /// Whether a cost would pass, without taking it.
    pub(super) fn would_pass(&self, account: &Account, cost: u64) -> Result<bool, String> {
        Ok(self.one(account, cost, Mode::Peek)?.0)
    }

    pub(super) fn remaining(&self, account: &Account) -> Result<u64, String> {
        let (_, reply) = self.one(account, 0, Mode::Peek)?;
        Ok(account.params.remaining(reply.state, self.subject.now()))
    }

    pub(super) fn reset_after(&self, account: &Account) -> Result<Nanos, String> {
        let (_, reply) = self.one(account, 0, Mode::Peek)?;
        let reset = account.params.reset_after(reply.state, self.subject.now());
        reset.ok_or_else(|| "no time is known in which the quota comes back".into())
    }

    pub(super) fn settle(&self, charge: &Charged, units: i64) -> Verified {
        let charges = SmallVec::from_iter([(charge.clone(), units)]);
        self.done(format!("settle {units}"), Operation::Settle { now: self.subject.now(), charges })
    }

    pub(super) fn release(&self, charge: &Charged) -> Verified {
        let charges = SmallVec::from_iter([charge.clone()]);
        self.done(
            format!("release {}", charge.cost),
            Operation::Release { now: self.subject.now(), charges, lease: None },
        )
    }

    pub(super) fn reset(&self, charge: &Charged) -> Verified {
        self.done("reset".into(), Operation::Reset { charges: SmallVec::from_iter([charge.clone()]) })
    }

    fn done(&self, what: String, operation: Operation) -> Verified {
        let answer = self.answer(self.submit(operation));
        self.note(format!("{what} -> {answer:?}"));
        match answer {
            Ok(Answer::Done) => Ok(()),
            Ok(other) => Err(format!("the answer is {other:?}")),
            Err(error) => Err(format!("the operation failed: {error}")),
        }
    }

    pub(super) fn advance(&self, by: Nanos) {
        self.subject.advance(by.into());
        self.note(format!("{:?} pass", Duration::from(by)));
    }

    pub(super) fn note(&self, what: String) {
        let at = Duration::from(self.subject.now().monotonic.saturating_sub(self.began));
        self.trace.lock().push(format!("{at:?}: {what}"));
    }
}

fn describe(decided: &Decided) -> String {
    let verdicts: Vec<String> = decided.items.iter().map(|item| format!("{:?}", item.verdict)).collect();
    format!("{}: {}", if decided.allowed { "allowed" } else { "refused" }, verdicts.join(", "))
}

/// Says what was expected where it is not what was found.
pub(super) fn expect<T: PartialEq + core::fmt::Debug>(what: &str, found: T, expected: T) -> Verified {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} instead of {expected:?}")) }
}
