//! Slots that this process holds, renewed while it lives.
//!
//! Every permit is a member of its key's sorted set, with the instant at which it runs out. One task
//! renews those of one key with one call, three times within their time to live. What could not be
//! renewed in time is given up before others can have it, and its holder is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ::redis::Value;
use parking_lot::Mutex;

use super::encode::{Argument, Call, number};
use super::failure::Failure;
use super::route::Route;
use super::script::Script;
use crate::store::Lease;
use crate::store::jitter::shortened;
use crate::time::{Clock, Nanos, SystemClock};

/// The permits of one decision under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) key: String,
    pub(super) capacity: u64,
    pub(super) permits: Vec<String>,
}

struct Held {
    lease: Arc<Lease>,
    slots: Vec<Slot>,
    /// The caller's clock and ours, read together.
    since: (Nanos, Nanos),
}

#[derive(Default)]
struct Book {
    held: HashMap<u64, Held>,
}

pub(super) struct Leases {
    book: Mutex<Book>,
    clock: SystemClock,
    next: AtomicU64,
    renewing: AtomicBool,
    /// Begins the names of all permits of this process.
    pub(super) node: String,
    pub(super) ttl: Duration,
}

impl Leases {
    pub(super) fn new(ttl: Duration) -> Self {
        use core::hash::BuildHasher;
        let draw = || std::hash::RandomState::new().hash_one(0u8);
        Leases {
            book: Mutex::default(),
            clock: SystemClock::new(),
            next: AtomicU64::new(1),
            renewing: AtomicBool::new(false),
            node: format!("{:016x}{:016x}", draw(), draw()),
            ttl,
        }
    }

