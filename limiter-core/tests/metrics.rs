//! Numbers that reach a recorder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use limiter_core::algorithm::Params;
use limiter_core::event::metrics::{Metrics, Timed, sample, sample_tracker};
use limiter_core::event::violation::{MemorySink, ViolationTracker};
use limiter_core::key::{Global, Key};
use limiter_core::queue::Queue;
use limiter_core::settle::Settle;
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Answer, Capabilities, Operation, StandIn, Store, StoreError, Subject};
use limiter_core::testing::{FailingStore, Failure};
use limiter_core::time::TokioClock;
use limiter_core::{AtCeiling, Limiter, OnStoreError, Policy, Reply, Rule, Wait, Warning};
use metrics::with_local_recorder;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::time::timeout;

/// What a recorder has, by name and labels; of histograms, how many values.
fn numbers(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let value = |value| match value {
        DebugValue::Counter(count) => count as f64,
        DebugValue::Gauge(level) => level.into_inner(),
        DebugValue::Histogram(values) => values.len() as f64,
    };
    let each = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, found)| {
        let labels: Vec<_> = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        (format!("{}{{{}}}", key.key().name(), labels.join(",")), value(found))
    });
    each.collect()
}

fn recorder() -> (DebuggingRecorder, Snapshotter) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    (recorder, snapshotter)
}

fn rule(quota: &str) -> Rule {
    Rule::new(quota.parse().unwrap()).key(Global)
}

#[test]
fn each_rule_and_each_outcome_is_counted() {
    let (recorder, snapshotter) = recorder();
    with_local_recorder(&recorder, || {
        let limiter = Limiter::builder().observer(Metrics::new()).build();
        let policy = Policy::new("p", [rule("5/min").named("five"), rule("9/min").named("nine")]).unwrap();
        for _ in 0..7 {
            let _ = limiter.check(&policy, &Key::everyone());
        }
        let _ = limiter.check_cost(&policy, &Key::everyone(), 6);
        limiter.warn(Warning::NoPeer);
    });
    let numbers = numbers(&snapshotter);
    for (name, expected) in [
        ("limiter_requests_total{outcome=allowed,source=store}", 5.0),
        ("limiter_requests_total{outcome=denied,source=store}", 3.0),
        ("limiter_decisions_total{rule=five,outcome=allowed}", 5.0),
        ("limiter_decisions_total{rule=five,outcome=spent}", 2.0),
        ("limiter_decisions_total{rule=five,outcome=never_fits}", 1.0),
        ("limiter_decisions_total{rule=nine,outcome=allowed}", 5.0),
        ("limiter_decisions_total{rule=nine,outcome=spent}", 1.0),
        ("limiter_remaining_ratio{rule=five}", 5.0),
        ("limiter_near_limit_total{rule=five}", 2.0),
        ("limiter_near_limit_total{rule=nine}", 0.0),
        ("limiter_retry_after_seconds{rule=five}", 2.0),
        ("limiter_warnings_total{code=L001}", 1.0),
    ] {
        assert_eq!(numbers.get(name), Some(&expected), "{name} in {numbers:#?}");
    }
}

#[test]
fn a_failing_store_shows() {
    let (recorder, snapshotter) = recorder();
    with_local_recorder(&recorder, || {
        let store = FailingStore::new(MemoryStore::new());
        let switch = store.switch();
        let limiter = Limiter::builder().store(Timed::new(store)).observer(Metrics::new()).build();
        let local = Policy::new("local", [rule("5/min")]).unwrap();
        let closed = Policy::new("closed", [rule("5/min").on_store_error(OnStoreError::Closed)]).unwrap();
        let _ = limiter.check(&local, &Key::everyone());
        switch.play([Some(Failure::Unavailable), Some(Failure::Timeout)]);
        let _ = limiter.check(&local, &Key::everyone());
        let _ = limiter.check(&closed, &Key::everyone());
    });
    let numbers = numbers(&snapshotter);
    for (name, expected) in [
        ("limiter_store_seconds{operation=decide}", 3.0),
        ("limiter_store_failures_total{kind=unavailable}", 1.0),
        ("limiter_store_failures_total{kind=timeout}", 1.0),
        ("limiter_degraded_total{}", 2.0),
        ("limiter_requests_total{outcome=allowed,source=local}", 1.0),
        ("limiter_requests_total{outcome=denied,source=closed}", 1.0),
        ("limiter_decisions_total{rule=closed,outcome=store_failed}", 1.0),
    ] {
        assert_eq!(numbers.get(name), Some(&expected), "{name} in {numbers:#?}");
    }
}

