//! The same trace, with given timestamps, through the memory store and through a server: the same
//! decisions, to the nanosecond.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params};
use limiter_core::store::contract::StoreUnderTest;
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Charged, Decide, Decided, Mode, Operation};
use limiter_core::time::{Nanos, Now};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use smallvec::SmallVec;
use tests::memcached::any;

use crate::fixture::{Fixture, charged, item, operate, params};

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

/// Decisions at both are told to the same caller in the same words.
fn agree(fixture: &Fixture, params: Params, steps: &[Step]) -> Result<(), TestCaseError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let key = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let memory = MemoryStore::new();
    let mut charges: Vec<Charged> = Vec::new();
    for step in steps {
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
