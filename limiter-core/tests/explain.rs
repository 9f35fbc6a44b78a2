//! Asking how a key stands, and acting on the answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use limiter_core::event::Event;
use limiter_core::key::Key;
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, Failure, ManualClock};
use limiter_core::{Enforcement, Limiter, LimiterBuilder, Observer, Policy, Reply, Rule};

fn policy() -> Policy {
    let rules = [Rule::new("2/min".parse().unwrap()).named("fast"), Rule::new("3/h".parse().unwrap()).named("slow")];
    Policy::new("p", rules).unwrap()
}

#[derive(Clone, Default)]
struct Tally(Arc<AtomicU64>);

impl Observer for Tally {
    fn on_allow(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn on_deny(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// In this process, and in a store that answers later as remote ones do.
fn builders() -> [LimiterBuilder; 2] {
    let later = FailingStore::new(MemoryStore::new());
    later.switch().answer_later(true);
    [Limiter::builder(), Limiter::builder().store(later)]
}

#[tokio::test]
async fn every_rule_is_explained_and_nothing_is_charged_or_told() {
    for builder in builders() {
        let (clock, tally) = (ManualClock::new(), Tally::default());
        let limiter = builder.clock(clock.clone()).observer(tally.clone()).build();
        let (policy, key) = (policy(), Key::from("mallory"));
        for _ in 0..2 {
            match limiter.decide_key(&policy, &key, 1) {
                Reply::Now(ruling) => ruling.receipt.keep(),
                Reply::Later(ruling) => ruling.await.receipt.keep(),
            }
        }
        clock.advance(Duration::from_secs(10));
        let mut found = Vec::new();
        for _ in 0..5 {
            found.push(match limiter.explain(&policy, &key).unwrap() {
                Reply::Now(found) => found.unwrap(),
                Reply::Later(found) => found.await.unwrap(),
            });
        }
        assert_eq!(tally.0.load(Ordering::Relaxed), 2);
        let explanation = found.pop().unwrap();
        assert!(!explanation.allowed);
        assert_eq!(
            explanation.to_string(),
            "p: would refuse\n  \
             fast by ip: refuses, 0 of 2 left, cost 1, passes in 20.0s, whole again in 50.0s\n  \
             slow by ip: allows, 1 of 3 left, cost 1, whole again in 2390.0s"
        );
        assert!(found.iter().all(|other| other.to_string() == explanation.to_string()));
    }
}

#[tokio::test]
async fn a_key_is_explained_and_reset_everywhere() {
    for builder in builders() {
        let limiter = builder.build();
        let policies = [policy(), Policy::new("q", [Rule::new("1/h".parse().unwrap())]).unwrap()];
        let (key, other) = (Key::from("mallory"), Key::from("alice"));
        for policy in &policies {
            for key in [&key, &other] {
                match limiter.decide_key(policy, key, 1) {
                    Reply::Now(ruling) => ruling.receipt.keep(),
                    Reply::Later(ruling) => ruling.await.receipt.keep(),
                }
            }
        }
        let left = |all: Vec<limiter_core::limiter::Explanation>| -> Vec<u64> {
            all.iter().flat_map(|one| &one.rules).map(|one| one.usage.remaining()).collect()
        };
        assert_eq!(left(limiter.explain_everywhere(&key).await.unwrap()), [1, 2, 0]);
        limiter.reset_everywhere(&key);
        assert_eq!(left(limiter.explain_everywhere(&key).await.unwrap()), [2, 3, 1]);
        assert_eq!(left(limiter.explain_everywhere(&other).await.unwrap()), [1, 2, 0]);
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_an_error_and_not_a_verdict() {
    let store = FailingStore::new(MemoryStore::new());
    let switch = store.switch();
    let limiter = Limiter::builder().store(store).build();
    limiter.prepare(&policy()).unwrap();
    switch.fail(Failure::Timeout);
    assert!(limiter.explain_everywhere(&Key::from(7u64)).await.unwrap_err().is_timeout());
}

#[test]
fn rules_are_listed_with_whom_they_are_enforced_for() {
    let limiter = Limiter::builder().enforce_rule("slow", Enforcement::percent(5)).build();
    assert!(limiter.rules().is_empty());
    limiter.prepare(&policy()).unwrap();
    let rules: Vec<String> = limiter
        .rules()
        .iter()
        .map(|rule| {
            format!(
                "{} {} {} {} by {} {}",
                rule.policy, rule.name, rule.algorithm, rule.limit, rule.key, rule.enforcement
            )
        })
        .collect();
    assert_eq!(rules, ["p fast bucket 2 by ip on", "p slow bucket 3 by ip 5%"]);
}