#[test]
fn a_flood_of_keys_adds_no_labels_and_shows_in_the_samples() {
    let (recorder, snapshotter) = recorder();
    with_local_recorder(&recorder, || {
        let limiter = Limiter::builder().memory(MemoryStore::with_ceiling(50)).observer(Metrics::new()).build();
        let policy = Policy::new("p", [Rule::new("1/h".parse().unwrap()).at_ceiling(AtCeiling::Evict)]).unwrap();
        for client in 0..1000u64 {
            let _ = limiter.check(&policy, &Key::from(client));
        }
        sample(&limiter);
    });
    let numbers = numbers(&snapshotter);
    assert!(numbers.len() < 30, "{numbers:#?}");
    assert_eq!(numbers["limiter_keys{}"], 50.0);
    assert_eq!(numbers["limiter_evicted_total{}"], 950.0);
}

#[tokio::test]
async fn a_tracker_and_its_sink_show() {
    let sink = MemorySink::new();
    let tracker = ViolationTracker::builder("gw").on_trouble(|_| {}).start(sink.clone()).unwrap();
    tracker.record_many("r", &Key::from("a"), 3);
    assert!(tracker.flush().await);
    sink.down();
    tracker.record_many("r", &Key::from("b"), 4);
    assert!(!tracker.flush().await);
    let (recorder, snapshotter) = recorder();
    with_local_recorder(&recorder, || sample_tracker(&tracker));
    let numbers = numbers(&snapshotter);
    for (name, expected) in [
        ("written_total", 3.0),
        ("pending", 4.0),
        ("pending_pairs", 1.0),
        ("sink_up", 0.0),
        ("flush_failures_total", 1.0),
    ] {
        assert_eq!(numbers[&format!("limiter_violations_{name}{{}}")], expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_in_shadow_for_those_under_way_and_behind_those_who_wait_is_told_apart() {
    let (recorder, snapshotter) = recorder();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let limiter = Limiter::builder().clock(TokioClock::new()).observer(Metrics::new()).build();
    let ask = |policy: &Policy| {
        let reply = limiter.decide_key(policy, &Key::everyone(), 1);
        async move {
            match reply {
                Reply::Now(ruling) => ruling,
                Reply::Later(ruling) => ruling.await,
            }
        }
    };
    let shadow = Policy::new("p", [rule("1/h").named("quiet").shadow(), rule("2/h").named("loud")]).unwrap();
    for _ in 0..3 {
        let _ = limiter.check(&shadow, &Key::everyone());
    }
    let open = Policy::new("p", [rule("5/h").named("open").settle(Settle::failed().lenient(1))]).unwrap();
    let under_way = ask(&open).await;
    assert!(!ask(&open).await.decision.is_allowed());
    let second = Duration::from_secs(1);
    let slot = Rule::concurrent(1).key(Global).named("slot").queue(Queue::new(1, second));
    let slot = Policy::new("p", [slot]).unwrap();
    let held = ask(&slot).await;
    let mut first = pin!(ask(&slot));
    assert!(timeout(Duration::from_millis(10), &mut first).await.is_err());
    sample(&limiter);
    drop(held);
    assert!(!ask(&slot).await.decision.is_allowed());
    assert!(first.await.decision.is_allowed());
    drop(under_way);
    let numbers = numbers(&snapshotter);
    for (name, expected) in [
        ("limiter_decisions_total{rule=quiet,outcome=allowed}", 1.0),
        ("limiter_decisions_total{rule=quiet,outcome=shadow_denied}", 2.0),
        ("limiter_decisions_total{rule=quiet,outcome=queued}", 0.0),
        ("limiter_decisions_total{rule=loud,outcome=spent}", 1.0),
        ("limiter_decisions_total{rule=open,outcome=in_flight}", 1.0),
        ("limiter_decisions_total{rule=slot,outcome=queued}", 1.0),
        ("limiter_decisions_total{rule=slot,outcome=shadow_denied}", 0.0),
        ("limiter_wait_seconds{outcome=allowed}", 1.0),
        // As they were while one waited.
        ("limiter_waiting{}", 1.0),
        ("limiter_unsettled{}", 1.0),
    ] {
        assert_eq!(numbers.get(name), Some(&expected), "{name} in {numbers:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_permit_shows_in_the_wait_and_whoever_gets_it_at_once_does_not() {
    let (recorder, snapshotter) = recorder();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let limiter = Limiter::builder().clock(TokioClock::new()).observer(Metrics::new()).build();
    let policy = Policy::new("p", [rule("1/s burst 1")]).unwrap();
    let patience = Wait::up_to(Duration::from_millis(1500)).queue(1);
    assert!(limiter.acquire(&policy, &Key::everyone(), patience).await.unwrap().waited().is_zero());
    assert_eq!(numbers(&snapshotter).get("limiter_wait_seconds{outcome=allowed}"), None);
    let waited = limiter.acquire(&policy, &Key::everyone(), patience).await.unwrap();
    assert_eq!(waited.waited(), Duration::from_secs(1));
    let slots = Policy::new("p", [Rule::concurrent(1).key(Global)]).unwrap();
    let _held = limiter.try_acquire(&slots, &Key::everyone()).unwrap();
    assert!(limiter.acquire(&slots, &Key::everyone(), patience).await.is_err());
    let numbers = numbers(&snapshotter);
    assert_eq!(numbers["limiter_wait_seconds{outcome=allowed}"], 1.0, "{numbers:#?}");
    assert_eq!(numbers["limiter_wait_seconds{outcome=denied}"], 1.0, "{numbers:#?}");
}

/// A store on a network, as far as those can see who do not ask it to decide.
#[derive(Debug)]
struct Shared {
    decides: MemoryStore,
    stand_in: Arc<StandIn>,
}

impl Shared {
    fn new() -> Self {
        Shared { decides: MemoryStore::new(), stand_in: Arc::new(StandIn::one_of(4)) }
    }
}

impl Store for Shared {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        self.decides.submit(operation)
    }

    fn capabilities(&self) -> Capabilities {
        self.decides.capabilities()
    }

    fn shard_of(&self, subject: &Subject, params: &Params) -> usize {
        usize::from(*subject == Subject::Local(7)) + usize::from(params.capacity() == 3)
    }

    fn stand_in(&self) -> Arc<StandIn> {
        Arc::clone(&self.stand_in)
    }

    fn totals(&self) -> Vec<(&'static str, u64)> {
        vec![("timeouts", 5)]
    }
}

#[test]
fn what_stands_around_a_store_hides_nothing_of_it() {
    let store = Shared::new();
    let stand_in = Arc::clone(&store.stand_in);
    let around = Timed::new(FailingStore::new(store));
    assert!(Arc::ptr_eq(&around.stand_in(), &stand_in));
    assert_eq!(around.shard_of(&Subject::Local(7), &Params::concurrent(3)), 2);
    assert_eq!(around.totals(), [("timeouts", 5)]);
}

#[test]
fn a_timed_store_that_fails_has_this_process_decide_about_its_share_alone() {
    let failing = FailingStore::new(Shared::new());
    let switch = failing.switch();
    let limiter = Limiter::builder().store(Timed::new(failing)).build();
    switch.fail(Failure::Unavailable);
    let policy = Policy::new("p", [rule("8/h")]).unwrap();
    let passed = (0..20).filter(|_| limiter.check(&policy, &Key::everyone()).is_allowed()).count();
    assert_eq!(passed, 2);
}

#[test]
fn what_a_store_counts_of_itself_shows_and_so_does_a_key_that_is_not_ours() {
    let (recorder, snapshotter) = recorder();
    with_local_recorder(&recorder, || {
        let failing = FailingStore::new(Shared::new());
        let switch = failing.switch();
        let limiter = Limiter::builder().store(Timed::new(failing)).observer(Metrics::new()).build();
        switch.fail(Failure::Foreign);
        let _ = limiter.check(&Policy::new("p", [rule("8/h")]).unwrap(), &Key::everyone());
        sample(&limiter);
    });
    let numbers = numbers(&snapshotter);
    assert_eq!(numbers["limiter_store_events_total{event=timeouts}"], 5.0, "{numbers:#?}");
    assert_eq!(numbers["limiter_store_failures_total{kind=foreign}"], 1.0, "{numbers:#?}");
}
