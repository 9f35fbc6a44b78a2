//! What a caller holds after a decision: slots to be released, charges to be settled.

use core::fmt;
use core::sync::atomic::Ordering;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Limiter, StoreHandle};
use crate::algorithm::Params;
use crate::few::Few;
use crate::store::{Answer, BoxFuture, Charged, Lease, Operation, Place, Reply, StoreError, Subject};
use crate::time::Nanos;

/// The slots of concurrent limits that a request holds. They are given back when it is dropped,
/// however that comes about: at the end of a body, by cancellation, by a panic.
pub struct Permit {
    limiter: Limiter,
    slots: Slots,
    lease: Option<Arc<Lease>>,
    local: bool,
}

/// What is given back.
enum Slots {
    /// Slots of one rule in the store of this process, in a cell of their own and without a lease: the
    /// common case, for which nothing has to be written down but where they are.
    Here {
        fingerprint: u64,
        cost: u64,
    },
    Charged(Few<[Charged; 2]>),
}

impl Permit {
    #[inline(always)]
    pub(super) fn new(limiter: Limiter, charges: Few<[Charged; 2]>, lease: Option<Arc<Lease>>, local: bool) -> Self {
        Permit { limiter, slots: Slots::Charged(charges), lease, local }
    }

    /// Of slots without a lease that the store in this process keeps in a cell of their own.
    #[inline(always)]
    pub(super) fn here(limiter: Limiter, fingerprint: u64, cost: u64) -> Self {
        Permit { limiter, slots: Slots::Here { fingerprint, cost }, lease: None, local: false }
    }

    /// What keeps the slots, where they run out: at stores that several processes share, and under
    /// rules with a lease.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_deref()
    }

    /// This permit's slots and those of another, of the same decision.
    pub(super) fn with(mut self, mut other: Permit) -> Self {
        let mut charges = self.slots.take();
        for charge in other.slots.take().into_items() {
            charges.push(charge);
        }
        self.slots = Slots::Charged(charges);
        self.lease = self.lease.take().or(other.lease.take());
        self
    }

    /// The lease of the decision that its slots come from.
    pub(super) fn keep_by(&mut self, lease: Option<Arc<Lease>>) {
        self.lease = lease;
    }

    /// Gives the slots back and waits until the store has them, where dropping would not wait. What
    /// cannot be given back runs out by itself.
    ///
    /// ```
    /// use limiter_core::key::{Global, Key};
    /// use limiter_core::{Limiter, Policy, Reply, Rule};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let limiter = Limiter::in_memory();
    /// let policy = Policy::new("export", [Rule::concurrent(1).key(Global)])?;
    /// let ruling = match limiter.decide_key(&policy, &Key::everyone(), 1) {
    ///     Reply::Now(ruling) => ruling,
    ///     Reply::Later(ruling) => ruling.await,
    /// };
    /// if let Some(permit) = ruling.permit {
    ///     permit.release().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the slots back without waiting.
    ///
    /// # Errors
    ///
    /// When the store cannot be told.
    pub async fn release(mut self) -> Result<(), StoreError> {
        match self.give_back() {
            Some(Reply::Later(answer)) => answer.await.map(|_| ()),
            Some(Reply::Now(answer)) => answer.map(|_| ()),
            None => Ok(()),
        }
    }

    /// `None` where the slots were in this process.
    #[inline]
    fn give_back(&mut self) -> Option<Reply<Result<Answer, StoreError>>> {
        if let (Slots::Here { fingerprint, cost }, StoreHandle::Memory(store)) =
            (&self.slots, &self.limiter.inner.store)
        {
            store.give_back_slots(*fingerprint, *cost);
            #[cfg(feature = "wait")]
            self.limiter.inner.lines.ring(*fingerprint);
            self.slots = Slots::Charged(Few::new());
            return None;
        }
        self.give_all_back()
    }

    #[inline(never)]
    fn give_all_back(&mut self) -> Option<Reply<Result<Answer, StoreError>>> {
        let charges = self.slots.take();
        if charges.is_empty() {
            return None;
        }
        let inner = &self.limiter.inner;
        match (&inner.store, inner.stand_in.get()) {
            (_, Some(stand_in)) if self.local => stand_in.release(inner.clock.read(false), &charges),
            (StoreHandle::Memory(store), _) => store.release(inner.clock.read(false), &charges),
            (StoreHandle::Other(store), _) => {
                #[cfg(feature = "wait")]
                let lines = self.limiter.lines_of(charges.iter());
                let (now, charges) = (inner.clock.read(false), charges.into_items());
                let reply = store.submit(Operation::Release { now, charges, lease: self.lease.take() });
                #[cfg(feature = "wait")]
                lines.into_iter().for_each(|line| inner.lines.ring(line));
                return Some(reply);
            }
        }
        #[cfg(feature = "wait")]
        self.limiter.ring(charges.iter());
        None
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // Submitted is under way; nobody waits for the answer.
        let _: Option<Reply<_>> = self.give_back();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = match &self.slots {
            Slots::Here { .. } => 1,
            Slots::Charged(charges) => charges.len(),
        };
        f.debug_struct("Permit").field("slots", &rules).finish_non_exhaustive()
    }
}

