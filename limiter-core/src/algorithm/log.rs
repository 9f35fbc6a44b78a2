//! Exact sliding window: the times of all admissions within the last period.
//!
//! A log is the one algorithm that keeps more than a few numbers. It holds at most
//! [`MAX_LOG_UNITS`] units, one entry for each instant at which some were taken, with a running
//! total in place of a count: how many units a stretch of the log holds is then one subtraction,
//! and every answer is a binary search.
//!
//! What a decision reports is a summary in a [`State`]: `used` units in the window, `mark` the
//! instant at which more is admitted again, `fresh_at` the instant at which all have left. A cell
//! that has no room for a log keeps the summary alone and lets all units leave together, with the
//! last of them: stricter than the log, never laxer.

use std::collections::VecDeque;

use super::{Params, State, Step, Verdict};
use crate::time::{Nanos, Now};

/// The largest limit that an exact log counts: it remembers up to so many instants for each key.
pub const MAX_LOG_UNITS: u64 = 10_000;

/// An instant at which units were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    at: Nanos,
    /// Units taken up to and with this instant.
    total: u64,
}

/// The admissions of one key.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Ascending in both members.
    entries: VecDeque<Entry>,
    /// The running total before the first entry.
    before: u64,
}

/// The first allocation of a log holds this many instants.
const FIRST: usize = 4;

impl Log {
    /// Decides about `cost` units, on top of `pending` that the same request takes already. Nothing
    /// is written: see [`Log::charge`].
    #[must_use]
    pub fn decide(&self, params: &Params, now: Now, pending: u64, cost: u64) -> Step {
        let now = now.monotonic;
        if cost > params.capacity {
            return Step { verdict: Verdict::TooBig, state: self.summary(params, now, pending) };
        }
        let used = self.used(params, now).saturating_add(pending);
        if used.saturating_add(cost) <= params.capacity {
            let state = self.summary(params, now, pending.saturating_add(cost));
            return Step { verdict: Verdict::Allow, state };
        }
        let retry = self.opens_for(params, now, pending, cost).saturating_sub(now);
        Step { verdict: Verdict::Deny { retry: Some(retry) }, state: self.summary(params, now, pending) }
    }

    /// The numbers of the log at one instant, as if `pending` more units were taken at it.
    #[must_use]
    pub fn summary(&self, params: &Params, now: Nanos, pending: u64) -> State {
        let used = self.used(params, now).saturating_add(pending);
        if used == 0 {
            return State::default();
        }
        let newest = if pending > 0 { Some(now) } else { self.entries.back().map(|entry| entry.at) };
        let left = params.capacity.saturating_sub(used);
        State {
            fresh_at: newest.unwrap_or(now).saturating_add(Nanos::new(params.period)),
            mark: self.opens_for(params, now, pending, left.saturating_add(1)).get(),
            used,
        }
    }

    /// Takes units. `may_grow` is asked before the log takes more memory, with the bytes it would
    /// add; if it must not, the two oldest instants become one, the later of them.
    pub fn charge(&mut self, params: &Params, now: Now, units: u64, may_grow: impl FnOnce(usize) -> bool) {
        self.prune(params, now);
        let last = self.entries.back().copied().unwrap_or(Entry { at: Nanos::ZERO, total: self.before });
        // Entries ascend even if the clock does not.
        let entry = Entry { at: now.monotonic.max(last.at), total: last.total.saturating_add(units) };
        if let Some(newest) = self.entries.back_mut()
            && newest.at == entry.at
        {
            *newest = entry;
            return;
        }
        if self.entries.len() == self.entries.capacity() {
            let more = self.entries.capacity().max(FIRST).min(MAX_LOG_UNITS as usize + 1);
            if self.entries.is_empty() || may_grow(more * size_of::<Entry>()) {
                self.entries.reserve_exact(more);
            } else {
                // What the older of the two took now leaves with the younger.
                self.entries.pop_front();
            }
        }
        self.entries.push_back(entry);
    }

    /// Counts a refused cost: as many of the oldest units leave as the limit demands.
    pub fn charge_refused(&mut self, params: &Params, now: Now, cost: u64, may_grow: impl FnOnce(usize) -> bool) {
        self.charge(params, now, cost.min(params.capacity), may_grow);
        let total = self.entries.back().map_or(self.before, |entry| entry.total);
        self.before = self.before.max(total.saturating_sub(params.capacity));
        while self.entries.front().is_some_and(|entry| entry.total <= self.before) {
            self.entries.pop_front();
        }
    }

