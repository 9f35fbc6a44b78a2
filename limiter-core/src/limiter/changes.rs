//! Telling those who wait that something has changed.

use super::Limiter;
use crate::key::Key;

impl Limiter {
    /// One key under one budget: what those who wait, and those who are under way, are kept by.
    pub(super) fn account(&self, budget: u64, key: &Key) -> u64 {
        self.inner.fingerprints.of(budget, key)
    }

    /// Something was given back to an account: whoever has the turn there looks again.
    #[cfg(feature = "wait")]
    pub(crate) fn changed(&self, account: u64) {
        self.inner.lines.ring(account);
    }

    /// Nobody waits.
    #[cfg(not(feature = "wait"))]
    pub(crate) fn changed(&self, _: u64) {}
}
