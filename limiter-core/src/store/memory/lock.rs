//! The lock of a shard.
//!
//! It is held for some tens of nanoseconds, and giving it back is one plain store: half of what a
//! lock costs that others may sleep on.
//!
//! Who finds it taken looks away for longer than that. To look is to take the cache line from the
//! holder, which costs both as much as several decisions; left alone, a thread makes those in a row.
//! Who has looked in vain for some microseconds lets others run: the holder may have been sent away
//! by the scheduler.

/// A model tries every order of threads, so how they wait is nothing to it.
#[cfg(all(test, limiter_loom))]
pub(super) use super::sync::{Mutex as Lock, MutexGuard as Guard};
#[cfg(not(all(test, limiter_loom)))]
pub(super) use spins::{Guard, Lock};

#[cfg(not(all(test, limiter_loom)))]
mod spins {
    use std::thread;

    use spinning_top::Spinlock;
    use spinning_top::guard::SpinlockGuard;

    /// Pauses before the second look. Each look after it is twice as far away, up to the longest.
    const FIRST: u32 = 16;
    const LONGEST: u32 = 128;
    /// Looks until others are let run.
    const LOOKS: u32 = 8;

    pub(in super::super) struct Lock<T>(Spinlock<T>);
    pub(in super::super) type Guard<'a, T> = SpinlockGuard<'a, T>;

    impl<T> Lock<T> {
        pub(in super::super) fn new(value: T) -> Self {
            Lock(Spinlock::new(value))
        }

        #[inline(always)]
        pub(in super::super) fn lock(&self) -> Guard<'_, T> {
            match self.0.try_lock() {
                Some(guard) => guard,
                None => self.wait(),
            }
        }

        #[inline]
        pub(in super::super) fn try_lock(&self) -> Option<Guard<'_, T>> {
            self.0.try_lock()
        }

        #[cold]
        #[inline(never)]
        fn wait(&self) -> Guard<'_, T> {
            let mut pauses = FIRST;
            let mut looks = 0;
            loop {
                if looks < LOOKS {
                    looks += 1;
                    (0..pauses).for_each(|_| core::hint::spin_loop());
                    pauses = (pauses * 2).min(LONGEST);
                } else {
                    thread::yield_now();
                }
                if !self.0.is_locked()
                    && let Some(guard) = self.0.try_lock()
                {
                    return guard;
                }
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(limiter_loom))]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn one_at_a_time_holds_it() {
        let count = Lock::new(0u32);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| *count.lock() += 1));
            }
        });
        assert_eq!(*count.lock(), 40_000);
    }
}