    /// Gives back units that were taken at `at`, as far as they are still in the log.
    pub fn give_back(&mut self, at: Nanos, units: u64) {
        let index = self.entries.partition_point(|entry| entry.at < at);
        let Some(entry) = self.entries.get(index).copied().filter(|entry| entry.at == at) else { return };
        let earlier = index.checked_sub(1).and_then(|i| self.entries.get(i)).map_or(self.before, |entry| entry.total);
        let units = units.min(entry.total.saturating_sub(earlier));
        for later in self.entries.range_mut(index..) {
            later.total = later.total.saturating_sub(units);
        }
        if entry.total.saturating_sub(units) == earlier {
            self.entries.remove(index);
        }
    }

    /// Forgets what has left the window, and gives memory back when little is left.
    pub fn prune(&mut self, params: &Params, now: Now) {
        let gone = self.gone(params, now.monotonic);
        if let Some(last) = gone.checked_sub(1).and_then(|i| self.entries.get(i)) {
            self.before = last.total;
            self.entries.drain(..gone);
        }
        if self.entries.capacity() > FIRST * 2 && self.entries.len() * 4 < self.entries.capacity() {
            self.entries.shrink_to((self.entries.len() * 2).max(FIRST));
        }
    }

    /// What was taken when, oldest first, for stores that keep logs elsewhere.
    #[cfg(feature = "memcached")]
    pub(crate) fn taken(&self) -> impl Iterator<Item = (Nanos, u64)> {
        let mut before = self.before;
        self.entries.iter().map(move |entry| {
            let units = entry.total.saturating_sub(before);
            before = entry.total;
            (entry.at, units)
        })
    }

    /// The log in which so much was taken when. The times must ascend.
    #[cfg(feature = "memcached")]
    pub(crate) fn of(taken: impl IntoIterator<Item = (Nanos, u64)>) -> Self {
        let mut log = Log::default();
        let mut total: u64 = 0;
        for (at, units) in taken {
            total = total.saturating_add(units);
            log.entries.push_back(Entry { at, total });
        }
        log
    }

    /// Bytes allocated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    /// Units in the log, those included that have left the window since it was last written.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.entries.back().map_or(0, |entry| entry.total.saturating_sub(self.before))
    }

    /// When the last unit leaves the window.
    #[must_use]
    pub fn fresh_at(&self, params: &Params) -> Nanos {
        self.entries.back().map_or(Nanos::ZERO, |entry| entry.at.saturating_add(Nanos::new(params.period)))
    }

    fn used(&self, params: &Params, now: Nanos) -> u64 {
        let gone = self.gone(params, now).checked_sub(1).and_then(|i| self.entries.get(i));
        let before = gone.map_or(self.before, |entry| entry.total);
        self.entries.back().map_or(0, |entry| entry.total.saturating_sub(before))
    }

    /// Entries at the front that have left the window: taken at `t`, a unit counts until `t + period`.
    fn gone(&self, params: &Params, now: Nanos) -> usize {
        self.entries.partition_point(|entry| entry.at.saturating_add(Nanos::new(params.period)) <= now)
    }

    /// When `cost` first fits if nothing else is taken: as soon as enough of the oldest have left.
    fn opens_for(&self, params: &Params, now: Nanos, pending: u64, cost: u64) -> Nanos {
        let period = Nanos::new(params.period);
        let Some(room) = params.capacity.checked_sub(cost.saturating_add(pending)) else {
            // Not before the pending units have left again.
            return now.saturating_add(period);
        };
        let total = self.entries.back().map_or(self.before, |entry| entry.total);
        let index = self.entries.partition_point(|entry| total.saturating_sub(entry.total) > room);
        self.entries.get(index).map_or(now, |entry| entry.at.saturating_add(period))
    }
}

/// The same from a summary alone: all units leave with the last.
pub(super) fn take_summary(params: &Params, state: State, now: Now, cost: u64) -> Result<State, Verdict> {
    let used = used(state, now);
    match used.checked_add(cost).filter(|used| *used <= params.capacity) {
        Some(_) if cost == 0 => Ok(state),
        Some(used) => Ok(summary_of(params, now, used)),
        None => Err(Verdict::Deny { retry: Some(state.fresh_at.saturating_sub(now.monotonic)) }),
    }
}

pub(super) fn settle_summary(params: &Params, state: State, now: Now, until: Nanos, units: i64) -> State {
    if units < 0 && until <= now.monotonic {
        return state;
    }
    match used(state, now).saturating_add_signed(units) {
        0 => State::default(),
        used if units > 0 => summary_of(params, now, used),
        used => State { used, ..state },
    }
}

