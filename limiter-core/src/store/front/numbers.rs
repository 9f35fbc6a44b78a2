//! The numbers of one among several equal decisions that were made in one step.

use crate::algorithm::Algorithm;
use crate::store::{Decide, Decided, ItemReply, Mode};
use crate::time::{Nanos, Now};

/// What the store would have said before it made `later` more of the same decisions.
pub(super) fn before_later(decide: &Decide, decided: &Decided, later: u64) -> Decided {
    let mut earlier = decided.clone();
    if later == 0 {
        return earlier;
    }
    for (item, reply) in decide.items.iter().zip(&mut earlier.items) {
        // Items that share a cell all report what the last of them left there.
        let once: u64 = { decide.items.iter() }
            .filter(|other| other.subject == item.subject && other.mode == Mode::Charge)
            .fold(0, |sum, other| sum.saturating_add(other.cost));
        let units = i64::try_from(once.saturating_mul(later)).unwrap_or(i64::MAX);
        reply.state = item.params.settle(reply.state, decide.now, reply.state.fresh_at, units.saturating_neg());
    }
    earlier
}

/// The same numbers for somebody whose reading of the clock is older than the one they were made for.
pub(super) fn seen_from(decide: &Decide, mut decided: Decided, now: Now) -> Decided {
    let lead = decide.now.monotonic.saturating_sub(now.monotonic);
    if lead > Nanos::ZERO {
        for (item, reply) in decide.items.iter().zip(&mut decided.items) {
            let algorithm = item.params.algorithm();
            shift(reply, lead, algorithm, item.params.needs_wall());
        }
    }
    decided
}

fn shift(reply: &mut ItemReply, lead: Nanos, algorithm: Algorithm, aligned: bool) {
    let state = &mut reply.state;
    if algorithm == Algorithm::Concurrent {
        return;
    }
    state.fresh_at = state.fresh_at.saturating_sub(lead);
    // Edges on the wall clock stay where they are; elsewhere a mark is a count or an instant.
    if !aligned && matches!(algorithm, Algorithm::Interval | Algorithm::Log) {
        state.mark = state.mark.saturating_sub(lead.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Params;
    use crate::rule::AtCeiling;
    use crate::store::memory::MemoryStore;
    use crate::store::{Answer, Item, Operation, Reply, Store, Subject};

    fn at(millis: u64) -> Now {
        let nanos = Nanos::new(1_800_000_000_000_000_000 + millis * 1_000_000);
        Now { monotonic: nanos, wall: nanos }
    }

    fn decide(algorithm: Algorithm, quota: &str, cost: u64, now: Now) -> Decide {
        let params = Params::new(algorithm, quota.parse().unwrap()).unwrap();
        let (subject, at_ceiling) = (Subject::Local(7), AtCeiling::default());
        let item = Item { budget: 1, subject, params, cost, mode: Mode::Charge, at_ceiling };
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
            let Reply::Now(Ok(Answer::Repeated { granted, allowed: Some(last), refused: Some(refused) })) =
                together.submit(Operation::Repeat { decide: asked.clone(), times: 11 })
            else {
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
    fn who_asked_earlier_sees_the_same_numbers_from_there() {
        for (algorithm, quota) in [
            (Algorithm::Bucket, "10/s burst 20"),
            (Algorithm::Interval, "7/s burst 20"),
            (Algorithm::Fixed, "20/s"),
            (Algorithm::Sliding, "20/s"),
            (Algorithm::Log, "20/s"),
        ] {
            let store = MemoryStore::new();
            let asked = decide(algorithm, quota, 3, at(400));
            let decided = store.decide(&asked);
            let earlier = seen_from(&asked, decided.clone(), at(390));
            let (params, here, there) = (asked.items[0].params, decided.items[0].state, earlier.items[0].state);
            assert_eq!(params.remaining(there, at(390)), params.remaining(here, at(400)), "{algorithm}");
            assert_eq!(params.reset_after(there, at(390)), params.reset_after(here, at(400)), "{algorithm}");
            assert_eq!(params.next_unit_after(there, at(390)), params.next_unit_after(here, at(400)), "{algorithm}");
        }
    }
}
