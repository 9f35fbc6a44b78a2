//! Barriers, and the counters that limiters are made of.

use std::time::Duration;

use limiter_core::store::memory::{MemoryBarriers, MemoryCounters};
use limiter_core::time::TokioClock;
use tokio::runtime::{Builder, Runtime};

use crate::cases::load;
use crate::parties::{barrier_case, counter_case};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn barriers_come_out_as_recorded_and_missing_ones_are_told_apart() {
    let (_, cases) = load(include_str!("../../../tests/vectors/dramatiq_barrier.json"));
    let play =
        async |case| barrier_case(case, MemoryBarriers::with_clock(TokioClock::new(), 100), Duration::ZERO).await;
    let steps: usize = cases.iter().map(|case| runtime().block_on(play(case))).sum();
    assert_eq!((cases.len(), steps), BARRIERS);
}

#[test]
fn counters_come_out_as_recorded() {
    let (_, cases) = load(include_str!("../../../tests/vectors/dramatiq_backend.json"));
    let play = async |case| counter_case(case, &MemoryCounters::with_clock(TokioClock::new(), 100)).await;
    let steps: usize = cases.iter().map(|case| runtime().block_on(play(case))).sum();
    assert_eq!((cases.len(), steps), COUNTERS);
}

/// Cases and steps.
const BARRIERS: (usize, usize) = (11, 96);
const COUNTERS: (usize, usize) = (7, 68);
