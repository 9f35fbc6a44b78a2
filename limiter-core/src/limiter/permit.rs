//! What a caller holds after a decision: slots to be released, charges to be settled.

use core::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Limiter, StoreHandle};
use crate::few::Few;
use crate::store::{Charged, Lease, Operation, Reply};

/// The slots of concurrent limits that a request holds. They are given back when it is dropped,
/// however that comes about: at the end of a body, by cancellation, by a panic.
pub struct Permit {
    limiter: Limiter,
    charges: Few<[Charged; 2]>,
    lease: Option<Arc<Lease>>,
    local: bool,
}

impl Permit {
    pub(super) fn new(limiter: Limiter, charges: Few<[Charged; 2]>, lease: Option<Arc<Lease>>, local: bool) -> Self {
        Permit { limiter, charges, lease, local }
    }

    /// What keeps the slots, where they run out unless they are renewed: at stores that several
    /// processes share.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_deref()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let inner = &self.limiter.inner;
        let store = match (&inner.store, inner.local.get()) {
            (_, Some(local)) if self.local => local,
            (StoreHandle::Memory(store), _) => store,
            (StoreHandle::Other(store), _) => {
                let now = inner.clock.read(false);
                let charges = core::mem::take(&mut self.charges).into_items();
                // Submitted is under way; nobody waits for the answer.
                let accounts = self.limiter.accounts(&charges);
                let _: Reply<_> = store.submit(Operation::Release { now, charges, lease: self.lease.take() });
                self.limiter.all_changed(accounts);
                return;
            }
        };
        for charge in self.charges.iter() {
            // The clock is read for those that need it.
            if !store.release_slots(charge) {
                store.release(inner.clock.read(false), core::slice::from_ref(charge));
            }
        }
        self.limiter.all_changed(self.limiter.accounts(self.charges.iter()));
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("slots", &self.charges.len()).finish_non_exhaustive()
    }
}

/// What a request was charged. Dropping it lets the charge stand.
#[derive(Debug, Default)]
#[must_use = "dropping a receipt lets the charge stand; say so with `keep`"]
pub struct Receipt {
    pub(super) charges: Few<[Charged; 2]>,
    /// Charged by the stand-in in this process, not by the store.
    pub(super) local: bool,
}

impl Receipt {
    /// Whether nothing was charged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.charges.is_empty()
    }

    /// Lets the charge stand.
    pub fn keep(self) {}

    /// Takes some of the charges out, to be settled apart.
    pub(crate) fn take(&mut self, which: impl Fn(&Charged) -> bool) -> Receipt {
        let charges = core::mem::take(&mut self.charges).into_items();
        let (taken, left): (Vec<Charged>, Vec<Charged>) = charges.into_iter().partition(which);
        self.charges = left.into_iter().collect();
        Receipt { charges: taken.into_iter().collect(), local: self.local }
    }
}

impl Limiter {
    /// Gives a charge back, as if the request had not been made. A charge of a window that has
    /// ended is gone with it; a refilled bucket does not overflow.
    pub fn refund(&self, receipt: Receipt) {
        if receipt.is_empty() {
            return;
        }
        let charges: SmallVec<[(Charged, i64); 2]> = receipt
            .charges
            .into_items()
            .into_iter()
            .map(|charge| {
                let units = i64::try_from(charge.cost).map_or(i64::MIN, |cost| -cost);
                (charge, units)
            })
            .collect();
        let accounts = self.accounts(charges.iter().map(|(charge, _)| charge));
        self.settle_charges(charges, receipt.local);
        self.all_changed(accounts);
    }

    /// Changes charges after the fact. Submitted is under way; nobody waits for the answer.
    pub(super) fn settle_charges(&self, charges: SmallVec<[(Charged, i64); 2]>, local: bool) {
        let now = self.inner.clock.read(charges.iter().any(|(charge, _)| charge.params.needs_wall()));
        match (&self.inner.store, self.inner.local.get()) {
            (_, Some(stand_in)) if local => stand_in.settle(now, &charges),
            (StoreHandle::Memory(store), _) => store.settle(now, &charges),
            (StoreHandle::Other(store), _) => {
                let _: Reply<_> = store.submit(Operation::Settle { now, charges });
            }
        }
    }
}
