//! States that are read, changed here, and written back unless somebody else changed them: buckets,
//! interval refill and short exact logs.
//!
//! A cell holds the state in wall time, and when it was written. A process whose clock is behind
//! that by a little lets time stand still until it has caught up: so clocks that differ by `e` let
//! through at most what comes back in `e`. One that is behind by more than [`PATIENCE`] takes it
//! that clocks were set back, and moves the cell along: nobody is locked out for longer than that.

mod hints;
mod wire;

use super::answer::Outcome;
use super::instant::{Here, marks_an_instant};
use crate::algorithm::log::Log;
use crate::algorithm::{Algorithm, Params, State, Step, Verdict};
use crate::store::Mode;
use crate::time::{Nanos, Now};

pub(super) use hints::Hints;

/// By how much another process's clock may be ahead before it is taken for wrong.
pub(super) const PATIENCE: Nanos = Nanos::new(5_000_000_000);
/// Memory of a log from which on it forgets detail, against its caller, rather than grow.
const LOG_BYTES: usize = 8 << 10;
/// How far the instant of a charge may have been lost between two readings of two clocks.
const BLUR: u64 = 10_000_000;

/// What is kept of a key, in wall time.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    written: Nanos,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Plain(State),
    Log(Log),
}

/// The same cost, so many times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) params: Params,
    pub(super) here: Here,
    pub(super) cost: u64,
    pub(super) times: u32,
    pub(super) mode: Mode,
}

/// A change after the fact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settle {
    pub(super) params: Params,
    pub(super) here: Here,
    pub(super) at: Nanos,
    pub(super) until: Nanos,
    pub(super) units: i64,
}

impl Cell {
    /// That of a key never seen.
    pub(super) fn fresh(algorithm: Algorithm) -> Self {
        let content =
            if algorithm == Algorithm::Log { Content::Log(Log::default()) } else { Content::Plain(State::default()) };
        Cell { written: Nanos::ZERO, content }
    }

    /// Decides on the caller's clock, takes what is admitted, and says whether that changed the cell.
    pub(super) fn decide(&mut self, ask: &Ask) -> (Outcome, bool) {
        let mut changed = self.catch_up(&ask.params, ask.here);
        let behind = self.written.saturating_sub(ask.here.wall());
        let now = self.time(ask.here);
        let (mut granted, mut admitted) = (0, State::default());
        let last = loop {
            let step = self.step(&ask.params, now, ask.cost);
            if step.verdict != Verdict::Allow || granted == ask.times {
                break step;
            }
            if ask.mode == Mode::Peek || ask.cost == 0 {
                (granted, admitted) = (ask.times, self.step(&ask.params, now, 0).state);
                break step;
            }
            admitted = step.state;
            self.charge(&ask.params, now, step, ask.cost);
            granted += 1;
            changed = true;
        };
        let (mut verdict, mut refused) = (last.verdict, last.state);
        if granted < ask.times && ask.mode == Mode::Penalty && matches!(verdict, Verdict::Deny { .. }) {
            let step = self.penalize(&ask.params, now, ask.cost);
            (verdict, refused) = (step.verdict, step.state);
            changed = true;
        }
        if let Verdict::Deny { retry: Some(retry) } = &mut verdict {
            *retry = retry.saturating_add(behind);
        }
        if changed {
            self.written = now.monotonic;
        }
        let told = |state| ask.here.state_to_caller(&ask.params, state);
        (Outcome { granted, admitted: told(admitted), verdict, refused: told(refused) }, changed)
    }

    /// Adds units, or gives them back; `false` if that changes nothing.
    pub(super) fn settle(&mut self, settle: &Settle) -> bool {
        let params = &settle.params;
        self.catch_up(params, settle.here);
        let now = self.time(settle.here);
        let until = settle.here.to_wall(settle.until);
        match &mut self.content {
            Content::Plain(state) => *state = params.settle(*state, now, until, settle.units),
            Content::Log(log) => match u64::try_from(settle.units) {
                Ok(units) => {
                    let room = log.bytes() < LOG_BYTES;
                    log.charge(params, now, units, |_| room);
                }
                Err(_) => {
                    let at = settle.here.to_wall(settle.at);
                    let distance = |taken: Nanos| taken.get().abs_diff(at.get());
                    let nearest = log.taken().map(|(taken, _)| taken).min_by_key(|taken| distance(*taken));
                    let Some(nearest) = nearest.filter(|nearest| distance(*nearest) <= BLUR) else { return false };
                    log.give_back(nearest, settle.units.unsigned_abs());
                }
            },
        }
        self.written = now.monotonic;
        true
    }

    /// How long the cell must be kept, from `wall` on.
    pub(super) fn term(&self, params: &Params, wall: Nanos) -> Nanos {
        let fresh_at = match &self.content {
            Content::Plain(state) => state.fresh_at,
            Content::Log(log) => log.fresh_at(params),
        };
        fresh_at.saturating_sub(wall)
    }

    /// Moves the cell along with clocks that were set back; says whether they were.
    fn catch_up(&mut self, params: &Params, here: Here) -> bool {
        let ahead = self.written.saturating_sub(here.wall());
        if ahead <= PATIENCE {
            return false;
        }
        match &mut self.content {
            Content::Plain(state) if *state == State::default() => {}
            Content::Plain(state) => {
                state.fresh_at = state.fresh_at.saturating_sub(ahead);
                if marks_an_instant(params) {
                    state.mark = state.mark.saturating_sub(ahead.get());
                }
            }
            Content::Log(log) => {
                *log = Log::of(log.taken().map(|(at, units)| (at.saturating_sub(ahead), units)));
            }
        }
        self.written = here.wall();
        true
    }

    /// The time that counts: never before the cell was written.
    fn time(&self, here: Here) -> Now {
        let wall = here.wall().max(self.written);
        Now { monotonic: wall, wall }
    }

    fn step(&self, params: &Params, now: Now, cost: u64) -> Step {
        match &self.content {
            Content::Plain(state) => params.decide(*state, now, cost),
            Content::Log(log) => log.decide(params, now, 0, cost),
        }
    }

    fn charge(&mut self, params: &Params, now: Now, step: Step, cost: u64) {
        match &mut self.content {
            Content::Plain(state) => *state = step.state,
            Content::Log(log) => {
                let room = log.bytes() < LOG_BYTES;
                log.charge(params, now, cost, |_| room);
            }
        }
    }

    fn penalize(&mut self, params: &Params, now: Now, cost: u64) -> Step {
        match &mut self.content {
            Content::Plain(state) => {
                let step = params.penalize(*state, now, cost);
                *state = step.state;
                step
            }
            Content::Log(log) => {
                let room = log.bytes() < LOG_BYTES;
                log.charge_refused(params, now, cost, |_| room);
                log.decide(params, now, 0, cost)
            }
        }
    }
}
