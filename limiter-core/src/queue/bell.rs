//! What wakes one who waits. A ring that comes before anybody listens is kept.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

use parking_lot::Mutex;

#[derive(Default)]
pub(super) struct Bell {
    rung: AtomicBool,
    listener: Mutex<Option<Waker>>,
}

impl Bell {
    pub(super) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        if let Some(listener) = self.listener.lock().take() {
            listener.wake();
        }
    }

    /// Ready if it was rung since the last time it was ready.
    pub(super) fn poll_rung(&self, cx: &Context<'_>) -> Poll<()> {
        // Under the lock, so that a ring between the look and the note is not missed.
        let mut listener = self.listener.lock();
        if self.rung.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        if !listener.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *listener = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}
