//! Interval refill: every whole period brings `count` units back at once, up to the capacity.
//!
//! The edges lie whole periods after the first use of a full quota, or on multiples of the period
//! since the Unix epoch where the quota is `aligned`. `mark` holds the last edge that was accounted
//! for (monotonic, or wall time where aligned), `used` the units that are still missing; keeping
//! what is missing rather than what is left lets the capacity change without losing count.
//!
//! This is not a bucket that drips: units taken just before an edge are back a moment later.

use super::fixed::{slack, window_start};
use super::{Params, State, Verdict};
use crate::time::{Nanos, Now};

/// Moves `edge` on by the whole periods that have passed and gives back what they brought. A clock
/// that stands before the edge changes nothing.
pub(crate) fn refill(edge: u64, used: u64, count: u64, period: u64, now: u64) -> (u64, u64) {
    let periods = now.saturating_sub(edge).checked_div(period).unwrap_or(0);
    let back = periods.saturating_mul(count);
    (edge.saturating_add(periods.saturating_mul(period)), used.saturating_sub(back))
}

/// Whole periods until `units` are back.
pub(crate) fn periods_for(units: u64, count: u64) -> u64 {
    units.div_ceil(count.max(1))
}

#[inline]
pub(super) fn take(params: &Params, state: State, now: Now, cost: u64) -> Result<State, Verdict> {
    let open = enter(params, state, now);
    match open.used.checked_add(cost).filter(|used| *used <= params.capacity) {
        Some(_) if cost == 0 => Ok(state),
        Some(used) => Ok(with_used(params, open, now, used)),
        None => Err(Verdict::Deny { retry: Some(wait(params, open, now, cost)) }),
    }
}

pub(super) fn settle(params: &Params, state: State, now: Now, until: Nanos, units: i64) -> State {
    let open = enter(params, state, now);
    // What edges have brought back since the charge is not given back again.
    let left = until.saturating_sub(now.monotonic).saturating_sub(drift(params));
    let edges = left.get().div_ceil(params.period.max(1));
    let missing = i64::try_from(edges.saturating_mul(params.count)).unwrap_or(i64::MAX);
    let units = units.max(-missing);
    with_used(params, open, now, open.used.saturating_add_signed(units))
}

pub(super) fn remaining(params: &Params, state: State, now: Now) -> u64 {
    params.capacity.saturating_sub(enter(params, state, now).used)
}

pub(super) fn reset_after(params: &Params, state: State, now: Now) -> Nanos {
    let open = enter(params, state, now);
    until(params, open.mark, now, if open.used == 0 { 0 } else { periods_for(open.used, params.count) })
}

pub(super) fn next_unit_after(params: &Params, state: State, now: Now) -> Option<Nanos> {
    let open = enter(params, state, now);
    let left = params.capacity.saturating_sub(open.used);
    (open.used > 0 && left < params.capacity).then(|| wait(params, open, now, left.saturating_add(1)))
}

/// Time until `cost` units fit, from a state that [`enter`] made.
fn wait(params: &Params, open: State, now: Now, cost: u64) -> Nanos {
    let excess = open.used.saturating_add(cost).saturating_sub(params.capacity);
    until(params, open.mark, now, periods_for(excess, params.count))
}

/// Time from now to the edge that lies `periods` after `edge`.
fn until(params: &Params, edge: u64, now: Now, periods: u64) -> Nanos {
    Nanos::new(edge.saturating_add(periods.saturating_mul(params.period)).saturating_sub(reading(params, now)))
}

/// The clock that the edges are on.
fn reading(params: &Params, now: Now) -> u64 {
    if params.offset().is_some() { now.wall.get() } else { now.monotonic.get() }
}

/// The state as it stands after the last edge.
fn enter(params: &Params, state: State, now: Now) -> State {
    let clock = reading(params, now);
    if state.used == 0 || state.is_stale(now.monotonic) {
        let mark = params.offset().map_or(clock, |offset| window_start(clock, params.period, offset));
        return State { fresh_at: now.monotonic, mark, used: 0 };
    }
    let Some(offset) = params.offset() else {
        let (mark, used) = refill(state.mark, state.used, params.count, params.period, clock);
        return State { mark, used, ..state };
    };
    let edge = window_start(clock, params.period, offset);
    if edge == state.mark {
        return state;
    }
    // A wall clock that steps back into an earlier period carries the count along.
    let (_, used) = refill(state.mark, state.used, params.count, params.period, edge);
    let open = State { fresh_at: now.monotonic, mark: edge, used };
    if used == 0 { open } else { with_used(params, open, now, used) }
}

