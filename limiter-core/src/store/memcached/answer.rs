//! What the engines found, as answers to whoever asked.

use smallvec::SmallVec;

use crate::algorithm::{State, Verdict};
use crate::store::{Answer, Decided, ItemReply, Lease, Mode, Place, Repeated};
use std::sync::Arc;

/// What was found for the same cost, asked a number of times in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// How many times it passed.
    pub(super) granted: u32,
    /// The state after the last of those.
    pub(super) admitted: State,
    /// What the others are told.
    pub(super) verdict: Verdict,
    /// And the state after them.
    pub(super) refused: State,
}

/// How a question was put.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// As the caller said it; what is asked of a key may be less.
    pub(super) mode: Mode,
    pub(super) times: u32,
    /// Whether it was put as several.
    pub(super) repeated: bool,
}

impl Form {
    pub(super) fn answer(self, outcome: &Outcome, lease: Option<Arc<Lease>>) -> Answer {
        let passed = || decided(true, Verdict::Allow, outcome.admitted);
        let failed = |allowed| decided(allowed, outcome.verdict, outcome.refused);
        let recorded_only = self.mode == Mode::Shadow;
        if !self.repeated {
            let mut one = if outcome.granted > 0 { passed() } else { failed(recorded_only) };
            one.lease = lease;
            return Answer::Decided(one);
        }
        let refused = (outcome.granted < self.times).then(|| failed(recorded_only));
        if recorded_only {
            let allowed = refused.or_else(|| Some(passed()));
            return Repeated { granted: self.times, allowed, refused: None }.into();
        }
        Repeated { granted: outcome.granted, allowed: (outcome.granted > 0).then(passed), refused }.into()
    }
}

fn decided(allowed: bool, verdict: Verdict, state: State) -> Decided {
    let items = SmallVec::from_iter([ItemReply { verdict, state, place: Place::Own }]);
    Decided { allowed, items, ..Decided::default() }
}
