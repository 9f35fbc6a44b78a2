//! Charges that are settled once the outcome of a request is known: what each mode lets through, what
//! counts in the end, and what becomes of requests that nobody settles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::response::{Parts, Response};
use limiter_core::key::Global;
use limiter_core::settle::Settle;
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, Failure, ManualClock};
use limiter_core::{Algorithm, Key, Limiter, Outcome, Policy, PolicyError, Quota, Reply, Rule, Ruling};

fn limiter() -> (Limiter, ManualClock) {
    let clock = ManualClock::new();
    (Limiter::builder().clock(clock.clone()).build(), clock)
}

/// Three a minute for everybody together.
fn policy(settle: Settle) -> Policy {
    policy_of(Rule::new(Quota::per_minute(3)), settle)
}

fn policy_of(rule: Rule, settle: Settle) -> Policy {
    Policy::new("p", [rule.key(Global).settle(settle)]).unwrap()
}

fn ask(limiter: &Limiter, policy: &Policy, cost: u64) -> Ruling {
    match limiter.decide_key(policy, &Key::everyone(), cost) {
        Reply::Now(ruling) => ruling,
        Reply::Later(_) => panic!("memory answers at once"),
    }
}

/// Lets one request in that must be allowed.
fn enter(limiter: &Limiter, policy: &Policy) -> Ruling {
    let ruling = ask(limiter, policy, 1);
    assert!(ruling.decision.is_allowed(), "{:?}", ruling.decision);
    ruling
}

fn remaining(limiter: &Limiter, policy: &Policy) -> u64 {
    limiter.peek(policy, &Key::everyone(), 0).usages()[0].remaining()
}

fn answer(status: u16) -> Parts {
    Response::builder().status(status).body(()).unwrap().into_parts().0
}

fn answered(mut ruling: Ruling, status: u16) {
    ruling.answered(&answer(status));
}

#[test]
fn of_ten_good_requests_at_once_strict_lets_in_as_many_as_could_fail_and_the_rest_come_back_at_once() {
    let ((limiter, _), policy) = (limiter(), policy(Settle::failed().strict()));
    let rulings: Vec<_> = (0..10).map(|_| ask(&limiter, &policy, 1)).collect();
    let (passed, refused): (Vec<_>, Vec<_>) = rulings.into_iter().partition(|ruling| ruling.decision.is_allowed());
    assert_eq!((passed.len(), refused.len()), (3, 7));
    passed.into_iter().for_each(Ruling::succeeded);
    // Neither the good ones nor the refused ones count.
    assert_eq!(remaining(&limiter, &policy), 3);
    let again: Vec<_> = (0..3).map(|_| enter(&limiter, &policy)).collect();
    again.into_iter().for_each(Ruling::failed);
    assert!(!ask(&limiter, &policy, 1).decision.is_allowed());
    assert_eq!(limiter.unsettled(), 0);
}

#[test]
fn ten_good_requests_at_once_all_pass_leniently_and_leave_no_trace() {
    let ((limiter, _), policy) = (limiter(), policy(Settle::failed().lenient(10)));
    let rulings: Vec<_> = (0..10).map(|_| enter(&limiter, &policy)).collect();
    assert_eq!(limiter.unsettled(), 10);
    let more = ask(&limiter, &policy, 1);
    assert_eq!(more.decision.usages()[0].outcome(), Outcome::InFlight);
    rulings.into_iter().for_each(Ruling::succeeded);
    assert_eq!(remaining(&limiter, &policy), 3);
    assert_eq!(limiter.unsettled(), 0);
}

#[test]
fn of_a_thousand_bad_requests_at_once_no_more_pass_than_the_mode_says() {
    for (settle, most) in [(Settle::failed().strict(), 3), (Settle::failed().lenient(10), 3 - 1 + 10)] {
        let ((limiter, _), policy) = (limiter(), policy(settle));
        let (passed, start) = (AtomicU64::new(0), Barrier::new(8));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..125 {
                        let ruling = ask(&limiter, &policy, 1);
                        if ruling.decision.is_allowed() {
                            passed.fetch_add(1, Ordering::SeqCst);
                            std::thread::yield_now();
                            ruling.failed();
                        }
                    }
                });
            }
        });
        let passed = passed.into_inner();
        assert!((3..=most).contains(&passed), "{passed} passed, at most {most} may");
        assert_eq!(limiter.unsettled(), 0);
        assert!(!ask(&limiter, &policy, 1).decision.is_allowed());
    }
}

