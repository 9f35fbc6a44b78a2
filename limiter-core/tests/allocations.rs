//! The allowed path allocates nothing, whatever counts and whoever asks. Run without the
//! harness of tests: the allocator counts for the whole process, and the harness allocates too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::alloc::System;

use limiter_core::key::client_ip::{ClientIp, Peer};
use limiter_core::key::{Global, Key, KeyContext};
use limiter_core::testing::ManualClock;
use limiter_core::{Algorithm, Limiter, Policy, Quota, Rule};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    an_allowed_request_allocates_nothing_under_any_algorithm_quota_by_caller_or_penalty();
}

fn an_allowed_request_allocates_nothing_under_any_algorithm_quota_by_caller_or_penalty() {
    for algorithm in [Algorithm::Bucket, Algorithm::Fixed, Algorithm::Interval, Algorithm::Sliding, Algorithm::Log] {
        let limiter = Limiter::builder().clock(ManualClock::new()).build();
        let rule = Rule::new(Quota::per_minute(9_000)).key(Global).algorithm(algorithm).penalty();
        let rule = rule.quota_fn(|parts| *parts.extensions.get::<Quota>().unwrap());
        let policy = Policy::new("plan", [rule]).unwrap();
        let client_ip = ClientIp::default();
        let (mut parts, ()) = http::Request::new(()).into_parts();
        // The declared quota, another of the same period, one that is counted apart.
        for quota in [Quota::per_minute(9_000), Quota::per_minute(8_000), Quota::per_hour(9_000)] {
            parts.extensions.insert(quota);
            let context = KeyContext::new(&parts, Peer::Unknown, &client_ip);
            let decide = || drop(limiter.decide(&policy, &context));
            decide();
            let region = Region::new(ALLOCATOR);
            (0..100).for_each(|_| decide());
            assert_eq!(region.change().allocations, 0, "{algorithm}, {quota}");
        }
        let plain = limiter.check(&policy, &Key::everyone());
        assert_eq!(plain.usages()[0].remaining(), if algorithm == Algorithm::Bucket { 8_784 } else { 8_797 });
    }
}
