//! Questions that somebody depends on who did not ask them, or no longer does: a task sees them through.

use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use super::caller::{Caller, Waiter};
use super::pass::Told;
use super::round::Round;
use crate::store::{BoxFuture, Store};

/// A round trip that takes longer than this part of the deadline is not waited for.
pub(super) const PATIENCE: u32 = 4;

/// Questions about some keys are under way, until this is dropped.
pub(super) struct UnderWay<S: Store> {
    inner: Arc<Inner<S>>,
    at: u64,
    shard: usize,
    ended: bool,
}

impl<S: Store> UnderWay<S> {
    pub(super) fn new(inner: &Arc<Inner<S>>, at: u64, shard: usize) -> Self {
        UnderWay { inner: Arc::clone(inner), at, shard, ended: false }
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

    /// Begins with those who wait.
    pub(super) async fn see_through_for(self, waiters: Vec<Waiter>) {
        let round = self.send(waiters);
        self.see_through(round).await;
    }

    /// Round after round, until nobody waits.
    async fn see_through(self, mut round: Option<Round>) {
        loop {
            if let Some(round) = round {
                self.wait(round).await;
            }
            match self.inner.flights.next(self.at) {
                Some(waiters) => round = self.send(waiters),
                None => return self.end(),
            }
        }
    }

    async fn wait(&self, mut round: Round) {
        let patience: Duration = round.left(&self.inner, self.inner.deadline() / PATIENCE);
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

impl<S: Store> Inner<S> {
    /// A task takes over what a caller asked by himself.
    pub(super) fn hand_over(self: &Arc<Self>, caller: Arc<Caller>, at: u64, answer: BoxFuture<Told>) {
        let under_way = UnderWay::new(self, at, caller.shard);
        let round = Round::begun(&caller, answer);
        self.spawn(under_way.see_through(Some(round)));
    }

    /// In the runtime of whoever is here, or else in the one that questions are watched in: there is one, or
    /// nothing would have been asked.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = self.runtime() {
            runtime.spawn(task);
        }
    }
}
