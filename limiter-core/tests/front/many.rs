//! Several keys asked about at once: one round trip, and a decision for each.

use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::store::front::FleetOptions;
use limiter_core::{Algorithm, Limiter, OnStoreError, Policy, Reply, Rule, Ruling, Source};

use crate::wire::{Fleet, policy};

fn asked(keys: &[(u64, u64)]) -> Vec<(Key, u64)> {
    keys.iter().map(|(key, cost)| (Key::from(*key), *cost)).collect()
}

async fn many(limiter: &Limiter, policy: &Policy, keys: &[(u64, u64)]) -> Vec<Ruling> {
    let keys = asked(keys);
    match limiter.decide_keys(policy, keys.iter().map(|(key, cost)| (key, *cost))) {
        Reply::Now(rulings) => rulings,
        Reply::Later(rulings) => rulings.await,
    }
}

fn allowed(rulings: &[Ruling]) -> Vec<bool> {
    rulings.iter().map(|ruling| ruling.decision.is_allowed()).collect()
}

fn distinct(keys: u64) -> Vec<(u64, u64)> {
    (0..keys).map(|key| (key, 1)).collect()
}

#[tokio::test(start_paused = true)]
async fn many_keys_are_one_round_trip() {
    let fleet = Fleet::new(10, FleetOptions::new());
    let began = tokio::time::Instant::now();
    let rulings = many(&fleet.limiter, &policy("5/h"), &distinct(100)).await;
    assert_eq!(began.elapsed(), Duration::from_millis(10));
    assert_eq!((fleet.wire.calls(), fleet.wire.most_under_way()), (100, 100));
    assert!(rulings.iter().all(|ruling| ruling.decision.source() == Source::Store));
    assert_eq!(allowed(&rulings), [true; 100]);
}

#[tokio::test(start_paused = true)]
async fn each_key_has_a_decision_of_its_own_and_those_that_pass_are_charged() {
    let fleet = Fleet::new(1, FleetOptions::new());
    let memory = Limiter::in_memory();
    for limiter in [&fleet.limiter, &memory] {
        let policy = policy("5/h");
        let keys = [(1, 5), (2, 9), (3, 2), (1, 1), (3, 3), (3, 1)];
        assert_eq!(allowed(&many(limiter, &policy, &keys).await), [true, false, true, false, true, false]);
        let left = many(limiter, &policy, &[(1, 0), (2, 0), (3, 0)]).await;
        let left: Vec<u64> = left.iter().map(|ruling| ruling.decision.usages()[0].remaining()).collect();
        assert_eq!(left, [0, 5, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_named_again_waits_for_its_own_answer_and_for_no_other() {
    let fleet = Fleet::new(10, FleetOptions::new());
    let began = tokio::time::Instant::now();
    let mut keys = distinct(50);
    keys.extend([(7, 1); 20]);
    let rulings = many(&fleet.limiter, &policy("5/h"), &keys).await;
    assert_eq!(began.elapsed(), Duration::from_millis(20));
    assert_eq!(fleet.wire.calls(), 51, "{:?}", fleet.wire.operations());
    let sevens: Vec<bool> = allowed(&rulings[50..]);
    assert_eq!(sevens, [[true; 4].as_slice(), &[false; 16]].concat());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_beyond_the_deadline_and_each_rule_says_what_then() {
    let fleet = Fleet::new(1, FleetOptions::new().nodes(2).deadline(Duration::from_millis(50)));
    fleet.wire.freeze(true);
    let began = tokio::time::Instant::now();
    let rule = || Rule::new("4/h".parse().unwrap());
    let choices = [
        (OnStoreError::Local, Source::Local, [true, true, false]),
        (OnStoreError::Open, Source::Open, [true; 3]),
        (OnStoreError::Closed, Source::Closed, [false; 3]),
    ];
    for (choice, source, expected) in choices {
        let policy = Policy::new("frozen", [rule().on_store_error(choice)]).unwrap();
        let rulings = many(&fleet.limiter, &policy, &[(1, 1), (1, 1), (1, 1), (2, 1)]).await;
        assert!(rulings.iter().all(|ruling| ruling.decision.source() == source), "{choice:?}");
        assert_eq!(allowed(&rulings[..3]), expected, "{choice:?}");
    }
    assert!(began.elapsed() <= Duration::from_millis(110), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_leaves_others_their_answers_and_slots_go_back() {
    let fleet = Fleet::new(10, FleetOptions::new());
    let policy = policy("5/h");
    let keys = asked(&distinct(20));
    let Reply::Later(rulings) = fleet.limiter.decide_keys(&policy, keys.iter().map(|(key, cost)| (key, *cost))) else {
        panic!("the store is far away")
    };
    let twenty = distinct(20);
    let other = many(&fleet.limiter, &policy, &twenty);
    assert!(tokio::time::timeout(Duration::from_millis(3), rulings).await.is_err());
    let rulings = other.await;
    assert_eq!(allowed(&rulings), [true; 20]);
    assert!(rulings.iter().all(|ruling| ruling.decision.usages()[0].remaining() == 3), "both were charged");

    let slots = Policy::new("slots", [Rule::concurrent(1)]).unwrap();
    let Reply::Later(held) = fleet.limiter.decide_keys(&slots, keys.iter().map(|(key, _)| (key, 1))) else {
        panic!("the store is far away")
    };
    assert!(tokio::time::timeout(Duration::from_millis(3), held).await.is_err());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(allowed(&many(&fleet.limiter, &slots, &distinct(20)).await), [true; 20]);
}

#[test]
fn in_memory_every_algorithm_says_what_it_would_say_one_by_one() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::Concurrent) {
        let (together, apart) = (Limiter::in_memory(), Limiter::in_memory());
        let policy = crate::wire::policy_by(algorithm, "3/h");
        let keys = asked(&[(1, 2), (2, 3), (1, 2), (1, 1), (2, 0), (3, 4)]);
        let Reply::Now(rulings) = together.decide_keys(&policy, keys.iter().map(|(key, cost)| (key, *cost))) else {
            panic!("memory answers at once")
        };
        for ((key, cost), ruling) in keys.iter().zip(&rulings) {
            let Reply::Now(alone) = apart.decide_key(&policy, key, *cost) else { panic!("memory answers at once") };
            assert_eq!(alone.decision.is_allowed(), ruling.decision.is_allowed(), "{algorithm}");
            let left = |ruling: &Ruling| ruling.decision.usages()[0].remaining();
            assert_eq!(left(&alone), left(ruling), "{algorithm}");
        }
    }
}
