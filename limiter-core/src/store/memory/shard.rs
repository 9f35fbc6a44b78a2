//! One shard: the cells of some of the keys, under one lock.

use crate::algorithm::{Params, State};
use crate::time::Nanos;

use super::table::Table;

/// Two tables: buckets need one number a key, everything else three.
pub(super) struct Shard {
    narrow: Table<Nanos>,
    wide: Table<State>,
}

/// A cell: its fingerprint, and which of the two tables holds it.
pub(super) type Victim = (u64, bool);

impl Shard {
    pub(super) fn new() -> Self {
        Shard { narrow: Table::new(), wide: Table::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.narrow.len() + self.wide.len()
    }

    #[inline]
    pub(super) fn get(&self, params: &Params, fingerprint: u64) -> Option<State> {
        if params.is_wide() { self.wide.get(fingerprint) } else { self.narrow.get(fingerprint) }
    }

    #[inline]
    pub(super) fn put(&mut self, params: &Params, fingerprint: u64, state: State, now: Nanos) {
        if params.is_wide() {
            self.wide.put(fingerprint, state, now);
        } else {
            self.narrow.put(fingerprint, state, now);
        }
    }

    pub(super) fn remove(&mut self, params: &Params, fingerprint: u64) -> bool {
        if params.is_wide() { self.wide.remove(fingerprint) } else { self.narrow.remove(fingerprint) }
    }

    /// Drops what is stale; says how many cells that were.
    pub(super) fn sweep(&mut self, now: Nanos) -> usize {
        self.narrow.sweep(now) + self.wide.sweep(now)
    }

    /// When the first cell becomes stale, if nothing touches it.
    pub(super) fn earliest(&self) -> Nanos {
        self.narrow.earliest().min(self.wide.earliest())
    }

    /// The cell to give up for a new key: of a few from a place that the new key chooses, the one
    /// nearest to idle.
    pub(super) fn victim(&self, fingerprint: u64, keep: &[u64], now: Nanos) -> Option<Victim> {
        let narrow = self.narrow.nearest_to_idle(fingerprint, keep, now).map(|(found, loss)| (loss, (found, false)));
        let wide = self.wide.nearest_to_idle(fingerprint, keep, now).map(|(found, loss)| (loss, (found, true)));
        narrow.into_iter().chain(wide).min_by_key(|(loss, _)| *loss).map(|(_, victim)| victim)
    }

    pub(super) fn evict(&mut self, (fingerprint, wide): Victim) {
        if wide {
            self.wide.remove(fingerprint);
        } else {
            self.narrow.remove(fingerprint);
        }
    }
}
