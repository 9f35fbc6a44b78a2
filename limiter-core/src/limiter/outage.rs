//! Whether the store fails just now, and for how long: so that the observer hears of the end as well.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::Limiter;
use crate::event::StoreRecovery;
use crate::time::Nanos;

#[derive(Debug, Default)]
pub(super) struct Outage {
    on: AtomicBool,
    since: AtomicU64,
    decisions: AtomicU64,
}

impl Outage {
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// A decision was made without the store.
    pub(super) fn note(&self, now: Nanos) {
        self.decisions.fetch_add(1, Ordering::Relaxed);
        if !self.is_on() {
            self.since.store(now.get(), Ordering::Relaxed);
            self.on.store(true, Ordering::Release);
        }
    }
}

impl Limiter {
    /// The store decides again. One of those who notice tells.
    #[cold]
    pub(super) fn recovered(&self, now: Nanos) {
        let outage = &self.inner.outage;
        if !outage.on.swap(false, Ordering::AcqRel) {
            return;
        }
        let since = Nanos::new(outage.since.load(Ordering::Relaxed));
        let decisions = outage.decisions.swap(0, Ordering::Relaxed);
        if let Some(observer) = &self.inner.observer {
            let outage = Duration::from(now.saturating_sub(since));
            observer.on_store_recovery(&StoreRecovery { outage, decisions });
        }
    }
}
