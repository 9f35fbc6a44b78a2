//! Barriers in this process.

use core::fmt;
use core::num::NonZeroU32;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::NoRoom;
use super::bells::{Woken, first};
use super::expiring::Expiring;
use crate::store::barrier::{Arrival, AtTimeout, Barriers, Ticket, Waited};
use crate::store::{Lifetime, Reply, StoreError};
use crate::time::{Clock, ClockHandle, Nanos, SystemClock};

/// Barriers kept by default.
pub const DEFAULT_BARRIERS: usize = 10_000;
/// Names of parties that are kept at most, those of all barriers together.
pub const MOST_PARTY_NAMES: usize = 1_000_000;

/// Barriers in this process. Clones are one.
///
/// Waiting needs a tokio runtime with its timer.
///
/// ```
/// use limiter_core::Barrier;
/// use limiter_core::store::{Lifetime, Waited, memory::MemoryBarriers};
/// use std::{num::NonZeroU32, time::Duration};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let barrier = Barrier::new(MemoryBarriers::new(), "nightly");
/// assert!(barrier.create(NonZeroU32::MIN.saturating_add(1)).await?);
/// let other = barrier.clone();
/// let other = tokio::spawn(async move { other.wait("import", Duration::from_secs(5)).await });
/// assert_eq!(barrier.wait("export", Duration::from_secs(5)).await?, Waited::Cleared);
/// assert_eq!(other.await??, Waited::Cleared);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryBarriers {
    shared: Arc<Shared>,
}

struct Shared {
    clock: ClockHandle,
    table: Mutex<Table>,
}

struct Table {
    barriers: Expiring<Cell>,
    generation: u64,
    names: Arc<AtomicUsize>,
}

struct Cell {
    generation: u64,
    parties: u32,
    lifetime: Lifetime,
    unnamed: u32,
    named: Names,
    bell: Arc<Notify>,
}

impl Cell {
    fn missing(&self) -> u32 {
        let named = u32::try_from(self.named.set.len()).unwrap_or(u32::MAX);
        self.parties.saturating_sub(self.unnamed.saturating_add(named))
    }
}

/// The parties of one barrier that arrived by name, and how many there are of all barriers.
struct Names {
    set: HashSet<Box<str>>,
    all: Arc<AtomicUsize>,
}

