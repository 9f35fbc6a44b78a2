//! At most so many at the same time: a counter of slots held. There is no time to wait for, since
//! a slot may come back at any moment.

use super::{Params, State, Step, Verdict};
use crate::time::Nanos;

#[inline]
pub(super) fn decide(params: &Params, state: State, cost: u64) -> Step {
    match state.used.checked_add(cost).filter(|used| *used <= params.capacity) {
        Some(used) => Step { verdict: Verdict::Allow, state: holding(used) },
        None => Step { verdict: Verdict::Deny { retry: None }, state },
    }
}

#[inline]
pub(crate) fn give_back(state: State, units: u64) -> State {
    holding(state.used.saturating_sub(units))
}

pub(super) fn settle(state: State, units: i64) -> State {
    holding(state.used.saturating_add_signed(units))
}

/// A key that holds slots is never stale; one that holds none is as good as new.
fn holding(used: u64) -> State {
    State { fresh_at: if used == 0 { Nanos::ZERO } else { Nanos::MAX }, mark: 0, used }
}
