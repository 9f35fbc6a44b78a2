//! The tracker: what an application holds.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::backoff::Waits;
use super::counts::Counts;
use super::flush::{Attempt, Done, Line, Shared};
use super::settings::{NotStarted, TrackerBuilder};
use super::shutdown::ShutdownReport;
use super::sink::ViolationSink;
use super::stats::{Offender, TrackerStats};
use crate::decision::Outcome;
use crate::event::{Event, Observer};
use crate::key::Key;
use crate::time::Nanos;

/// Counts who was limited, by which rule, how often, and has it written. See the [module](super) for
/// what it promises. Clones are one tracker.
///
/// As an [`Observer`] it counts every rule that refused a request, and everything that a rule in
/// shadow would have refused. A refusal because the store failed is nobody's violation and is not
/// counted.
#[derive(Clone)]
pub struct ViolationTracker {
    owner: Arc<Owner>,
}

/// Ends the task with the last clone.
struct Owner {
    shared: Arc<Shared>,
    task: AbortHandle,
    deadline: Duration,
}

/// The rule under which requests that an access list turned away are counted.
const ACCESS_LIST: &str = "access-list";

impl ViolationTracker {
    /// Sets one up. `instance` says which process wrote a row.
    pub fn builder(instance: &str) -> TrackerBuilder {
        TrackerBuilder::new(instance)
    }

    pub(super) fn start(settings: TrackerBuilder, sink: Arc<dyn ViolationSink>) -> Result<Self, NotStarted> {
        let runtime = Handle::try_current().map_err(|_| NotStarted)?;
        let shared = Arc::new(Shared {
            counts: Counts::new(settings.cap, settings.clients),
            sink,
            waits: Waits::new(settings.interval, settings.jitter),
            attempt: settings.attempt,
            instance: settings.instance,
            last: Mutex::new(None),
            done: Done::default(),
            oldest: AtomicU64::new(0),
            line: tokio::sync::Mutex::new(Line { began: settings.clock.wall(), kept: None }),
            clock: settings.clock,
            listener: settings.listener,
        });
        let task = runtime.spawn(write_now_and_then(Arc::clone(&shared))).abort_handle();
        Ok(ViolationTracker { owner: Arc::new(Owner { shared, task, deadline: settings.deadline }) })
    }

    /// Counts one violation. Waits for nothing, and allocates nothing for a pair that it knows.
    #[inline]
    pub fn record(&self, rule: &str, client: &Key) {
        self.count(rule, false, client, 1);
    }

    /// Counts several at once.
    pub fn record_many(&self, rule: &str, client: &Key, count: u32) {
        if count > 0 {
            self.count(rule, false, client, u64::from(count));
        }
    }

    #[inline]
    fn count(&self, rule: &str, shadow: bool, client: &Key, count: u64) {
        let shared = &self.owner.shared;
        if shared.counts.record(rule, shadow, client, count) {
            shared.note_first();
        }
    }

    /// Writes what there is, without waiting for the interval. Whether nothing is left over from
    /// before the call.
    ///
    /// Cancel safe: counts of a flush that is dropped are written by a later one.
    pub async fn flush(&self) -> bool {
        self.owner.shared.attempt().await != Attempt::Failed
    }

    /// Takes no more records, writes what there is within the deadline, and says how that went.
    pub async fn shutdown(&self) -> ShutdownReport {
        self.shutdown_within(self.owner.deadline).await
    }

    /// As [`shutdown`](Self::shutdown), within another deadline.
    pub async fn shutdown_within(&self, deadline: Duration) -> ShutdownReport {
        let report = self.owner.shared.shut_down(deadline).await;
        self.owner.task.abort();
        report
    }

    /// What it holds and has done. Looks at every pair.
    #[must_use]
    pub fn stats(&self) -> TrackerStats {
        let Shared { counts, done, clock, line, .. } = &*self.owner.shared;
        let (pending_pairs, pending) = counts.pending();
        let under_way = done.under_way.load(Ordering::Relaxed);
        // While an attempt is under way its age is that of the counts after it.
        let kept = line
            .try_lock()
            .ok()
            .and_then(|line| line.kept.as_ref().map(|kept| (kept.oldest(), kept.batch().violations().len())));
        let since = kept.map_or_else(|| self.owner.shared.oldest.load(Ordering::Relaxed), |(oldest, _)| oldest);
        let waited = || clock.monotonic().saturating_sub(Nanos::new(since)).into();
        TrackerStats {
            pending_pairs: pending_pairs + kept.map_or(0, |(_, pairs)| pairs),
            pending: pending.saturating_add(under_way),
            oldest: (since > 0 && pending.saturating_add(under_way) > 0).then(waited),
            places: counts.places(),
            folded: counts.folded(),
            written: done.written.load(Ordering::Relaxed),
            flushes: done.flushes.load(Ordering::Relaxed),
            failures: done.failures.load(Ordering::Relaxed),
            failures_in_a_row: done.in_a_row.load(Ordering::Relaxed),
            rejected_batches: done.rejected_batches.load(Ordering::Relaxed),
            rejected: done.rejected.load(Ordering::Relaxed),
            refused: counts.refused(),
            lost: done.lost.load(Ordering::Relaxed),
        }
    }

    /// The worst offenders since the flush before the last, most violations first.
    #[must_use]
    pub fn top(&self, most: usize) -> Vec<Offender> {
        let mut sums = HashMap::new();
        let last = self.owner.shared.last.lock().clone();
        for one in last.iter().flat_map(|batch| batch.violations()) {
            *sums.entry((Arc::clone(&one.rule), Arc::clone(&one.client))).or_insert(0u64) += one.count;
        }
        self.owner.shared.counts.each(|rule, client, count| {
            if count > 0 {
                *sums.entry((Arc::clone(rule), Arc::clone(client))).or_insert(0) += count;
            }
        });
        let offender = |((rule, client), count)| Offender { rule, client, count };
        let mut offenders: Vec<Offender> = sums.into_iter().map(offender).collect();
        offenders.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.rule, &a.client).cmp(&(&b.rule, &b.client))));
        offenders.truncate(most);
        offenders
    }
}

/// The task of a tracker.
async fn write_now_and_then(shared: Arc<Shared>) {
    let mut wait = shared.waits.first();
    loop {
        tokio::time::sleep(wait).await;
        if shared.counts.is_closed() {
            // Whoever shuts down does the rest.
            return;
        }
        wait = match shared.attempt().await {
            Attempt::Failed => shared.waits.after(shared.done.in_a_row.load(Ordering::Relaxed)),
            Attempt::Nothing | Attempt::Written(_) => shared.waits.interval(),
        };
    }
}

impl ViolationTracker {
    fn note(&self, event: &Event<'_>) {
        for (usage, key) in event.decision.usages().iter().zip(event.keys) {
            let refused = usage.is_violated() || usage.would_refuse();
            if refused && usage.outcome() != Outcome::StoreFailed {
                self.count(usage.name(), usage.is_shadow(), key, 1);
            }
        }
    }
}

impl Observer for ViolationTracker {
    fn on_allow(&self, event: &Event<'_>) {
        self.note(event);
    }

    fn on_deny(&self, event: &Event<'_>) {
        if event.decision.denied().is_some() {
            for key in event.keys {
                self.record(ACCESS_LIST, key);
            }
            return;
        }
        self.note(event);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.task.abort();
        if !self.shared.counts.is_closed() {
            self.shared.counts.close();
            self.shared.lose(self.shared.unwritten());
        }
    }
}

impl fmt::Debug for ViolationTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViolationTracker").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
