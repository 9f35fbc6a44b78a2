//! The way of a decision: known already, under way already, or asked now.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::aside::fold;
use super::breaker::Admission;
use super::denials::{Keys, keys};
use super::flights::{Joined, Told, Waiter, Who};
use super::lead::Leading;
use super::pass::{After, later};
use super::round::Round;
use super::{Front, Inner};
use crate::algorithm::Algorithm;
use crate::store::{Answer, Decide, Mode, Operation, Reply, Store, StoreError};
use crate::time::Nanos;

/// A round trip that takes longer than this part of the deadline is not waited for.
const PATIENCE: u32 = 4;

impl<S: Store> Front<S> {
    pub(super) fn decide(&self, decide: Decide) -> Reply<Told> {
        let inner = &self.inner;
        let keys = keys(inner.stand_in.known(), &decide);
        if let Some(decided) = inner.spend(&decide, &keys) {
            return Reply::Now(Ok(Answer::Decided(decided)));
        }
        if let Some(refused) = inner.refused(&decide, &keys) {
            return Reply::Now(Ok(Answer::Decided(refused)));
        }
        let shard = inner.shard(&decide.items);
        let now = inner.now();
        match inner.breaker(shard).map_or(Admission::Go, |breaker| breaker.admit(now)) {
            Admission::Go => {}
            Admission::Stop => return Reply::Now(Err(StoreError::left_alone())),
            Admission::Look => {
                inner.look(decide, shard);
                return Reply::Now(Err(StoreError::left_alone()));
            }
        }
        if inner.stand_in.owes() && inner.owes_for(&decide) {
            return self.after_paying(decide, keys, shard);
        }
        if !inner.options.combine || !combines(&decide) {
            let after = After::Learn(Box::new((decide.clone(), keys)));
            return self.alone(Operation::Decide(decide), shard, after);
        }
        self.together(decide, keys, shard, now)
    }

    /// Asks, or waits for the answer to an earlier question about the same keys and asks then.
    fn together(&self, decide: Decide, keys: Keys, shard: usize, now: Nanos) -> Reply<Told> {
        let inner = &self.inner;
        let runtime = match inner.runtime() {
            Ok(runtime) => runtime,
            Err(error) => return Reply::Now(Err(error)),
        };
        let at = fold(&keys);
        let (tell, mut told) = oneshot::channel();
        let waiter = Waiter { decide, keys, who: Who { tell, arrived: now } };
        let (first, lead) = match inner.flights.join(at, waiter) {
            Joined::First(first, lead) => (first, lead),
            Joined::Waits(lead) => {
                lead.hand_over(&runtime);
                return later(told);
            }
        };
        let under_way = UnderWay { inner: Arc::clone(inner), at, shard, ended: false };
        match inner.send([first], shard, now) {
            Some(round) => {
                lead.put(Box::pin(under_way.see_through(Some(round))), &runtime);
                return Reply::Later(Box::pin(Leading { lead, told, runtime }));
            }
            None => {
                if let Some(waiters) = under_way.next() {
                    // Answered at once, yet others have come: their turn.
                    let round = under_way.send(waiters);
                    runtime.spawn(under_way.see_through(round));
                } else {
                    under_way.end();
                }
            }
        }
        match told.try_recv() {
            Ok(told) => Reply::Now(told),
            Err(_) => later(told),
        }
    }
}

/// Questions about some keys are under way, until this is dropped.
struct UnderWay<S: Store> {
    inner: Arc<Inner<S>>,
    at: u64,
    shard: usize,
    ended: bool,
}

impl<S: Store> UnderWay<S> {
    fn next(&self) -> Option<Vec<Waiter>> {
        self.inner.flights.next(self.at)
    }

    fn send(&self, waiters: Vec<Waiter>) -> Option<Round> {
        if self.inner.is_open(self.shard) {
            Inner::<S>::turn_away(waiters);
            return None;
        }
        self.inner.send(waiters, self.shard, self.inner.now())
    }

    fn end(mut self) {
        self.ended = true;
    }

    /// Round after round, until nobody waits.
    async fn see_through(self, mut round: Option<Round>) {
        let patience = self.inner.deadline() / PATIENCE;
        loop {
            if let Some(round) = round {
                self.wait(round, patience).await;
            }
            match self.next() {
                Some(waiters) => round = self.send(waiters),
                None => return self.end(),
            }
        }
    }

    async fn wait(&self, mut round: Round, patience: Duration) {
        let patience = patience.min(round.left(&self.inner));
        if tokio::time::timeout(patience, round.told(&self.inner)).await.is_err() {
            // It goes on by itself, and those who came meanwhile need not wait for it.
            tokio::spawn(round.finish(Arc::clone(&self.inner)));
        }
    }
}

impl<S: Store> Drop for UnderWay<S> {
    fn drop(&mut self) {
        if !self.ended {
            // The runtime was shut down, or the store panicked: nobody is to wait for what never comes.
            self.inner.flights.abandon(self.at);
        }
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
