//! Fixed windows: a counter that starts again.
//!
//! A first-hit window opens with the first request of a key and closes a period later; flooding
//! does not extend it. An aligned window runs between multiples of the period since the Unix
//! epoch, shifted by the quota's offset from UTC; `mark` holds its start in wall time.
//!
//! The wall clock says when an aligned window ends, since that is what was promised; the two
//! clocks drift apart, so the monotonic time in `fresh_at` comes a little later. It ends the window
//! only when the wall clock has stepped back: a step neither refills a window nor keeps it open
//! for more than a thousandth of its period beyond its time.

use super::{Params, State, Verdict};
use crate::time::{Nanos, Now};

#[inline]
pub(super) fn take(params: &Params, state: State, now: Now, cost: u64) -> Result<State, Verdict> {
    let open = enter(params, state, now);
    match open.used.checked_add(cost).filter(|used| *used <= params.capacity) {
        Some(_) if cost == 0 => Ok(state),
        Some(used) => Ok(State { used, ..open }),
        None => Err(Verdict::Deny { retry: Some(left(params, open, now)) }),
    }
}

/// The same of windows that open at the first request.
#[inline(always)]
pub(crate) fn take_unaligned(params: &Params, state: State, now: Now, cost: u64) -> Result<State, Verdict> {
    let closes = now.monotonic.saturating_add(Nanos::new(params.period));
    let live = is_live(state, now);
    let (fresh_at, had) = if live { (state.fresh_at, state.used) } else { (closes, 0) };
    let used = had.saturating_add(cost);
    if used > params.capacity {
        return Err(Verdict::Deny { retry: Some(fresh_at.saturating_sub(now.monotonic)) });
    }
    if cost == 0 {
        return Ok(state);
    }
    Ok(State { fresh_at, mark: if live { state.mark } else { 0 }, used })
}

#[inline(always)]
fn is_live(state: State, now: Now) -> bool {
    state.used > 0 && !state.is_stale(now.monotonic)
}

pub(super) fn settle(params: &Params, state: State, now: Now, until: Nanos, units: i64) -> State {
    let open = enter(params, state, now);
    if units < 0 {
        // What was charged in an earlier window went with it.
        if open != state || until != open.fresh_at {
            return state;
        }
        let used = open.used.saturating_add_signed(units);
        // A window in which nothing is left was never opened.
        return if used == 0 { State::default() } else { State { used, ..open } };
    }
    State { used: open.used.saturating_add_signed(units), ..open }
}

pub(super) fn remaining(params: &Params, state: State, now: Now) -> u64 {
    params.capacity.saturating_sub(enter(params, state, now).used)
}

/// Time to the end of the window; none where nothing has been counted.
pub(super) fn reset_after(params: &Params, state: State, now: Now) -> Nanos {
    let open = enter(params, state, now);
    if open.used == 0 { Nanos::ZERO } else { left(params, open, now) }
}

/// The state as it stands in the window that `now` belongs to.
#[inline]
fn enter(params: &Params, state: State, now: Now) -> State {
    let live = is_live(state, now);
    let Some(offset) = params.offset() else {
        let closes = now.monotonic.saturating_add(Nanos::new(params.period));
        return if live { state } else { State { fresh_at: closes, mark: 0, used: 0 } };
    };
    let start = window_start(now.wall.get(), params.period, offset);
    if live && start <= state.mark {
        return state;
    }
    let left = start.saturating_add(params.period).saturating_sub(now.wall.get());
    let after = Nanos::new(left.saturating_add(slack(params)));
    State { fresh_at: now.monotonic.saturating_add(after), mark: start, used: 0 }
}

/// Time to the end of an open window.
fn left(params: &Params, open: State, now: Now) -> Nanos {
    let by_monotonic = open.fresh_at.saturating_sub(now.monotonic);
    if params.offset().is_none() {
        return by_monotonic;
    }
    let end = Nanos::new(open.mark.saturating_add(params.period));
    by_monotonic.min(end.saturating_sub(now.wall))
}

/// How far the two clocks may drift apart within one aligned window.
pub(crate) fn slack(params: &Params) -> u64 {
    params.period / 1024
}

/// Start of the aligned window that holds `wall`, all in nanoseconds since the epoch.
pub(crate) fn window_start(wall: u64, period: u64, offset_secs: i32) -> u64 {
    // Local time = UTC + offset; windows are multiples of the period in local time.
    let shift = i64::from(offset_secs).saturating_mul(1_000_000_000);
    let local = wall.saturating_add_signed(shift);
    let into = local.checked_rem(period).unwrap_or(0);
    wall.saturating_sub(into)
}
