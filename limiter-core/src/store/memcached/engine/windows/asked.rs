//! A question to a window that is under way: it is answered where the connection is driven, whether or
//! not somebody still waits.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{number, take_back, wrapped};
use crate::store::memcached::answer::{Form, Outcome};
use crate::store::memcached::engine::Inner;
use crate::store::memcached::fault::Fault;
use crate::store::memcached::line::Awaits;
use crate::store::memcached::name::Name;
use crate::store::memcached::protocol::Reply;
use crate::store::memcached::window::{Held, Question, Window};
use crate::store::{Answer, StoreError};

/// A question under way.
pub(super) struct Asked {
    inner: Arc<Inner>,
    /// Of its name.
    digest: u128,
    question: Question,
    /// What was added.
    units: u64,
    state: Mutex<State>,
}

enum State {
    /// Somebody waits, or not yet.
    Waits(Option<Waker>),
    Told(Result<Outcome, Fault>),
    /// Nobody waits any more.
    Over,
}

impl Asked {
    pub(super) fn new(inner: &Arc<Inner>, digest: u128, question: Question, units: u64) -> Arc<Self> {
        let state = Mutex::new(State::Waits(None));
        Arc::new(Asked { inner: Arc::clone(inner), digest, question, units, state })
    }

    fn outcome(&self, replies: &[Reply]) -> Result<Outcome, Fault> {
        let Asked { inner, question, units, .. } = self;
        let current = number(inner, replies.first())?;
        let previous = match replies.get(1).map_or(Ok(0), |reply| number(inner, Some(reply))) {
            Ok(previous) => previous,
            Err(fault) => {
                // Nothing is decided, so nothing is kept.
                self.take_back(*units);
                return Err(fault);
            }
        };
        let Some(before) = current.checked_sub(*units) else {
            let expiry = Window::expiry(&question.params, question.here);
            let name = self.name();
            return Err(wrapped(inner, inner.line(&name), &question.window.key(&name), expiry));
        };
        let held = Held { previous, current: before };
        if *units == 0 {
            return Ok(question.peeked(held));
        }
        let (outcome, excess) = question.answered(held, *units);
        self.take_back(excess);
        Ok(outcome)
    }

    fn take_back(&self, units: u64) {
        if units > 0 {
            let name = self.name();
            take_back(self.inner.line(&name), &self.question.window.key(&name), units);
        }
    }

    /// Seldom needed, and large.
    fn name(&self) -> Name {
        Name::of_digest(&self.inner.namespace, &self.question.params, self.digest)
    }
}

impl Awaits for Asked {
    fn told(self: Arc<Self>, replies: Result<&[Reply], Fault>) {
        // What was taken stays taken, whoever has left.
        let told = replies.and_then(|replies| self.outcome(replies));
        let mut state = self.state.lock();
        if let State::Waits(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Told(told);
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// The answer to a question under way. Dropping it abandons the answer alone.
pub(super) struct Awaited {
    asked: Arc<Asked>,
    form: Form,
    /// Whether the answer was told.
    over: bool,
}

impl Awaited {
    pub(super) fn new(asked: Arc<Asked>, form: Form) -> Self {
        Awaited { asked, form, over: false }
    }
}

impl Future for Awaited {
    type Output = Result<Answer, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut state = this.asked.state.lock();
        match &mut *state {
            State::Waits(Some(waker)) if waker.will_wake(context.waker()) => return Poll::Pending,
            State::Waits(waker) => {
                *waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            State::Told(_) | State::Over => {}
        }
        this.over = true;
        match core::mem::replace(&mut *state, State::Over) {
            State::Told(Ok(outcome)) => Poll::Ready(Ok(this.form.answer(&outcome, None))),
            State::Told(Err(fault)) => Poll::Ready(Err(fault.into())),
            // Asked again after the answer, as no executor does.
            _ => Poll::Pending,
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if !self.over {
            // The waker goes now, and not with the answer.
            let _before = core::mem::replace(&mut *self.asked.state.lock(), State::Over);
        }
    }
}
