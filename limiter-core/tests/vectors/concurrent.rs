//! Slots, each with a lease of its own.

use limiter_core::Limiter;
use limiter_core::store::contract::block_on;

use crate::cases::{Timeline, load};
use crate::memory::InMemory;
use crate::slots::play;

#[test]
fn slots_come_out_as_recorded_but_each_with_a_lease_of_its_own() {
    let (_, cases) = load(include_str!("../../../tests/vectors/dramatiq_concurrent.json"));
    let steps: usize = { cases.clone().into_iter() }
        .map(|case| {
            let mut time = Timeline::new(0);
            let venue = InMemory(Limiter::builder().clock(time.clock.clone()).build());
            block_on(Box::pin(async move { play(&case, &venue, &mut time).await }))
        })
        .sum();
    assert_eq!((cases.len(), steps), SLOTS);
}

/// Cases and steps.
const SLOTS: (usize, usize) = (12, 146);
