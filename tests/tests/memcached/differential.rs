//! The same trace, with given timestamps, through the memory store and through a server: the same
//! decisions, to the nanosecond.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params, Verdict};
use limiter_core::store::contract::StoreUnderTest;
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Charged, Decide, Decided, Lease, Mode, Operation};
use limiter_core::time::{Nanos, Now};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use smallvec::SmallVec;
use tests::memcached::any;

use crate::fixture::{Fixture, charged, item, operate, params, subject};

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Decide { cost: u64, mode: Mode },
    Settle { which: usize, units: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mode =
        prop_oneof![4 => Just(Mode::Charge), 1 => Just(Mode::Peek), 1 => Just(Mode::Shadow), 1 => Just(Mode::Penalty)];
    let step = prop_oneof![
        3 => (0..4_000_000_000u64).prop_map(Step::Pass),
        1 => (0..20u64).prop_map(|periods| Step::Pass(periods * 1_500_000_000)),
        6 => (0..12u64, mode).prop_map(|(cost, mode)| Step::Decide { cost, mode }),
        2 => (0..8usize, -6..4i64).prop_map(|(which, units)| Step::Settle { which, units }),
    ];
    prop::collection::vec(step, 1..40)
}

/// A key that no other trace has.
fn new_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Lets time pass until a window begins, where nothing is counted. In memory windows begin with a request,
/// at a server they follow each other whether or not somebody asks: from an edge on both are the same.
fn begin_at_an_edge(fixture: &Fixture, memory: &MemoryStore, key: &str, params: Params, edge: Nanos) {
    let now = fixture.now();
    let peek = Decide { now, items: SmallVec::from_iter([item(key, params, 0, Mode::Peek)]) };
    if params.reset_after(memory.decide(&peek).items[0].state, now) == Some(Nanos::ZERO) {
        fixture.reach_edge(edge, &params);
    }
}

/// Decisions at both are told to the same caller in the same words.
fn agree(fixture: &Fixture, params: Params, steps: &[Step]) -> Result<(), TestCaseError> {
    let key = new_key();
    let memory = MemoryStore::new();
    let edge = fixture.edge(subject(&key), params);
    // The charge that told has worn off by then.
    fixture.clock.advance(Duration::from_nanos(3 * params.period()));
    let mut charges: Vec<Charged> = Vec::new();
    for step in steps {
        if let (Some(edge), Step::Decide { .. } | Step::Settle { .. }) = (edge, step) {
            begin_at_an_edge(fixture, &memory, &key, params, edge);
        }
        let now = fixture.now();
        match *step {
            Step::Pass(nanos) => fixture.clock.advance(Duration::from_nanos(nanos)),
            Step::Decide { cost, mode } => {
                let item = item(&key, params, cost, mode);
                let there = fixture.decide(item.clone()).unwrap();
                let here = memory.decide(&Decide { now, items: SmallVec::from_iter([item.clone()]) });
                prop_assert_eq!(there.allowed, here.allowed);
                prop_assert_eq!(there.items[0].verdict, here.items[0].verdict);
                prop_assert_eq!(numbers(&params, &there, now), numbers(&params, &here, now));
                if here.allowed && cost > 0 && mode == Mode::Charge {
                    charges.push(charged(&item, &here, now));
                }
            }
            Step::Settle { which, units } => {
                // What was given back is not there to be given back again.
                let charge = charges.get_mut(which).filter(|_| units != 0).map(|charge| {
                    let units = units.max(-i64::try_from(charge.cost).unwrap());
                    charge.cost -= units.min(0).unsigned_abs();
                    (charge.clone(), units)
                });
                if let Some((charge, units)) = charge {
                    let charges = SmallVec::from_iter([(charge, units)]);
                    memory.settle(now, &charges);
                    operate(&fixture.store, Operation::Settle { now, charges }).unwrap();
                }
            }
        }
    }
    Ok(())
}

/// What callers are told about the state.
fn numbers(params: &Params, decided: &Decided, now: Now) -> (u64, Option<Nanos>, Option<Nanos>) {
    let state = decided.items[0].state;
    (params.remaining(state, now), params.reset_after(state, now), params.next_unit_after(state, now))
}

