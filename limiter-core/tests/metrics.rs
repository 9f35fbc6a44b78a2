//! Numbers that reach a recorder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use limiter_core::event::metrics::{Metrics, Timed, sample, sample_tracker};
use limiter_core::event::violation::{MemorySink, ViolationTracker};
use limiter_core::key::{Global, Key};
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, Failure};
use limiter_core::{AtCeiling, Limiter, OnStoreError, Policy, Rule, Warning};
use metrics::with_local_recorder;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

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
    assert!(numbers.len() < 20, "{numbers:#?}");
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
