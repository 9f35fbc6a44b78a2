//! The lock and the counter of the lines, as a model checker sees them or as they are.

#[cfg(all(test, limiter_loom))]
mod modelled {
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};

    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}

#[cfg(not(all(test, limiter_loom)))]
mod real {
    pub(crate) use core::sync::atomic::{AtomicUsize, Ordering};

    pub(crate) use parking_lot::Mutex;
}

#[cfg(all(test, limiter_loom))]
pub(super) use modelled::{AtomicUsize, Mutex, Ordering};
#[cfg(not(all(test, limiter_loom)))]
pub(super) use real::{AtomicUsize, Mutex, Ordering};