fn all_agree(algorithm: Algorithm, quotas: &[&str]) {
    let Some((address, server)) = any() else { return };
    let fixture = Fixture::at(&address, server);
    // Each step is a round trip: a few hundred traces say what there is to say.
    let config = Config { cases: Config::default().cases.min(300), failure_persistence: None, ..Config::default() };
    for quota in quotas {
        let params = params(algorithm, quota);
        TestRunner::new(config.clone()).run(&steps(), |steps| agree(&fixture, params, &steps)).unwrap();
    }
}

#[test]
fn a_bucket_decides_as_in_memory() {
    all_agree(Algorithm::Bucket, &["7/3s burst 10", "10/s", "3/7s burst 5"]);
}

#[test]
fn an_interval_decides_as_in_memory() {
    all_agree(Algorithm::Interval, &["4/3s burst 10", "5/2s aligned"]);
}

#[test]
fn a_log_decides_as_in_memory() {
    all_agree(Algorithm::Log, &["5/3s", "11/7s"]);
}

#[test]
fn an_aligned_window_decides_as_in_memory() {
    all_agree(Algorithm::Fixed, &["5/3s aligned", "11/7s aligned"]);
}

#[test]
fn a_window_decides_as_in_memory_from_its_edge_on() {
    all_agree(Algorithm::Fixed, &["5/3s", "11/7s"]);
}

#[test]
fn a_sliding_window_decides_as_in_memory_from_its_edge_on() {
    all_agree(Algorithm::Sliding, &["5/3s", "11/7s", "30/1s"]);
}

/// Slots that are asked for, or given back by whoever took them as so manieth.
#[derive(Clone, Debug)]
enum Move {
    Decide { cost: u64, mode: Mode },
    Release(usize),
}

/// What holds slots at both.
struct Held {
    there: Charged,
    here: Charged,
    lease: Option<Arc<Lease>>,
}

impl Held {
    fn release(self, fixture: &Fixture, memory: &MemoryStore) {
        let now = fixture.now();
        memory.release(now, &[self.here]);
        let charges = SmallVec::from_iter([self.there]);
        operate(&fixture.store, Operation::Release { now, charges, lease: self.lease }).unwrap();
    }
}

fn slots_agree(fixture: &Fixture, most: u64, moves: &[Move]) -> Result<(), TestCaseError> {
    let (key, memory, params) = (new_key(), MemoryStore::new(), Params::concurrent(most));
    let mut held: Vec<Held> = Vec::new();
    for step in moves {
        match *step {
            Move::Decide { cost, mode } => {
                let (item, now) = (item(&key, params, cost, mode), fixture.now());
                let there = fixture.decide(item.clone()).unwrap();
                let here = memory.decide(&Decide { now, items: SmallVec::from_iter([item.clone()]) });
                prop_assert_eq!(there.allowed, here.allowed);
                prop_assert_eq!(there.items[0].verdict, here.items[0].verdict);
                prop_assert_eq!(numbers(&params, &there, now), numbers(&params, &here, now));
                let takes = mode != Mode::Peek && cost > 0 && here.items[0].verdict == Verdict::Allow;
                prop_assert_eq!(there.lease.is_some(), takes);
                if takes {
                    let (there, lease) = (charged(&item, &there, now), there.lease);
                    held.push(Held { there, here: charged(&item, &here, now), lease });
                }
            }
            Move::Release(which) => {
                if which < held.len() {
                    held.swap_remove(which).release(fixture, &memory);
                }
            }
        }
    }
    held.into_iter().for_each(|held| held.release(fixture, &memory));
    Ok(())
}

#[test]
fn slots_are_held_and_given_back_as_in_memory() {
    let Some((address, server)) = any() else { return };
    let fixture = Fixture::at(&address, server);
    let config = Config { cases: Config::default().cases.min(300), failure_persistence: None, ..Config::default() };
    let mode =
        prop_oneof![4 => Just(Mode::Charge), 1 => Just(Mode::Peek), 1 => Just(Mode::Shadow), 1 => Just(Mode::Penalty)];
    let step = prop_oneof![
        3 => (prop_oneof![4 => Just(1u64), 2 => 0..6u64, 1 => 0..40u64], mode)
            .prop_map(|(cost, mode)| Move::Decide { cost, mode }),
        2 => (0..8usize).prop_map(Move::Release),
    ];
    let moves = (prop_oneof![1..9u64, Just(32u64)], prop::collection::vec(step, 1..40));
    TestRunner::new(config).run(&moves, |(most, moves)| slots_agree(&fixture, most, &moves)).unwrap();
}