#[test]
fn the_lenient_bound_is_met_when_all_are_under_way_before_the_first_fails() {
    let ((limiter, _), policy) = (limiter(), policy(Settle::failed().lenient(10)));
    // Two have failed, so that there is room for one.
    (0..2).for_each(|_| enter(&limiter, &policy).failed());
    let rulings: Vec<_> = (0..1000).map(|_| ask(&limiter, &policy, 1)).collect();
    let passed: Vec<_> = rulings.into_iter().filter(|ruling| ruling.decision.is_allowed()).collect();
    assert_eq!(2 + passed.len(), 3 - 1 + 10);
    passed.into_iter().for_each(Ruling::failed);
    assert!(!ask(&limiter, &policy, 1).decision.is_allowed());
}

#[test]
fn an_overshoot_is_a_debt_that_is_paid_off_before_the_next_passes() {
    let ((limiter, clock), policy) = (limiter(), policy(Settle::failed().lenient(10)));
    let rulings: Vec<_> = (0..10).map(|_| enter(&limiter, &policy)).collect();
    rulings.into_iter().for_each(Ruling::failed);
    // Ten units at three a minute: the first is free when all but two have come back.
    let wait = ask(&limiter, &policy, 1).decision.retry_after().unwrap();
    assert_eq!(wait, Duration::from_secs(160));
    clock.advance(wait);
    enter(&limiter, &policy).failed();
}

#[test]
fn every_algorithm_settles_both_ways_in_both_modes() {
    let algorithms = [Algorithm::Bucket, Algorithm::Interval, Algorithm::Fixed, Algorithm::Sliding, Algorithm::Log];
    for algorithm in algorithms {
        for settle in [Settle::failed(), Settle::failed().lenient(8)] {
            let ((limiter, _), rule) = (limiter(), Rule::new(Quota::per_minute(3)).algorithm(algorithm));
            let policy = policy_of(rule, settle);
            answered(enter(&limiter, &policy), 200);
            assert_eq!(remaining(&limiter, &policy), 3, "{algorithm}");
            for left in [2, 1, 0] {
                answered(enter(&limiter, &policy), 401);
                assert_eq!(remaining(&limiter, &policy), left, "{algorithm}");
            }
            assert!(!ask(&limiter, &policy, 1).decision.is_allowed(), "{algorithm}");
        }
    }
}

#[test]
fn what_counts_is_said_by_statuses_or_by_a_function() {
    let counted = |settle: Settle| {
        let ((limiter, _), policy) = (limiter(), policy_of(Rule::new(Quota::per_minute(100)), settle));
        let statuses = [200, 304, 401, 403, 404, 500, 503];
        let counts = |status: &u16| {
            let before = remaining(&limiter, &policy);
            answered(enter(&limiter, &policy), *status);
            remaining(&limiter, &policy) < before
        };
        statuses.into_iter().filter(counts).collect::<Vec<_>>()
    };
    assert_eq!(counted(Settle::failed()), [401, 403, 404, 500, 503]);
    assert_eq!(counted(Settle::success()), [200, 304]);
    assert_eq!(counted(Settle::count("401, 403".parse().unwrap())), [401, 403]);
    assert_eq!(counted(Settle::count("not 304, 5xx".parse().unwrap())), [200, 401, 403, 404]);
    assert_eq!(counted(Settle::count_fn(|answer| answer.status == 404)), [404]);
}

#[test]
fn an_answer_may_turn_out_to_cost_more_than_there_is_or_nothing_at_all() {
    let settle = Settle::cost_fn(|answer| if answer.status == 401 { 5 } else { 0 });
    let ((limiter, _), policy) = (limiter(), policy_of(Rule::new(Quota::per_minute(7)), settle));
    answered(enter(&limiter, &policy), 200);
    assert_eq!(remaining(&limiter, &policy), 7);
    answered(enter(&limiter, &policy), 401);
    assert_eq!(remaining(&limiter, &policy), 2);
    answered(enter(&limiter, &policy), 401);
    assert_eq!(remaining(&limiter, &policy), 0);
    // Ten of seven units are spent: four come back before the next. An interval that is not a whole
    // number of nanoseconds rounds up.
    let wait = Duration::from_nanos(60_000_000_000_u64.div_ceil(7) * 4);
    assert_eq!(ask(&limiter, &policy, 1).decision.retry_after(), Some(wait));
}

