//! Instants that several processes agree on.
//!
//! Memcached tells nobody the time, so every process goes by its own wall clock, and what is kept
//! at the server is wall time. Callers know monotonic time alone: its origin means nothing to
//! another process. One reading of both clocks leads from one to the other.

use crate::algorithm::{Algorithm, Params, State};
use crate::time::{ClockHandle, Nanos, Now};

/// One reading of both clocks of this process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Here(Now);

impl Here {
    /// Callers read the wall clock only for limits that are counted by it.
    pub(super) fn new(now: Now, clock: &ClockHandle) -> Self {
        Here(if now.wall == Nanos::ZERO { Now { wall: clock.read(true).wall, ..now } } else { now })
    }

    pub(super) fn now(self) -> Now {
        self.0
    }

    pub(super) fn wall(self) -> Nanos {
        self.0.wall
    }

    /// The caller's instant in wall time.
    pub(super) fn to_wall(self, monotonic: Nanos) -> Nanos {
        moved(monotonic, self.0.monotonic, self.0.wall)
    }

    /// An instant in wall time as the caller has it.
    pub(super) fn to_caller(self, wall: Nanos) -> Nanos {
        moved(wall, self.0.wall, self.0.monotonic)
    }

    /// A state in wall time as the caller has it.
    pub(super) fn state_to_caller(self, params: &Params, state: State) -> State {
        if state == State::default() {
            return state;
        }
        let mark = if marks_an_instant(params) { self.to_caller(Nanos::new(state.mark)).get() } else { state.mark };
        State { fresh_at: self.to_caller(state.fresh_at), mark, ..state }
    }
}

/// Whether [`State::mark`] is an instant of the clock that `fresh_at` is on.
pub(super) fn marks_an_instant(params: &Params) -> bool {
    match params.algorithm() {
        Algorithm::Interval => params.offset().is_none(),
        Algorithm::Log => true,
        _ => false,
    }
}

/// As far from `to` as `at` is from `from`.
fn moved(at: Nanos, from: Nanos, to: Nanos) -> Nanos {
    if at >= from { to.saturating_add(at.saturating_sub(from)) } else { to.saturating_sub(from.saturating_sub(at)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_survives_the_way_there_and_back() {
        let here = Here(Now { monotonic: Nanos::new(5_000), wall: Nanos::new(1_000_000) });
        for monotonic in [0, 1, 4_999, 5_000, 9_000] {
            let there = here.to_wall(Nanos::new(monotonic));
            assert_eq!(here.to_caller(there), Nanos::new(monotonic));
        }
        assert_eq!(here.to_caller(Nanos::new(1_000_007)), Nanos::new(5_007));
    }
}
