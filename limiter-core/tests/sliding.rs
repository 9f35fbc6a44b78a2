//! What a sliding window counter promises, in plain numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use limiter_core::key::{Global, Key};
use limiter_core::testing::ManualClock;
use limiter_core::{Algorithm, Limiter, Policy, Quota, Rule};

struct Rig {
    clock: ManualClock,
    limiter: Limiter,
    policy: Policy,
}

impl Rig {
    fn new(algorithm: Algorithm, quota: Quota) -> Self {
        let clock = ManualClock::new();
        let limiter = Limiter::builder().clock(clock.clone()).build();
        let policy = Policy::new("window", [Rule::new(quota).key(Global).algorithm(algorithm)]).unwrap();
        Rig { clock, limiter, policy }
    }

    fn passes(&self) -> bool {
        self.limiter.check(&self.policy, &Key::everyone()).is_allowed()
    }

    /// How many of so many requests pass, one at each step.
    fn paced(&self, requests: u32, step: Duration) -> u32 {
        let attempt = |_| {
            let passes = self.passes();
            self.clock.advance(step);
            u32::from(passes)
        };
        (0..requests).map(attempt).sum()
    }

    fn burst(&self) -> u32 {
        (0..1000).map(|_| u32::from(self.passes())).sum()
    }
}

#[test]
fn a_client_at_twice_the_rate_is_admitted_at_the_rate_and_never_locked_out() {
    for algorithm in [Algorithm::Sliding, Algorithm::Log, Algorithm::Interval] {
        let rig = Rig::new(algorithm, Quota::per_minute(60));
        for _ in 0..10 {
            let admitted = rig.paced(240, Duration::from_millis(500));
            assert!((115..=180).contains(&admitted), "{algorithm}: {admitted} in two minutes");
        }
    }
}

#[test]
fn a_client_at_the_rate_is_never_refused() {
    for algorithm in [Algorithm::Log, Algorithm::Interval, Algorithm::Bucket] {
        let rig = Rig::new(algorithm, Quota::per_minute(60));
        assert_eq!(rig.paced(600, Duration::from_secs(1)), 600, "{algorithm}");
    }
}

#[test]
fn the_estimate_refuses_a_client_at_the_very_rate_no_more_than_once_a_window() {
    // The unit that leaves an exact window this very instant is still a part of the estimate.
    let at_the_rate = Rig::new(Algorithm::Sliding, Quota::per_minute(60));
    assert!(at_the_rate.paced(600, Duration::from_secs(1)) >= 590);
    let below = Rig::new(Algorithm::Sliding, Quota::per_minute(61));
    assert_eq!(below.paced(600, Duration::from_secs(1)), 600);
}

#[test]
fn bursts_on_either_side_of_an_edge_are_weighed_together() {
    let two_bursts = |algorithm, pause: u64| {
        let rig = Rig::new(algorithm, Quota::per_minute(60));
        // The first request opens the window; the burst comes at its end.
        assert!(rig.passes());
        rig.clock.advance(Duration::from_secs(59));
        let first = rig.burst();
        rig.clock.advance(Duration::from_secs(pause));
        (first, rig.burst())
    };
    // Fixed windows admit both bursts within a second.
    assert_eq!(two_bursts(Algorithm::Fixed, 1), (59, 60));
    // The estimate holds all of the first burst against the second at the edge, and half of it half a window on.
    assert_eq!(two_bursts(Algorithm::Sliding, 1), (59, 0));
    assert_eq!(two_bursts(Algorithm::Sliding, 31), (59, 30));
    // The log holds all of it until it is a minute old: only the very first request has left.
    assert_eq!(two_bursts(Algorithm::Log, 31), (59, 1));
    assert_eq!(two_bursts(Algorithm::Log, 60), (59, 60));
}
