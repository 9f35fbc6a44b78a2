//! What happened at the servers, in numbers.

use core::sync::atomic::{AtomicU64, Ordering};

/// What a [`MemcachedStore`](super::MemcachedStore) has met with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Decisions that failed because a key held what this store did not write. The key is left
    /// alone; resetting it makes it usable again.
    pub quarantined: u64,
    /// Changes that were tried again because another process was faster.
    pub contended: u64,
    /// Counters that wrapped at 2^64 and were set to their largest value.
    pub wrapped: u64,
    /// Slots that were lost: not renewed in time, or taken by others after the server forgot them.
    pub lost: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) quarantined: AtomicU64,
    pub(super) contended: AtomicU64,
    pub(super) wrapped: AtomicU64,
    pub(super) lost: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            quarantined: read(&self.quarantined),
            contended: read(&self.contended),
            wrapped: read(&self.wrapped),
            lost: read(&self.lost),
        }
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
