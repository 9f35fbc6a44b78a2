//! Somebody who asked, and what he is told in the end.
//!
//! While nobody else depends on a question, its answer is with whoever asked, who polls it himself: there is
//! no task and no timer. Somebody else may come to depend on it: then a task takes it over, since nobody is to
//! wait for whether another polls his future. So it does when whoever asked goes away, or has waited for long.

use core::mem::replace;
use core::task::{Context, Waker};
use std::sync::Arc;

use parking_lot::Mutex;

use super::denials::Keys;
use super::pass::{Lost, Told};
use crate::store::{Answer, BoxFuture, Decide, Decided, StoreError};
use crate::time::Nanos;

/// A decision that somebody asked for, or no longer waits for: it is carried out all the same.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) decide: Decide,
    pub(super) keys: Keys,
    /// The server that is asked.
    pub(super) shard: usize,
    pub(super) arrived: Nanos,
    seat: Mutex<Seat>,
}

/// What a caller is told: what it is about, he knows.
type Word = Result<Decided, StoreError>;

/// Where the answer is to come from.
enum Seat {
    /// From a question that nobody else depends on, which is being put or polled at the moment.
    Asks,
    /// From a question that nobody else depends on.
    Alone(BoxFuture<Told>, Option<Waker>),
    /// From others.
    Waits(Option<Waker>),
    /// Here it is: apart, since whoever asks for himself is told without.
    Told(Box<Word>),
    /// Nobody waits any more.
    Over,
}

/// What somebody who waits finds.
pub(super) enum Turn {
    /// Nothing yet; he will be woken.
    Wait,
    /// A question of his own, to be polled and to be [put back](Caller::put).
    Poll(BoxFuture<Told>),
    /// The answer.
    Told(Told),
}

impl Caller {
    /// Somebody who is about to ask.
    pub(super) fn new(decide: Decide, keys: Keys, shard: usize, arrived: Nanos) -> Self {
        Caller { decide, keys, shard, arrived, seat: Mutex::new(Seat::Asks) }
    }

    /// Others ask for this one.
    pub(super) fn wait(&self) {
        *self.seat.lock() = Seat::Waits(None);
    }

    /// What there is for whoever asked.
    pub(super) fn turn(&self, context: &Context<'_>) -> Turn {
        let mut seat = self.seat.lock();
        match &mut *seat {
            Seat::Waits(Some(waker)) if waker.will_wake(context.waker()) => return Turn::Wait,
            Seat::Waits(waker) => {
                *waker = Some(context.waker().clone());
                return Turn::Wait;
            }
            // Asked again after the answer, as no executor does.
            Seat::Asks | Seat::Over => return Turn::Wait,
            Seat::Alone(..) | Seat::Told(_) => {}
        }
        match replace(&mut *seat, Seat::Asks) {
            Seat::Alone(answer, _) => Turn::Poll(answer),
            Seat::Told(word) => {
                *seat = Seat::Over;
                Turn::Told((*word).map(Answer::Decided))
            }
            _ => Turn::Wait,
        }
    }

    /// What he was told just now.
    pub(super) fn told(&self) -> Told {
        match replace(&mut *self.seat.lock(), Seat::Over) {
            Seat::Told(word) => (*word).map(Answer::Decided),
            _ => Err(StoreError::unsupported()),
        }
    }

    /// Leaves a question for whoever needs its answer next. If somebody came to depend on it meanwhile, it is
    /// given back: it belongs to a task.
    pub(super) fn put(&self, answer: BoxFuture<Told>, waker: Option<&Waker>) -> Option<BoxFuture<Told>> {
        let mut seat = self.seat.lock();
        let waker = waker.cloned();
        if matches!(*seat, Seat::Asks) {
            *seat = Seat::Alone(answer, waker);
            return None;
        }
        *seat = Seat::Waits(waker);
        Some(answer)
    }

    /// Somebody else depends on the question from now on: it is his who gets it. Nobody gets one that is just
    /// being polled: whoever polls it finds out.
    pub(super) fn hand_over(&self) -> Option<BoxFuture<Told>> {
        let mut seat = self.seat.lock();
        match replace(&mut *seat, Seat::Over) {
            Seat::Alone(answer, waker) => {
                *seat = Seat::Waits(waker);
                return Some(answer);
            }
            Seat::Asks => *seat = Seat::Waits(None),
            other => *seat = other,
        }
        None
    }

    /// Whoever asked goes away. What he asked by himself is still to be seen through.
    pub(super) fn leave(&self) -> Left {
        match replace(&mut *self.seat.lock(), Seat::Over) {
            Seat::Alone(answer, _) => Left::Question(answer),
            Seat::Asks => Left::Ruins,
            _ => Left::Nothing,
        }
    }

    /// Lets whoever asked look again.
    pub(super) fn wake(&self) {
        let waker = match &mut *self.seat.lock() {
            Seat::Alone(_, waker) | Seat::Waits(waker) => waker.take(),
            _ => None,
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_waiting(&self) -> bool {
        matches!(*self.seat.lock(), Seat::Waits(_))
    }

    fn tell(&self, word: Word) {
        let mut seat = self.seat.lock();
        if matches!(*seat, Seat::Told(_) | Seat::Over) {
            return;
        }
        let before = replace(&mut *seat, Seat::Told(Box::new(word)));
        drop(seat);
        if let Seat::Waits(Some(waker)) = before {
            waker.wake();
        }
    }
}

/// What somebody who goes away leaves behind.
pub(super) enum Left {
    /// A question that nobody else depended on.
    Question(BoxFuture<Told>),
    /// A question that could not be put, or came to an end by a panic.
    Ruins,
    /// Nothing: others ask, or it was answered.
    Nothing,
}

/// Whoever is to be told. If this is dropped before, he is told that.
#[derive(Debug)]
pub(super) struct Waiter(Arc<Caller>);

impl Waiter {
    pub(super) fn new(caller: &Arc<Caller>) -> Self {
        Waiter(Arc::clone(caller))
    }

    pub(super) fn asked(&self) -> &Caller {
        &self.0
    }

    pub(super) fn tell(self, word: Word) {
        self.0.tell(word);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.0.is_waiting() {
            self.0.tell(Err(StoreError::unavailable(Lost)));
        }
    }
}

impl core::fmt::Debug for Seat {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Seat::Asks => "asks",
            Seat::Alone(..) => "alone",
            Seat::Waits(_) => "waits",
            Seat::Told(_) => "told",
            Seat::Over => "over",
        })
    }
}
