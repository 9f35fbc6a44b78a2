//! Sliding window counter: the units of the current window, and those of the one before weighted
//! by how much of it the sliding window still covers.
//!
//! Windows follow each other from the first use of a key on. With `e` the time since the current
//! one opened and `T` its length, the estimate is `current + previous * (T - e) / T`. A cost passes
//! if the estimate with it is at most the limit, compared as whole numbers without rounding. The
//! estimate takes the previous window's units for evenly spread; that is the approximation.
//!
//! The state holds the last window in which something was counted and the one before it: `used` in
//! both together, `mark` in the earlier, and `fresh_at` two periods after the start of the later, so
//! that the start need not be kept.

use super::{Params, State, Verdict};
use crate::time::{Nanos, Now};

/// The windows as they stand at one instant.
#[derive(Clone, Copy)]
struct Windows {
    start: u64,
    previous: u64,
    current: u64,
}

#[inline(always)]
pub(crate) fn take(params: &Params, state: State, now: Now, cost: u64) -> Result<State, Verdict> {
    let windows = Windows::at(params, state, now);
    if !windows.fits(params, now, cost) {
        let retry = windows.opens_for(params, cost).saturating_sub(now.monotonic);
        return Err(Verdict::Deny { retry: Some(retry) });
    }
    if cost == 0 {
        return Ok(state);
    }
    Ok(Windows { current: windows.current.saturating_add(cost), ..windows }.state(params))
}

pub(super) fn settle(params: &Params, state: State, now: Now, until: Nanos, units: i64) -> State {
    let mut windows = Windows::at(params, state, now);
    if units >= 0 || until == windows.after(params, 2) {
        windows.current = windows.current.saturating_add_signed(units);
    } else if until == windows.after(params, 1) {
        windows.previous = windows.previous.saturating_add_signed(units);
    } else {
        // What was charged in an earlier window went with it.
        return state;
    }
    windows.state(params)
}

/// Counts a refused cost until the estimate is at the limit or less than a unit above it.
pub(super) fn saturate(params: &Params, state: State, now: Now, cost: u64) -> State {
    let windows = Windows::at(params, state, now);
    let weight = windows.weight(params, now) / u128::from(params.period.max(1));
    let most = params.capacity.saturating_sub(u64::try_from(weight).unwrap_or(u64::MAX));
    let counted = windows.current.saturating_add(cost).min(most);
    Windows { current: windows.current.max(counted), ..windows }.state(params)
}

pub(super) fn remaining(params: &Params, state: State, now: Now) -> u64 {
    Windows::at(params, state, now).room(params, now)
}

pub(super) fn reset_after(params: &Params, state: State, now: Now) -> Nanos {
    let windows = Windows::at(params, state, now);
    let periods = match (windows.previous, windows.current) {
        (0, 0) => return Nanos::ZERO,
        (_, 0) => 1,
        _ => 2,
    };
    windows.after(params, periods).saturating_sub(now.monotonic)
}

pub(super) fn next_unit_after(params: &Params, state: State, now: Now) -> Option<Nanos> {
    let windows = Windows::at(params, state, now);
    let more = windows.room(params, now).saturating_add(1);
    (more <= params.capacity).then(|| windows.opens_for(params, more).saturating_sub(now.monotonic))
}

impl Windows {
    #[inline]
    fn at(params: &Params, state: State, now: Now) -> Self {
        let now = now.monotonic;
        let fresh = Windows { start: now.get(), previous: 0, current: 0 };
        if state.is_stale(now) {
            return fresh;
        }
        let start = state.fresh_at.get().saturating_sub(params.period.saturating_mul(2));
        let next = start.saturating_add(params.period);
        let current = state.used.saturating_sub(state.mark);
        let windows = if now.get() < next {
            Windows { start, previous: state.mark, current }
        } else {
            Windows { start: next, previous: current, current: 0 }
        };
        if windows.previous == 0 && windows.current == 0 { fresh } else { windows }
    }

    #[inline]
    fn state(self, params: &Params) -> State {
        if self.previous == 0 && self.current == 0 {
            return State::default();
        }
        let used = self.previous.saturating_add(self.current);
        State { fresh_at: self.after(params, 2), mark: self.previous, used }
    }

    /// The edge so many periods after the current window opened.
    #[inline]
    fn after(self, params: &Params, periods: u64) -> Nanos {
        Nanos::new(self.start.saturating_add(params.period.saturating_mul(periods)))
    }

