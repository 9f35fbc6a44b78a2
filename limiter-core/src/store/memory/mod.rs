//! The store in this process: sharded, exact, bounded.
//!
//! * **Exact.** The shards that a decision touches are locked in one global order; everything is
//!   evaluated, then everything is written or nothing is.
//! * **Bounded.** The ceiling is stated in keys and split evenly over the shards. A key costs 16
//!   bytes under a bucket and 32 under anything else, at three quarters occupancy or less. Stale
//!   cells are dropped shard by shard by the decisions themselves; no task is needed and no scan
//!   stops the world. What happens to new keys when every cell is live is the rule's
//!   [`AtCeiling`](crate::AtCeiling). Exact logs, and slots with a lease, are counted in bytes
//!   as well, all of a store's together; when those are used up, a log forgets detail against its caller.
//! * **Private.** Keys are kept as keyed 64-bit hashes, never as text.

#[cfg(feature = "wait")]
mod barriers;
#[cfg(feature = "wait")]
mod bells;
#[cfg(feature = "wait")]
mod counters;
mod decide;
#[cfg(feature = "wait")]
mod expiring;
mod lock;
mod logs;
#[cfg(test)]
#[cfg(limiter_loom)]
mod model;
mod padded;
mod pair;
mod refusal;
mod shard;
mod single;
mod sync;
mod table;
#[cfg(test)]
#[cfg(not(limiter_loom))]
mod tests;

use core::fmt;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Answer, Capabilities, Charged, Decide, Operation, Place, Repeated, Reply, Store, StoreError, Subject};
use crate::algorithm::{Algorithm, State, concurrent};
use crate::time::{Nanos, Now};
use logs::Allowance;
use padded::Padded;
use shard::Shard;
pub use single::Single;
pub(crate) use single::{Unknown, again};
use sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering};

#[cfg(feature = "wait")]
pub use barriers::{DEFAULT_BARRIERS, MOST_PARTY_NAMES, MemoryBarriers};
#[cfg(feature = "wait")]
pub use counters::{DEFAULT_COUNTERS, MemoryCounters};

/// Keys held by default.
pub const DEFAULT_CEILING: usize = 1_000_000;
/// Bytes that exact logs may take together by default: 64 MiB.
pub const DEFAULT_LOG_BYTES: usize = 64 << 20;
/// A small store has shards of this size at least, so that chance fills them evenly.
const KEYS_PER_SHARD: usize = 1024;
/// Enough that threads seldom meet, and few enough that a small set of keys stays in the cache.
const SHARDS: usize = 256;
/// A shard of this many keys grows or is swept in some tens of microseconds.
const MOST_KEYS_PER_SHARD: usize = 4096;
const MOST_SHARDS: usize = 4096;
/// Shortest time from the start of one round of sweeping to that of the next. Within a round every
/// decision sweeps one shard.
const SWEEP_EVERY: Nanos = Nanos::new(100_000_000);

/// State in this process. See the [module](self).
///
/// ```
/// use limiter_core::store::memory::MemoryStore;
///
/// let store = MemoryStore::with_ceiling(10_000);
/// assert_eq!(store.stats().keys, 0);
/// assert!(store.ceiling() >= 10_000);
/// ```
pub struct MemoryStore {
    shards: Box<[Padded]>,
    per_shard: usize,
    /// Cells that new keys share, by budget. Locked after all shards.
    overflow: Mutex<HashMap<u64, State>>,
    /// Whether there are such cells.
    sharing: AtomicBool,
    round_began: AtomicU64,
    log_bytes: Arc<Allowance>,
    next_sweep: AtomicU64,
    hand: AtomicUsize,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    evicted: AtomicU64,
    shared: AtomicU64,
    turned_away: AtomicU64,
    pruned: AtomicU64,
}

/// What a [`MemoryStore`] holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Keys held, stale ones that were not yet dropped included.
    pub keys: usize,
    /// Bytes taken by exact logs.
    pub log_bytes: usize,
    /// Live cells given up for new keys.
    pub evicted: u64,
    /// Decisions about keys that shared a cell for want of room.
    pub shared: u64,
    /// Decisions that refused a new key for want of room.
    pub turned_away: u64,
    /// Stale cells dropped.
    pub pruned: u64,
}

impl MemoryStore {
    /// A store for up to [`DEFAULT_CEILING`] keys. It starts empty and takes memory as keys come.
    #[must_use]
    pub fn new() -> Self {
        Self::with_ceiling(DEFAULT_CEILING)
    }

