//! At most so many at the same time: a counter of slots held. There is no time to wait for, since
//! a slot may come back at any moment.
//!
//! Slots with a lease run out by themselves: see `algorithm::leases`. What is here knows of
//! them in sum alone, and lets them all run out together, with the last of them.

use super::{Params, State, Verdict};
use crate::time::{Nanos, Now};

#[inline(always)]
pub(crate) fn take(params: &Params, state: State, now: Now, cost: u64) -> Result<State, Verdict> {
    match used(params, state, now).checked_add(cost).filter(|used| *used <= params.capacity) {
        Some(_) if cost == 0 && params.lease().is_some() => Ok(state),
        Some(used) => Ok(holding(params, state, now, used)),
        None => {
            let retry = params.lease().map(|_| state.fresh_at.saturating_sub(now.monotonic));
            Err(Verdict::Deny { retry })
        }
    }
}

/// Of slots without a lease.
#[inline]
pub(crate) fn give_back(state: State, units: u64) -> State {
    held_for_good(state.used.saturating_sub(units))
}

pub(super) fn settle(params: &Params, state: State, now: Now, until: Nanos, units: i64) -> State {
    if params.lease().is_none() {
        return held_for_good(state.used.saturating_add_signed(units));
    }
    if units < 0 && until <= now.monotonic {
        return state;
    }
    match used(params, state, now).saturating_add_signed(units) {
        0 => State::default(),
        used if units > 0 => holding(params, state, now, used),
        used => State { used, ..state },
    }
}

#[inline]
pub(super) fn remaining(params: &Params, state: State, now: Now) -> u64 {
    params.capacity.saturating_sub(used(params, state, now))
}

#[inline]
fn used(params: &Params, state: State, now: Now) -> u64 {
    if params.lease().is_some() && state.is_stale(now.monotonic) { 0 } else { state.used }
}

#[inline]
fn holding(params: &Params, before: State, now: Now, used: u64) -> State {
    match params.lease() {
        None => held_for_good(used),
        Some(lease) => State { fresh_at: before.fresh_at.max(now.monotonic.saturating_add(lease)), mark: 0, used },
    }
}

/// A key that holds slots is never stale; one that holds none is as good as new.
#[inline]
fn held_for_good(used: u64) -> State {
    State { fresh_at: if used == 0 { Nanos::ZERO } else { Nanos::MAX }, mark: 0, used }
}
