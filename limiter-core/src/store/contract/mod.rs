//! The contract suite: whether a store keeps its [promises](super).
//!
//! It is meant for every store, those of this project and yours. Say how to reach the store and
//! how to let time pass, and [`check`] runs each promise for each algorithm that the store
//! declares, with several rules at once where it declares that too. A broken promise comes with
//! the operations that showed it.
//!
//! ```
//! use limiter_core::store::contract::{self, InManualTime};
//! use limiter_core::store::memory::MemoryStore;
//!
//! contract::assert_keeps(&InManualTime::new(MemoryStore::new()));
//! ```

pub mod barriers;
pub mod counters;
mod limits;
#[cfg(feature = "wait")]
mod paused;
mod promises;
mod settling;
mod timed;
mod trial;

use core::fmt;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::thread::Thread;
use std::time::Duration;

use super::{Answer, BoxFuture, Store, StoreError, Subject};
use crate::algorithm::Params;
use crate::testing::ManualClock;
use crate::time::{Clock, Now};

#[cfg(feature = "wait")]
pub use paused::InPausedTime;
pub use timed::InTime;

/// A store, and how time passes for it.
pub trait StoreUnderTest: Sync {
    /// The store.
    fn store(&self) -> &dyn Store;

    /// The caller's clock.
    fn now(&self) -> Now;

    /// Lets time pass: moves a manual clock, or sleeps where the store has a clock of its own.
    fn advance(&self, by: Duration);

    /// Called before a key is tried for the first time. Where windows do not begin with the first request of
    /// a key, lets time pass until one begins: a promise would otherwise see a window end that it did not
    /// reckon with.
    fn reach_window(&self, subject: &Subject, params: &Params) {
        let _ = (subject, params);
    }

    /// How exactly the store tells time; waits are checked to within this. A nanosecond unless
    /// stated.
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    /// Waits for an answer. Stores that need a runtime of their own wait on that.
    fn wait(&self, answer: BoxFuture<Result<Answer, StoreError>>) -> Result<Answer, StoreError> {
        block_on(answer)
    }

    /// Makes the store unable to answer, or able again; `false` if that cannot be done. Promise 10
    /// is checked where it can.
    fn fail(&self, failing: bool) -> bool {
        let _ = failing;
        false
    }
}

/// A store that goes by the caller's clock, with a clock that is moved by hand.
#[derive(Debug)]
pub struct InManualTime<S> {
    store: S,
    clock: ManualClock,
}

impl<S: Store> InManualTime<S> {
    /// Puts a store under test.
    #[must_use]
    pub fn new(store: S) -> Self {
        InManualTime { store, clock: ManualClock::new() }
    }
}

impl<S: Store> StoreUnderTest for InManualTime<S> {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn now(&self) -> Now {
        Now { monotonic: self.clock.monotonic(), wall: self.clock.wall() }
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Broken {
    /// Its number in the list of [promises](super), or of those of [barriers](super::barrier) or
    /// [counters](super::counters).
    pub promise: u8,
    /// Its name.
    pub name: &'static str,
    /// What was counted how.
    pub limit: &'static str,
    /// What went wrong.
    pub what: String,
    /// The operations that showed it, in order.
    pub trace: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "promise {} ({}) is broken for {}: {}", self.promise, self.name, self.limit, self.what)?;
        self.trace.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

impl std::error::Error for Broken {}

/// Checks every promise for everything that the store declares.
///
/// # Errors
///
/// The promises that were not kept.
pub fn check(subject: &impl StoreUnderTest) -> Result<(), Vec<Broken>> {
    let broken: Vec<Broken> = promises::all(subject);
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// As [`check`], for tests.
///
/// # Panics
///
/// When a promise is not kept. The message names it and lists the operations.
#[track_caller]
pub fn assert_keeps(subject: &impl StoreUnderTest) {
    assert_none(check(subject));
}

#[expect(clippy::panic, reason = "an assertion")]
#[track_caller]
fn assert_none(checked: Result<(), Vec<Broken>>) {
    if let Err(broken) = checked {
        let list: Vec<String> = broken.iter().map(ToString::to_string).collect();
        panic!("the store breaks its contract\n{}", list.join("\n"));
    }
}

/// Waits for a future on this thread, for tests that need no runtime.
#[must_use]
pub fn block_on<T>(mut future: BoxFuture<T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
