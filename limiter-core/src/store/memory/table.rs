//! One shard's table: open addressing with linear probing over small copyable cells.
//!
//! A cell is a keyed fingerprint and a state. There are no tombstones: removal shifts the cells
//! behind it back. Capacity is any number, so a large table grows by half, and shrinks when most of
//! it is gone.

use super::shard::Shard;
use crate::algorithm::bucket::Charge;
use crate::algorithm::{Params, State, Verdict};
use crate::time::{Nanos, Now};

/// What a cell keeps of a [`State`].
pub(super) trait Value: Copy {
    /// What is never stale.
    const NEVER: Self;
    /// The cells of a shard that keep this.
    fn table(shard: &mut Shard) -> &mut Table<Self>;
    fn pack(state: State) -> Self;
    fn unpack(self) -> State;
    fn fresh_at(self) -> Nanos;
    /// Decides by an algorithm whose states are kept like this, as [`Params::take`] does.
    fn take(params: &Params, state: State, now: Now, cost: u64) -> Result<State, Verdict>;
    /// What is forgotten if the cell is given up; 0 when it is stale.
    fn loss(self, now: Nanos) -> u128;
}

/// Buckets need the one number alone.
impl Value for Nanos {
    const NEVER: Self = Nanos::MAX;

    #[inline]
    fn table(shard: &mut Shard) -> &mut Table<Self> {
        &mut shard.narrow
    }

    #[inline]
    fn pack(state: State) -> Self {
        state.fresh_at
    }

    #[inline]
    fn unpack(self) -> State {
        State { fresh_at: self, mark: 0, used: 0 }
    }

    #[inline]
    fn fresh_at(self) -> Nanos {
        self
    }

    #[inline(always)]
    fn take(params: &Params, state: State, now: Now, cost: u64) -> Result<State, Verdict> {
        Charge::new(params, cost).take(state, now)
    }

    fn loss(self, now: Nanos) -> u128 {
        u128::from(self.saturating_sub(now).get())
    }
}

impl Value for State {
    const NEVER: Self = State { fresh_at: Nanos::MAX, mark: 0, used: 0 };

    #[inline]
    fn table(shard: &mut Shard) -> &mut Table<Self> {
        &mut shard.wide
    }

    #[inline]
    fn pack(state: State) -> Self {
        state
    }

    #[inline]
    fn unpack(self) -> State {
        self
    }

    #[inline]
    fn fresh_at(self) -> Nanos {
        self.fresh_at
    }

    #[inline(always)]
    fn take(params: &Params, state: State, now: Now, cost: u64) -> Result<State, Verdict> {
        params.take(state, now, cost)
    }

    /// Windows all last as long: by time alone an old window that is spent would go before a new
    /// one that has seen a single request.
    fn loss(self, now: Nanos) -> u128 {
        u128::from(self.fresh_at.saturating_sub(now).get()) * u128::from(self.used)
    }
}

#[derive(Clone, Copy)]
struct Cell<V> {
    /// 0 marks an empty cell; no fingerprint is 0.
    fingerprint: u64,
    value: V,
}

impl<V: Value> Cell<V> {
    /// It is never stale, so that who looks for stale cells need not look whether there is a key.
    const EMPTY: Self = Cell { fingerprint: 0, value: V::NEVER };

    #[inline]
    fn is_empty(&self) -> bool {
        self.fingerprint == 0
    }
}

pub(super) struct Table<V> {
    cells: Box<[Cell<V>]>,
    len: usize,
    /// No cell is stale before this.
    earliest: Nanos,
}

/// Where a key sits, or may sit down. Good until the table changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// In a free cell, if the table may hold one more.
    Free(usize),
    /// In its own cell.
    Own(usize),
    /// In the cell of a key that is as good as new, and forgotten with that.
    Stale(usize),
}

const SMALLEST: usize = 8;
/// Below this a table doubles, since moving costs more than room; from there on it grows by half.
const SMALL: usize = 512;
/// Cells looked at to find the one nearest to idle.
const SAMPLE: usize = 8;

