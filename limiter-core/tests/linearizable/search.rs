//! The search for an order that explains a history, after Wing and Gong, with a memory of where it
//! has been.

use std::collections::HashSet;

use limiter_core::algorithm::{State, Verdict};
use limiter_core::store::{Item, Mode, Subject};

use crate::history::{Done, Event, History, KEYS, NOW};

/// What a store holds, one operation after the other.
type Model = [State; KEYS.len()];

fn cell(subject: &Subject) -> usize {
    KEYS.iter().position(|key| *subject == Subject::Local(*key)).expect("histories use known keys")
}

/// The state after an operation, if the operation would have been answered like this.
fn explain(model: &Model, done: &Done) -> Option<Model> {
    match done {
        Done::Decided { items, allowed, states } => {
            let (after, would_allow, would_tell) = decide(model, items);
            (would_allow == *allowed && would_tell == *states).then_some(after)
        }
        Done::Settled { charge, units } => {
            let mut after = *model;
            let state = &mut after[cell(&charge.subject)];
            *state = charge.params.settle(*state, NOW, charge.until, *units);
            Some(after)
        }
    }
}

fn decide(model: &Model, items: &[Item]) -> (Model, bool, Vec<State>) {
    let mut after = *model;
    let mut allowed = true;
    for item in items {
        let state = &mut after[cell(&item.subject)];
        let step = item.params.decide(*state, NOW, item.cost);
        *state = step.state;
        allowed &= step.verdict == Verdict::Allow || item.mode == Mode::Shadow;
    }
    let after = if allowed { after } else { *model };
    let told = items.iter().map(|item| after[cell(&item.subject)]).collect();
    (after, allowed, told)
}

struct Search<'a> {
    events: &'a [Event],
    seen: HashSet<(Vec<bool>, Model)>,
}

pub(crate) fn is_linearizable(history: &History) -> bool {
    let mut search = Search { events: &history.events, seen: HashSet::new() };
    search.explains(&mut vec![false; history.events.len()], &Model::default())
}

impl Search<'_> {
    fn explains(&mut self, placed: &mut Vec<bool>, model: &Model) -> bool {
        // Whoever answered first among those left must not be overtaken by a later invocation.
        let left = || self.events.iter().enumerate().filter(|(at, _)| !placed[*at]);
        let Some(horizon) = left().map(|(_, event)| event.answered).min() else { return true };
        let open: Vec<usize> = left().filter(|(_, event)| event.invoked < horizon).map(|(at, _)| at).collect();

        let fits: Vec<(usize, Model)> =
            open.into_iter().filter_map(|at| Some((at, explain(model, &self.events.get(at)?.done)?))).collect();
        // An answer that fits and changed nothing can as well come first.
        let settles = |at: usize| matches!(self.events[at].done, Done::Settled { .. });
        if let Some((at, _)) = fits.iter().find(|(at, after)| after == model && !settles(*at)) {
            placed[*at] = true;
            if self.explains(placed, model) {
                return true;
            }
            placed[*at] = false;
            return false;
        }
        if !self.seen.insert((placed.clone(), *model)) {
            return false;
        }
        assert!(self.seen.len() < 500_000, "the search found no end");
        // Answers are evidence of their place, settlements are not.
        let (late, soon): (Vec<_>, Vec<_>) = fits.into_iter().partition(|(at, _)| settles(*at));
        for (at, after) in soon.into_iter().chain(late) {
            placed[at] = true;
            if self.explains(placed, &after) {
                return true;
            }
            placed[at] = false;
        }
        false
    }
}
