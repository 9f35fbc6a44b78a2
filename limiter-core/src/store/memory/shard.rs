//! One shard: the cells of some of the keys, under one lock.

use std::sync::Arc;

use crate::algorithm::{Params, State};
use crate::time::Nanos;

use super::logs::{Allowance, Logs};
use super::table::{Seat, Table, Value};

/// Two tables: buckets need one number a key, everything else three. What grows lives apart. In this
/// order, the most common nearest to the lock.
#[repr(C)]
pub(super) struct Shard {
    pub(super) narrow: Table<Nanos>,
    pub(super) wide: Table<State>,
    pub(super) logs: Logs,
    /// Stale cells that new keys took over.
    reused: u64,
}

/// A cell: its fingerprint, and where it is.
pub(super) type Victim = (u64, Home);

/// Which part of the shard holds a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Log,
    Narrow,
    Wide,
}

impl Home {
    fn of(params: &Params) -> Self {
        match params {
            _ if params.grows() => Home::Log,
            _ if params.is_wide() => Home::Wide,
            _ => Home::Narrow,
        }
    }
}

impl Shard {
    pub(super) fn new(allowance: Arc<Allowance>) -> Self {
        Shard { narrow: Table::new(), wide: Table::new(), logs: Logs::new(allowance), reused: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.narrow.len() + self.wide.len() + self.logs.len()
    }

    /// Stale cells that new keys took over.
    pub(super) fn reused(&self) -> u64 {
        self.reused
    }

    /// Writes what is kept of a key to the seat that was found for it.
    #[inline]
    pub(super) fn sit<V: Value>(&mut self, seat: Seat, fingerprint: u64, value: V, now: Nanos) {
        if matches!(seat, Seat::Stale(_)) {
            self.reused += 1;
        }
        V::table(self).sit(seat, fingerprint, value, now);
    }

    #[inline]
    pub(super) fn get(&self, params: &Params, fingerprint: u64) -> Option<State> {
        if params.is_wide() { self.wide.get(fingerprint) } else { self.narrow.get(fingerprint) }
    }

    #[inline]
    pub(super) fn put(&mut self, params: &Params, fingerprint: u64, state: State, now: Nanos) {
        if params.is_wide() {
            self.wide.put(fingerprint, Value::pack(state), now);
        } else {
            self.narrow.put(fingerprint, Value::pack(state), now);
        }
    }

    pub(super) fn holds(&self, params: &Params, fingerprint: u64) -> bool {
        if params.grows() { self.logs.contains(fingerprint) } else { self.get(params, fingerprint).is_some() }
    }

    pub(super) fn remove(&mut self, params: &Params, fingerprint: u64) -> bool {
        if params.grows() {
            return self.logs.remove(fingerprint);
        }
        if params.is_wide() { self.wide.remove(fingerprint) } else { self.narrow.remove(fingerprint) }
    }

    /// Drops what is stale; says how many cells that were.
    pub(super) fn sweep(&mut self, now: Nanos) -> usize {
        self.narrow.sweep(now) + self.wide.sweep(now) + self.logs.sweep(now)
    }

    /// When the first cell becomes stale, if nothing touches it.
    pub(super) fn earliest(&self) -> Nanos {
        self.narrow.earliest().min(self.wide.earliest()).min(self.logs.earliest())
    }

    /// The cell to give up for a new key: of a few from a place that the new key chooses, the one
    /// nearest to idle.
    ///
    /// One of the same kind where there is any: losses of different kinds do not compare, and a
    /// flood of windows is to forget windows, not buckets.
    pub(super) fn victim(&self, params: &Params, fingerprint: u64, keep: &[u64], now: Nanos) -> Option<Victim> {
        let narrow = || self.narrow.nearest_to_idle(fingerprint, keep, now).map(|found| (found, Home::Narrow));
        let wide = || self.wide.nearest_to_idle(fingerprint, keep, now).map(|found| (found, Home::Wide));
        let log = || self.log_victim(keep, now);
        match Home::of(params) {
            Home::Log => log().or_else(wide).or_else(narrow),
            Home::Narrow => narrow().or_else(wide).or_else(log),
            Home::Wide => wide().or_else(narrow).or_else(log),
        }
    }

    /// The log to give up for a new one.
    pub(super) fn log_victim(&self, keep: &[u64], now: Nanos) -> Option<Victim> {
        self.logs.nearest_to_idle(keep, now).map(|found| (found, Home::Log))
    }

    pub(super) fn evict(&mut self, (fingerprint, home): Victim) {
        match home {
            Home::Log => self.logs.remove(fingerprint),
            Home::Narrow => self.narrow.remove(fingerprint),
            Home::Wide => self.wide.remove(fingerprint),
        };
    }
}
