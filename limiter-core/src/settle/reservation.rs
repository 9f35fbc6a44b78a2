//! What a request reserved, and how it comes to be settled.

use core::fmt;
use std::sync::Arc;

use http::response::Parts;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::{Place, Settle, Settlement};
use crate::decision::Name;
use crate::limiter::Limiter;
use crate::store::{Charged, Subject};
use crate::time::Nanos;

/// The charges of a request that are yet to be settled. Dropping it settles them as those of a
/// request without an answer.
#[must_use = "dropping a reservation settles it as a request that nobody answered"]
pub struct Reservation {
    open: Arc<Open>,
}

/// What the reservation and the handler's handles share; what is left in it is settled with the last
/// of them.
pub(crate) struct Open {
    limiter: Limiter,
    left: Mutex<SmallVec<[Reserved; 1]>>,
}

/// One rule's charge.
pub(crate) struct Reserved {
    pub(crate) rule: u16,
    pub(crate) name: Name,
    pub(crate) settle: Arc<Settle>,
    /// What was charged: nothing, where requests under way take nothing.
    pub(crate) charge: Charged,
    /// What it costs unless somebody says otherwise.
    pub(crate) cost: u64,
    /// What the handler says that it costs.
    pub(crate) said: Option<u64>,
    /// Charged by the stand-in in this process, not by the store.
    pub(crate) local: bool,
    pub(crate) place: Option<Place>,
}

/// How a settled charge changes the numbers of its rule.
pub(crate) struct Correction {
    pub(crate) rule: u16,
    /// Several policies may have been asked at once.
    pub(crate) subject: Subject,
    pub(crate) until: Nanos,
    pub(crate) units: i64,
    /// Whether somebody settled it before its time was over.
    pub(crate) in_time: bool,
}

impl Reservation {
    pub(crate) fn new(limiter: Limiter, reserved: SmallVec<[Reserved; 1]>) -> Self {
        Reservation { open: Arc::new(Open { limiter, left: Mutex::new(reserved) }) }
    }

    /// This and another, of the same request.
    pub(crate) fn with(self, other: Reservation) -> Self {
        let more = core::mem::take(&mut *other.open.left.lock());
        self.open.left.lock().extend(more);
        self
    }

    /// Puts requests under way where their rules' charges are.
    pub(crate) fn occupy(&self, places: impl IntoIterator<Item = (u16, Place)>) {
        let mut left = self.open.left.lock();
        for (rule, place) in places {
            if let Some(reserved) = left.iter_mut().find(|reserved| reserved.rule == rule) {
                place.belongs_to(Arc::downgrade(&self.open));
                reserved.place = Some(place);
            }
        }
    }

    /// The handler's handle, if a rule leaves it to the handler.
    #[must_use]
    pub fn settlement(&self) -> Option<Settlement> {
        let is_asked = self.open.left.lock().iter().any(|reserved| reserved.is_left_to_handler());
        is_asked.then(|| Settlement::new(Arc::clone(&self.open)))
    }

    /// Settles what the answer settles. What is left to the handler stays open until its handles are gone.
    pub(crate) fn answered(&self, answer: &Parts) -> SmallVec<[Correction; 1]> {
        self.open.settle(|reserved| reserved.settle.by.cost(answer, reserved.cost))
    }

    /// As `answered`, where there is no answer but word of whether it went well.
    pub(crate) fn went(&self, well: bool) -> SmallVec<[Correction; 1]> {
        self.open.settle(|reserved| reserved.settle.by.cost_of(well, reserved.cost))
    }

    /// As `answered`, by somebody who knows what it has cost, under every rule.
    pub(crate) fn cost(&self, units: u64) -> SmallVec<[Correction; 1]> {
        self.open.settle(|_| Some(units))
    }

    /// Gives everything back, as if the request had not been made.
    pub fn cancel(self) {
        let _: SmallVec<[Correction; 1]> = self.open.settle(|_| Some(0));
    }

    /// Changes nothing: the charge stands as it is.
    pub(crate) fn forget(self) {
        self.open.left.lock().clear();
    }
}

impl Open {
    /// Settles those of whom `cost` knows it, unless their time is over.
    fn settle(&self, cost: impl Fn(&Reserved) -> Option<u64>) -> SmallVec<[Correction; 1]> {
        let now = self.limiter.monotonic();
        let mut known: SmallVec<[(Reserved, u64, bool); 1]> = SmallVec::new();
        {
            let mut left = self.left.lock();
            let all = core::mem::take(&mut *left);
            for reserved in all {
                let in_time = !reserved.is_over(now);
                let cost = if in_time { cost(&reserved) } else { Some(reserved.unsettled()) };
                match cost {
                    Some(cost) => known.push((reserved, cost, in_time)),
                    None => left.push(reserved),
                }
            }
        }
        known.into_iter().map(|(reserved, cost, in_time)| self.close(reserved, cost, in_time)).collect()
    }

    /// The handler's word.
    pub(super) fn say(&self, cost: u64, of: impl Fn(&Reserved) -> bool) -> bool {
        let now = self.limiter.monotonic();
        let mut any = false;
        for reserved in self.left.lock().iter_mut().filter(|reserved| of(reserved) && !reserved.is_over(now)) {
            reserved.said = Some(cost);
            any = true;
        }
        any
    }

    /// The time is over: what is said from now on changes nothing.
    pub(super) fn give_up(&self, now: Nanos) {
        let _: SmallVec<[Correction; 1]> = self.settle(|reserved| reserved.is_over(now).then(|| reserved.unsettled()));
    }

    fn close(&self, reserved: Reserved, cost: u64, in_time: bool) -> Correction {
        let signed = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
        let units = signed(cost).saturating_sub(signed(reserved.charge.cost));
        let (subject, until) = (reserved.charge.subject.clone(), reserved.charge.until);
        let correction = Correction { rule: reserved.rule, subject, until, units, in_time };
        // Its place is free when the charge is: no more pass than was promised, and whoever waits for
        // what is given back finds it.
        if units != 0 {
            self.limiter.settle_charge(reserved.charge, units, reserved.local).keeping(reserved.place);
        }
        correction
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let now = self.limiter.monotonic();
        for reserved in core::mem::take(self.left.get_mut()) {
            let in_time = !reserved.is_over(now);
            let cost = if in_time { reserved.said.unwrap_or(reserved.cost) } else { reserved.unsettled() };
            let _: Correction = self.close(reserved, cost, in_time);
        }
    }
}

impl Reserved {
    pub(super) fn is_left_to_handler(&self) -> bool {
        matches!(self.settle.by, super::By::Handler)
    }

    fn is_over(&self, now: Nanos) -> bool {
        self.place.as_ref().is_some_and(|place| place.is_over(now))
    }

    /// What it costs when nobody has settled it in time.
    fn unsettled(&self) -> u64 {
        if self.settle.gives_back { 0 } else { self.cost }
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.open.fmt(f)
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.left.lock();
        f.debug_list().entries(left.iter().map(|reserved| (&reserved.name, reserved.cost))).finish()
    }
}
