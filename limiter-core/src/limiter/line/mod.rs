//! Lines: who waits for which budget and key, in which order, and whose turn it is.
//!
//! One waiter of a line at a time has the turn, and it alone asks the store. It is *called* when it
//! gets the turn and whenever something was given back that it waits for; a call is kept until it is
//! heard. Leaving a line, for whatever reason, passes the turn on. Nothing here knows of clocks,
//! stores or runtimes, so that a model checker can try every order of events.

#[cfg(all(test, limiter_loom))]
mod model;
mod sync;
#[cfg(all(test, not(limiter_loom)))]
mod tests;

use core::task::{Context, Poll, Waker};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sync::{AtomicUsize, Mutex, Ordering};

/// All lines of a limiter.
pub(crate) struct Lines {
    /// How many wait, so that whoever gives something back while nobody does pays for one load.
    waiting: AtomicUsize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    lines: HashMap<u64, Line>,
    arrivals: u64,
}

/// Those who wait for one budget and key, by when they arrived.
struct Line {
    waiters: BTreeMap<u64, Waiter>,
    /// In a line longer than this the newest has the turn.
    newest_first_above: usize,
}

#[derive(Default)]
struct Waiter {
    called: bool,
    waker: Option<Waker>,
}

/// How long a line may be, and who has the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Nobody joins a line of this length.
    pub(crate) longest: usize,
    /// In a line longer than this the newest has the turn.
    pub(crate) newest_first_above: usize,
}

/// The line is as long as it may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineFull;

impl Line {
    fn turn(&self) -> Option<u64> {
        let newest = self.waiters.len() > self.newest_first_above;
        let (arrival, _) = if newest { self.waiters.last_key_value() } else { self.waiters.first_key_value() }?;
        Some(*arrival)
    }

    /// Calls whoever has the turn; hands out what wakes it.
    fn call(&mut self) -> Option<Waker> {
        let waiter = self.turn().and_then(|turn| self.waiters.get_mut(&turn))?;
        waiter.called = true;
        waiter.waker.take()
    }
}

impl Lines {
    pub(crate) fn new() -> Self {
        Lines { waiting: AtomicUsize::new(0), inner: Mutex::new(Inner::default()) }
    }

    /// How many wait in all lines.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// How many wait in one line.
    pub(crate) fn len(&self, line: u64) -> usize {
        if self.waiting() == 0 {
            return 0;
        }
        self.inner.lock().lines.get(&line).map_or(0, |line| line.waiters.len())
    }

    /// Joins a line: at its end, or where somebody stands who arrived when `place` did.
    pub(crate) fn join(self: &Arc<Self>, line: u64, arrival: Option<u64>, rules: Rules) -> Result<Place, LineFull> {
        let mut inner = self.inner.lock();
        let is_new = arrival.is_none();
        let arrival = arrival.unwrap_or(inner.arrivals);
        let there = inner
            .lines
            .entry(line)
            .or_insert_with(|| Line { waiters: BTreeMap::new(), newest_first_above: usize::MAX });
        // Who moves from another line has waited already, and is not turned away now.
        if is_new && there.waiters.len() >= rules.longest {
            if there.waiters.is_empty() {
                inner.lines.remove(&line);
            }
            return Err(LineFull);
        }
        let before = there.turn();
        there.newest_first_above = rules.newest_first_above;
        there.waiters.insert(arrival, Waiter::default());
        let woken = if there.turn() == before { None } else { there.call() };
        inner.arrivals = inner.arrivals.max(arrival + 1);
        // Counted before anything is asked of the store: whoever gives something back later sees it.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        drop(inner);
        wake(woken);
        Ok(Place { lines: Arc::clone(self), line, arrival })
    }

    /// Something was given back that a line waits for.
    pub(crate) fn ring(&self, line: u64) {
        if self.waiting() == 0 {
            return;
        }
        let woken = self.inner.lock().lines.get_mut(&line).and_then(Line::call);
        wake(woken);
    }

    fn leave(&self, line: u64, arrival: u64) {
        let mut inner = self.inner.lock();
        let Some(there) = inner.lines.get_mut(&line) else { return };
        let before = there.turn();
        if there.waiters.remove(&arrival).is_none() {
            return;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let woken = if there.turn() == before { None } else { there.call() };
        if there.waiters.is_empty() {
            inner.lines.remove(&line);
        }
        drop(inner);
        wake(woken);
    }
}

/// Outside the lock: a waker may run anything.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A place in a line, given up when dropped.
pub(crate) struct Place {
    lines: Arc<Lines>,
    line: u64,
    arrival: u64,
}

impl Place {
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// When this waiter arrived, among others.
    pub(crate) fn arrival(&self) -> u64 {
        self.arrival
    }

    /// Whether it is this waiter's turn to ask.
    pub(crate) fn has_turn(&self) -> bool {
        self.lines.inner.lock().lines.get(&self.line).and_then(Line::turn) == Some(self.arrival)
    }

    /// Ready when this waiter was called since it last heard of it.
    pub(crate) fn poll_called(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lines.inner.lock();
        let waiter = inner.lines.get_mut(&self.line).and_then(|line| line.waiters.get_mut(&self.arrival));
        let Some(waiter) = waiter else { return Poll::Ready(()) };
        if core::mem::take(&mut waiter.called) {
            return Poll::Ready(());
        }
        match &mut waiter.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lines.leave(self.line, self.arrival);
    }
}
