//! Several observers at once.

use core::fmt;
use std::sync::Arc;

use super::Warning;
use super::observer::{self, Event, Observer, StoreFailure, StoreRecovery, WaitOver};

/// Tells several observers, in the order in which they were added.
///
/// A [`Limiter`](crate::Limiter) makes one by itself when it is given a second observer. A warning
/// that several of them would pass on to standard error goes there once.
#[derive(Clone, Default)]
pub struct Observers {
    all: Vec<Arc<dyn Observer>>,
}

impl Observers {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    #[must_use]
    pub fn and(self, observer: impl Observer) -> Self {
        self.and_shared(Arc::new(observer))
    }

    pub(crate) fn and_shared(mut self, observer: Arc<dyn Observer>) -> Self {
        self.all.push(observer);
        self
    }
}

impl Observer for Observers {
    fn on_allow(&self, event: &Event<'_>) {
        self.all.iter().for_each(|observer| observer.on_allow(event));
    }

    fn on_deny(&self, event: &Event<'_>) {
        self.all.iter().for_each(|observer| observer.on_deny(event));
    }

    fn on_store_error(&self, failure: &StoreFailure<'_>) {
        self.all.iter().for_each(|observer| observer.on_store_error(failure));
    }

    fn on_store_recovery(&self, recovery: &StoreRecovery) {
        self.all.iter().for_each(|observer| observer.on_store_recovery(recovery));
    }

    fn on_wait(&self, wait: &WaitOver) {
        self.all.iter().for_each(|observer| observer.on_wait(wait));
    }

    fn on_warning(&self, warning: &Warning) {
        observer::print_once(|| self.all.iter().for_each(|observer| observer.on_warning(warning)));
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").field("observers", &self.all.len()).finish_non_exhaustive()
    }
}
