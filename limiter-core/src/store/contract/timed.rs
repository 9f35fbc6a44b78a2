//! Stores that are waited on, and how time passes for them.

use core::future::poll_fn;
use core::task::Poll;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Broken;
use super::trial::Verified;
use crate::store::{BoxFuture, Reply, StoreError};
use crate::time::Nanos;

/// How time passes for a store that is waited on.
pub trait InTime: Send + Sync {
    /// Time since some fixed instant.
    fn now(&self) -> Nanos;

    /// Lets time pass, inside [`drive`](InTime::drive).
    fn pause(&self, by: Duration) -> BoxFuture<()>;

    /// Runs a future to its end, with whatever it needs: a runtime, a connection.
    fn drive(&self, future: BoxFuture<()>);

    /// How exactly the store tells time; lifetimes and timeouts are checked to within this. A
    /// millisecond unless stated.
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    /// The lifetime that is tried, a multiple of 8 ms: a second unless stated. The suite lets some
    /// twenty of them pass.
    fn lifetime(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// One promise on trial: a name of its own, and a record of what was done.
pub(super) struct Timed<'a> {
    time: &'a dyn InTime,
    name: String,
    trace: Mutex<Vec<String>>,
    began: Nanos,
}

/// A promise: its number, its name, and how it is verified.
pub(super) type Promise<S> = (u8, &'static str, fn(&S, &Timed<'_>) -> Verified);

/// What is broken.
pub(super) fn verify<S>(
    subject: &S,
    time: &dyn InTime,
    kind: &'static str,
    promises: &[Promise<S>],
) -> Result<(), Vec<Broken>> {
    let mut broken = Vec::new();
    for (promise, name, keeps) in promises {
        let trial = Timed::new(time, kind, *promise);
        if let Err(what) = keeps(subject, &trial) {
            broken.push(Broken { promise: *promise, name, limit: kind, what, trace: trial.trace.into_inner() });
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

impl<'a> Timed<'a> {
    fn new(time: &'a dyn InTime, kind: &str, promise: u8) -> Self {
        use core::hash::BuildHasher;
        // Stores outlive the process: names of an earlier run must not meet those of this one.
        let apart = std::hash::RandomState::new().hash_one(promise);
        Timed { time, name: format!("{kind}-{promise}-{apart:016x}"), trace: Mutex::default(), began: time.now() }
    }

    /// A name that nothing else has.
    pub(super) fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.name)
    }

    /// A part of the lifetime in eighths.
    pub(super) fn eighths(&self, eighths: u32) -> Duration {
        self.time.lifetime() / 8 * eighths
    }

    pub(super) fn lifetime(&self) -> Result<crate::store::Lifetime, String> {
        crate::store::Lifetime::new(self.time.lifetime()).map_err(|error| error.to_string())
    }

    pub(super) fn resolution(&self) -> Duration {
        self.time.resolution()
    }

    pub(super) fn pause(&self, by: Duration) -> BoxFuture<()> {
        self.time.pause(by)
    }

    pub(super) fn advance(&self, by: Duration) {
        self.note(format!("{by:?} pass"));
        self.time.drive(self.time.pause(by));
    }

    pub(super) fn now(&self) -> Nanos {
        self.time.now()
    }

    pub(super) fn note(&self, line: String) {
        let at = Duration::from(self.now().saturating_sub(self.began));
        self.trace.lock().push(format!("{at:?}: {line}"));
    }

    /// Waits for an answer and notes it.
    pub(super) fn ask<T>(&self, what: String, reply: Reply<Result<T, StoreError>>) -> Result<T, String>
    where
        T: core::fmt::Debug + Send + 'static,
    {
        let answer = match reply {
            Reply::Now(answer) => answer,
            Reply::Later(answer) => self.run(answer)?,
        };
        self.note(format!("{what} -> {answer:?}"));
        answer.map_err(|error| format!("{what} failed: {error}"))
    }

    /// Waits for several answers at once.
    pub(super) fn ask_all<T>(&self, what: &str, replies: Vec<Reply<Result<T, StoreError>>>) -> Result<Vec<T>, String>
    where
        T: core::fmt::Debug + Send + 'static,
    {
        let answers: Vec<BoxFuture<Result<T, StoreError>>> = replies.into_iter().map(later).collect();
        let answers = self.run(join(answers))?;
        self.note(format!("{what} -> {answers:?}"));
        answers.into_iter().collect::<Result<Vec<T>, StoreError>>().map_err(|error| format!("{what} failed: {error}"))
    }

    /// Runs a future and hands out what it comes to.
    pub(super) fn run<T: Send + 'static>(&self, future: BoxFuture<T>) -> Result<T, String> {
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        self.time.drive(Box::pin(async move {
            let value = future.await;
            *filled.lock() = Some(value);
        }));
        let value = slot.lock().take();
        value.ok_or_else(|| "`drive` came back before the end".to_owned())
    }
}

pub(super) fn later<T: Send + 'static>(reply: Reply<T>) -> BoxFuture<T> {
    match reply {
        Reply::Now(answer) => Box::pin(core::future::ready(answer)),
        Reply::Later(answer) => answer,
    }
}

/// All of them, at the same time.
pub(super) fn join<T: Send + 'static>(mut futures: Vec<BoxFuture<T>>) -> BoxFuture<Vec<T>> {
    let mut ready: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    Box::pin(poll_fn(move |cx| {
        for (future, ready) in futures.iter_mut().zip(&mut ready) {
            if ready.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *ready = Some(value);
            }
        }
        if ready.iter().all(Option::is_some) {
            return Poll::Ready(ready.iter_mut().filter_map(Option::take).collect());
        }
        Poll::Pending
    }))
}

/// Whoever calls at once.
pub(super) const CALLERS: u32 = 8;

pub(super) fn at_once<T: Send>(call: impl Fn() -> Reply<T> + Sync) -> Vec<Reply<T>> {
    let start = std::sync::Barrier::new(CALLERS as usize);
    let caller = || {
        start.wait();
        call()
    };
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(caller)).collect();
        callers.into_iter().filter_map(|caller| caller.join().ok()).collect()
    })
}

/// No earlier than wanted, and not much later.
pub(super) fn about(trial: &Timed<'_>, what: &str, took: Duration, wanted: Duration) -> Verified {
    let (least, most) = (wanted.saturating_sub(trial.resolution()), wanted + trial.resolution() + trial.eighths(1));
    if (least..=most).contains(&took) {
        return Ok(());
    }
    Err(format!("{what} took {took:?} where it should take {wanted:?}"))
}