    /// What the previous window still weighs, in units times the period.
    #[inline]
    fn weight(self, params: &Params, now: Now) -> u128 {
        let into = now.monotonic.get().saturating_sub(self.start).min(params.period);
        u128::from(self.previous) * u128::from(params.period - into)
    }

    /// Units that fit. Rounded down: a unit that fits in part does not fit.
    fn room(self, params: &Params, now: Now) -> u64 {
        let (weight, period) = (self.weight(params, now), params.period.max(1));
        // A division of 128 bits takes longer than all the rest of a decision.
        let weight = match u64::try_from(weight) {
            Ok(weight) => weight.div_ceil(period),
            Err(_) => u64::try_from(weight.div_ceil(u128::from(period))).unwrap_or(u64::MAX),
        };
        params.capacity.saturating_sub(self.current).saturating_sub(weight)
    }

    /// Whether `cost` fits. A cost of 0 does not where more is counted than the limit, as after it was lowered.
    #[inline]
    fn fits(self, params: &Params, now: Now, cost: u64) -> bool {
        let room = params.capacity.checked_sub(self.current).and_then(|room| room.checked_sub(cost));
        room.is_some_and(|room| self.weight(params, now) <= u128::from(room) * u128::from(params.period))
    }

    /// When `cost` first fits if nothing else is counted. The estimate falls steadily, over the edge
    /// of a window too, so this is the one instant at which it changes from too much to enough.
    fn opens_for(self, params: &Params, cost: u64) -> Nanos {
        let limit = params.capacity.saturating_sub(cost);
        match limit.checked_sub(self.current) {
            Some(room) => self.falls_to(params, self.start, self.previous, room),
            None => self.falls_to(params, self.after(params, 1).get(), self.current, limit),
        }
    }

    /// When the units of a window weigh no more than `room` in the one that opens at `start`.
    fn falls_to(self, params: &Params, start: u64, units: u64, room: u64) -> Nanos {
        let covered = u128::from(room) * u128::from(params.period);
        let covered = covered.checked_div(u128::from(units)).unwrap_or(u128::MAX);
        let covered = u64::try_from(covered).unwrap_or(u64::MAX).min(params.period);
        Nanos::new(start.saturating_add(params.period - covered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;

    fn at(millis: u64) -> Now {
        let nanos = Nanos::new(1_000_000_000_000 + millis * 1_000_000);
        Now { monotonic: nanos, wall: nanos }
    }

    fn sliding(quota: &str) -> Params {
        Params::new(Algorithm::Sliding, quota.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_previous_window_weighs_what_is_left_of_it() {
        let params = sliding("10/10s");
        let spent = params.decide(State::default(), at(0), 10).state;
        assert_eq!(params.remaining(spent, at(9_999)), 0);
        assert_eq!(params.remaining(spent, at(10_000)), 0);
        assert_eq!(params.remaining(spent, at(11_000)), 1);
        assert_eq!(params.remaining(spent, at(15_999)), 5);
        assert_eq!(params.remaining(spent, at(20_000)), 10);
        assert_eq!(params.reset_after(spent, at(15_000)), Some(Nanos::new(5_000_000_000)));
        assert_eq!(params.next_unit_after(spent, at(10_500)), Some(Nanos::new(500_000_000)));
    }

    #[test]
    fn a_wait_is_exact_to_the_nanosecond_where_the_weight_does_not_divide() {
        let params = sliding("3/7s");
        let spent = params.decide(State::default(), at(0), 3).state;
        let Verdict::Deny { retry: Some(wait) } = params.decide(spent, at(100), 1).verdict else {
            panic!("a spent window refuses");
        };
        let then = at(100).monotonic.saturating_add(wait);
        let now = |monotonic| Now { monotonic, wall: Nanos::ZERO };
        assert_eq!(params.decide(spent, now(then), 1).verdict, Verdict::Allow);
        let before = now(then.saturating_sub(Nanos::new(1)));
        assert_eq!(params.decide(spent, before, 1).verdict, Verdict::Deny { retry: Some(Nanos::new(1)) });
    }

    #[test]
    fn a_charge_is_given_back_in_the_window_it_was_made_in() {
        let params = sliding("10/10s");
        let first = params.decide(State::default(), at(0), 4).state;
        let second = params.decide(first, at(12_000), 3).state;
        let refunded = params.settle(second, at(12_000), first.fresh_at, -4);
        assert_eq!(params.remaining(refunded, at(12_000)), 7);
        let gone = params.settle(second, at(12_000), Nanos::ZERO, -4);
        assert_eq!(gone, second);
    }
}