#[test]
fn the_numbers_of_a_decision_follow_its_settlement() {
    let ((limiter, _), policy) = (limiter(), policy(Settle::failed()));
    let mut ruling = enter(&limiter, &policy);
    assert_eq!(ruling.decision.usages()[0].remaining(), 2);
    ruling.answered(&answer(200));
    assert_eq!(ruling.decision.usages()[0].remaining(), 3);

    let ((limiter, _), policy) = (crate::limiter(), crate::policy(Settle::failed().lenient(4)));
    let mut ruling = enter(&limiter, &policy);
    assert_eq!(ruling.decision.usages()[0].remaining(), 3);
    ruling.answered(&answer(401));
    assert_eq!(ruling.decision.usages()[0].remaining(), 2);
}

#[test]
fn a_request_that_ends_without_an_answer_counts_in_both_modes() {
    for settle in [Settle::success(), Settle::success().lenient(4)] {
        let ((limiter, _), policy) = (limiter(), policy(settle));
        drop(enter(&limiter, &policy));
        assert_eq!(remaining(&limiter, &policy), 2);
        assert_eq!(limiter.unsettled(), 0);
    }
}

#[test]
fn what_a_limit_further_in_refused_is_given_back_whole() {
    for settle in [Settle::failed(), Settle::failed().lenient(4)] {
        let ((limiter, _), policy) = (limiter(), policy(settle));
        enter(&limiter, &policy).reservation.unwrap().cancel();
        assert_eq!(remaining(&limiter, &policy), 3);
    }
}

#[test]
fn a_handler_settles_with_the_last_of_its_handles_and_its_last_word_counts() {
    let ((limiter, _), policy) = (limiter(), policy_of(Rule::new(Quota::per_minute(100)), Settle::by_handler()));
    let ruling = ask(&limiter, &policy, 10);
    let settlement = ruling.settlement().unwrap();
    let stream = settlement.clone();
    ruling.succeeded();
    drop(settlement);
    assert_eq!(remaining(&limiter, &policy), 90);
    assert!(stream.cost(1) && stream.cost_under("p", 25) && !stream.cost_under("another", 7));
    assert_eq!(remaining(&limiter, &policy), 90);
    drop(stream);
    assert_eq!(remaining(&limiter, &policy), 75);

    // Nothing said.
    drop(ask(&limiter, &policy, 5).settlement());
    assert_eq!(remaining(&limiter, &policy), 70);
}

#[test]
fn rules_that_the_answer_settles_do_not_wait_for_the_handler() {
    let rules = [
        Rule::new(Quota::per_minute(3)).key(Global).named("failures").settle(Settle::failed()),
        Rule::new(Quota::per_minute(9)).key(Global).named("tokens").settle(Settle::by_handler()),
        Rule::new(Quota::per_minute(5)).key(Global).named("requests"),
    ];
    let ((limiter, _), policy) = (limiter(), Policy::new("p", rules).unwrap());
    let left = || -> Vec<_> {
        limiter.peek(&policy, &Key::everyone(), 0).usages().iter().map(|usage| usage.remaining()).collect()
    };
    let mut ruling = enter(&limiter, &policy);
    let settlement = ruling.settlement().unwrap();
    assert_eq!(left(), [2, 8, 4]);
    ruling.answered(&answer(200));
    drop(ruling);
    assert_eq!(left(), [3, 8, 4]);
    settlement.cost(6);
    drop(settlement);
    assert_eq!(left(), [3, 3, 4]);
}

#[test]
fn a_request_that_is_not_settled_in_time_counts_or_is_given_back_and_a_late_word_is_nothing() {
    let within = Duration::from_secs(1);
    for lenient in [false, true] {
        for (gives_back, left) in [(false, 2), (true, 3)] {
            let mut settle = Settle::by_handler().within(within);
            settle = if gives_back { settle.or_give_back() } else { settle };
            settle = if lenient { settle.lenient(1) } else { settle };
            let hourly = Rule::new(Quota::per_hour(3)).algorithm(Algorithm::Fixed);
            let ((limiter, clock), policy) = (limiter(), policy_of(hourly, settle));

            let ruling = enter(&limiter, &policy);
            let settlement = ruling.settlement().unwrap();
            clock.advance(within - Duration::from_nanos(1));
            assert!(settlement.cost(2));
            clock.advance(Duration::from_nanos(1));
            assert!(!settlement.cost(3));
            // The next that asks for the key finds the first given up, and its place free.
            enter(&limiter, &policy).reservation.unwrap().cancel();
            assert_eq!(remaining(&limiter, &policy), left, "lenient {lenient}");
            assert_eq!(limiter.unsettled(), 0);
            ruling.failed();
            drop(settlement);
            assert_eq!(remaining(&limiter, &policy), left, "lenient {lenient}");
        }
    }
}

