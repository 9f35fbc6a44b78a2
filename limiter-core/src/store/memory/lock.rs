//! The lock of a shard.
//!
//! It is held for some tens of nanoseconds, and giving it back is one plain store: half of what a
//! lock costs that others may sleep on. Who finds it taken looks again for about a microsecond, and
//! then lets others run: the holder may have been sent away by the scheduler.

#[cfg(not(all(test, limiter_loom)))]
use std::thread;

#[cfg(not(all(test, limiter_loom)))]
use spinning_top::{RawSpinlock, lock_api, relax::Relax};

#[cfg(not(all(test, limiter_loom)))]
pub(super) type Lock<T> = lock_api::Mutex<RawSpinlock<SpinThenYield>, T>;
#[cfg(not(all(test, limiter_loom)))]
pub(super) type Guard<'a, T> = lock_api::MutexGuard<'a, RawSpinlock<SpinThenYield>, T>;

/// A model tries every order of threads, so how they wait is nothing to it.
#[cfg(all(test, limiter_loom))]
pub(super) use super::sync::{Mutex as Lock, MutexGuard as Guard};

#[cfg(not(all(test, limiter_loom)))]
const SPINS: u32 = 100;

/// How a thread waits.
#[cfg(not(all(test, limiter_loom)))]
#[derive(Default)]
pub(super) struct SpinThenYield {
    spins: u32,
}

#[cfg(not(all(test, limiter_loom)))]
impl Relax for SpinThenYield {
    #[inline]
    fn relax(&mut self) {
        if self.spins < SPINS {
            self.spins += 1;
            core::hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }
}

#[cfg(test)]
#[cfg(not(limiter_loom))]
mod tests {
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
