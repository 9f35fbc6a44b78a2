//! Writing: one attempt at a time, and whatever happens to it, its counts end in exactly one place.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;

use super::backoff::Waits;
use super::batch::Batch;
use super::counts::{Counts, Drained};
use super::settings::{Last, Listener};
use super::sink::{SinkError, ViolationSink};
use super::trouble::Trouble;
use crate::time::{Clock, Nanos};

/// What a tracker, its task and those who flush by hand share.
pub(super) struct Shared {
    pub(super) counts: Counts,
    pub(super) sink: Arc<dyn ViolationSink>,
    pub(super) waits: Waits,
    pub(super) attempt: Duration,
    pub(super) instance: Arc<str>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) listener: Listener,
    pub(super) last: Mutex<Last>,
    pub(super) done: Done,
    /// When the oldest count that was not written came; 0 for none.
    pub(super) oldest: AtomicU64,
    /// Held for the length of an attempt.
    pub(super) line: tokio::sync::Mutex<Line>,
}

/// What has been done, as numbers.
#[derive(Default)]
pub(super) struct Done {
    pub(super) written: AtomicU64,
    pub(super) flushes: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) in_a_row: AtomicU32,
    pub(super) rejected_batches: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) lost: AtomicU64,
    /// Taken out of the map and neither written nor put back.
    pub(super) under_way: AtomicU64,
}

/// Where writing stands.
pub(super) struct Line {
    /// When the window that is being counted began.
    pub(super) began: Nanos,
    /// A batch that may have been written: it comes again as it is.
    pub(super) kept: Option<Taken>,
}

/// A batch taken out of the map.
pub(super) struct Taken {
    batch: Arc<Batch>,
    drained: Drained,
    /// When its oldest count came.
    oldest: u64,
    /// Whether an earlier attempt may have written it.
    uncertain: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Failed,
    Nothing,
    /// Rejected batches are done with as well.
    Written(u64),
}

impl Shared {
    /// Tries to write what there is.
    ///
    /// Cancel safe: an attempt that is dropped puts its counts back.
    pub(super) async fn attempt(&self) -> Attempt {
        let mut line = self.line.lock().await;
        let Some(taken) = line.kept.take().or_else(|| self.take(&mut line)) else { return Attempt::Nothing };
        let batch = Arc::clone(&taken.batch);
        let mut under_way = UnderWay { shared: self, line: &mut line, taken: Some(taken) };
        let result = match tokio::time::timeout(self.attempt, self.write(&batch)).await {
            Ok(result) => result,
            Err(_) => Err(SinkError::timeout()),
        };
        match result {
            Ok(()) => {
                under_way.done();
                self.done.written.fetch_add(batch.total(), Ordering::Relaxed);
                self.done.flushes.fetch_add(1, Ordering::Relaxed);
                self.done.in_a_row.store(0, Ordering::Relaxed);
                let total = batch.total();
                *self.last.lock() = Some(batch);
                Attempt::Written(total)
            }
            Err(error) if error.is_rejected() => {
                under_way.done();
                self.done.rejected.fetch_add(batch.total(), Ordering::Relaxed);
                self.done.rejected_batches.fetch_add(1, Ordering::Relaxed);
                self.done.in_a_row.store(0, Ordering::Relaxed);
                (self.listener)(&Trouble::Rejected { error: &error, total: batch.total() });
                Attempt::Written(0)
            }
            Err(error) => {
                under_way.failed(&error);
                self.done.failures.fetch_add(1, Ordering::Relaxed);
                let in_a_row = self.done.in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                (self.listener)(&Trouble::Failed { error: &error, in_a_row, total: batch.total() });
                Attempt::Failed
            }
        }
    }

    /// A sink that panics has failed; the task goes on.
    async fn write(&self, batch: &Batch) -> Result<(), SinkError> {
        let mut writing = match catch_unwind(AssertUnwindSafe(|| self.sink.write(batch))) {
            Ok(writing) => writing,
            Err(_) => return Err(SinkError::uncertain("the sink panicked")),
        };
        poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| writing.as_mut().poll(context))) {
            Ok(polled) => polled,
            Err(_) => Poll::Ready(Err(SinkError::uncertain("the sink panicked"))),
        })
        .await
    }

    fn take(&self, line: &mut Line) -> Option<Taken> {
        // Whoever counts from here on belongs to the next batch, or makes this one look younger.
        let oldest = self.oldest.swap(0, Ordering::Relaxed);
        let drained = self.counts.drain();
        if drained.is_empty() {
            return None;
        }
        let window = (line.began, self.clock.wall());
        line.began = window.1;
        let batch = Batch::new(self.waits.draw(), Arc::clone(&self.instance), window, drained.violations());
        self.done.under_way.fetch_add(batch.total(), Ordering::Relaxed);
        Some(Taken { batch: Arc::new(batch), drained, oldest, uncertain: false })
    }

    pub(super) fn note_first(&self) {
        let now = self.clock.monotonic().get().max(1);
        let _ = self.oldest.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Violations that are not known to be written.
    pub(super) fn unwritten(&self) -> u64 {
        self.counts.pending().1.saturating_add(self.done.under_way.load(Ordering::Relaxed))
    }
}

/// Says where a batch goes, also when the attempt is dropped half way.
struct UnderWay<'a> {
    shared: &'a Shared,
    line: &'a mut Line,
    taken: Option<Taken>,
}

impl UnderWay<'_> {
    /// The batch is done with.
    fn done(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.shared.done.under_way.fetch_sub(taken.batch.total(), Ordering::Relaxed);
            self.shared.counts.forget_idle();
        }
    }

    /// The batch comes again: as it is, if it may have been written and the sink would know it;
    /// else together with what comes after it.
    fn failed(&mut self, error: &SinkError) {
        let Some(mut taken) = self.taken.take() else { return };
        taken.uncertain |= error.is_uncertain();
        self.again(taken);
    }

    fn again(&mut self, taken: Taken) {
        if taken.uncertain && self.shared.sink.knows_batches() {
            self.line.kept = Some(taken);
            return;
        }
        self.line.began = self.line.began.min(taken.batch.window().0);
        self.shared.oldest.store(taken.oldest, Ordering::Relaxed);
        // Counted twice for a moment rather than not at all.
        let total = taken.batch.total();
        self.shared.counts.put_back(taken.drained);
        self.shared.done.under_way.fetch_sub(total, Ordering::Relaxed);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.again(Taken { uncertain: true, ..taken });
        }
    }
}

impl Taken {
    pub(super) fn batch(&self) -> &Arc<Batch> {
        &self.batch
    }

    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }
}
