//! Slots with a lease: each is held until it is given back, or until its own time is over.
//!
//! One entry for each instant at which slots run out, in order. What a decision reports is a summary
//! in a [`State`]: `used` slots, `fresh_at` the instant at which the last of them runs out.

use super::{Params, State, Step, Verdict};
use crate::time::{Nanos, Now};

/// Slots that run out at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slots {
    until: Nanos,
    units: u64,
}

/// The slots of one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    /// Ascending by when they run out, each instant once.
    slots: Vec<Slots>,
}

/// The first allocation holds this many.
const FIRST: usize = 4;

impl Leases {
    /// Decides about `cost` slots, on top of `pending` that the same request takes already. Nothing
    /// is written.
    pub(crate) fn decide(&self, params: &Params, now: Now, pending: u64, cost: u64) -> Step {
        let now = now.monotonic;
        if cost > params.capacity() {
            return Step { verdict: Verdict::TooBig, state: self.summary(params, now, pending) };
        }
        let used = self.used(now).saturating_add(pending);
        if used.saturating_add(cost) <= params.capacity() {
            let state = self.summary(params, now, pending.saturating_add(cost));
            return Step { verdict: Verdict::Allow, state };
        }
        let retry = self.opens_for(params, now, pending, cost).saturating_sub(now);
        Step { verdict: Verdict::Deny { retry: Some(retry) }, state: self.summary(params, now, pending) }
    }

    /// The numbers at one instant, as if `pending` more slots were taken at it.
    pub(crate) fn summary(&self, params: &Params, now: Nanos, pending: u64) -> State {
        let used = self.used(now).saturating_add(pending);
        if used == 0 {
            return State::default();
        }
        let taken = if pending > 0 { ends(params, now) } else { Nanos::ZERO };
        State { fresh_at: self.fresh_at().max(taken), mark: 0, used }
    }

    /// Takes slots. `may_grow` is asked before more memory is taken, with the bytes it would be; if
    /// it must not, the slots that run out first are kept as long as those that run out next.
    pub(crate) fn charge(&mut self, params: &Params, now: Now, units: u64, may_grow: impl FnOnce(usize) -> bool) {
        self.prune(now.monotonic);
        let until = ends(params, now.monotonic);
        let at = match self.slots.binary_search_by_key(&until, |slots| slots.until) {
            Ok(at) => {
                if let Some(slots) = self.slots.get_mut(at) {
                    slots.units = slots.units.saturating_add(units);
                }
                return;
            }
            Err(at) => at,
        };
        if self.slots.len() == self.slots.capacity() {
            let more = self.slots.capacity().max(FIRST);
            if self.slots.is_empty() || may_grow(more * size_of::<Slots>()) {
                self.slots.reserve_exact(more);
            } else {
                return self.merge(Slots { until, units }, at);
            }
        }
        self.slots.insert(at, Slots { until, units });
    }

    /// Gives back slots that were taken at `at`, as far as they have not run out.
    pub(crate) fn give_back(&mut self, params: &Params, at: Nanos, units: u64) {
        let until = ends(params, at);
        let Ok(at) = self.slots.binary_search_by_key(&until, |slots| slots.until) else { return };
        if let Some(slots) = self.slots.get_mut(at) {
            slots.units = slots.units.saturating_sub(units);
            if slots.units == 0 {
                self.slots.remove(at);
            }
        }
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slots>()
    }

    /// When the last slot runs out.
    pub(crate) fn fresh_at(&self) -> Nanos {
        self.slots.last().map_or(Nanos::ZERO, |slots| slots.until)
    }

    fn prune(&mut self, now: Nanos) {
        let gone = self.slots.partition_point(|slots| slots.until <= now);
        self.slots.drain(..gone);
        if self.slots.capacity() > FIRST * 2 && self.slots.len() * 4 < self.slots.capacity() {
            self.slots.shrink_to((self.slots.len() * 2).max(FIRST));
        }
    }

    /// There is no memory for another entry: it is counted with its neighbour, until the later of both.
    fn merge(&mut self, slots: Slots, at: usize) {
        match self.slots.get_mut(at) {
            Some(later) => later.units = later.units.saturating_add(slots.units),
            None => {
                if let Some(last) = self.slots.last_mut() {
                    *last = Slots { until: slots.until, units: last.units.saturating_add(slots.units) };
                }
            }
        }
    }

