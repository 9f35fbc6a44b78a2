//! Six stores, each wrong in one of the ways in which stores usually are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use limiter_core::algorithm::{Algorithm, State, Step, Verdict};
use limiter_core::store::{
    Answer, Capabilities, Charged, Decide, Decided, Item, ItemReply, Mode, Operation, Place, Reply, Store, StoreError,
    Subject,
};
use limiter_core::time::Now;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breakage {
    /// Reads, gives way, and writes what it worked out from what it had read.
    GetThenSet,
    /// Takes what is left although the cost was refused.
    ChargesRefusals,
    /// Tells waits in whole seconds, rounded down.
    FloorsTheRetry,
    /// Goes by the time at which it first saw the key.
    DropsExpiry,
    /// Charges the rules in front of the one that refuses.
    HalfCharges,
    /// Says that it settled, and did not.
    LosesSettle,
}

type States = HashMap<Subject, (State, Now)>;

/// A plain map that decides rightly but for its breakage.
#[derive(Debug)]
pub(crate) struct BrokenStore {
    breakage: Breakage,
    states: Arc<Mutex<States>>,
}

impl BrokenStore {
    pub(crate) fn new(breakage: Breakage) -> Self {
        BrokenStore { breakage, states: Arc::default() }
    }

    fn time(&self, states: &States, item: &Item, now: Now) -> Now {
        match states.get(&item.subject) {
            Some((_, seen)) if self.breakage == Breakage::DropsExpiry => *seen,
            _ => now,
        }
    }

    fn decide(&self, decide: &Decide, write: bool) -> Decided {
        let mut states = self.states.lock().unwrap();
        let mut decided = Decided { allowed: true, ..Decided::default() };
        let mut writes = Vec::new();
        for item in &decide.items {
            let before = states.get(&item.subject).map(|(state, _)| *state).unwrap_or_default();
            let now = self.time(&states, item, decide.now);
            let Step { verdict, mut state } = item.params.decide(before, now, item.cost);
            let charges = item.mode != Mode::Peek;
            let mut told = verdict;
            if verdict != Verdict::Allow {
                decided.allowed = false;
                let left = item.params.remaining(before, now);
                if self.breakage == Breakage::ChargesRefusals && charges && left > 0 {
                    state = item.params.decide(before, now, left).state;
                    writes.push((item.subject.clone(), state, now));
                }
            }
            if let Verdict::Deny { retry: Some(wait) } = verdict
                && self.breakage == Breakage::FloorsTheRetry
            {
                told = Verdict::Deny { retry: Some(Duration::from_secs(Duration::from(wait).as_secs()).into()) };
            }
            if charges && verdict == Verdict::Allow {
                writes.push((item.subject.clone(), state, now));
            }
            if !charges {
                state = before;
            }
            decided.items.push(ItemReply { verdict: told, state, place: Place::Own });
        }
        let keeps = decided.allowed || matches!(self.breakage, Breakage::HalfCharges | Breakage::ChargesRefusals);
        for (subject, state, now) in writes {
            // Half charging is about several rules; charging refusals about the refused one.
            let alone = self.breakage == Breakage::ChargesRefusals && decide.items.len() > 1 && !decided.allowed;
            if write && keeps && !alone {
                states.insert(subject, (state, now));
            }
        }
        if !decided.allowed && !keeps {
            for (item, reply) in decide.items.iter().zip(&mut decided.items) {
                reply.state = states.get(&item.subject).map(|(state, _)| *state).unwrap_or_default();
            }
        }
        decided
    }

    fn adjust(&self, now: Now, charge: &Charged, units: i64) {
        let mut states = self.states.lock().unwrap();
        let before = states.get(&charge.subject).map(|(state, _)| *state).unwrap_or_default();
        states.insert(charge.subject.clone(), (charge.params.settle(before, now, charge.until, units), now));
    }
}

impl Store for BrokenStore {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        match operation {
            Operation::Decide(decide) if self.breakage == Breakage::GetThenSet => {
                // What it read when it was asked is what it writes when it gets round to it.
                let read = self.states.lock().unwrap().clone();
                let work = BrokenStore { breakage: self.breakage, states: Arc::new(Mutex::new(read)) };
                let states = Arc::clone(&self.states);
                Reply::Later(Box::pin(async move {
                    let decided = work.decide(&decide, true);
                    let written = work.states.lock().unwrap().clone();
                    for item in &decide.items {
                        if let Some(state) = written.get(&item.subject) {
                            states.lock().unwrap().insert(item.subject.clone(), *state);
                        }
                    }
                    Ok(Answer::Decided(decided))
                }))
            }
            Operation::Decide(decide) => Reply::Now(Ok(Answer::Decided(self.decide(&decide, true)))),
            Operation::Inspect(inspect) => Reply::Now(Ok(Answer::Decided(self.decide(&inspect, false)))),
            Operation::Release { now, charges, .. } => {
                charges.iter().for_each(|charge| self.adjust(now, charge, -(charge.cost as i64)));
                Reply::Now(Ok(Answer::Done))
            }
            Operation::Settle { now, charges } => {
                if self.breakage != Breakage::LosesSettle {
                    charges.iter().for_each(|(charge, units)| self.adjust(now, charge, *units));
                }
                Reply::Now(Ok(Answer::Done))
            }
            Operation::Reset { charges } => {
                let mut states = self.states.lock().unwrap();
                for charge in &charges {
                    states.remove(&charge.subject);
                }
                Reply::Now(Ok(Answer::Done))
            }
            _ => Reply::Now(Err(StoreError::unsupported())),
        }
    }

    fn capabilities(&self) -> Capabilities {
        const ALL: &[Algorithm] = &[Algorithm::Bucket, Algorithm::Concurrent, Algorithm::Fixed];
        Capabilities::new(ALL, usize::MAX).local()
    }
}
