//! Rules in shadow: counted and told as if they were enforced, and never enforced.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use limiter_core::event::Event;
use limiter_core::event::violation::{MemorySink, ViolationTracker};
use limiter_core::key::{Global, Key};
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, Failure, ManualClock};
use limiter_core::{Algorithm, Enforcement, Limiter, Observer, OnStoreError, Outcome, Policy, Reply, Rule};
use proptest::prelude::*;

fn rule(quota: &str) -> Rule {
    Rule::new(quota.parse().unwrap()).key(Global)
}

fn policy(rules: impl IntoIterator<Item = Rule>) -> Policy {
    Policy::new("p", rules).unwrap()
}

fn limiter(clock: &ManualClock, whom: Enforcement) -> Limiter {
    Limiter::builder().clock(clock.clone()).enforce(whom).build()
}

fn rules() -> impl Strategy<Value = Vec<(Algorithm, u32, u32)>> {
    const ALGORITHMS: [Algorithm; 5] =
        [Algorithm::Bucket, Algorithm::Interval, Algorithm::Fixed, Algorithm::Sliding, Algorithm::Log];
    prop::collection::vec((prop::sample::select(&ALGORITHMS[..]), 1u32..6, 1u32..4), 1..4)
}

proptest! {
    #[test]
    fn a_trace_in_shadow_has_the_refusals_that_it_has_when_enforced_and_enforces_none(
        rules in rules(),
        calls in prop::collection::vec((0u64..900, 0u64..3, 1u64..4), 1..80),
    ) {
        let clock = ManualClock::new();
        let (enforcing, watching) = (limiter(&clock, Enforcement::FULL), limiter(&clock, Enforcement::SHADOW));
        let made = |(algorithm, count, seconds): &(Algorithm, u32, u32)| {
            rule(&format!("{count}/{seconds}s")).algorithm(*algorithm)
        };
        let policy = policy(rules.iter().map(made));
        for (at, (pause, client, cost)) in calls.into_iter().enumerate() {
            clock.advance(Duration::from_millis(pause));
            let key = Key::from(client);
            let enforced = enforcing.check_cost(&policy, &key, cost);
            let watched = watching.check_cost(&policy, &key, cost);
            prop_assert!(watched.is_allowed());
            prop_assert_eq!(enforced.is_allowed(), !watched.usages().iter().any(|usage| usage.would_refuse()), "{}", at);
            for (one, other) in enforced.usages().iter().zip(watched.usages()) {
                prop_assert_eq!(one.outcome(), other.outcome(), "call {}", at);
                prop_assert_eq!(one.remaining(), other.remaining(), "call {}", at);
                prop_assert!(other.is_shadow() && !other.is_violated());
            }
        }
    }
}

#[test]
fn switching_back_and_forth_loses_no_state() {
    let clock = ManualClock::new();
    let limiter = limiter(&clock, Enforcement::FULL);
    for rules in [vec![rule("4/h")], vec![rule("4/h").named("a"), rule("5/h").named("b")]] {
        let policy = policy(rules);
        let key = Key::everyone();
        let remaining = || limiter.peek(&policy, &key, 0).usages()[0].remaining();
        assert!(limiter.check(&policy, &key).is_allowed());
        limiter.enforce(Enforcement::SHADOW);
        assert!(limiter.check(&policy, &key).is_allowed());
        assert_eq!(remaining(), 2);
        limiter.enforce(Enforcement::FULL);
        assert!(limiter.check(&policy, &key).is_allowed());
        assert!(limiter.check(&policy, &key).is_allowed());
        assert!(!limiter.check(&policy, &key).is_allowed());
        limiter.enforce(Enforcement::SHADOW);
        assert!(limiter.check(&policy, &key).is_allowed() && limiter.peek(&policy, &key, 1).is_allowed());
        limiter.enforce(Enforcement::FULL);
        assert!(!limiter.check(&policy, &key).is_allowed() && !limiter.peek(&policy, &key, 1).is_allowed());
    }
}

#[test]
fn a_rule_in_shadow_stands_beside_one_that_is_enforced_and_takes_nothing_from_it() {
    let limiter = Limiter::in_memory();
    let policy = policy([rule("3/h").named("now"), rule("1/h").named("later").shadow()]);
    let key = Key::everyone();
    for expected in [Outcome::Allowed, Outcome::Spent, Outcome::Spent] {
        let decision = limiter.check(&policy, &key);
        assert!(decision.is_allowed());
        assert_eq!(decision.usages()[1].outcome(), expected);
        assert_eq!(decision.retry_after(), None);
    }
    let refused = limiter.check(&policy, &key);
    assert!(!refused.is_allowed());
    assert_eq!(refused.violated().map(|usage| usage.name()).collect::<Vec<_>>(), ["now"]);
    limiter.enforce_rule("later", Some(Enforcement::FULL));
    assert_eq!(limiter.check(&policy, &key).violated().count(), 2);
    limiter.enforce_rule("now", Some(Enforcement::SHADOW));
    limiter.enforce_rule("later", None);
    assert!(limiter.check(&policy, &key).is_allowed());
    assert_eq!(limiter.enforcement(), Enforcement::FULL);
}

