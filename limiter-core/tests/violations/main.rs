//! Violations are counted, bounded, written and never lost unseen: by recorded vectors and by promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod observing;
mod outages;
mod promises;
mod sinks;
mod vectors;

use std::time::Duration;

use limiter_core::event::violation::{MemorySink, TrackerBuilder, ViolationTracker};

/// A tracker that writes on the stroke of a minute and keeps its troubles to itself.
fn quiet(instance: &str) -> TrackerBuilder {
    ViolationTracker::builder(instance).without_jitter().on_trouble(|_| {})
}

/// The same, started with a sink in memory.
fn started() -> (ViolationTracker, MemorySink) {
    let sink = MemorySink::new();
    (quiet("gw").start(sink.clone()).unwrap(), sink)
}

/// Lets paused time pass, second by second, so that every timer on the way fires in its turn.
async fn pass(time: Duration) {
    let mut left = time;
    tokio::task::yield_now().await;
    while !left.is_zero() {
        let step = left.min(Duration::from_secs(1));
        tokio::time::advance(step).await;
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        left -= step;
    }
}

fn written(sink: &MemorySink) -> u64 {
    sink.rows().iter().map(|row| row.total()).sum()
}
