//! One attempt at a time for each key: whoever wants to change a key that is being changed joins a
//! queue, and the next attempt carries the whole queue. So processes contend with each other, never
//! with themselves.

use std::sync::Arc;

use dashmap::Entry;
use tokio::sync::oneshot;

use super::{Answered, Inner, cells, later};
use crate::store::memcached::answer::Form;
use crate::store::memcached::cell::{Ask, Settle};
use crate::store::memcached::fault::Fault;
use crate::store::memcached::instant::Here;
use crate::store::memcached::name::Name;
use crate::store::memcached::slots::{self, Wanted};
use crate::store::{Answer, Charged, Item, Mode};

pub(in crate::store::memcached) type Tell = oneshot::Sender<Result<Answer, Fault>>;

/// A change, and who waits for it.
pub(in crate::store::memcached) struct Job {
    pub(in crate::store::memcached) work: Work,
    pub(in crate::store::memcached) tell: Tell,
}

pub(in crate::store::memcached) enum Work {
    Ask(Ask, Form),
    Settle(Settle),
    Slots(Wanted, Form),
}

impl Job {
    pub(super) fn ask(item: &Item, here: Here, mode: Mode, form: Form, tell: Tell) -> Self {
        let ask = Ask { params: item.params, here, cost: item.cost, times: form.times, mode };
        Job { work: Work::Ask(ask, form), tell }
    }

    pub(super) fn settle(charge: &Charged, here: Here, units: i64, tell: Tell) -> Self {
        let settle = Settle { params: charge.params, here, at: charge.at, until: charge.until, units };
        Job { work: Work::Settle(settle), tell }
    }

    pub(super) fn slots(item: &Item, here: Here, mode: Mode, form: Form, tell: Tell) -> Self {
        let wanted = Wanted { params: item.params, here, cost: item.cost, mode };
        Job { work: Work::Slots(wanted, form), tell }
    }
}

/// Takes part in the changes of a key.
pub(super) fn join(inner: &Arc<Inner>, name: Name, job: impl FnOnce(Tell) -> Job) -> Answered {
    let (tell, told) = oneshot::channel();
    let job = job(tell);
    match inner.flights.entry(name.digest()) {
        Entry::Occupied(mut waiting) => waiting.get_mut().push(job),
        Entry::Vacant(none) => {
            none.insert(Vec::new());
            inner.runtime.spawn(fly(Flight { inner: Arc::clone(inner), name, landed: false }, vec![job]));
        }
    }
    later(told)
}

/// A key that is being changed. However it ends, others can begin anew.
struct Flight {
    inner: Arc<Inner>,
    name: Name,
    landed: bool,
}

impl Drop for Flight {
    fn drop(&mut self) {
        // Cut short: those who wait are told so by the loss of their senders.
        if !self.landed {
            self.inner.flights.remove(&self.name.digest());
        }
    }
}

async fn fly(mut flight: Flight, mut jobs: Vec<Job>) {
    while !jobs.is_empty() {
        let (inner, name) = (&flight.inner, &flight.name);
        if jobs.iter().any(|job| matches!(job.work, Work::Slots(..))) {
            slots::take(inner, name, jobs).await;
        } else {
            cells::change(inner, name, jobs).await;
        }
        jobs = match inner.flights.entry(name.digest()) {
            Entry::Occupied(waiting) if waiting.get().is_empty() => {
                // Removed under its lock: the next to come begins a flight of its own.
                waiting.remove()
            }
            Entry::Occupied(mut waiting) => core::mem::take(waiting.get_mut()),
            Entry::Vacant(_) => Vec::new(),
        };
    }
    flight.landed = true;
}
