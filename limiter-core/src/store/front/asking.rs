//! The way of a question that nobody else depends on: whoever asked polls it himself.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use super::Inner;
use super::caller::{Caller, Left, Turn};
use super::pass::Told;
use super::round::Group;
use super::under_way::UnderWay;
use crate::store::{Answer, BoxFuture, Reply, Store};

/// The answer for somebody who asked: to a question of his own, or to one of others.
pub(super) struct Asking<S: Store> {
    pub(super) inner: Arc<Inner<S>>,
    pub(super) caller: Arc<Caller>,
    /// The number of his keys.
    pub(super) at: u64,
    /// Whether his question was answered.
    pub(super) over: bool,
}

impl<S: Store> Asking<S> {
    /// Asks.
    pub(super) fn ask(mut self) -> Reply<Told> {
        let (inner, decide) = (&self.inner, &self.caller.decide);
        let reply = match inner.ahead(decide, &self.caller.keys) {
            0 => inner.engine.decide(decide),
            _ => inner.engine.submit(inner.operation(decide, &self.caller.keys, 1)),
        };
        match reply {
            Reply::Later(answer) => {
                self.put(answer, None);
                Reply::Later(Box::pin(self))
            }
            Reply::Now(told) => Reply::Now(self.end(told)),
        }
    }

    /// Leaves the question for whoever needs its answer; somebody may have come for it meanwhile.
    fn put(&self, answer: BoxFuture<Told>, context: Option<&Context<'_>>) {
        if let Some(answer) = self.caller.put(answer, context.map(Context::waker)) {
            self.inner.hand_over(Arc::clone(&self.caller), self.at, answer);
        }
    }

    /// It was answered. Whoever came meanwhile has his turn.
    fn end(&mut self, mut told: Told) -> Told {
        self.over = true;
        let Asking { inner, caller, at, .. } = self;
        let now = inner.now();
        inner.note(caller.shard, &told, now);
        let lag = now.saturating_sub(caller.arrived);
        match &mut told {
            Ok(Answer::Decided(decided)) => {
                inner.learn(&caller.decide, &caller.keys, lag, decided);
                decided.now.get_or_insert(caller.decide.now);
            }
            Ok(_) => {
                caller.wait();
                inner.share_out(Group::of(caller), told, lag);
                told = caller.told();
            }
            Err(_) => {}
        }
        if let Some(waiters) = inner.flights.next(*at) {
            let under_way = UnderWay::new(inner, *at, caller.shard);
            inner.spawn(under_way.see_through_for(waiters));
        }
        told
    }
}

impl<S: Store> Future for Asking<S> {
    type Output = Told;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Told> {
        let mut answer = match self.caller.turn(context) {
            Turn::Wait => return Poll::Pending,
            Turn::Told(told) => {
                self.over = true;
                return Poll::Ready(told);
            }
            Turn::Poll(answer) => answer,
        };
        // Not under a lock: whom it wakes may ask about the same keys.
        match answer.as_mut().poll(context) {
            Poll::Ready(told) => Poll::Ready(self.end(told)),
            Poll::Pending => {
                self.put(answer, Some(context));
                // The runtime that it was watched in may have been shut down.
                let _ = self.inner.keep_watch();
                Poll::Pending
            }
        }
    }
}

impl<S: Store> Drop for Asking<S> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        match self.caller.leave() {
            Left::Question(answer) => self.inner.hand_over(Arc::clone(&self.caller), self.at, answer),
            // The store panicked.
            Left::Ruins => self.inner.flights.abandon(self.at),
            Left::Nothing => {}
        }
    }
}
