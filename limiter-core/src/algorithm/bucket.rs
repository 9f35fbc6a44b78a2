//! Token bucket with continuous refill, as the generic cell rate algorithm (ITU-T I.371, virtual
//! scheduling): one number a key, the theoretical arrival time.
//!
//! `fresh_at` is that time: the instant at which the bucket is full again. The debt of a key is
//! `fresh_at - now`, one `interval` a unit. A cost passes if the debt after it is at most `tau`,
//! the time a full bucket takes to drain.

use super::{Params, State, Verdict};
use crate::time::{Nanos, Now};

/// What a cost comes to under a bucket: worked out before a lock is taken, so that it is not held for
/// that long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    /// Debt that the cost adds.
    weight: u64,
    /// The most debt there may be. No interval is 0, so a cost above the capacity weighs more.
    tau: u64,
}

impl Charge {
    #[inline(always)]
    pub(crate) fn new(params: &Params, cost: u64) -> Self {
        Charge { weight: cost.saturating_mul(params.interval), tau: params.tau() }
    }

    /// The state that follows if the cost is taken, or why it is not.
    #[inline(always)]
    pub(crate) fn take(self, state: State, now: Now) -> Result<State, Verdict> {
        let now = now.monotonic;
        let after = state.fresh_at.saturating_sub(now).get().saturating_add(self.weight);
        if after > self.tau {
            let retry = Some(Nanos::new(after - self.tau));
            return Err(if self.weight > self.tau { Verdict::TooBig } else { Verdict::Deny { retry } });
        }
        if self.weight == 0 {
            return Ok(state);
        }
        Ok(State { fresh_at: now.saturating_add(Nanos::new(after)), ..state })
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
