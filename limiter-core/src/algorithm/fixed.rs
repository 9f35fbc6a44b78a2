//! Fixed windows: a counter that starts again.
//!
//! A first-hit window opens with the first request of a key and closes a period later; flooding
//! does not extend it. An aligned window runs between multiples of the period since the Unix
//! epoch, shifted by the quota's offset from UTC; `mark` holds its start in wall time. If the wall
//! clock steps back into an earlier window the count is carried along: the step neither refills
//! nor locks anyone out beyond the window it leads to.

use super::{Params, State, Step, Verdict};
use crate::time::{Nanos, Now};

#[inline]
pub(super) fn decide(params: &Params, state: State, now: Now, cost: u64) -> Step {
    let open = enter(params, state, now);
    match open.used.checked_add(cost).filter(|used| *used <= params.capacity) {
        Some(_) if cost == 0 => Step { verdict: Verdict::Allow, state },
        Some(used) => Step { verdict: Verdict::Allow, state: State { used, ..open } },
        None => {
            Step { verdict: Verdict::Deny { retry: Some(open.fresh_at.saturating_sub(now.monotonic)) }, state: open }
        }
    }
}

pub(super) fn settle(params: &Params, state: State, now: Now, charged_at: Nanos, units: i64) -> State {
    let open = enter(params, state, now);
    let opened_at = open.fresh_at.saturating_sub(Nanos::new(params.period));
    if units < 0 && charged_at < opened_at {
        // What was charged in an earlier window went with it.
        return open;
    }
    State { used: open.used.saturating_add_signed(units), ..open }
}

pub(super) fn remaining(params: &Params, state: State, now: Now) -> u64 {
    params.capacity.saturating_sub(enter(params, state, now).used)
}

/// Time to the end of the window; none where nothing has been counted.
pub(super) fn reset_after(params: &Params, state: State, now: Now) -> Nanos {
    let open = enter(params, state, now);
    if open.used == 0 { Nanos::ZERO } else { open.fresh_at.saturating_sub(now.monotonic) }
}

/// The state as it stands in the window that `now` belongs to.
fn enter(params: &Params, state: State, now: Now) -> State {
    let Some(offset) = params.offset else {
        if state.is_stale(now.monotonic) {
            return State { fresh_at: now.monotonic.saturating_add(Nanos::new(params.period)), mark: 0, used: 0 };
        }
        return state;
    };
    let start = window_start(now.wall.get(), params.period, offset);
    let left = start.saturating_add(params.period).saturating_sub(now.wall.get());
    if state.used > 0 && start == state.mark {
        return state;
    }
    let used = if start < state.mark { state.used } else { 0 };
    State { fresh_at: now.monotonic.saturating_add(Nanos::new(left)), mark: start, used }
}

/// Start of the aligned window that holds `wall`, all in nanoseconds since the epoch.
pub(super) fn window_start(wall: u64, period: u64, offset_secs: i32) -> u64 {
    // Local time = UTC + offset; windows are multiples of the period in local time.
    let shift = i64::from(offset_secs).saturating_mul(1_000_000_000);
    let local = wall.saturating_add_signed(shift);
    let into = local.checked_rem(period).unwrap_or(0);
    wall.saturating_sub(into)
}