    /// A store for up to `keys` keys (at least 1), rounded up to a whole number for each shard.
    #[must_use]
    pub fn with_ceiling(keys: usize) -> Self {
        Self::with_ceilings(keys, DEFAULT_LOG_BYTES)
    }

    /// As [`with_ceiling`](Self::with_ceiling), with up to `log_bytes` bytes for exact logs.
    #[must_use]
    pub fn with_ceilings(keys: usize, log_bytes: usize) -> Self {
        let log_bytes = Allowance::new(log_bytes);
        let keys = keys.max(1);
        let even = keys.div_ceil(KEYS_PER_SHARD).next_power_of_two().min(SHARDS);
        let swift = keys.div_ceil(MOST_KEYS_PER_SHARD).next_power_of_two().min(MOST_SHARDS);
        let shards = even.max(swift);
        MemoryStore {
            shards: (0..shards).map(|_| Padded::new(Shard::new(Arc::clone(&log_bytes)))).collect(),
            per_shard: keys.div_ceil(shards),
            overflow: Mutex::new(HashMap::new()),
            sharing: AtomicBool::new(false),
            round_began: AtomicU64::new(0),
            log_bytes,
            next_sweep: AtomicU64::new(0),
            hand: AtomicUsize::new(0),
            counters: Counters::default(),
        }
    }

    /// Keys that fit.
    #[must_use]
    pub fn ceiling(&self) -> usize {
        self.per_shard * self.shards.len()
    }

    /// Shards. A tenth of a second after the last key went stale, it takes at most twice as many
    /// decisions until all memory is given back.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// What the store holds and has done. Takes each shard's lock in turn.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            keys: self.shards.iter().map(|shard| shard.lock.lock().len()).sum(),
            log_bytes: self.log_bytes.taken(),
            evicted: self.counters.evicted.load(Ordering::Relaxed),
            shared: self.counters.shared.load(Ordering::Relaxed),
            turned_away: self.counters.turned_away.load(Ordering::Relaxed),
            pruned: self.counters.pruned.load(Ordering::Relaxed)
                + self.shards.iter().map(|shard| shard.lock.lock().reused()).sum::<u64>(),
        }
    }

    /// Gives slots back.
    pub fn release(&self, now: Now, charges: &[Charged]) {
        for charge in charges {
            if !self.release_slots(charge) {
                self.adjust(now, charge, i64::try_from(charge.cost).map_or(i64::MIN, |cost| -cost));
            }
        }
    }

    /// Slots come back without a look at the clock. Whether it is slots, in a cell of their own, that
    /// are given back.
    fn release_slots(&self, charge: &Charged) -> bool {
        let held_for_good = charge.params.algorithm() == Algorithm::Concurrent && !charge.params.grows();
        if !held_for_good || charge.place != Place::Own {
            return false;
        }
        self.give_back_slots(fingerprint(&charge.subject), charge.cost);
        true
    }

    /// Gives back slots without a lease that are in a cell of their own.
    #[inline]
    pub(crate) fn give_back_slots(&self, fingerprint: u64, cost: u64) {
        if let Some(shard) = self.shard(fingerprint) {
            let table = &mut shard.lock.lock().wide;
            // A cell that is gone held no slots.
            if let Ok(cell) = table.own(fingerprint) {
                *cell = concurrent::give_back(*cell, cost);
                let fresh_at = cell.fresh_at;
                table.note(fresh_at);
            }
        }
    }

    /// Changes charges after the fact: adds units, or gives them back if negative.
    pub fn settle(&self, now: Now, charges: &[(Charged, i64)]) {
        for (charge, units) in charges {
            self.adjust(now, charge, *units);
        }
    }

    /// Forgets what keys have used. Slots are held, not used: their holders still give them back.
    pub fn reset(&self, charges: &[Charged]) {
        for charge in charges.iter().filter(|charge| charge.params.algorithm() != Algorithm::Concurrent) {
            let fingerprint = fingerprint(&charge.subject);
            if let Some(shard) = self.shard(fingerprint) {
                shard.lock_and_wipe().remove(&charge.params, fingerprint);
            }
        }
    }

    fn adjust(&self, now: Now, charge: &Charged, units: i64) {
        let change = |state: State| charge.params.settle(state, now, charge.until, units);
        match charge.place {
            Place::NoRoom => {}
            Place::Shared => {
                if let Some(state) = self.overflow.lock().get_mut(&charge.budget) {
                    *state = change(*state);
                }
            }
            Place::Own => {
                let fingerprint = fingerprint(&charge.subject);
                let Some(shard) = self.shard(fingerprint) else { return };
                let mut shard = shard.lock_and_wipe();
                if charge.params.grows() {
                    match u64::try_from(units) {
                        Ok(more) if shard.logs.contains(fingerprint) || shard.len() < self.per_shard => {
                            shard.logs.charge(&charge.params, fingerprint, now, more);
                        }
                        Ok(_) => {}
                        Err(_) => {
                            shard.logs.give_back(&charge.params, fingerprint, charge.at, units.unsigned_abs());
                        }
                    }
                    return;
                }
                // A cell that is gone was stale, or given up: there is nothing to give back.
                let known = shard.get(&charge.params, fingerprint);
                if known.is_none() {
                    if units > 0 && shard.len() >= self.per_shard {
                        shard.sweep(now.monotonic);
                    }
                    if units < 0 || shard.len() >= self.per_shard {
                        return;
                    }
                }
                shard.put(&charge.params, fingerprint, change(known.unwrap_or_default()), now.monotonic);
            }
        }
    }

    /// Sweeps one shard if a round is due. Costs a relaxed load when none is.
    #[inline]
    fn maintain(&self, now: Nanos) {
        if now.get() >= self.next_sweep.load(Ordering::Relaxed) {
            self.sweep_one(now);
        }
    }

    #[cold]
    fn sweep_one(&self, now: Nanos) {
        let turn = self.hand.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        if turn == 0 {
            self.round_began.store(now.get(), Ordering::Relaxed);
        }
        if turn + 1 == self.shards.len() {
            let began = Nanos::new(self.round_began.load(Ordering::Relaxed));
            self.next_sweep.store(began.saturating_add(SWEEP_EVERY).get(), Ordering::Relaxed);
            let mut shared = self.overflow.lock();
            shared.retain(|_, state| !state.is_stale(now));
            self.sharing.store(!shared.is_empty(), Ordering::Relaxed);
        }
        if let Some(shard) = self.shards.get(turn)
            && let Some(mut shard) = shard.lock.try_lock()
        {
            let pruned = shard.sweep(now);
            self.counters.pruned.fetch_add(pruned as u64, Ordering::Relaxed);
        }
    }

    #[inline]
    fn shard(&self, fingerprint: u64) -> Option<&Padded> {
        self.shards.get(self.shard_of(fingerprint))
    }

    /// The high bits choose the shard; there are a power of two of them.
    #[inline]
    fn shard_of(&self, fingerprint: u64) -> usize {
        (fingerprint >> 32) as usize & (self.shards.len() - 1)
    }
}

