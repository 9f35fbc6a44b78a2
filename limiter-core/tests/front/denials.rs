use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::settle::Settle;
use limiter_core::store::front::FleetOptions;
use limiter_core::time::TokioClock;
use limiter_core::{Algorithm, Limiter, Policy, Rule, Source};

use crate::wire::{Fleet, Wire, policy, policy_by, sleep_ms};

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Bucket, Algorithm::Fixed, Algorithm::Interval, Algorithm::Sliding, Algorithm::Log];

#[tokio::test(start_paused = true)]
async fn what_the_store_refused_is_refused_here_until_it_can_pass_and_not_longer() {
    for algorithm in ALGORITHMS {
        let (fleet, policy) = (Fleet::new(1, FleetOptions::new()), policy_by(algorithm, "10/10s"));
        let alone = Limiter::builder().clock(TokioClock::new()).build();
        let (mut passed, mut passed_alone) = (0, 0);
        for _ in 0..6_000 {
            passed += u64::from(fleet.say(&policy, 1).await.0);
            passed_alone += u64::from(alone.check(&policy, &Key::from(1u64)).is_allowed());
            sleep_ms(5).await;
        }
        assert!(passed_alone - passed <= 1, "{algorithm}: {passed} of {passed_alone}");
        assert!(fleet.wire.calls() < 300, "{algorithm}: {}", fleet.wire.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn every_cost_has_a_wait_of_its_own() {
    let (fleet, policy) = (Fleet::new(1, FleetOptions::new()), policy("10/10s"));
    assert!(fleet.ask(&policy, 1, 8).await.decision.is_allowed());
    let calls = fleet.wire.calls();
    let refused = fleet.ask(&policy, 1, 5).await.decision;
    assert_eq!((refused.is_allowed(), refused.source()), (false, Source::DenialCache));
    assert!(!refused.is_degraded());
    let wait = refused.retry_after().unwrap();
    assert!(wait.abs_diff(Duration::from_secs(3)) <= Duration::from_millis(3), "{wait:?}");
    assert_eq!(refused.usages()[0].remaining(), 2);
    assert_eq!(fleet.wire.calls(), calls);
    assert_eq!(fleet.say(&policy, 1).await, (true, Source::Store));
    tokio::time::sleep(wait + Duration::from_secs(1)).await;
    assert!(fleet.ask(&policy, 1, 5).await.decision.is_allowed());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_was_told_from_here_is_true() {
    for algorithm in ALGORITHMS {
        let (fleet, policy) = (Fleet::new(3, FleetOptions::new()), policy_by(algorithm, "4/10s"));
        for _ in 0..5 {
            let _ = fleet.say(&policy, 1).await;
        }
        sleep_ms(1234).await;
        let refused = fleet.ask(&policy, 1, 1).await.decision;
        assert_eq!(refused.source(), Source::DenialCache, "{algorithm}");
        tokio::time::sleep(refused.retry_after().unwrap()).await;
        assert!(fleet.say(&policy, 1).await.0, "{algorithm}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_here_ends_it_at_once() {
    let (fleet, policy) = (Fleet::new(2, FleetOptions::new()), policy("2/h"));
    let first = fleet.ask(&policy, 1, 2).await;
    assert_eq!(fleet.say(&policy, 1).await, (false, Source::DenialCache));
    fleet.limiter.refund(first.receipt);
    assert_eq!(fleet.say(&policy, 1).await, (true, Source::Store));
    // The refund is done as well by now, but its task has not run: what is asked before that is not learned.
    sleep_ms(1).await;
    assert!(fleet.say(&policy, 1).await.0);
    assert_eq!(fleet.say(&policy, 1).await, (false, Source::DenialCache));
    fleet.limiter.reset(&policy, &Key::from(1u64)).unwrap();
    assert_eq!(fleet.say(&policy, 1).await, (true, Source::Store));
}

#[tokio::test(start_paused = true)]
async fn of_a_rule_that_settles_what_any_process_gives_back_is_free_for_all_at_once() {
    for algorithm in ALGORITHMS {
        let failures = Rule::new("2/h".parse().unwrap()).algorithm(algorithm).settle(Settle::failed());
        let policy = Policy::new("login", [failures, Rule::new("1000/h".parse().unwrap())]).unwrap();
        let one = Fleet::new(2, FleetOptions::new());
        let other = Fleet::on(one.wire.clone(), FleetOptions::new());
        let under_way = one.ask(&policy, 1, 2).await;
        for fleet in [&other, &one, &other] {
            assert_eq!(fleet.say(&policy, 1).await, (false, Source::Store), "{algorithm}");
        }
        under_way.succeeded();
        sleep_ms(10).await;
        for fleet in [&other, &one] {
            assert_eq!(fleet.say(&policy, 1).await, (true, Source::Store), "{algorithm}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_something_was_given_back_is_not_remembered() {
    let (fleet, policy) = (Fleet::new(4, FleetOptions::new()), policy("2/h"));
    let spent = fleet.ask(&policy, 1, 2).await;
    let other = Fleet::on(fleet.wire.clone(), FleetOptions::new());
    // A refusal is on its way when the charge is given back.
    let refused = other.limiter.decide_key(&policy, &Key::from(1u64), 1);
    sleep_ms(1).await;
    other.limiter.refund(spent.receipt);
    assert!(!crate::wire::answered(refused).await.decision.is_allowed());
    assert_eq!(other.say(&policy, 1).await, (true, Source::Store));
}

#[tokio::test(start_paused = true)]
async fn another_quota_is_asked_about_anew() {
    let wire = Wire::new(1);
    let (front, wall) = (limiter_core::store::front::Front::new(wire.clone(), FleetOptions::new()), TokioClock::new());
    let small = Limiter::builder().store(front.clone()).clock(wall.clone()).build();
    let large = Limiter::builder().store(front).clock(wall).override_quota("api", "20/min".parse().unwrap()).build();
    let policy = policy_by(Algorithm::Fixed, "2/min");
    let ask = async |limiter: &Limiter| {
        let decision = crate::wire::answered(limiter.decide_key(&policy, &Key::from(1u64), 1)).await.decision;
        (decision.is_allowed(), decision.source())
    };
    assert!(ask(&small).await.0);
    assert!(ask(&small).await.0);
    assert_eq!(ask(&small).await, (false, Source::DenialCache));
    assert_eq!(ask(&large).await, (true, Source::Store));
}

#[tokio::test(start_paused = true)]
async fn slots_and_counted_refusals_are_always_asked_about() {
    let fleet = Fleet::new(1, FleetOptions::new());
    let slots = Policy::new("slots", [Rule::concurrent(1)]).unwrap();
    let held = fleet.ask(&slots, 1, 1).await;
    assert_eq!(fleet.say(&slots, 1).await, (false, Source::Store));
    drop(held);
    sleep_ms(3).await;
    assert_eq!(fleet.say(&slots, 1).await, (true, Source::Store));
    let login = Policy::new("login", [Rule::new("1/min".parse().unwrap()).penalty()]).unwrap();
    for expected in [true, false, false] {
        assert_eq!(fleet.say(&login, 1).await, (expected, Source::Store));
    }
}

#[tokio::test(start_paused = true)]
async fn one_spent_rule_of_two_refuses_here_with_numbers_for_both() {
    let rules = [Rule::new("50/min".parse().unwrap()), Rule::new("2/min".parse().unwrap())];
    let policy = Policy::new("api", rules).unwrap();
    let fleet = Fleet::new(1, FleetOptions::new());
    for _ in 0..2 {
        assert!(fleet.say(&policy, 1).await.0);
    }
    let refused = fleet.ask(&policy, 1, 1).await.decision;
    assert_eq!(refused.source(), Source::DenialCache);
    let outcomes: Vec<_> = refused.usages().iter().map(|usage| (usage.remaining(), usage.is_violated())).collect();
    assert_eq!(outcomes, [(48, false), (0, true)]);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_turned_off() {
    let (fleet, policy) = (Fleet::new(1, FleetOptions::new().without_denial_cache()), policy("1/h"));
    for expected in [true, false, false] {
        assert_eq!(fleet.say(&policy, 1).await, (expected, Source::Store));
    }
}
