//! Limiters by aligned windows and by the last so many seconds.

use limiter_core::Limiter;
use limiter_core::store::contract::block_on;
use serde_json::Value;

use crate::cases::{Timeline, load, millis};
use crate::memory::InMemory;
use crate::windows::{Kind, play};

fn run(file: &Value, case: &Value, kind: Kind) -> usize {
    let (mut time, case) = (Timeline::new(millis(&file["base_ms"])), case.clone());
    let venue = InMemory(Limiter::builder().clock(time.clock.clone()).build());
    block_on(Box::pin(async move { play(&case, kind, &venue, &mut time).await }))
}

#[test]
fn aligned_windows_come_out_as_recorded_and_lengths_are_counted_apart() {
    let (file, cases) = load(include_str!("../../../tests/vectors/dramatiq_bucket.json"));
    let steps: usize = cases.iter().map(|case| run(&file, case, Kind::Bucket)).sum();
    assert_eq!((cases.len(), steps), BUCKETS);
}

#[test]
fn windows_are_exact_where_whole_seconds_were_recorded() {
    let (file, cases) = load(include_str!("../../../tests/vectors/dramatiq_window.json"));
    let steps: usize = cases.iter().map(|case| run(&file, case, Kind::Window)).sum();
    assert_eq!((cases.len(), steps), WINDOWS);
}

/// Cases and steps.
const BUCKETS: (usize, usize) = (10, 129);
const WINDOWS: (usize, usize) = (10, 135);