impl Slots {
    /// Leaves nothing to be given back.
    fn take(&mut self) -> Few<[Charged; 2]> {
        match core::mem::replace(self, Slots::Charged(Few::new())) {
            Slots::Charged(charges) => charges,
            // In the words of any store; only where they are and how many there are is asked of them.
            Slots::Here { fingerprint, cost } => Few::one(Charged {
                budget: 0,
                subject: Subject::Local(fingerprint),
                params: Params::concurrent(cost),
                cost,
                at: Nanos::ZERO,
                until: Nanos::MAX,
                place: Place::Own,
            }),
        }
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
    /// The lease of slots that run out in this process: as long as that of the first to do so. Its
    /// number grows with each that is granted.
    #[inline]
    pub(super) fn lease_of(&self, slots: &[Charged]) -> Option<Arc<Lease>> {
        let ends = |charge: &Charged| Some(charge.at.saturating_add(charge.params.lease()?));
        let until = slots.iter().filter_map(ends).min()?;
        let number = self.inner.leases.fetch_add(1, Ordering::Relaxed) + 1;
        Some(Lease::new(number, Some(number), until))
    }

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
        #[cfg(feature = "wait")]
        let lines = self.lines_of(charges.iter().map(|(charge, _)| charge));
        let _: Settled = self.settle_charges(charges, receipt.local);
        #[cfg(feature = "wait")]
        lines.into_iter().for_each(|line| self.inner.lines.ring(line));
    }

    /// Changes charges after the fact. Submitted is under way; nobody waits for the answer.
    pub(super) fn settle_charges(&self, charges: SmallVec<[(Charged, i64); 2]>, local: bool) -> Settled {
        let now = self.inner.clock.read(charges.iter().any(|(charge, _)| charge.params.needs_wall()));
        match (&self.inner.store, self.inner.stand_in.get()) {
            (_, Some(stand_in)) if local => stand_in.settle(now, &charges),
            (StoreHandle::Memory(store), _) => store.settle(now, &charges),
            (StoreHandle::Other(store), _) => {
                if let Reply::Later(answer) = store.submit(Operation::Settle { now, charges }) {
                    return Settled::UnderWay(answer);
                }
            }
        }
        Settled::Done
    }
}

/// What has become of a change after the fact.
pub(crate) enum Settled {
    /// It is carried out, or never will be.
    Done,
    /// It is on its way to the store, whether anybody waits for the answer or not.
    UnderWay(BoxFuture<Result<Answer, StoreError>>),
}

impl Settled {
    /// Drops `kept` when the store has answered; at once where nobody can wait for that.
    pub(crate) fn keeping(self, kept: impl Send + 'static) {
        let Settled::UnderWay(answer) = self else { return };
        #[cfg(any(feature = "remote", feature = "wait"))]
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _: Result<Answer, StoreError> = answer.await;
                drop(kept);
            });
            return;
        }
        drop((answer, kept));
    }
}
