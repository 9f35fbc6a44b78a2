//! Token bucket with continuous refill, as the generic cell rate algorithm (ITU-T I.371, virtual
//! scheduling): one number a key, the theoretical arrival time.
//!
//! `fresh_at` is that time: the instant at which the bucket is full again. The debt of a key is
//! `fresh_at - now`, one `interval` a unit. A cost passes if the debt after it is at most `tau`,
//! the time a full bucket takes to drain.

use super::{Params, State, Step, Verdict};
use crate::time::{Nanos, Now};

#[inline]
pub(super) fn decide(params: &Params, state: State, now: Now, cost: u64) -> Step {
    let now = now.monotonic;
    let debt = state.fresh_at.saturating_sub(now).get();
    // cost <= capacity, so the product is at most tau.
    let after = debt.saturating_add(cost.saturating_mul(params.interval));
    match after.checked_sub(params.tau()) {
        None | Some(0) if cost == 0 => Step { verdict: Verdict::Allow, state },
        None | Some(0) => {
            Step { verdict: Verdict::Allow, state: State { fresh_at: now.saturating_add(Nanos::new(after)), ..state } }
        }
        Some(excess) => Step { verdict: Verdict::Deny { retry: Some(Nanos::new(excess)) }, state },
    }
}

/// Empties the bucket: what refused costs come to.
pub(super) fn saturate(params: &Params, state: State, now: Now) -> State {
    State { fresh_at: state.fresh_at.max(now.monotonic.saturating_add(Nanos::new(params.tau()))), ..state }
}

pub(super) fn settle(params: &Params, state: State, now: Now, until: Nanos, units: i64) -> State {
    let debt = state.fresh_at.saturating_sub(now.monotonic).get();
    let weight = params.weight(units.unsigned_abs()).get();
    let debt = if units < 0 {
        // What has refilled meanwhile is back already. Given back twice it could be saved up: hold
        // many requests open, end them all at once, and spend far more than a burst.
        debt.saturating_sub(weight.min(until.saturating_sub(now.monotonic).get()))
    } else {
        debt.saturating_add(weight)
    };
    State { fresh_at: now.monotonic.saturating_add(Nanos::new(debt)), ..state }
}

pub(super) fn remaining(params: &Params, state: State, now: Now) -> u64 {
    let debt = state.fresh_at.saturating_sub(now.monotonic).get();
    params.tau().saturating_sub(debt).checked_div(params.interval).unwrap_or(0)
}

pub(super) fn next_unit_after(params: &Params, state: State, now: Now) -> Option<Nanos> {
    let debt = state.fresh_at.saturating_sub(now.monotonic).get();
    let room = params.capacity.saturating_sub(remaining(params, state, now)).checked_sub(1)?;
    Some(Nanos::new(debt.saturating_sub(room.saturating_mul(params.interval))))
}
