//! Telling those who wait that something was given back.

use smallvec::SmallVec;

use super::Limiter;
use crate::store::{Charged, Subject};

/// Accounts that somebody may wait for: none, where nobody waits at all.
pub(super) type Accounts = SmallVec<[u64; 2]>;

impl Limiter {
    /// One key under one rule, as those who wait and those who are under way are kept by.
    pub(super) fn account(&self, budget: u64, subject: &Subject) -> u64 {
        self.inner.fingerprints.of_value(&(budget, subject))
    }

    /// The accounts of charges, while they can still be read.
    #[inline]
    pub(super) fn accounts<'a>(&self, charges: impl IntoIterator<Item = &'a Charged>) -> Accounts {
        if !self.is_watched() {
            return Accounts::new();
        }
        charges.into_iter().map(|charge| self.account(charge.budget, &charge.subject)).collect()
    }

    /// Something was given back to accounts: the first of those who wait for one looks again.
    #[inline]
    pub(super) fn all_changed(&self, accounts: Accounts) {
        accounts.into_iter().for_each(|account| self.changed(account));
    }

    /// As `all_changed`, of one.
    #[cfg(feature = "wait")]
    pub(crate) fn changed(&self, account: u64) {
        if self.is_watched() {
            self.inner.lines.changed(account);
        }
    }

    /// Nobody waits.
    #[cfg(not(feature = "wait"))]
    pub(crate) fn changed(&self, _: u64) {}

    #[cfg(feature = "wait")]
    #[inline]
    fn is_watched(&self) -> bool {
        self.inner.lines.are_watched()
    }

    #[cfg(not(feature = "wait"))]
    fn is_watched(&self) -> bool {
        false
    }
}
