//! Many at once, in several processes, and those who leave before they are answered.

use limiter_core::algorithm::Algorithm;
use limiter_core::store::contract::StoreUnderTest;
use limiter_core::store::{Answer, Decide, Mode, Operation, Reply, Store};
use smallvec::SmallVec;

use crate::fixture::{Fixture, bare, item, params};

const NODES: usize = 4;
const TASKS: usize = 8;
const EACH: usize = 20;

#[test]
fn several_processes_on_one_key_admit_no_more_than_one_would() {
    let Some(fixture) = Fixture::private() else { return };
    let address = fixture.server.as_ref().unwrap().address.to_string();
    for algorithm in [Algorithm::Bucket, Algorithm::Interval, Algorithm::Log, Algorithm::Fixed, Algorithm::Sliding] {
        let params = params(algorithm, "100/h");
        let now = fixture.now();
        let admitted: u64 = fixture.runtime.block_on(async {
            let mut tasks = Vec::new();
            for _ in 0..NODES {
                let builder = bare().clock(fixture.clock.clone());
                let store = builder.connect([address.clone()]).await.unwrap();
                for _ in 0..TASKS {
                    let store = store.clone();
                    tasks.push(tokio::spawn(async move {
                        let mut admitted = 0;
                        for _ in 0..EACH {
                            let items = SmallVec::from_iter([item(algorithm.name(), params, 1, Mode::Charge)]);
                            let Reply::Later(answer) = store.submit(Operation::Decide(Decide { now, items })) else {
                                panic!("it takes a round trip");
                            };
                            match answer.await.unwrap() {
                                Answer::Decided(decided) => admitted += u64::from(decided.allowed),
                                other => panic!("{other:?}"),
                            }
                        }
                        admitted
                    }));
                }
            }
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(admitted, 100, "{algorithm}");
    }
}

#[test]
fn what_nobody_waits_for_is_carried_out_and_answers_nobody_else() {
    let Some(fixture) = Fixture::private() else { return };
    for algorithm in [Algorithm::Fixed, Algorithm::Bucket] {
        let params = params(algorithm, "1000/h");
        let decide = |key: &str, cost| {
            Operation::Decide(Decide {
                now: fixture.now(),
                items: SmallVec::from_iter([item(key, params, cost, Mode::Charge)]),
            })
        };
        let kept = fixture.runtime.block_on(async {
            let mut kept = Vec::new();
            for round in 0..200u64 {
                // Every other answer is dropped unread.
                drop(fixture.store.submit(decide(&format!("{algorithm} dropped"), 1)));
                match fixture.store.submit(decide(&format!("{algorithm} {round}"), round + 1)) {
                    Reply::Later(answer) => kept.push((round + 1, answer)),
                    Reply::Now(_) => panic!("it takes a round trip"),
                }
            }
            let mut answered = Vec::new();
            for (cost, answer) in kept {
                answered.push((cost, answer.await.unwrap()));
            }
            answered
        });
        for (cost, answer) in kept {
            let Answer::Decided(decided) = answer else { panic!("{answer:?}") };
            let left = params.remaining(decided.items[0].state, fixture.now());
            assert_eq!(left, 1000 - cost, "an answer of another");
        }
        let seen = fixture.decide(item(&format!("{algorithm} dropped"), params, 0, Mode::Peek)).unwrap();
        assert_eq!(params.remaining(seen.items[0].state, fixture.now()), 800);
    }
}

#[test]
fn several_asked_in_one_step_are_granted_up_to_the_first_refusal() {
    let Some(fixture) = Fixture::private() else { return };
    for algorithm in [Algorithm::Bucket, Algorithm::Interval, Algorithm::Log, Algorithm::Fixed, Algorithm::Sliding] {
        let params = params(algorithm, "10/h");
        let repeat = |times| {
            let items = SmallVec::from_iter([item(algorithm.name(), params, 3, Mode::Charge)]);
            match fixture.operate(Operation::Repeat { decide: Decide { now: fixture.now(), items }, times }).unwrap() {
                Answer::Repeated(all) => (all.granted, all.allowed, all.refused),
                other => panic!("{other:?}"),
            }
        };
        let (granted, allowed, refused) = repeat(2);
        assert_eq!((granted, refused.is_none()), (2, true), "{algorithm}");
        assert_eq!(params.remaining(allowed.unwrap().items[0].state, fixture.now()), 4, "{algorithm}");
        let (granted, allowed, refused) = repeat(u32::MAX);
        assert_eq!((granted, allowed.is_some()), (1, true), "{algorithm}");
        let refused = refused.unwrap();
        assert!(!refused.allowed);
        assert_eq!(params.remaining(refused.items[0].state, fixture.now()), 1, "{algorithm}");
        assert!(fixture.take(algorithm.name(), params, 1).unwrap(), "{algorithm}: what was refused was not charged");
    }
}
