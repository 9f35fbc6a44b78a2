//! What keeps slots at a store that several processes share: a process that dies cannot give its
//! slots back, so they run out by themselves unless they are renewed.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::time::Nanos;

/// Slots held for a time. The store that granted it renews it while the holder lives, and says so
/// when it could not: from then on others may have the slots.
///
/// ```
/// use limiter_core::store::Lease;
/// use limiter_core::time::Nanos;
///
/// let lease = Lease::new(1, Some(7), Nanos::new(30));
/// assert!(lease.is_valid(Nanos::new(29)) && !lease.is_valid(Nanos::new(30)));
/// lease.lose();
/// assert!(lease.is_lost());
/// ```
pub struct Lease {
    id: u64,
    fence: Option<u64>,
    until: AtomicU64,
    lost: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Lease {
    /// A lease that holds until `until` on the caller's monotonic clock. `id` is the store's own.
    #[must_use]
    pub fn new(id: u64, fence: Option<u64>, until: Nanos) -> Arc<Self> {
        Arc::new(Lease {
            id,
            fence,
            until: AtomicU64::new(until.get()),
            lost: AtomicBool::new(false),
            waiting: Mutex::default(),
        })
    }

    /// The number by which the store knows it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A number that grows with each grant of the same key, for resources that can turn away holders
    /// who were overtaken. `None` where the store keeps none.
    #[must_use]
    pub fn fence(&self) -> Option<u64> {
        self.fence
    }

    /// Until when it holds unless renewed, on the caller's monotonic clock.
    #[must_use]
    pub fn valid_until(&self) -> Nanos {
        Nanos::new(self.until.load(Ordering::Acquire))
    }

    /// Whether nobody else can have the slots at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Nanos) -> bool {
        !self.is_lost() && now < self.valid_until()
    }

    /// Whether the slots may belong to others.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Waits until the slots may belong to others; for ever if that never happens. Dropping it is safe.
    pub fn lost(self: &Arc<Self>) -> Lost {
        Lost { lease: Arc::clone(self) }
    }

    /// For stores: it was renewed. A lost lease stays lost.
    pub fn renew(&self, until: Nanos) {
        self.until.fetch_max(until.get(), Ordering::AcqRel);
    }

    /// For stores: it could not be renewed. Tells whoever waits.
    pub fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        let waiting = core::mem::take(&mut *self.waiting.lock());
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("id", &self.id).field("fence", &self.fence).field("lost", &self.lost).finish()
    }
}

/// Ready when a [`Lease`] is lost.
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct Lost {
    lease: Arc<Lease>,
}

impl Future for Lost {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Under the lock, so that a loss between the look and the note is not missed.
        let mut waiting = self.lease.waiting.lock();
        if self.lease.is_lost() {
            return Poll::Ready(());
        }
        waiting.retain(|waker| !waker.will_wake(cx.waker()));
        waiting.push(cx.waker().clone());
        Poll::Pending
    }
}