pub(super) fn remaining(params: &Params, state: State, now: Now) -> u64 {
    params.capacity.saturating_sub(used(state, now))
}

pub(super) fn reset_after(state: State, now: Now) -> Nanos {
    if used(state, now) == 0 { Nanos::ZERO } else { state.fresh_at.saturating_sub(now.monotonic) }
}

pub(super) fn next_unit_after(state: State, now: Now) -> Option<Nanos> {
    (used(state, now) > 0).then(|| Nanos::new(state.mark).saturating_sub(now.monotonic))
}

fn used(state: State, now: Now) -> u64 {
    if state.is_stale(now.monotonic) { 0 } else { state.used }
}

fn summary_of(params: &Params, now: Now, used: u64) -> State {
    let fresh_at = now.monotonic.saturating_add(Nanos::new(params.period));
    State { fresh_at, mark: fresh_at.get(), used }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;

    fn at(secs: u64) -> Now {
        let nanos = Nanos::new((1000 + secs) * 1_000_000_000);
        Now { monotonic: nanos, wall: nanos }
    }

    fn params(quota: &str) -> Params {
        Params::new(Algorithm::Log, quota.parse().unwrap()).unwrap()
    }

    fn take(log: &mut Log, params: &Params, now: Now, cost: u64) -> Verdict {
        let step = log.decide(params, now, 0, cost);
        if step.verdict == Verdict::Allow {
            log.charge(params, now, cost, |_| true);
        }
        step.verdict
    }

    #[test]
    fn a_wait_lasts_until_enough_of_the_oldest_have_left() {
        let (params, mut log) = (params("5/10s"), Log::default());
        for (second, cost) in [(0, 1), (2, 2), (4, 2)] {
            assert_eq!(take(&mut log, &params, at(second), cost), Verdict::Allow);
        }
        let wait = |cost| log.decide(&params, at(5), 0, cost).verdict;
        assert_eq!(wait(1), Verdict::Deny { retry: Some(Nanos::new(5_000_000_000)) });
        assert_eq!(wait(2), Verdict::Deny { retry: Some(Nanos::new(7_000_000_000)) });
        assert_eq!(wait(5), Verdict::Deny { retry: Some(Nanos::new(9_000_000_000)) });
        assert_eq!(wait(6), Verdict::TooBig);
        let summary = log.summary(&params, at(5).monotonic, 0);
        assert_eq!(params.reset_after(summary, at(5)), Some(Nanos::new(9_000_000_000)));
        assert_eq!(params.next_unit_after(summary, at(5)), Some(Nanos::new(5_000_000_000)));
    }

    #[test]
    fn units_are_given_back_at_the_instant_they_were_taken_and_once() {
        let (params, mut log) = (params("5/10s"), Log::default());
        take(&mut log, &params, at(0), 2);
        take(&mut log, &params, at(1), 3);
        log.give_back(at(0).monotonic, 2);
        assert_eq!(log.summary(&params, at(1).monotonic, 0).used, 3);
        log.give_back(at(0).monotonic, 2);
        assert_eq!(log.summary(&params, at(1).monotonic, 0).used, 3, "only what was taken then");
    }

    #[test]
    fn a_log_that_must_not_grow_errs_against_the_caller() {
        let (params, mut log) = (params("100/10s"), Log::default());
        for second in 0..9 {
            log.charge(&params, at(second), 1, |_| false);
        }
        assert_eq!(log.bytes(), FIRST * size_of::<Entry>());
        assert_eq!(log.summary(&params, at(9).monotonic, 0).used, 9);
        // The first six stay until the sixth leaves.
        assert_eq!(log.summary(&params, at(14).monotonic, 0).used, 9);
        assert_eq!(log.summary(&params, at(15).monotonic, 0).used, 3);
    }

    #[test]
    fn memory_is_given_back_with_the_units() {
        let (params, mut log) = (params("1000/10s"), Log::default());
        for nanos in 0..1000 {
            let now = Now { monotonic: Nanos::new(nanos), wall: Nanos::ZERO };
            log.charge(&params, now, 1, |_| true);
        }
        assert!(log.bytes() >= 1000 * size_of::<Entry>());
        log.charge(&params, at(0), 1, |_| true);
        assert!(log.bytes() <= 2 * FIRST * size_of::<Entry>(), "{}", log.bytes());
    }
}
