//! What the violation tracker adds to a refusal: to one whose rule and client it knows, and to one for
//! which it has no room.

use std::hint::black_box;

use benches::rivals::ours;
use criterion::{Criterion, criterion_group, criterion_main};
use limiter_core::event::violation::{NoSink, ViolationTracker};
use limiter_core::{Key, Limiter, Policy, Rule};

fn tracker(criterion: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let _inside = runtime.enter();
    let Ok(tracker) = ViolationTracker::builder("bench").cap(1000).start(NoSink) else { return };
    let key = Key::from(std::net::IpAddr::from([192, 0, 2, 7]));

    let group = &mut criterion.benchmark_group("tracker");
    tracker.record("login", &key);
    group.bench_function("known-pair", |bencher| bencher.iter(|| tracker.record("login", black_box(&key))));
    for (name, limiter) in [
        ("refusal-without", Limiter::in_memory()),
        ("refusal-with", Limiter::builder().observer(tracker.clone()).build()),
    ] {
        let Ok(policy) = Policy::new("login", [Rule::new(ours(true))]) else { return };
        let _ = limiter.check(&policy, &key);
        group.bench_function(name, |bencher| bencher.iter(|| limiter.check(&policy, black_box(&key))));
    }
    let keys: Vec<Key> = (0..100_000u64).map(Key::from).collect();
    let mut each = keys.iter().cycle();
    group.bench_function("no-room", |bencher| {
        bencher.iter(|| each.next().map(|key| tracker.record("login", black_box(key))));
    });
}

criterion_group!(benches, tracker);
criterion_main!(benches);