fn with_used(params: &Params, open: State, now: Now, used: u64) -> State {
    if used == 0 {
        return State::default();
    }
    let left = until(params, open.mark, now, periods_for(used, params.count));
    State { fresh_at: now.monotonic.saturating_add(left).saturating_add(drift(params)), used, ..open }
}

/// The wall clock says when aligned edges come; a cell is kept until it must have said so.
fn drift(params: &Params) -> Nanos {
    Nanos::new(if params.offset().is_some() { slack(params) } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;

    fn at(secs: u64) -> Now {
        let nanos = Nanos::new(secs * 1_000_000_000);
        Now { monotonic: nanos, wall: nanos }
    }

    fn interval(quota: &str) -> Params {
        Params::new(Algorithm::Interval, quota.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_whole_count_comes_back_at_the_edge_and_not_before() {
        let params = interval("2/10s burst 5");
        let spent = params.decide(State::default(), at(100), 5).state;
        assert_eq!(params.remaining(spent, at(109)), 0);
        assert_eq!(params.remaining(spent, at(110)), 2);
        assert_eq!(params.remaining(spent, at(129)), 4);
        assert_eq!(params.remaining(spent, at(130)), 5);
        assert_eq!(params.reset_after(spent, at(100)), Some(Nanos::new(30_000_000_000)));
        assert_eq!(params.next_unit_after(spent, at(103)), Some(Nanos::new(7_000_000_000)));
        assert_eq!(params.window(), Some(Nanos::new(30_000_000_000)));
        let refused = params.decide(spent, at(101), 3).verdict;
        assert_eq!(refused, Verdict::Deny { retry: Some(Nanos::new(19_000_000_000)) });
    }

    #[test]
    fn the_phase_is_that_of_the_first_use_until_the_quota_is_whole_again() {
        let params = interval("1/10s burst 5");
        let first = params.decide(State::default(), at(100), 2).state;
        // Taken one second before an edge, back at the edge.
        let later = params.decide(first, at(109), 3).state;
        assert_eq!(params.next_unit_after(later, at(109)), Some(Nanos::new(1_000_000_000)));
        // Whole again at 120: the next use starts a phase of its own.
        let whole = params.decide(first, at(125), 5).state;
        assert_eq!(params.next_unit_after(whole, at(125)), Some(Nanos::new(10_000_000_000)));
    }

    #[test]
    fn aligned_edges_are_multiples_of_the_period_since_the_epoch() {
        let params = interval("1/10s burst 2 aligned");
        let spent = params.decide(State::default(), at(109), 2).state;
        assert_eq!(params.remaining(spent, at(109)), 0);
        assert_eq!(params.remaining(spent, at(110)), 1);
        assert_eq!(params.remaining(spent, at(120)), 2);
    }

    #[test]
    fn an_aligned_edge_is_where_the_wall_clock_says_though_the_other_clock_is_ahead() {
        let params = interval("1/10s burst 2 aligned");
        let spent = params.decide(State::default(), at(109), 2).state;
        let ahead = |nanos: u64| Now {
            monotonic: at(120).monotonic.saturating_add(Nanos::new(5_000_000)),
            wall: Nanos::new(120_000_000_000 - nanos),
        };
        assert_eq!(params.remaining(spent, ahead(1)), 1);
        assert_eq!(params.reset_after(spent, ahead(1)), Some(Nanos::new(1)));
        assert_eq!(params.remaining(spent, ahead(0)), 2);
    }

    #[test]
    fn a_wall_clock_that_steps_back_gives_nothing_back() {
        let params = interval("1/10s burst 2 aligned");
        let spent = params.decide(State::default(), at(109), 2).state;
        let back = Now { monotonic: at(110).monotonic, wall: at(50).wall };
        assert_eq!(params.remaining(spent, back), 0);
        // And it is whole again after as long as it would have been anyway.
        let moved = params.decide(spent, back, 1).state;
        assert_eq!(params.reset_after(moved, back), Some(Nanos::new(20_000_000_000)));
    }
}
