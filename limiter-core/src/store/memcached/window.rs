//! Windows as counters of the server: fixed and sliding ones, one round trip a decision.
//!
//! A window is a number of its own at the server, and its key says which window it is. Adding to it
//! is the decision: whoever finds the sum within the limit has been admitted. What was added above
//! the limit is taken back at once, without being waited for; until then others may be refused what
//! would have fitted, and nobody is admitted beyond the limit.
//!
//! Windows follow each other by the wall clock. Where they are not `aligned`, each key has them at
//! an offset of its own, so that not all budgets come back at the same instant; they do not wait for
//! the first request of a key. Processes whose clocks differ by `e` use two windows at once for `e`.

use super::answer::Outcome;
use super::instant::Here;
use super::name::{Name, Text};
use super::protocol::Expiry;
use crate::algorithm::fixed::{slack, window_start};
use crate::algorithm::{Algorithm, Params, State, Verdict};
use crate::store::Mode;
use crate::time::Nanos;

/// The window that an instant belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Which of all windows since the epoch.
    pub(super) number: u64,
    /// In wall time.
    start: Nanos,
}

/// What a window and the one before it hold, where that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) previous: u64,
    pub(super) current: u64,
}

impl Window {
    pub(super) fn of(params: &Params, digest: u128, wall: Nanos) -> Self {
        let period = params.period().max(1);
        let start = match params.offset() {
            Some(offset) => window_start(wall.get(), period, offset),
            None => {
                let (shift, into) = ((digest as u64) % period, wall.get() % period);
                let into = if into >= shift { into - shift } else { into + (period - shift) };
                wall.get().saturating_sub(into)
            }
        };
        Window { number: start / period, start: Nanos::new(start) }
    }

    /// The window that was charged, if it still counts.
    pub(super) fn charged(params: &Params, digest: u128, here: Here, until: Nanos) -> Option<Self> {
        if until <= here.now().monotonic {
            return None;
        }
        // The two clocks were not read at the same instant, so aim at the middle of the window.
        let period = params.period();
        let half_back = match params.algorithm() {
            Algorithm::Sliding => period.saturating_add(period / 2),
            _ => (period / 2).saturating_add(grace(params)),
        };
        let charged = Self::of(params, digest, here.to_wall(until).saturating_sub(Nanos::new(half_back)));
        let current = Self::of(params, digest, here.wall());
        let counts = charged.number == current.number
            || (params.algorithm() == Algorithm::Sliding && charged.number.checked_add(1) == Some(current.number));
        counts.then_some(charged)
    }

    pub(super) fn key(self, name: &Name) -> Text {
        name.part(self.number)
    }

    pub(super) fn into_key(self, name: Name) -> Text {
        name.into_part(self.number)
    }

    pub(super) fn key_of_previous(self, name: &Name) -> Text {
        name.part(self.number.wrapping_sub(1))
    }

    /// How long the counter may be needed.
    pub(super) fn expiry(params: &Params, here: Here) -> Expiry {
        let periods = if params.algorithm() == Algorithm::Sliding { 2 } else { 1 };
        Expiry::after(Nanos::new(params.period().saturating_mul(periods)), here.wall())
    }

    /// The state that a key is in, as its algorithm knows it.
    pub(super) fn state(self, params: &Params, here: Here, held: Held) -> State {
        if held.current == 0 && held.previous == 0 {
            return State::default();
        }
        let period = Nanos::new(params.period());
        let end = here.to_caller(self.start.saturating_add(period));
        if params.algorithm() == Algorithm::Sliding {
            let used = held.previous.saturating_add(held.current);
            return State { fresh_at: end.saturating_add(period), mark: held.previous, used };
        }
        let mark = if params.offset().is_some() { self.start.get() } else { 0 };
        State { fresh_at: end.saturating_add(Nanos::new(grace(params))), mark, used: held.current }
    }
}

/// By how much the monotonic end of an aligned window lies behind the one by the wall clock.
fn grace(params: &Params) -> u64 {
    if params.offset().is_some() && params.algorithm() == Algorithm::Fixed { slack(params) } else { 0 }
}

/// A question to a window: so many times the same cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) params: Params,
    pub(super) here: Here,
    pub(super) window: Window,
    pub(super) cost: u64,
    pub(super) times: u32,
    pub(super) mode: Mode,
}

impl Question {
    /// Units to add: what is asked for, though never much more than could be admitted.
    pub(super) fn units(&self) -> u64 {
        let sensible = self.params.capacity().checked_div(self.cost).unwrap_or(0).saturating_add(1);
        self.cost.saturating_mul(u64::from(self.times).min(sensible))
    }

    /// Whether nothing is to be added.
    pub(super) fn is_idle(&self) -> bool {
        self.mode == Mode::Peek || self.cost == 0 || self.cost > self.params.capacity()
    }

    /// The answer where nothing was added.
    pub(super) fn peeked(&self, held: Held) -> Outcome {
        let state = self.state(held);
        let verdict = self.params.decide(state, self.here.now(), self.cost).verdict;
        let granted = if verdict == Verdict::Allow { self.times } else { 0 };
        Outcome { granted, admitted: state, verdict, refused: state }
    }

    /// The answer where `units` were added to what was `held` before, and how many of them are to be
    /// taken back.
    pub(super) fn answered(&self, held: Held, units: u64) -> (Outcome, u64) {
        let now = self.here.now();
        let before = self.state(held);
        let fits = match self.params.decide(before, now, self.cost).verdict {
            Verdict::Allow => self.params.remaining(before, now).checked_div(self.cost).unwrap_or(0),
            _ => 0,
        };
        let granted = u32::try_from(fits).unwrap_or(u32::MAX).min(self.times);
        let taken = u64::from(granted).saturating_mul(self.cost);
        let excess = units.saturating_sub(taken);
        let after = Held { current: held.current.saturating_add(taken), ..held };
        let admitted = self.state(after);
        if self.mode == Mode::Penalty && granted < self.times {
            let step = self.params.penalize(admitted, now, self.cost);
            // What the refused take stays where it was added.
            let counted = step.state.used.saturating_sub(admitted.used).min(excess);
            let refused = self.state(Held { current: after.current.saturating_add(counted), ..after });
            return (Outcome { granted, admitted, verdict: step.verdict, refused }, excess - counted);
        }
        // Nobody is told what would come next where all passed.
        let verdict =
            if granted < self.times { self.params.decide(admitted, now, self.cost).verdict } else { Verdict::Allow };
        (Outcome { granted, admitted, verdict, refused: admitted }, excess)
    }

    fn state(&self, held: Held) -> State {
        self.window.state(&self.params, self.here, held)
    }
}
