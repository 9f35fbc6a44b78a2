use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::store::front::FleetOptions;
use limiter_core::time::TokioClock;
use limiter_core::{Algorithm, Limiter, Policy, Rule, Ruling, Source};
use tokio::time::Instant;

use crate::wire::{Fleet, answered, policy, policy_by, sleep_ms};

async fn all(fleet: &Fleet, policy: &Policy, count: usize) -> Vec<Ruling> {
    let replies: Vec<_> = (0..count).map(|_| fleet.limiter.decide_key(policy, &Key::from(1u64), 1)).collect();
    let mut rulings = Vec::new();
    for reply in replies {
        rulings.push(answered(reply).await);
    }
    rulings
}

#[tokio::test(start_paused = true)]
async fn those_who_come_while_a_question_is_under_way_travel_together() {
    let fleet = Fleet::new(2, FleetOptions::new());
    let rulings = all(&fleet, &policy("200/min"), 100).await;
    assert!(rulings.iter().all(|ruling| ruling.decision.is_allowed()));
    assert_eq!(fleet.wire.operations(), ["decide", "repeat 99"]);
    assert_eq!(fleet.wire.most_under_way(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_who_came_are_the_first_who_pass_and_each_has_numbers_of_its_own() {
    for algorithm in [Algorithm::Bucket, Algorithm::Fixed, Algorithm::Interval, Algorithm::Sliding, Algorithm::Log] {
        let policy = policy_by(algorithm, "10/min");
        let fleet = Fleet::new(2, FleetOptions::new());
        let alone = Limiter::builder().clock(TokioClock::new()).build();
        let rulings = all(&fleet, &policy, 13).await;
        for (which, ruling) in rulings.iter().enumerate() {
            let expected = alone.check(&policy, &Key::from(1u64));
            let (usage, expected) = (&ruling.decision.usages()[0], &expected.usages()[0]);
            assert_eq!(ruling.decision.is_allowed(), which < 10, "{algorithm} {which}");
            assert_eq!(usage.remaining(), expected.remaining(), "{algorithm} {which}");
            let close = |one: Option<Duration>, other: Option<Duration>| match (one, other) {
                (Some(one), Some(other)) => one.abs_diff(other) <= Duration::from_millis(8),
                (one, other) => one == other,
            };
            assert!(close(usage.reset_after(), expected.reset_after()), "{algorithm} {which}");
            assert!(close(usage.retry_after(), expected.retry_after()), "{algorithm} {which}");
        }
        assert_eq!(fleet.wire.operations(), ["decide", "repeat 12"]);
    }
}

#[tokio::test(start_paused = true)]
async fn different_costs_of_one_key_go_in_one_round_and_are_decided_apart() {
    let fleet = Fleet::new(2, FleetOptions::new());
    let policy = policy("100/min");
    let began = Instant::now();
    let key = Key::from(1u64);
    let replies: Vec<_> = [1, 2, 3, 1, 2, 3].map(|cost| fleet.limiter.decide_key(&policy, &key, cost)).into();
    for reply in replies {
        assert!(answered(reply).await.decision.is_allowed());
    }
    assert_eq!(began.elapsed(), Duration::from_millis(4));
    assert_eq!(fleet.wire.operations(), ["decide", "repeat 2", "repeat 2", "decide"]);
    assert_eq!(fleet.ask(&policy, 1, 1).await.decision.usages()[0].remaining(), 87);
}

#[tokio::test(start_paused = true)]
async fn keys_wait_for_nobody_but_themselves() {
    let fleet = Fleet::new(2, FleetOptions::new());
    let policy = policy("100/min");
    let replies: Vec<_> = (0..50u64).map(|key| fleet.limiter.decide_key(&policy, &Key::from(key), 1)).collect();
    let began = Instant::now();
    for reply in replies {
        assert!(answered(reply).await.decision.is_allowed());
    }
    assert_eq!(began.elapsed(), Duration::from_millis(2));
    assert_eq!(fleet.wire.most_under_way(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_slow_round_trip_is_not_waited_for_longer_than_a_quarter_of_the_deadline() {
    let fleet = Fleet::new(37, FleetOptions::new());
    let policy = policy("10000/s");
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let reply = fleet.limiter.decide_key(&policy, &Key::from(1u64), 1);
        let began = Instant::now();
        waiting.push(tokio::spawn(async move { (answered(reply).await.decision.source(), began.elapsed()) }));
        sleep_ms(1).await;
    }
    for one in waiting {
        let (source, took) = one.await.unwrap();
        assert_eq!(source, Source::Store, "{took:?}");
        assert!(took <= Duration::from_millis(51), "{took:?}");
    }
    assert!(fleet.wire.calls() < 15, "{}", fleet.wire.calls());
}

#[tokio::test(start_paused = true)]
async fn several_rules_travel_together_too_and_all_or_none_are_charged() {
    let rules = [Rule::new("50/min".parse().unwrap()), Rule::new("8/min".parse().unwrap())];
    let policy = Policy::new("api", rules).unwrap();
    let fleet = Fleet::new(2, FleetOptions::new());
    let rulings = all(&fleet, &policy, 12).await;
    for (which, ruling) in rulings.iter().enumerate() {
        let left: Vec<u64> = ruling.decision.usages().iter().map(|usage| usage.remaining()).collect();
        let expected = if which < 8 { [49 - which as u64, 7 - which as u64] } else { [42, 0] };
        assert_eq!(left, expected, "{which}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_leaves_a_trace_when_refused_and_what_is_held_travel_alone() {
    let fleet = Fleet::new(2, FleetOptions::new());
    let login = Policy::new("login", [Rule::new("5/min".parse().unwrap()).penalty()]).unwrap();
    let _ = all(&fleet, &login, 3).await;
    let slots = Policy::new("slots", [Rule::concurrent(2)]).unwrap();
    let held = all(&fleet, &slots, 3).await;
    assert_eq!(held.iter().filter(|ruling| ruling.decision.is_allowed()).count(), 2);
    assert_eq!(fleet.wire.operations(), ["decide"; 6]);
    drop(held);
    sleep_ms(5).await;
    assert!(fleet.say(&slots, 1).await.0);
}
