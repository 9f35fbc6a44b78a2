//! The deadline of questions that nobody else depends on.
//!
//! Hardly any of them comes near its deadline, so none has a timer of its own: while some are under way, one
//! task looks at all of them a few times within a deadline, and hands those that have been under way for long
//! to tasks of their own, which keep the deadline to the point.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::Inner;
use super::aside::fold;
use super::under_way::PATIENCE;
use crate::store::{Store, StoreError};
use crate::time::Nanos;

/// Whether somebody watches.
#[derive(Debug, Default)]
pub(super) struct Watch {
    on: AtomicBool,
    /// Where the last one did.
    runtime: Mutex<Option<Handle>>,
}

impl Watch {
    /// The runtime in which questions were watched last.
    pub(super) fn runtime(&self) -> Option<Handle> {
        self.runtime.lock().clone()
    }

    fn begin(&self) -> bool {
        self.on.compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl<S: Store> Inner<S> {
    /// Sees to it that somebody watches.
    pub(super) fn keep_watch(self: &Arc<Self>) -> Result<(), StoreError> {
        if self.watch.on.load(Ordering::SeqCst) { Ok(()) } else { self.begin_watch() }
    }

    #[cold]
    fn begin_watch(self: &Arc<Self>) -> Result<(), StoreError> {
        let runtime = self.runtime()?;
        if self.watch.begin() {
            *self.watch.runtime.lock() = Some(runtime.clone());
            let watching = Watching { inner: Arc::downgrade(self), ended: false };
            runtime.spawn(async move { watching.until_nobody_asks().await });
        }
        Ok(())
    }
}

/// Whoever watches. It keeps no store alive that nobody asks.
struct Watching<S: Store> {
    inner: Weak<Inner<S>>,
    ended: bool,
}

impl<S: Store> Watching<S> {
    async fn until_nobody_asks(mut self) {
        while let Some(patience) = self.inner.upgrade().map(|inner| inner.deadline() / PATIENCE) {
            tokio::time::sleep(patience).await;
            let Some(inner) = self.inner.upgrade() else { return };
            inner.hand_over_since(inner.now().saturating_sub(Nanos::from(patience)));
            if inner.flights.is_empty() {
                inner.watch.on.store(false, Ordering::SeqCst);
                // Somebody may have come and found it on.
                if inner.flights.is_empty() || !inner.watch.begin() {
                    self.ended = true;
                    return;
                }
            }
        }
    }
}

impl<S: Store> Inner<S> {
    /// Hands to tasks what has been under way since then.
    fn hand_over_since(self: &Arc<Self>, long_ago: Nanos) {
        for caller in self.flights.alone_since(long_ago) {
            if let Some(answer) = caller.hand_over() {
                let at = fold(&caller.keys);
                self.hand_over(caller, at, answer);
            }
        }
    }
}

/// The runtime was shut down: those who still ask may have another.
impl<S: Store> Drop for Watching<S> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.upgrade().filter(|_| !self.ended) {
            inner.watch.on.store(false, Ordering::SeqCst);
            inner.flights.wake_alone();
        }
    }
}