#[test]
fn an_answer_after_its_time_settles_as_if_it_had_not_come() {
    let settle = Settle::failed().within(Duration::from_secs(1));
    let daily = Rule::new("3/d".parse().unwrap()).algorithm(Algorithm::Fixed);
    let ((limiter, clock), policy) = (limiter(), policy_of(daily, settle));
    let ruling = enter(&limiter, &policy);
    clock.advance(Duration::from_secs(2));
    answered(ruling, 200);
    assert_eq!(remaining(&limiter, &policy), 2);
}

#[test]
fn nothing_is_given_back_into_a_later_window() {
    let fixed = Rule::new(Quota::per_minute(3)).algorithm(Algorithm::Fixed);
    let ((limiter, clock), policy) = (limiter(), policy_of(fixed, Settle::failed()));
    let early = enter(&limiter, &policy);
    clock.advance(Duration::from_secs(60));
    enter(&limiter, &policy).failed();
    early.succeeded();
    assert_eq!(remaining(&limiter, &policy), 2);
}

#[test]
fn keys_are_under_way_apart() {
    let rule = Rule::new(Quota::per_minute(3)).settle(Settle::failed().lenient(1));
    let ((limiter, _), policy) = (limiter(), Policy::new("p", [rule]).unwrap());
    let enter = |key: &str| match limiter.decide_key(&policy, &Key::from(key), 1) {
        Reply::Now(ruling) => ruling,
        Reply::Later(_) => panic!("memory answers at once"),
    };
    let one = enter("one");
    assert!(one.decision.is_allowed() && !enter("one").decision.is_allowed());
    assert!(enter("other").decision.is_allowed());
    one.succeeded();
    assert!(enter("one").decision.is_allowed());
}

#[test]
fn asking_without_taking_settles_nothing_and_a_check_counts_since_nobody_settles_it() {
    for settle in [Settle::failed(), Settle::failed().lenient(4)] {
        let ((limiter, _), policy) = (limiter(), policy(settle));
        assert!(limiter.peek(&policy, &Key::everyone(), 1).is_allowed());
        assert_eq!(remaining(&limiter, &policy), 3);
        assert!(limiter.check(&policy, &Key::everyone()).is_allowed());
        assert_eq!(remaining(&limiter, &policy), 2);
    }
}

#[test]
fn a_store_that_answers_later_and_its_stand_in_settle_alike() {
    for settle in [Settle::failed(), Settle::failed().lenient(4)] {
        let store = FailingStore::new(MemoryStore::new());
        let switch = store.switch();
        let limiter = Limiter::builder().store(store).clock(ManualClock::new()).build();
        let policy = policy(settle);
        switch.answer_later(true);
        let ask = || match limiter.decide_key(&policy, &Key::everyone(), 1) {
            Reply::Now(_) => panic!("this store answers later"),
            Reply::Later(ruling) => finished(ruling),
        };
        ask().succeeded();
        ask().failed();
        let ruling = ask();
        assert!(ruling.decision.is_allowed());
        switch.fail(Failure::Unavailable);
        for allowed in [true, true, true, false] {
            let ruling = ask();
            assert_eq!(ruling.decision.is_allowed(), allowed);
            assert!(ruling.decision.is_degraded());
            ruling.failed();
        }
        switch.recover();
        ruling.failed();
        assert!(ask().decision.is_allowed());
        assert!(!ask().decision.is_allowed());
        assert_eq!(limiter.unsettled(), 0);
    }
}

/// Runs a future that wakes itself.
fn finished<T>(mut future: std::pin::Pin<Box<dyn Future<Output = T> + Send>>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

#[test]
fn an_abandoned_question_leaves_its_place() {
    let store = FailingStore::new(MemoryStore::new());
    store.switch().answer_later(true);
    let limiter = Limiter::builder().store(store).build();
    let policy = policy(Settle::failed().lenient(1));
    let Reply::Later(question) = limiter.decide_key(&policy, &Key::everyone(), 1) else { panic!("it answers later") };
    assert_eq!(limiter.unsettled(), 1);
    drop(question);
    assert_eq!(limiter.unsettled(), 0);
}

#[test]
fn rules_that_cannot_settle_make_no_policy() {
    let made = |rule: Rule| Policy::new("p", [rule.key(Global).settle(Settle::failed())]);
    let slots = made(Rule::concurrent(3)).unwrap_err();
    assert!(slots.to_string().contains("a slot is free when its request ends"), "{slots}");
    let penalty = made(Rule::new(Quota::per_minute(3)).penalty()).unwrap_err();
    assert!(matches!(penalty, PolicyError::Quota { .. }), "{penalty}");
    assert!(penalty.to_string().contains("leave `penalty` out"), "{penalty}");
}
