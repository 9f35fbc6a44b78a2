//! The way of a decision: known already, under way already, or asked now.

use std::sync::Arc;

use super::Front;
use super::aside::fold;
use super::asking::Asking;
use super::breaker::Admission;
use super::caller::Caller;
use super::denials::{Keys, keys};
use super::flights::Joined;
use super::pass::{After, Told};
use crate::algorithm::Algorithm;
use crate::store::{Answer, Decide, Mode, Operation, Reply, Store, StoreError};
use crate::time::Nanos;

impl<S: Store> Front<S> {
    pub(super) fn find(&self, decide: &Decide) -> Reply<Told> {
        let inner = &self.inner;
        let keys = keys(inner.stand_in.known(), decide);
        if let Some(decided) = inner.spend(decide, &keys) {
            return Reply::Now(Ok(Answer::Decided(decided)));
        }
        if let Some(refused) = inner.refused(decide, &keys) {
            return Reply::Now(Ok(Answer::Decided(refused)));
        }
        let shard = inner.shard(&decide.items);
        let now = inner.now();
        match inner.breaker(shard).map_or(Admission::Go, |breaker| breaker.admit(now)) {
            Admission::Go => {}
            Admission::Stop => return Reply::Now(Err(StoreError::left_alone())),
            Admission::Look => {
                inner.look(decide.clone(), shard);
                return Reply::Now(Err(StoreError::left_alone()));
            }
        }
        if inner.stand_in.owes() && inner.owes_for(decide) {
            return self.after_paying(decide.clone(), keys, shard);
        }
        if !inner.options.combine || !combines(decide) {
            let after = After::Learn(Box::new((decide.clone(), keys)));
            return self.alone(Operation::Decide(decide.clone()), shard, after);
        }
        self.together(decide, keys, shard, now)
    }

    /// Asks, or waits for the answer to an earlier question about the same keys and asks then.
    fn together(&self, decide: &Decide, keys: Keys, shard: usize, now: Nanos) -> Reply<Told> {
        let (inner, at) = (Arc::clone(&self.inner), fold(&keys));
        let caller = Arc::new(Caller::new(decide.clone(), keys, shard, now));
        let asking = Asking { inner, caller: Arc::clone(&caller), at, over: false };
        match self.inner.flights.join(at, &caller) {
            Joined::First => {}
            Joined::Waits => return Reply::Later(Box::pin(asking)),
            Joined::Second(first) => {
                if let Some(answer) = first.hand_over() {
                    self.inner.hand_over(first, at, answer);
                }
                return Reply::Later(Box::pin(asking));
            }
        }
        if let Err(error) = self.inner.keep_watch() {
            return Reply::Now(Err(error));
        }
        asking.ask()
    }
}

/// Whether equal decisions may be made in one step: those that take units and hold nothing, and of which
/// a refusal leaves no trace.
fn combines(decide: &Decide) -> bool {
    let plain = |item: &crate::store::Item| {
        item.mode == Mode::Charge && item.cost > 0 && item.params.algorithm() != Algorithm::Concurrent
    };
    !decide.items.is_empty() && decide.items.iter().all(plain)
}
