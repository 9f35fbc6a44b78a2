//! Keyed counters and events in this process.

use core::fmt;
use core::pin::pin;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::NoRoom;
use super::bells::{Woken, first};
use super::expiring::Expiring;
use crate::store::counters::{Counters, LARGEST, changed};
use crate::store::{Lifetime, Reply, StoreError};
use crate::time::{Clock, ClockHandle, Nanos, SystemClock};

/// Counters, and events, kept by default.
pub const DEFAULT_COUNTERS: usize = 100_000;

/// Keyed counters and events in this process. Clones are one.
///
/// Waiting for events needs a tokio runtime with its timer.
///
/// ```
/// use limiter_core::store::{Counters, Lifetime, Reply, memory::MemoryCounters};
///
/// let counters = MemoryCounters::new();
/// let raise = || counters.incr("jobs", 1, 2, Lifetime::QUARTER_HOUR);
/// assert!(matches!(raise(), Reply::Now(Ok(true))));
/// assert!(matches!(raise(), Reply::Now(Ok(true))));
/// assert!(matches!(raise(), Reply::Now(Ok(false))));
/// ```
#[derive(Clone)]
pub struct MemoryCounters {
    shared: Arc<Shared>,
}

struct Shared {
    clock: ClockHandle,
    table: Mutex<Table>,
}

struct Table {
    counters: Expiring<i64>,
    events: Expiring<()>,
    /// Who waits for events, and how many of them.
    bells: HashMap<Arc<str>, (Arc<Notify>, usize)>,
}

impl MemoryCounters {
    /// Up to [`DEFAULT_COUNTERS`] counters and as many events, on the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with(ClockHandle::System(SystemClock::new()), DEFAULT_COUNTERS)
    }

    /// Up to so many counters and as many events, at least one, by another clock. At the ceiling no
    /// further one can begin until the lifetime of one is over.
    #[must_use]
    pub fn with_clock(clock: impl Clock, ceiling: usize) -> Self {
        Self::with(ClockHandle::guarded(Arc::new(clock)), ceiling)
    }

    fn with(clock: ClockHandle, ceiling: usize) -> Self {
        let (counters, events) = (Expiring::with_ceiling(ceiling), Expiring::with_ceiling(ceiling));
        let table = Mutex::new(Table { counters, events, bells: HashMap::new() });
        MemoryCounters { shared: Arc::new(Shared { clock, table }) }
    }

    /// Counters kept, those not yet dropped whose lifetime is over included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.table.lock().counters.len()
    }

    /// Whether no counter is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One step: everything under one lock, with one reading of the clock.
    fn step<T>(
        &self,
        step: impl FnOnce(&mut Expiring<i64>, Nanos) -> Result<T, StoreError>,
    ) -> Reply<Result<T, StoreError>> {
        let mut table = self.shared.table.lock();
        let now = self.shared.clock.read(false).monotonic;
        Reply::Now(step(&mut table.counters, now))
    }
}

fn value(counters: &Expiring<i64>, key: &str, now: Nanos) -> i64 {
    counters.get(key, now).map_or(0, |(value, _)| *value)
}

fn put(counters: &mut Expiring<i64>, key: &str, value: i64, lifetime: Lifetime, now: Nanos) -> Result<(), StoreError> {
    let until = now.saturating_add(lifetime.as_nanos());
    counters.put(key, value, until, now).map_err(|_| StoreError::unavailable(NoRoom))
}

/// Changes a counter if the outcome fits.
fn change(
    counters: &mut Expiring<i64>,
    now: Nanos,
    (key, by): (&str, i64),
    lifetime: Lifetime,
    fits: impl FnOnce(i64) -> bool,
) -> Result<bool, StoreError> {
    match changed(value(counters, key, now), by, fits) {
        Some(value) => put(counters, key, value, lifetime, now).map(|()| true),
        None => Ok(false),
    }
}

