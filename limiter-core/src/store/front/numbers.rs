//! The numbers of one among several equal decisions that were made in one step.

use crate::algorithm::{Algorithm, Params, State};
use crate::store::{Decide, Decided, Mode};
use crate::time::Nanos;

/// What the store would have said before it made `later` more of the same decisions.
pub(super) fn before_later(decide: &Decide, decided: &Decided, later: u64) -> Decided {
    let mut earlier = decided.clone();
    if later == 0 {
        return earlier;
    }
    let now = decided.now.unwrap_or(decide.now);
    for (item, reply) in decide.items.iter().zip(&mut earlier.items) {
        // Items that share a cell all report what the last of them left there.
        let once: u64 = { decide.items.iter() }
            .filter(|other| other.subject == item.subject && other.mode == Mode::Charge)
            .fold(0, |sum, other| sum.saturating_add(other.cost));
        let units = i64::try_from(once.saturating_mul(later)).unwrap_or(i64::MAX);
        reply.state = item.params.settle(reply.state, now, reply.state.fresh_at, units.saturating_neg());
    }
    earlier
}

/// The same numbers, with the reading of the clock that they are for: whoever asked earlier or later than
/// the one whose question was sent finds them true.
pub(super) fn as_of(decide: &Decide, decided: Decided) -> Decided {
    Decided { now: Some(decided.now.unwrap_or(decide.now)), ..decided }
}

/// A state as it would be if what led to it had happened at another instant.
pub(super) fn moved(params: &Params, state: State, from: Nanos, to: Nanos) -> State {
    let back = |instant: Nanos| instant.saturating_add(to.saturating_sub(from)).saturating_sub(from.saturating_sub(to));
    if params.algorithm() == Algorithm::Concurrent {
        return state;
    }
    let mut state = State { fresh_at: back(state.fresh_at), ..state };
    // Edges on the wall clock stay where they are; elsewhere a mark is a count or an instant.
    if !params.needs_wall() && matches!(params.algorithm(), Algorithm::Interval | Algorithm::Log) {
        state.mark = back(Nanos::new(state.mark)).get();
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::AtCeiling;
    use crate::store::memory::MemoryStore;
    use crate::store::{Answer, Item, Operation, Repeated, Reply, Store, Subject};
    use crate::time::Now;

    fn at(millis: u64) -> Now {
        let nanos = Nanos::new(1_800_000_000_000_000_000 + millis * 1_000_000);
        Now { monotonic: nanos, wall: nanos }
    }

    fn decide(algorithm: Algorithm, quota: &str, cost: u64, now: Now) -> Decide {
        let params = Params::new(algorithm, quota.parse().unwrap()).unwrap();
        let (subject, at_ceiling) = (Subject::Local(7), AtCeiling::default());
        let item = Item { budget: 1, subject, params, cost, mode: Mode::Charge, at_ceiling, settles: false };
        Decide { now, items: [item].into_iter().collect() }
    }

    #[test]
    fn each_of_several_decisions_made_at_once_has_the_numbers_it_would_have_had_alone() {
        let cases = [
            (Algorithm::Bucket, "10/s burst 20"),
            (Algorithm::Interval, "7/s burst 20"),
            (Algorithm::Interval, "7/min burst 20 aligned"),
            (Algorithm::Fixed, "20/s"),
            (Algorithm::Fixed, "20/min aligned"),
            (Algorithm::Sliding, "20/s"),
            (Algorithm::Log, "20/s"),
        ];
        for (algorithm, quota) in cases {
            let (alone, together) = (MemoryStore::new(), MemoryStore::new());
            for store in [&alone, &together] {
                assert!(store.decide(&decide(algorithm, quota, 3, at(0))).allowed);
            }
            let asked = decide(algorithm, quota, 2, at(150));
            let one_by_one: Vec<Decided> = (0..11).map(|_| alone.decide(&asked)).collect();
            let Reply::Now(Ok(Answer::Repeated(repeated))) =
                together.submit(Operation::Repeat { decide: asked.clone(), times: 11 })
            else {
                panic!("it is told of several");
            };
            let Repeated { granted, allowed: Some(last), refused: Some(refused) } = *repeated else {
                panic!("some pass, some do not");
            };
            for (which, single) in (0u32..).zip(&one_by_one) {
                let numbers = match granted.checked_sub(which + 1) {
                    Some(later) => before_later(&asked, &last, u64::from(later)),
                    None => refused.clone(),
                };
                assert_eq!(numbers.allowed, single.allowed, "{algorithm} {which}");
                assert_eq!(numbers.items, single.items, "{algorithm} {which}");
            }
        }
    }

    #[test]
    fn a_state_means_the_same_from_wherever_it_is_moved_to() {
        for (algorithm, quota) in [
            (Algorithm::Bucket, "10/s burst 20"),
            (Algorithm::Interval, "7/s burst 20"),
            (Algorithm::Fixed, "20/s"),
            (Algorithm::Sliding, "20/s"),
            (Algorithm::Log, "20/s"),
        ] {
            let asked = decide(algorithm, quota, 3, at(400));
            let (params, here) = (asked.items[0].params, MemoryStore::new().decide(&asked).items[0].state);
            for millis in [390, 400, 407] {
                let there = moved(&params, here, at(400).monotonic, at(millis).monotonic);
                assert_eq!(params.remaining(there, at(millis)), params.remaining(here, at(400)), "{algorithm}");
                assert_eq!(params.reset_after(there, at(millis)), params.reset_after(here, at(400)), "{algorithm}");
                let next = |state, millis| params.next_unit_after(state, at(millis));
                assert_eq!(next(there, millis), next(here, 400), "{algorithm}");
            }
        }
    }
}