    fn used(&self, now: Nanos) -> u64 {
        let held = self.slots.iter().filter(|slots| now < slots.until);
        held.fold(0, |used, slots| used.saturating_add(slots.units))
    }

    /// When `cost` first fits if nobody gives a slot back.
    fn opens_for(&self, params: &Params, now: Nanos, pending: u64, cost: u64) -> Nanos {
        let mut used = self.used(now).saturating_add(pending);
        for slots in self.slots.iter().filter(|slots| now < slots.until) {
            used = used.saturating_sub(slots.units);
            if used.saturating_add(cost) <= params.capacity() {
                return slots.until;
            }
        }
        ends(params, now)
    }
}

/// When slots that are taken at an instant run out.
fn ends(params: &Params, at: Nanos) -> Nanos {
    at.saturating_add(params.lease().unwrap_or(Nanos::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Now {
        Now { monotonic: Nanos::new(secs * 1_000_000_000), wall: Nanos::ZERO }
    }

    fn params(limit: u64, secs: u64) -> Params {
        Params::concurrent(limit).leased(Nanos::new(secs * 1_000_000_000))
    }

    fn take(leases: &mut Leases, params: &Params, now: Now, cost: u64) -> Verdict {
        let step = leases.decide(params, now, 0, cost);
        if step.verdict == Verdict::Allow {
            leases.charge(params, now, cost, |_| true);
        }
        step.verdict
    }

    #[test]
    fn each_slot_runs_out_by_itself_and_a_refusal_tells_when() {
        let (params, mut leases) = (params(3, 10), Leases::default());
        for (second, cost) in [(0, 1), (4, 2)] {
            assert_eq!(take(&mut leases, &params, at(second), cost), Verdict::Allow);
        }
        let wait = |cost| leases.decide(&params, at(5), 0, cost).verdict;
        assert_eq!(wait(1), Verdict::Deny { retry: Some(Nanos::new(5_000_000_000)) });
        assert_eq!(wait(2), Verdict::Deny { retry: Some(Nanos::new(9_000_000_000)) });
        assert_eq!(wait(4), Verdict::TooBig);
        assert_eq!(leases.decide(&params, at(10), 0, 1).verdict, Verdict::Allow, "the instant it runs out");
        assert_eq!(leases.summary(&params, at(10).monotonic, 0).used, 2);
        assert_eq!(leases.summary(&params, at(14).monotonic, 0), State::default());
    }

    #[test]
    fn a_slot_is_given_back_once_and_not_after_it_ran_out() {
        let (params, mut leases) = (params(2, 10), Leases::default());
        take(&mut leases, &params, at(0), 1);
        take(&mut leases, &params, at(1), 1);
        leases.give_back(&params, at(0).monotonic, 1);
        leases.give_back(&params, at(0).monotonic, 1);
        assert_eq!(leases.summary(&params, at(1).monotonic, 0).used, 1);
        assert_eq!(take(&mut leases, &params, at(11), 2), Verdict::Allow);
        leases.give_back(&params, at(1).monotonic, 1);
        assert_eq!(leases.summary(&params, at(11).monotonic, 0).used, 2);
    }

    #[test]
    fn leases_of_different_lengths_share_slots() {
        let (long, short, mut leases) = (params(2, 10), params(2, 1), Leases::default());
        take(&mut leases, &long, at(0), 1);
        take(&mut leases, &short, at(1), 1);
        assert_eq!(take(&mut leases, &long, at(1), 1), Verdict::Deny { retry: Some(Nanos::new(1_000_000_000)) });
        assert_eq!(take(&mut leases, &long, at(2), 1), Verdict::Allow);
    }

    #[test]
    fn without_memory_slots_are_kept_longer_and_none_is_lost() {
        let (params, mut leases) = (params(100, 10), Leases::default());
        for second in 0..9 {
            leases.charge(&params, at(second), 1, |_| false);
        }
        assert_eq!(leases.bytes(), FIRST * size_of::<Slots>());
        assert_eq!(leases.summary(&params, at(9).monotonic, 0).used, 9);
        assert_eq!(leases.summary(&params, at(12).monotonic, 0).used, 6);
        assert_eq!(leases.summary(&params, at(18).monotonic, 0).used, 0);
    }
}