impl Names {
    fn insert(&mut self, name: &str) -> Result<(), NoRoom> {
        if self.set.contains(name) {
            return Ok(());
        }
        if self.all.load(Ordering::Relaxed) >= MOST_PARTY_NAMES {
            return Err(NoRoom);
        }
        self.set.insert(name.into());
        self.all.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn remove(&mut self, name: &str) {
        if self.set.remove(name) {
            self.all.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn clear(&mut self) {
        self.all.fetch_sub(self.set.len(), Ordering::Relaxed);
        self.set = HashSet::new();
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.clear();
    }
}

/// How a barrier stands for a ticket.
enum Standing {
    Cleared,
    Gone,
    Open { bell: Arc<Notify>, runs_out_in: Nanos },
}

impl MemoryBarriers {
    /// Up to [`DEFAULT_BARRIERS`] barriers, on the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with(ClockHandle::System(SystemClock::new()), DEFAULT_BARRIERS)
    }

    /// Up to so many barriers, at least one, by another clock. At the ceiling no further barrier can
    /// be created until the lifetime of one is over.
    #[must_use]
    pub fn with_clock(clock: impl Clock, ceiling: usize) -> Self {
        Self::with(ClockHandle::guarded(Arc::new(clock)), ceiling)
    }

    fn with(clock: ClockHandle, ceiling: usize) -> Self {
        let table = Table { barriers: Expiring::with_ceiling(ceiling), generation: 0, names: Arc::default() };
        MemoryBarriers { shared: Arc::new(Shared { clock, table: Mutex::new(table) }) }
    }

    /// Barriers kept, those not yet dropped whose lifetime is over included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.table.lock().barriers.len()
    }

    /// Whether no barrier is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Shared {
    fn create(&self, barrier: &str, parties: NonZeroU32, lifetime: Lifetime) -> Result<bool, StoreError> {
        let mut table = self.table.lock();
        let now = self.clock.read(false).monotonic;
        if table.barriers.get(barrier, now).is_some() {
            return Ok(false);
        }
        let cell = Cell {
            generation: table.generation + 1,
            parties: parties.get(),
            lifetime,
            unnamed: 0,
            named: Names { set: HashSet::new(), all: Arc::clone(&table.names) },
            bell: Arc::new(Notify::new()),
        };
        let until = now.saturating_add(lifetime.as_nanos());
        table.barriers.put(barrier, cell, until, now).map_err(|_| StoreError::unavailable(NoRoom))?;
        table.generation += 1;
        Ok(true)
    }

    fn arrive(&self, barrier: &str, party: Option<&str>) -> Result<Arrival, StoreError> {
        let mut table = self.table.lock();
        let now = self.clock.read(false).monotonic;
        let Some(cell) = table.barriers.get_mut(barrier, now) else { return Ok(Arrival::NoSuchBarrier) };
        let generation = cell.generation;
        if cell.missing() == 0 {
            return Ok(Arrival::Cleared { generation });
        }
        match party {
            Some(party) => cell.named.insert(party).map_err(StoreError::unavailable)?,
            None => cell.unnamed += 1,
        }
        let missing = cell.missing();
        if missing == 0 {
            // Nobody is awaited any more, so nobody need be known by name.
            cell.unnamed = cell.parties;
            cell.named.clear();
            cell.bell.notify_waiters();
            return Ok(Arrival::Cleared { generation });
        }
        let until = now.saturating_add(cell.lifetime.as_nanos());
        table.barriers.put_off(barrier, until);
        Ok(Arrival::Waiting { ticket: Ticket::new(barrier, party, generation), missing })
    }

    fn standing(&self, ticket: &Ticket) -> Standing {
        let table = self.table.lock();
        let now = self.clock.read(false).monotonic;
        match table.barriers.get(ticket.barrier(), now) {
            Some((cell, until)) if cell.generation == ticket.generation() => {
                if cell.missing() == 0 {
                    return Standing::Cleared;
                }
                Standing::Open { bell: Arc::clone(&cell.bell), runs_out_in: until.saturating_sub(now) }
            }
            _ => Standing::Gone,
        }
    }

    /// Takes an arrival back, unless the barrier has been cleared.
    fn withdraw(&self, ticket: &Ticket) -> Waited {
        let mut table = self.table.lock();
        let now = self.clock.read(false).monotonic;
        match table.barriers.get_mut(ticket.barrier(), now) {
            Some(cell) if cell.generation == ticket.generation() => {
                if cell.missing() == 0 {
                    return Waited::Cleared;
                }
                match ticket.party() {
                    Some(party) => cell.named.remove(party),
                    None => cell.unnamed = cell.unnamed.saturating_sub(1),
                }
                Waited::TimedOut
            }
            _ => Waited::NoSuchBarrier,
        }
    }

    async fn wait(self: Arc<Self>, ticket: Ticket, timeout: Duration, then: AtTimeout) -> Waited {
        let mut stake = Stake { shared: &self, ticket: &ticket, withdraws: then == AtTimeout::Withdraw };
        let mut timeout = pin!(sleep(timeout));
        let mut timed_out = false;
        loop {
            let (bell, runs_out_in) = match self.standing(&ticket) {
                Standing::Cleared => return stake.settle(Waited::Cleared),
                Standing::Gone => return stake.settle(Waited::NoSuchBarrier),
                Standing::Open { .. } if timed_out => return stake.time_out(),
                Standing::Open { bell, runs_out_in } => (bell, runs_out_in),
            };
            let mut rung = pin!(bell.notified());
            // Whoever rings from here on is heard; what happened before is seen by looking again.
            rung.as_mut().enable();
            if !matches!(self.standing(&ticket), Standing::Open { .. }) {
                continue;
            }
            timed_out = first(rung, timeout.as_mut(), Some(runs_out_in.into())).await == Woken::TimedOut;
        }
    }
}

/// An arrival that a wait answers for: taken back when the wait is given up, if that was asked for.
struct Stake<'a> {
    shared: &'a Shared,
    ticket: &'a Ticket,
    withdraws: bool,
}

impl Stake<'_> {
    fn settle(&mut self, waited: Waited) -> Waited {
        self.withdraws = false;
        waited
    }

    fn time_out(&mut self) -> Waited {
        let waited = if self.withdraws { self.shared.withdraw(self.ticket) } else { Waited::TimedOut };
        self.settle(waited)
    }
}

impl Drop for Stake<'_> {
    fn drop(&mut self) {
        if self.withdraws {
            let _: Waited = self.shared.withdraw(self.ticket);
        }
    }
}

impl Barriers for MemoryBarriers {
    fn create(&self, barrier: &str, parties: NonZeroU32, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        Reply::Now(self.shared.create(barrier, parties, lifetime))
    }

    fn arrive(&self, barrier: &str, party: Option<&str>) -> Reply<Result<Arrival, StoreError>> {
        Reply::Now(self.shared.arrive(barrier, party))
    }

    /// # Panics
    ///
    /// The answer panics when it is awaited outside a tokio runtime, or in one without a timer.
    fn wait(&self, ticket: &Ticket, timeout: Duration, then: AtTimeout) -> Reply<Result<Waited, StoreError>> {
        let waiting = Arc::clone(&self.shared).wait(ticket.clone(), timeout, then);
        Reply::Later(Box::pin(async move { Ok(waiting.await) }))
    }
}

impl Default for MemoryBarriers {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryBarriers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBarriers").field("barriers", &self.len()).finish_non_exhaustive()
    }
}
