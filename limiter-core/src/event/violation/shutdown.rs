//! The end: nothing more is taken, and what there is gets a last chance.

use core::sync::atomic::Ordering;
use std::time::Duration;

use super::flush::{Attempt, Shared};
use super::trouble::Trouble;

/// How a tracker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "violations may be lost"]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Violations written while shutting down.
    pub written: u64,
    /// Violations that were not known to be written in time. A sink that was slow may yet have them.
    pub lost: u64,
}

impl Shared {
    pub(super) async fn shut_down(&self, deadline: Duration) -> ShutdownReport {
        self.counts.close();
        let before = self.done.written.load(Ordering::Relaxed);
        let in_time = tokio::time::timeout(deadline, self.write_all()).await;
        let lost = if in_time.is_ok() { 0 } else { self.unwritten() };
        let written = self.done.written.load(Ordering::Relaxed).saturating_sub(before);
        self.lose(lost);
        ShutdownReport { written, lost }
    }

    pub(super) fn lose(&self, total: u64) {
        // The same counts are not lost twice, however often it is shut down.
        let known = self.done.lost.fetch_max(total, Ordering::Relaxed);
        if total > known {
            (self.listener)(&Trouble::Lost { total });
        }
    }

    async fn write_all(&self) {
        let mut failures = 0;
        loop {
            match self.attempt().await {
                Attempt::Nothing => return,
                Attempt::Written(_) => failures = 0,
                Attempt::Failed => {
                    failures += 1;
                    tokio::time::sleep(self.waits.after(failures)).await;
                }
            }
        }
    }
}
