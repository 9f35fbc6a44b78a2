//! A limiter tells, the tracker counts.

use limiter_core::event::violation::MemorySink;
use limiter_core::event::{Event, Observers};
use limiter_core::key::{Global, Key};
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, Failure};
use limiter_core::{Limiter, Observer, OnStoreError, Policy, Rule, Warning};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{quiet, started};

#[derive(Clone, Default)]
struct Tally(Arc<[AtomicU64; 3]>);

impl Tally {
    fn seen(&self) -> [u64; 3] {
        [0, 1, 2].map(|at: usize| self.0[at].load(Ordering::Relaxed))
    }
}

impl Observer for Tally {
    fn on_allow(&self, _: &Event<'_>) {
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }

    fn on_deny(&self, event: &Event<'_>) {
        assert_eq!(event.decision.usages().len(), event.keys.len());
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }

    fn on_warning(&self, _: &Warning) {
        self.0[2].fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn every_rule_that_refuses_is_counted_and_others_are_not() {
    let (tracker, sink) = started();
    let limiter = Limiter::builder().observer(tracker.clone()).build();
    let rules = ["1/min", "2/min", "9/min"]
        .map(|quota| Rule::new(quota.parse().unwrap()).key(Global).named(format!("r{}", &quota[..1])));
    let policy = Policy::new("p", rules).unwrap();
    let key = Key::from("mallory");
    assert!(limiter.check(&policy, &key).is_allowed());
    assert!(!limiter.check_cost(&policy, &key, 2).is_allowed());
    assert!(!limiter.check_cost(&policy, &key, 2).is_allowed());
    assert!(!limiter.check(&policy, &key).is_allowed());
    assert!(tracker.flush().await);
    assert_eq!(sink.rows()[0].details().to_string(), r#"{"mallory:r1":3,"mallory:r2":2}"#);
}

#[tokio::test]
async fn a_refusal_for_want_of_a_store_is_nobodys_violation() {
    let (tracker, tally) = (quiet("gw").start(MemorySink::new()).unwrap(), Tally::default());
    let store = FailingStore::new(MemoryStore::new());
    let switch = store.switch();
    let limiter = Limiter::builder().store(store).observer(tracker.clone()).observer(tally.clone()).build();
    let closed = Rule::new("1/min".parse().unwrap()).key(Global).on_store_error(OnStoreError::Closed);
    let policy = Policy::new("p", [Rule::new("5/min".parse().unwrap()).key(Global), closed]).unwrap();
    switch.fail(Failure::Unavailable);
    assert!(!limiter.check(&policy, &Key::everyone()).is_allowed());
    assert_eq!(tracker.stats().pending, 0);
    assert_eq!(tally.seen(), [0, 1, 0]);
}

#[test]
fn several_observers_are_all_told() {
    let [one, two, three] = [(); 3].map(|()| Tally::default());
    let both = Observers::new().and(two.clone()).and(three.clone());
    let limiter = Limiter::builder().observer(one.clone()).observer(both).build();
    let policy = Policy::new("p", [Rule::new("1/min".parse().unwrap()).key(Global)]).unwrap();
    for _ in 0..3 {
        let _ = limiter.check(&policy, &Key::everyone());
    }
    limiter.warn(Warning::NoPeer);
    for tally in [one, two, three] {
        assert_eq!(tally.seen(), [1, 2, 1]);
    }
}
