//! What decides in this process while a shared store fails.
//!
//! It takes this process's share of each quota, and begins where the store left off as far as that is
//! known here: an outage hands out no fresh burst. What it admits is kept in a ledger, to be charged to
//! the store when it is back.
//!
//! With `N` processes an outage of length `t` admits at most `max(burst, N) + rate x t` in all of them
//! together. Slots of concurrent limits are not carried over either way: while the store fails, and until
//! those slots are given back, twice the limit may be held.

#![cfg_attr(
    not(feature = "remote"),
    allow(dead_code, unused_imports, reason = "only a `Front` tells it what a store said")
)]

pub(crate) mod known;
mod ledger;
#[cfg(test)]
mod tests;

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

use smallvec::SmallVec;

use super::memory::MemoryStore;
use super::{Charged, Decide, Decided, Subject};
use crate::algorithm::Algorithm;
use crate::decision::Source;
use crate::time::Now;
use known::Known;
pub(crate) use ledger::Debt;
use ledger::{Ledger, Opened};

/// What decides in this process while a shared store fails: a store in memory for one share of each
/// quota, or for all of it where nobody else shares the store.
pub struct StandIn {
    /// How many processes share the store, where that is stated; 0 where it is not.
    stated: AtomicU32,
    /// How many there were when they were last counted.
    counted: AtomicU32,
    known: Known,
    local: OnceLock<MemoryStore>,
    ledger: Ledger,
}

impl StandIn {
    /// For a store that nobody else uses: it hands out whole quotas.
    #[must_use]
    pub fn alone() -> Self {
        Self::one_of(1)
    }

    /// For a store that `nodes` processes share, at least 1.
    #[must_use]
    pub fn one_of(nodes: u32) -> Self {
        Self::new(nodes.max(1))
    }

    /// For a store that as many processes share as will be [counted](Self::set_counted): one, as long as nobody
    /// counts.
    #[must_use]
    pub fn uncounted() -> Self {
        Self::new(0)
    }

    fn new(stated: u32) -> Self {
        StandIn {
            stated: AtomicU32::new(stated),
            counted: AtomicU32::new(1),
            known: Known::new(),
            local: OnceLock::new(),
            ledger: Ledger::default(),
        }
    }

    /// How many processes share the store: as stated, or else as last counted.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        match self.stated.load(Ordering::Relaxed) {
            0 => self.counted.load(Ordering::Relaxed),
            stated => stated,
        }
    }

    /// Whether it is stated how many processes share the store, so that nobody needs to count them.
    #[must_use]
    pub fn is_stated(&self) -> bool {
        self.stated.load(Ordering::Relaxed) > 0
    }

    /// States how many processes share the store from now on, at least 1.
    pub fn set_nodes(&self, nodes: u32) {
        self.stated.store(nodes.max(1), Ordering::Relaxed);
    }

    /// Notes how many processes were counted, at least 1. It holds unless something else is stated.
    pub fn set_counted(&self, nodes: u32) {
        self.counted.store(nodes.max(1), Ordering::Relaxed);
    }

    /// What the store last said.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// The same question about this process's share.
    pub(crate) fn share(&self, decide: &Decide) -> Decide {
        let nodes = self.nodes();
        let mut share = decide.clone();
        for item in &mut share.items {
            item.params = item.params.share(nodes, item.cost);
        }
        share
    }

    /// Decides about a [`share`](Self::share) of `whole`.
    pub(crate) fn decide(&self, whole: &Decide, share: &Decide) -> Decided {
        let now = share.now;
        let local = self.local();
        for (whole, share) in whole.items.iter().zip(&share.items) {
            // Slots are held, not used: those that the store granted go back to the store.
            if whole.params.algorithm() != Algorithm::Concurrent {
                let (key, subject) = (self.known.fingerprint(&whole.subject), &whole.subject);
                let opened = Opened { key, budget: whole.budget, subject, whole: whole.params, share: share.params };
                self.ledger.open(opened, self.known.get(key, &whole.params), local, now);
            }
        }
        let mut here = share.clone();
        for item in &mut here.items {
            item.subject = self.here(&item.subject);
        }
        Decided { source: Source::Local, ..local.decide(&here) }
    }

    /// Gives back slots that it handed out.
    pub(crate) fn release(&self, now: Now, charges: &[Charged]) {
        self.local().release(now, &self.charges_here(charges));
    }

    /// Changes charges that it made.
    pub(crate) fn settle(&self, now: Now, charges: &[(Charged, i64)]) {
        let charges: SmallVec<[(Charged, i64); 2]> =
            { charges.iter() }.map(|(charge, units)| (self.charge_here(charge), *units)).collect();
        self.local().settle(now, &charges);
    }

    /// Whether something was admitted here that the store does not know of.
    pub(crate) fn owes(&self) -> bool {
        self.ledger.len() > 0
    }

    /// Whether that is so for one key.
    pub(crate) fn owes_for(&self, subject: &Subject) -> bool {
        self.ledger.contains(self.known.fingerprint(subject))
    }

    /// What is owed for one key, or for all; it is taken out, and this process forgets what it counted.
    pub(crate) fn debts(&self, subject: Option<&Subject>, now: Now) -> Vec<Debt> {
        self.ledger.take(subject.map(|subject| self.known.fingerprint(subject)), self.local(), now)
    }

    /// A debt that could not be paid.
    pub(crate) fn still_owes(&self, debt: &Debt, now: Now) {
        let last = self.known.get(debt.key, &debt.charge.params);
        self.ledger.put_back(debt, last, self.local(), now);
    }

    fn charges_here(&self, charges: &[Charged]) -> SmallVec<[Charged; 2]> {
        charges.iter().map(|charge| self.charge_here(charge)).collect()
    }

    fn charge_here(&self, charge: &Charged) -> Charged {
        Charged { subject: self.here(&charge.subject), ..charge.clone() }
    }

    /// A key as a store in this process knows it.
    fn here(&self, subject: &Subject) -> Subject {
        Subject::Local(self.known.fingerprint(subject))
    }

    fn local(&self) -> &MemoryStore {
        self.local.get_or_init(MemoryStore::new)
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandIn").field("nodes", &self.nodes()).finish_non_exhaustive()
    }
}
