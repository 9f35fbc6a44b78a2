//! The lock of a shard.
//!
//! It is held for some tens of nanoseconds, and giving it back is one plain store: half of what a
//! lock costs that others may sleep on. Who finds it taken looks again for about a microsecond, and
//! then lets others run: the holder may have been sent away by the scheduler.

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

    /// Times that a thread looks away, each twice as long as the one before up to the longest, until it
    /// lets others run.
    const LOOKS: u32 = 16;
    const LONGEST: u32 = 8;

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
            let mut looks = 0u32;
            loop {
                if looks < LOOKS {
                    for _ in 0..1u32 << looks.min(LONGEST) {
                        core::hint::spin_loop();
                    }
                    looks += 1;
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