#[test]
fn a_share_is_of_the_same_keys_everywhere_and_grows() {
    let included = |percent, rule: &str| {
        let all = (0..20_000u64).filter(move |n| Enforcement::percent(percent).includes(rule, &Key::from(*n)));
        all.collect::<Vec<u64>>()
    };
    let (ten, twenty) = (included(10, "login"), included(20, "login"));
    assert!((1800..2200).contains(&ten.len()), "{}", ten.len());
    assert!((3700..4300).contains(&twenty.len()), "{}", twenty.len());
    assert!(ten.iter().all(|key| twenty.contains(key)));
    // Told once and for all: a fleet has to agree, and so do releases.
    assert_eq!(ten[..5], [1, 9, 15, 16, 22]);
    assert_ne!(ten, included(10, "search"));
    assert_eq!((included(0, "r").len(), included(100, "r").len()), (0, 20_000));
}

#[test]
fn a_share_of_keys_is_refused_and_the_rest_is_told() {
    let limiter = Limiter::builder().enforce_rule("p", Enforcement::percent(30)).build();
    let policy = policy([rule("1/h")]);
    let mut refused = 0;
    for client in 0..1000u64 {
        let key = Key::from(client);
        assert!(limiter.check(&policy, &key).is_allowed());
        let second = limiter.check(&policy, &key);
        let usage = &second.usages()[0];
        assert_eq!(usage.outcome(), Outcome::Spent);
        assert_eq!(second.is_allowed(), usage.would_refuse());
        assert_eq!(second.is_allowed(), !Enforcement::percent(30).includes("p", &key));
        refused += u32::from(!second.is_allowed());
    }
    assert!((230..370).contains(&refused), "{refused}");
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(bool, usize)>>>);

impl Observer for Told {
    fn on_allow(&self, event: &Event<'_>) {
        let would = event.decision.usages().iter().filter(|usage| usage.would_refuse()).count();
        self.0.lock().unwrap().push((true, would));
    }

    fn on_deny(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push((false, event.decision.violated().count()));
    }
}

#[tokio::test]
async fn would_be_refusals_are_told_and_recorded_apart() {
    let (sink, told) = (MemorySink::new(), Told::default());
    let tracker = ViolationTracker::builder("gw").start(sink.clone()).unwrap();
    let limiter = Limiter::builder().observer(tracker.clone()).observer(told.clone()).build();
    let policy = policy([rule("2/h").named("now"), rule("1/h").named("later").shadow()]);
    for _ in 0..4 {
        let _ = limiter.check(&policy, &Key::from("mallory"));
    }
    assert_eq!(*told.0.lock().unwrap(), [(true, 0), (true, 1), (false, 1), (false, 1)]);
    assert_eq!(tracker.shutdown().await.lost, 0);
    assert_eq!(sink.rows()[0].details().to_string(), r#"{"mallory:later (shadow)":3,"mallory:now":2}"#);
}

#[test]
fn without_a_store_a_rule_in_shadow_does_not_close() {
    let store = FailingStore::new(MemoryStore::new());
    let switch = store.switch();
    let limiter = Limiter::builder().store(store).build();
    let closed = rule("1/h").on_store_error(OnStoreError::Closed);
    let policies = [policy([closed.clone().shadow()]), policy([closed])];
    switch.fail(Failure::Unavailable);
    let allowed = policies.map(|policy| limiter.check(&policy, &Key::everyone()).is_allowed());
    assert_eq!(allowed, [true, false]);
}

#[test]
fn what_is_refunded_is_what_was_charged() {
    let limiter = Limiter::in_memory();
    let policy = policy([rule("9/h").named("now"), rule("1/h").named("later").shadow()]);
    let key = Key::everyone();
    let remaining =
        || limiter.peek(&policy, &key, 0).usages().iter().map(|usage| usage.remaining()).collect::<Vec<_>>();
    let Reply::Now(first) = limiter.decide_key(&policy, &key, 1) else { panic!("an answer at once") };
    let Reply::Now(second) = limiter.decide_key(&policy, &key, 1) else { panic!("an answer at once") };
    assert_eq!(remaining(), [7, 0]);
    limiter.refund(second.receipt);
    assert_eq!(remaining(), [8, 0]);
    limiter.refund(first.receipt);
    assert_eq!(remaining(), [9, 1]);
}

#[test]
fn whom_to_enforce_for_reads_as_it_is_written() {
    for (text, whom) in [("on", Enforcement::FULL), ("off", Enforcement::SHADOW), (" shadow ", Enforcement::SHADOW)] {
        assert_eq!(text.parse(), Ok(whom));
    }
    for percent in 0..=100 {
        let whom = Enforcement::percent(percent);
        assert_eq!(whom.to_string().parse(), Ok(whom));
    }
    for text in ["", "101%", "-1%", "maybe", "10", "1.5%"] {
        let error = text.parse::<Enforcement>().unwrap_err().to_string();
        assert!(error.contains(&format!("`{text}`")) && error.contains("0% to 100%"), "{error}");
    }
}
