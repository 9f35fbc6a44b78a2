//! Events that reach a subscriber: what they say, and how few they are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use limiter_core::event::tracing::TraceEvents;
use limiter_core::event::violation::{TracingSink, ViolationTracker};
use limiter_core::key::{Global, Key};
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, Failure, ManualClock};
use limiter_core::{Limiter, Policy, Rule, Warning};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps events as lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Lines {
    /// What is told while `run` runs.
    fn of(run: impl FnOnce()) -> Vec<String> {
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.clone(), run);
        let all = lines.0.lock().unwrap();
        all.clone()
    }
}

fn policy(name: &str) -> Policy {
    Policy::new(name, [Rule::new("1/min".parse().unwrap()).key(Global)]).unwrap()
}

#[test]
fn a_refusal_says_what_whom_and_how_long_and_names_clients_only_when_asked_to() {
    let key = Key::from(IpAddr::from([192, 0, 2, 7]));
    for (trace, named) in [(TraceEvents::new(), false), (TraceEvents::new().with_clients(), true)] {
        let lines = Lines::of(|| {
            let limiter = Limiter::builder().observer(trace).build();
            let policy = policy("login");
            assert!(limiter.check(&policy, &key).is_allowed());
            assert!(!limiter.check(&policy, &key).is_allowed());
        });
        assert_eq!(lines.len(), 1, "{lines:#?}");
        for part in ["INFO limiter", "rule=\"login\"", "outcome=Spent", "key=Key(ip)", "retry_after_ms=59"] {
            assert!(lines[0].contains(part), "{part} in {}", lines[0]);
        }
        assert_eq!(lines[0].contains("192.0.2.7"), named, "{}", lines[0]);
    }
}

#[test]
fn an_attack_does_not_fill_the_disk_and_hides_no_other_rule() {
    let clock = ManualClock::new();
    let lines = Lines::of(|| {
        let trace = TraceEvents::new().at_most(3, Duration::from_secs(10)).clock(clock.clone());
        let limiter = Limiter::builder().observer(trace).clock(clock.clone()).build();
        let (attacked, other) = (policy("attacked"), policy("other"));
        for _ in 0..1001 {
            let _ = limiter.check(&attacked, &Key::everyone());
        }
        let _ = limiter.check(&other, &Key::everyone());
        let _ = limiter.check(&other, &Key::everyone());
        clock.advance(Duration::from_secs(10));
        let _ = limiter.check(&attacked, &Key::everyone());
    });
    let of = |rule: &str| lines.iter().filter(|line| line.contains(&format!("rule=\"{rule}\""))).count();
    assert_eq!((of("attacked"), of("other")), (4, 1), "{lines:#?}");
    assert!(lines.last().unwrap().contains("left_out=997"), "{lines:#?}");
}

#[test]
fn store_failures_and_warnings_are_told_as_such() {
    let lines = Lines::of(|| {
        let store = FailingStore::new(MemoryStore::new());
        let switch = store.switch();
        let limiter = Limiter::builder().store(store).observer(TraceEvents::new()).build();
        switch.fail(Failure::Unavailable);
        let _ = limiter.check(&policy("p"), &Key::everyone());
        limiter.warn(Warning::NoPeer);
    });
    assert!(
        lines.iter().any(|line| line.starts_with("WARN") && line.contains("the store is not available")),
        "{lines:#?}"
    );
    assert!(lines.iter().any(|line| line.starts_with("WARN") && line.contains("code=\"L001\"")), "{lines:#?}");
}

#[test]
fn rows_of_violations_are_events() {
    let lines = Lines::of(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let tracker = ViolationTracker::builder("gw").start(TracingSink::new()).unwrap();
            tracker.record_many("login", &Key::from("mallory"), 4);
            assert_eq!(tracker.shutdown().await.written, 4);
        });
    });
    assert!(lines[0].contains("limiter::violations") && lines[0].contains("{\"mallory:login\":4}"), "{lines:#?}");
}