impl<V: Value> Table<V> {
    pub(super) fn new() -> Self {
        Table { cells: Box::new([]), len: 0, earliest: Nanos::MAX }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn earliest(&self) -> Nanos {
        self.earliest
    }

    /// The cell of a key, or the free one at the end of its way. Whoever writes to it says so by
    /// [`note`](Self::note).
    #[inline]
    pub(super) fn own(&mut self, fingerprint: u64) -> Result<&mut V, usize> {
        let at = self.find(fingerprint)?;
        self.cells.get_mut(at).map(|cell| &mut cell.value).ok_or(at)
    }

    /// A cell is stale from then on.
    #[inline]
    pub(super) fn note(&mut self, fresh_at: Nanos) {
        if fresh_at < self.earliest {
            self.earliest = fresh_at;
        }
    }

    /// The best cell for a key that has none: the first stale one on its way, or the free one at the end.
    #[inline]
    pub(super) fn vacancy(&self, fingerprint: u64, free: usize, now: Nanos) -> Seat {
        if now < self.earliest {
            return Seat::Free(free);
        }
        let mut at = self.home(fingerprint);
        while at != free {
            match self.cells.get(at) {
                Some(cell) if cell.value.fresh_at() <= now => return Seat::Stale(at),
                Some(_) => at += 1,
                None => at = 0,
            }
        }
        Seat::Free(free)
    }

    /// Looks for a key, or for the best cell for it if it is new.
    #[inline]
    pub(super) fn seek(&self, fingerprint: u64, now: Nanos) -> (Seat, State) {
        match self.find(fingerprint) {
            Ok(at) => (Seat::Own(at), self.cells.get(at).map_or_else(State::default, |cell| cell.value.unpack())),
            Err(free) => (self.vacancy(fingerprint, free, now), State::default()),
        }
    }

    /// Writes what is kept of a key to the seat that was found for it.
    #[inline]
    pub(super) fn sit(&mut self, seat: Seat, fingerprint: u64, value: V, now: Nanos) {
        let cell = match seat {
            Seat::Own(at) | Seat::Stale(at) => self.cells.get_mut(at),
            Seat::Free(_) if self.is_crowded() => None,
            Seat::Free(at) => self.cells.get_mut(at),
        };
        let Some(cell) = cell else { return self.put(fingerprint, value, now) };
        *cell = Cell { fingerprint, value };
        if matches!(seat, Seat::Free(_)) {
            self.len += 1;
        }
        self.note(value.fresh_at());
    }

    /// Whether another cell would fill it to more than three quarters: below that probes stay
    /// short, and always end.
    #[inline]
    fn is_crowded(&self) -> bool {
        (self.len + 1) * 4 > self.cells.len() * 3
    }

    pub(super) fn get(&self, fingerprint: u64) -> Option<State> {
        let at = self.find(fingerprint).ok()?;
        Some(self.cells.get(at)?.value.unpack())
    }

    /// Writes what is kept of a key, adding the cell if it is new.
    #[cold]
    #[inline(never)]
    pub(super) fn put(&mut self, fingerprint: u64, value: V, now: Nanos) {
        self.note(value.fresh_at());
        if let Ok(at) = self.find(fingerprint)
            && let Some(cell) = self.cells.get_mut(at)
        {
            cell.value = value;
            return;
        }
        if self.is_crowded() {
            self.sweep(now);
            if (self.len + 1) * 2 > self.cells.len() {
                let more = if self.cells.len() < SMALL { self.cells.len() } else { self.cells.len() / 2 };
                self.rebuild((self.cells.len() + more).max(SMALLEST));
            }
        }
        self.note(value.fresh_at());
        place(&mut self.cells, Cell { fingerprint, value });
        self.len += 1;
    }

    pub(super) fn remove(&mut self, fingerprint: u64) -> bool {
        let Ok(at) = self.find(fingerprint) else { return false };
        self.remove_at(at);
        true
    }

    /// Drops the stale cells and gives memory back when little is left.
    pub(super) fn sweep(&mut self, now: Nanos) -> usize {
        if now < self.earliest {
            return 0;
        }
        let before = self.len;
        // At the end of time empty cells would be stale.
        let now = now.min(Nanos::new(u64::MAX - 1));
        let mut earliest = Nanos::MAX;
        for at in 0..self.cells.len() {
            // Removal may shift another stale cell to the same place.
            while let Some(fresh_at) = self.cells.get(at).map(|cell| cell.value.fresh_at()) {
                if fresh_at > now {
                    earliest = earliest.min(fresh_at);
                    break;
                }
                self.remove_at(at);
            }
        }
        self.earliest = earliest;
        // Half full afterwards, as after growing: a quarter has to go or come before the next rebuild.
        let enough = if self.len == 0 { 0 } else { (self.len * 2).max(SMALLEST) };
        if self.len * 8 < self.cells.len() * 3 && enough < self.cells.len() {
            self.rebuild(enough);
        }
        before - self.len
    }

    /// The cell nearest to idle among a few from `start` on, leaving out `keep` and cells that hold
    /// slots.
    pub(super) fn nearest_to_idle(&self, start: u64, keep: &[u64], now: Nanos) -> Option<u64> {
        let from = self.home(start);
        let (head, tail) = self.cells.split_at_checked(from)?;
        tail.iter()
            .chain(head)
            .filter(|cell| cell.value.fresh_at() < Nanos::MAX)
            .filter(|cell| !keep.contains(&cell.fingerprint))
            .take(SAMPLE)
            .min_by_key(|cell| cell.value.loss(now))
            .map(|cell| cell.fingerprint)
    }

    /// Where the key sits, or the free cell at the end of its way.
    #[inline]
    fn find(&self, fingerprint: u64) -> Result<usize, usize> {
        let mut at = self.home(fingerprint);
        loop {
            match self.cells.get(at) {
                Some(cell) if cell.fingerprint == fingerprint => return Ok(at),
                Some(cell) if cell.is_empty() => return Err(at),
                Some(_) => at += 1,
                None if at == 0 => return Err(at),
                None => at = 0,
            }
        }
    }

    #[inline]
    fn home(&self, fingerprint: u64) -> usize {
        home(fingerprint, self.cells.len())
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        if at + 1 < self.cells.len() { at + 1 } else { 0 }
    }

    /// Empties a cell and shifts those behind it back, so that every probe still finds its cell.
    fn remove_at(&mut self, at: usize) {
        let mut hole = at;
        let mut next = self.next(at);
        while let Some(cell) = self.cells.get(next).copied()
            && !cell.is_empty()
        {
            // A cell may move into the hole unless its home lies after the hole, up to where it stands.
            let home = self.home(cell.fingerprint);
            let stays = if hole < next { hole < home && home <= next } else { hole < home || home <= next };
            if !stays {
                if let Some(free) = self.cells.get_mut(hole) {
                    *free = cell;
                }
                hole = next;
            }
            next = self.next(next);
        }
        if let Some(free) = self.cells.get_mut(hole) {
            *free = Cell::EMPTY;
        }
        self.len -= 1;
    }

    fn rebuild(&mut self, capacity: usize) {
        let mut cells = vec![Cell::EMPTY; capacity].into_boxed_slice();
        for cell in self.cells.iter().filter(|cell| !cell.is_empty()) {
            place(&mut cells, *cell);
        }
        self.cells = cells;
    }
}

/// Multiply-shift over the low half of the fingerprint; the high bits choose the shard.
#[inline]
fn home(fingerprint: u64, cells: usize) -> usize {
    (((fingerprint & 0xFFFF_FFFF) * cells as u64) >> 32) as usize
}

/// Puts a key that has no cell into the free one at the end of its way.
#[inline]
fn place<V: Value>(cells: &mut [Cell<V>], placed: Cell<V>) {
    let mut at = home(placed.fingerprint, cells.len());
    loop {
        match cells.get_mut(at) {
            Some(free) if free.is_empty() => {
                *free = placed;
                return;
            }
            Some(_) => at += 1,
            None if at == 0 => return,
            None => at = 0,
        }
    }
}
