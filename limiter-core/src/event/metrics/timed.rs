//! How long a store takes.

use metrics::{Histogram, Unit, describe_histogram, histogram};

use crate::store::{Answer, Capabilities, Operation, Reply, Store, StoreError};
use crate::time::{Clock, Nanos, SystemClock};

/// A store around another that tells how long each operation took: `limiter_store_seconds`.
///
/// ```
/// use limiter_core::event::metrics::Timed;
/// use limiter_core::{Limiter, store::memory::MemoryStore};
///
/// let limiter = Limiter::builder().store(Timed::new(MemoryStore::new())).build();
/// ```
#[derive(Debug)]
pub struct Timed<S> {
    inner: S,
    clock: SystemClock,
}

impl<S: Store> Timed<S> {
    /// Install a recorder before.
    #[must_use]
    pub fn new(inner: S) -> Self {
        describe_histogram!("limiter_store_seconds", Unit::Seconds, "How long the store took.");
        Timed { inner, clock: SystemClock::new() }
    }
}

impl<S: Store> Store for Timed<S> {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        let taken: Histogram = histogram!("limiter_store_seconds", "operation" => name(&operation));
        let began = self.clock.monotonic();
        match self.inner.submit(operation) {
            Reply::Now(answer) => {
                taken.record(seconds(&self.clock, began));
                Reply::Now(answer)
            }
            Reply::Later(answer) => {
                let clock = self.clock.clone();
                Reply::Later(Box::pin(async move {
                    let answer = answer.await;
                    taken.record(seconds(&clock, began));
                    answer
                }))
            }
        }
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn behind(&self) -> Option<&dyn Store> {
        Some(&self.inner)
    }
}

fn seconds(clock: &SystemClock, began: Nanos) -> f64 {
    clock.monotonic().saturating_sub(began).get() as f64 / 1e9
}

fn name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Decide(_) => "decide",
        Operation::Inspect(_) => "inspect",
        Operation::Release { .. } => "release",
        Operation::Repeat { .. } => "repeat",
        Operation::Reset { .. } => "reset",
        Operation::Settle { .. } => "settle",
        #[allow(unreachable_patterns, reason = "operations that are new count as what they are not yet known for")]
        _ => "other",
    }
}
