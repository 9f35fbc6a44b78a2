//! The exact logs of one shard, and the slots that have a lease, counted in bytes.
//!
//! They differ from the other cells in that they grow. All shards draw on one allowance of bytes;
//! where it is used up, a cell that cannot grow remembers less exactly, against its caller, and new
//! cells are treated as new keys in a full table are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::algorithm::leases::Leases;
use crate::algorithm::log::Log;
use crate::algorithm::{Params, State, Step};
use crate::time::{Nanos, Now};

/// Bytes that all logs of a store may take together.
#[derive(Debug)]
pub(super) struct Allowance {
    taken: AtomicUsize,
    ceiling: usize,
}

impl Allowance {
    pub(super) fn new(ceiling: usize) -> Arc<Self> {
        Arc::new(Allowance { taken: AtomicUsize::new(0), ceiling })
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    fn has(&self, bytes: usize) -> bool {
        self.taken().saturating_add(bytes) <= self.ceiling
    }

    fn change(&self, before: usize, after: usize) {
        if after >= before {
            self.taken.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.taken.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
}

struct Cell {
    content: Content,
    fresh_at: Nanos,
}

enum Content {
    Leases(Leases),
    Log(Log),
}

impl Content {
    fn new(params: &Params) -> Self {
        if params.lease().is_some() { Content::Leases(Leases::default()) } else { Content::Log(Log::default()) }
    }

    fn decide(&self, params: &Params, now: Now, pending: u64, cost: u64) -> Step {
        match self {
            Content::Leases(leases) => leases.decide(params, now, pending, cost),
            Content::Log(log) => log.decide(params, now, pending, cost),
        }
    }

    fn fresh_at(&self, params: &Params) -> Nanos {
        match self {
            Content::Leases(leases) => leases.fresh_at(),
            Content::Log(log) => log.fresh_at(params),
        }
    }
}

impl Cell {
    fn bytes(&self) -> usize {
        let content = match &self.content {
            Content::Leases(leases) => leases.bytes(),
            Content::Log(log) => log.bytes(),
        };
        OVERHEAD + content
    }

    /// What is lost by giving it up; `None` if it must not be, since slots are held, not used.
    fn loss(&self, now: Nanos) -> Option<u128> {
        match &self.content {
            Content::Leases(_) => None,
            Content::Log(log) => Some(u128::from(self.fresh_at.saturating_sub(now).get()) * u128::from(log.units())),
        }
    }
}

/// What a log costs beside its entries: its place in the map, at the map's usual occupancy.
const OVERHEAD: usize = 2 * (size_of::<Cell>() + size_of::<u64>());
/// What a log costs to begin with.
const SMALLEST: usize = OVERHEAD + 64;
/// Cells looked at to find the one nearest to idle.
const SAMPLE: usize = 8;

pub(super) struct Logs {
    cells: HashMap<u64, Cell>,
    allowance: Arc<Allowance>,
    /// No log is stale before this.
    earliest: Nanos,
}

impl Logs {
    pub(super) fn new(allowance: Arc<Allowance>) -> Self {
        Logs { cells: HashMap::new(), allowance, earliest: Nanos::MAX }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn earliest(&self) -> Nanos {
        self.earliest
    }

    /// Whether a new log fits.
    pub(super) fn has_room(&self) -> bool {
        self.allowance.has(SMALLEST)
    }

    pub(super) fn contains(&self, fingerprint: u64) -> bool {
        self.cells.contains_key(&fingerprint)
    }

    /// The numbers of a log, if the key has one.
    pub(super) fn summary(&self, params: &Params, fingerprint: u64, now: Now) -> Option<State> {
        Some(match &self.cells.get(&fingerprint)?.content {
            Content::Leases(leases) => leases.summary(params, now.monotonic, 0),
            Content::Log(log) => log.summary(params, now.monotonic, 0),
        })
    }

    pub(super) fn decide(&self, params: &Params, fingerprint: u64, now: Now, pending: u64, cost: u64) -> Step {
        match self.cells.get(&fingerprint) {
            Some(cell) => cell.content.decide(params, now, pending, cost),
            None => Content::new(params).decide(params, now, pending, cost),
        }
    }

    pub(super) fn charge(&mut self, params: &Params, fingerprint: u64, now: Now, units: u64) {
        self.change(params, fingerprint, |content, allowance| match content {
            Content::Leases(leases) => leases.charge(params, now, units, |more| allowance.has(more)),
            Content::Log(log) => log.charge(params, now, units, |more| allowance.has(more)),
        });
    }

    /// Counts a refused cost and says what the log then answers.
    pub(super) fn penalize(&mut self, params: &Params, fingerprint: u64, now: Now, cost: u64) -> Step {
        self.change(params, fingerprint, |content, allowance| match content {
            // A refusal holds no slot.
            Content::Leases(_) => {}
            Content::Log(log) => log.charge_refused(params, now, cost, |more| allowance.has(more)),
        });
        self.decide(params, fingerprint, now, 0, cost)
    }

    pub(super) fn give_back(&mut self, params: &Params, fingerprint: u64, at: Nanos, units: u64) {
        if self.contains(fingerprint) {
            self.change(params, fingerprint, |content, _| match content {
                Content::Leases(leases) => leases.give_back(params, at, units),
                Content::Log(log) => log.give_back(at, units),
            });
        }
    }

    pub(super) fn remove(&mut self, fingerprint: u64) -> bool {
        let Some(cell) = self.cells.remove(&fingerprint) else { return false };
        self.allowance.change(cell.bytes(), 0);
        true
    }

    /// Drops the stale logs and gives memory back when little is left.
    pub(super) fn sweep(&mut self, now: Nanos) -> usize {
        if now < self.earliest {
            return 0;
        }
        let before = self.cells.len();
        let (allowance, mut earliest) = (&self.allowance, Nanos::MAX);
        self.cells.retain(|_, cell| {
            let live = cell.fresh_at > now;
            if live {
                earliest = earliest.min(cell.fresh_at);
            } else {
                allowance.change(cell.bytes(), 0);
            }
            live
        });
        self.earliest = earliest;
        if self.cells.len() * 4 < self.cells.capacity() {
            self.cells.shrink_to(self.cells.len() * 2);
        }
        before - self.cells.len()
    }

    /// The log nearest to idle among a few, leaving out `keep`.
    pub(super) fn nearest_to_idle(&self, keep: &[u64], now: Nanos) -> Option<u64> {
        let cells = self.cells.iter().filter(|(fingerprint, _)| !keep.contains(fingerprint));
        let losses = cells.filter_map(|(fingerprint, cell)| Some((*fingerprint, cell.loss(now)?)));
        losses.take(SAMPLE).min_by_key(|(_, loss)| *loss).map(|(fingerprint, _)| fingerprint)
    }

    fn change(&mut self, params: &Params, fingerprint: u64, change: impl FnOnce(&mut Content, &Allowance)) {
        let is_new = !self.contains(fingerprint);
        let cell = self
            .cells
            .entry(fingerprint)
            .or_insert_with(|| Cell { content: Content::new(params), fresh_at: Nanos::ZERO });
        let before = if is_new { 0 } else { cell.bytes() };
        change(&mut cell.content, &self.allowance);
        cell.fresh_at = cell.content.fresh_at(params);
        self.earliest = self.earliest.min(cell.fresh_at);
        self.allowance.change(before, cell.bytes());
    }
}