/// The fingerprint of a subject; never 0, which marks an empty cell.
#[inline]
fn fingerprint(subject: &Subject) -> u64 {
    match subject {
        Subject::Local(hash) => (*hash).max(1),
        // Only a caller that mistakes this store for a shared one ends here; a fixed hash is still exact.
        Subject::Named(named) => {
            use core::hash::{BuildHasher, BuildHasherDefault};
            let hasher = BuildHasherDefault::<std::hash::DefaultHasher>::default();
            hasher.hash_one((named.budget(), named.key())).max(1)
        }
    }
}

/// Why a barrier or a counter cannot begin: every one that there is place for is live.
#[cfg(feature = "wait")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

#[cfg(feature = "wait")]
impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no room for another until the lifetime of one is over")
    }
}

#[cfg(feature = "wait")]
impl std::error::Error for NoRoom {}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("ceiling", &self.ceiling())
            .field("shards", &self.shards.len())
            .finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// One after the other, until one is refused: the rest would be told the same.
    fn repeat(&self, decide: &Decide, times: u32) -> Answer {
        let (mut granted, mut allowed) = (0, None);
        while granted < times {
            let decided = self.decide(decide);
            if !decided.allowed {
                return Repeated { granted, allowed, refused: Some(decided) }.into();
            }
            allowed = Some(decided);
            granted += 1;
        }
        Repeated { granted, allowed, refused: None }.into()
    }
}

impl Store for MemoryStore {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        Reply::Now(Ok(match operation {
            Operation::Decide(decide) => Answer::Decided(self.decide(&decide)),
            Operation::Inspect(inspect) => Answer::Decided(self.inspect(&inspect)),
            Operation::Release { now, charges, .. } => {
                self.release(now, &charges);
                Answer::Done
            }
            Operation::Repeat { decide, times } => self.repeat(&decide, times),
            Operation::Reset { charges } => {
                self.reset(&charges);
                Answer::Done
            }
            Operation::Settle { now, charges } => {
                self.settle(now, &charges);
                Answer::Done
            }
        }))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(&Algorithm::ALL, usize::MAX).local().with_penalties()
    }
}