    /// A number for the permits of one decision.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn permit(&self, id: u64) -> String {
        format!("{}.{id}", self.node)
    }

    pub(super) fn ttl_micros(&self) -> u64 {
        u64::try_from(self.ttl.as_micros()).unwrap_or(u64::MAX)
    }

    /// So long is a lease good for from when it was asked for. Clocks differ in speed, if by little.
    fn validity(&self) -> Nanos {
        Nanos::from(self.ttl - self.ttl / 64)
    }

    /// Our own clock, to be read before the server is asked.
    pub(super) fn now(&self) -> Nanos {
        self.clock.monotonic()
    }

    /// Keeps what was granted to a call that was sent at `asked` by the caller's clock and ours.
    pub(super) fn keep(&self, id: u64, fence: Option<u64>, slots: Vec<Slot>, asked: (Nanos, Nanos)) -> Arc<Lease> {
        let lease = Lease::new(id, fence, asked.0.saturating_add(self.validity()));
        self.book.lock().held.insert(id, Held { lease: Arc::clone(&lease), slots, since: asked });
        lease
    }

    /// What is to be taken out of the sets for slots that are given back.
    pub(super) fn take(&self, id: u64) -> Vec<Slot> {
        self.book.lock().held.remove(&id).map_or_else(Vec::new, |held| held.slots)
    }

    /// The same for one of ours under `key` with so many units, where it is not said which.
    pub(super) fn take_any(&self, key: &str, units: u64) -> Option<Slot> {
        let mut book = self.book.lock();
        let fits = |slot: &Slot| slot.key == key && slot.permits.len() as u64 == units;
        let id = book.held.iter().filter(|(_, held)| held.slots.iter().any(fits)).map(|(id, _)| *id).min()?;
        let held = book.held.get_mut(&id)?;
        let at = held.slots.iter().position(fits)?;
        let slot = held.slots.swap_remove(at);
        if held.slots.is_empty() {
            book.held.remove(&id);
        }
        Some(slot)
    }

    /// Starts the task that renews, unless there is one. It ends when nothing is held.
    pub(super) fn renew_in_background(self: &Arc<Self>, route: &Arc<Route>, runtime: &tokio::runtime::Handle) {
        if self.renewing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (leases, route) = (Arc::clone(self), Arc::clone(route));
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(leases.pause()).await;
                let all_well = leases.renew(&route).await;
                if leases.book.lock().held.is_empty() {
                    leases.renewing.store(false, Ordering::Release);
                    // Something may have been granted in between.
                    if leases.book.lock().held.is_empty() || leases.renewing.swap(true, Ordering::AcqRel) {
                        return;
                    }
                }
                if !all_well {
                    // Trouble is met by trying more often, until it is too late.
                    tokio::time::sleep(leases.ttl / 32).await;
                    while !leases.renew(&route).await && !leases.book.lock().held.is_empty() {
                        tokio::time::sleep(leases.ttl / 32).await;
                    }
                }
            }
        });
    }

    /// A third of the time to live or somewhat less, so that a fleet does not renew at one instant.
    fn pause(&self) -> Duration {
        shortened(self.ttl / 3, self.ttl / 12)
    }

    /// Renews everything; whether all of it was.
    async fn renew(&self, route: &Route) -> bool {
        self.give_up_late();
        let mut by_key: HashMap<String, (u64, Vec<(u64, String)>)> = HashMap::new();
        for (id, held) in &self.book.lock().held {
            for slot in &held.slots {
                let (capacity, permits) = by_key.entry(slot.key.clone()).or_default();
                *capacity = slot.capacity;
                permits.extend(slot.permits.iter().map(|permit| (*id, permit.clone())));
            }
        }
        let mut all_well = true;
        for (key, (capacity, permits)) in by_key {
            all_well &= self.renew_key(route, key, capacity, &permits).await.is_ok();
        }
        self.give_up_late();
        all_well
    }

    async fn renew_key(
        &self,
        route: &Route,
        key: String,
        capacity: u64,
        permits: &[(u64, String)],
    ) -> Result<(), Failure> {
        let asked = self.now();
        let mut arguments = vec![Argument::Word(""), number(self.ttl_micros()), number(capacity)];
        arguments.extend(permits.iter().map(|(_, permit)| Argument::Text(permit.clone())));
        let call =
            Call { script: Script::Renew, keys: std::iter::once(key.clone()).collect(), arguments: arguments.into() };
        let Value::Array(renewed) = route.script(&call).await? else { return Err(Failure::Unreadable) };
        let mut orphans = Vec::new();
        for ((id, permit), renewed) in permits.iter().zip(renewed) {
            let mut book = self.book.lock();
            let Some(held) = book.held.get(id) else {
                // Released while this was under way: it must not come back.
                orphans.push(permit.clone());
                continue;
            };
            if renewed == Value::Int(1) {
                let (caller, ours) = held.since;
                let until = asked.saturating_sub(ours).saturating_add(self.validity());
                held.lease.renew(caller.saturating_add(until));
            } else {
                held.lease.lose();
                book.held.remove(id);
            }
        }
        if !orphans.is_empty() {
            let _ = release(route, &Slot { key, capacity, permits: orphans }).await;
        }
        Ok(())
    }

    /// What could not be renewed in time may be somebody else's by now.
    fn give_up_late(&self) {
        let now = self.now();
        self.book.lock().held.retain(|_, held| {
            let (caller, ours) = held.since;
            let valid = held.lease.is_valid(caller.saturating_add(now.saturating_sub(ours)));
            if !valid {
                held.lease.lose();
            }
            valid
        });
    }
}

/// Takes permits out of a set. One that is not there any more is none of ours: nothing happens.
pub(super) async fn release(route: &Route, slot: &Slot) -> Result<(), Failure> {
    let mut command = ::redis::cmd("ZREM");
    command.arg(&slot.key);
    for permit in &slot.permits {
        command.arg(permit);
    }
    route.command(&slot.key, &command).await.map(|_| ())
}

impl core::fmt::Debug for Leases {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Leases").field("held", &self.book.lock().held.len()).finish_non_exhaustive()
    }
}