impl Counters for MemoryCounters {
    fn get(&self, key: &str) -> Reply<Result<Option<i64>, StoreError>> {
        self.step(|counters, now| Ok(counters.get(key, now).map(|(value, _)| *value)))
    }

    fn add(&self, key: &str, value: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        self.step(|counters, now| {
            if counters.get(key, now).is_some() || value.unsigned_abs() > LARGEST.unsigned_abs() {
                return Ok(false);
            }
            put(counters, key, value, lifetime, now).map(|()| true)
        })
    }

    fn incr(&self, key: &str, amount: u32, maximum: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        self.step(|counters, now| change(counters, now, (key, i64::from(amount)), lifetime, |value| value <= maximum))
    }

    fn decr(&self, key: &str, amount: u32, minimum: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        self.step(|counters, now| change(counters, now, (key, -i64::from(amount)), lifetime, |value| value >= minimum))
    }

    fn incr_and_sum(
        &self,
        key: &str,
        keys: &[String],
        amount: u32,
        maximum: i64,
        lifetime: Lifetime,
    ) -> Reply<Result<bool, StoreError>> {
        self.step(|counters, now| {
            // A counter that is asked about begins here, even if it is refused.
            if counters.get(key, now).is_none() {
                put(counters, key, 0, lifetime, now)?;
            }
            let amount = i64::from(amount);
            let sum = keys.iter().fold(amount, |sum, key| sum.saturating_add(value(counters, key, now)));
            change(counters, now, (key, amount), lifetime, |value| value <= maximum && sum <= maximum)
        })
    }

    /// # Panics
    ///
    /// The answer panics when it is awaited outside a tokio runtime, or in one without a timer.
    fn wait(&self, event: &str, timeout: Duration) -> Reply<Result<bool, StoreError>> {
        let (shared, event) = (Arc::clone(&self.shared), Arc::from(event));
        Reply::Later(Box::pin(async move { Ok(wait(&shared, event, timeout).await) }))
    }

    fn notify(&self, event: &str, lifetime: Lifetime) -> Reply<Result<(), StoreError>> {
        let mut table = self.shared.table.lock();
        let now = self.shared.clock.read(false).monotonic;
        let until = now.saturating_add(lifetime.as_nanos());
        let put = table.events.put(event, (), until, now).map_err(|_| StoreError::unavailable(NoRoom));
        // Those who wait are woken even where there is no room to keep it for others.
        if let Some((bell, _)) = table.bells.get(event) {
            bell.notify_waiters();
        }
        Reply::Now(put)
    }
}

async fn wait(shared: &Arc<Shared>, event: Arc<str>, timeout: Duration) -> bool {
    let listener = Listener::new(shared, event);
    let bell = Arc::clone(&listener.bell);
    let mut rung = pin!(bell.notified());
    rung.as_mut().enable();
    let there = {
        let table = shared.table.lock();
        let now = shared.clock.read(false).monotonic;
        table.events.get(&listener.event, now).is_some()
    };
    there || first(rung, pin!(sleep(timeout)), None).await == Woken::Rung
}

/// One who waits for an event. The bell goes with the last of them.
struct Listener<'a> {
    shared: &'a Shared,
    event: Arc<str>,
    bell: Arc<Notify>,
}

impl<'a> Listener<'a> {
    fn new(shared: &'a Shared, event: Arc<str>) -> Self {
        let mut table = shared.table.lock();
        let (bell, listeners) = table.bells.entry(Arc::clone(&event)).or_default();
        *listeners += 1;
        Listener { shared, event, bell: Arc::clone(bell) }
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        let mut table = self.shared.table.lock();
        if let Some((_, listeners)) = table.bells.get_mut(&self.event) {
            *listeners -= 1;
            if *listeners == 0 {
                table.bells.remove(&self.event);
            }
        }
    }
}

impl Default for MemoryCounters {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCounters").field("counters", &self.len()).finish_non_exhaustive()
    }
}
