//! A paced client against servers that count with the project's own algorithms, on a paused clock.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client_server;

use std::time::Duration;

use client_server::{Family, Outcome, Server, log, run};
use limiter_core::Algorithm;
use limiter_tower::client::PaceLayer;

const BUCKET: Algorithm = Algorithm::Bucket;
const FIXED: Algorithm = Algorithm::Fixed;

/// Patient: what is measured here is the pace.
fn paced() -> Option<PaceLayer> {
    Some(PaceLayer::new().max_wait(Duration::from_secs(3600)))
}

/// Runs and holds against the ideal: no refusal, and a tenth more time at most.
async fn keeps_to(server: Server, requests: usize, at_once: usize, ideal: f64) {
    let label = format!("{server:?}, {requests} requests, {at_once} at once");
    let Outcome { refused, took } = run(paced(), server, requests, at_once).await;
    assert_eq!(refused, 0, "{label}");
    assert!(took.as_secs_f64() <= ideal * 1.1, "{label}: took {took:?}, ideal {ideal} s");
}

/// Seconds that `requests` spend on ways of so many milliseconds there and back.
fn ways(way: u32, requests: u32, at_once: usize) -> f64 {
    f64::from(2 * way * requests) / 1000.0 / at_once as f64
}

#[tokio::test(start_paused = true)]
async fn without_the_layer_the_same_requests_are_refused() {
    for at_once in [1, 8] {
        let outcome = run(None, Server::new(BUCKET, "100/10s"), 200, at_once).await;
        assert!(outcome.refused > 50, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_is_used_up_and_then_followed_without_a_refusal() {
    for at_once in [1, 8, 64, 200] {
        for way in [0, 1, 5, 20, 35] {
            let server = Server::new(BUCKET, "100/10s").way(Duration::from_millis(way.into()));
            keeps_to(server, 200, at_once, f64::max(10.0, ways(way, 200, at_once))).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn buckets_of_other_sizes_are_followed_without_a_refusal() {
    for (quota, requests, ideal) in [
        // Full after the second that it announces when empty, whenever the next unit comes: some of it is lost.
        ("10/s", 200, 20.0),
        ("10/s burst 20", 200, 18.0),
        ("1/s burst 5", 60, 55.0),
        ("2/s", 60, 29.0),
        ("100/min burst 30", 130, 60.0),
        ("1000/min", 1500, 30.0),
        ("1/s burst 1", 30, 29.0),
    ] {
        for at_once in [1, 8] {
            keeps_to(Server::new(BUCKET, quota).way(Duration::from_millis(5)), requests, at_once, ideal).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_is_used_up_and_its_end_waited_for_without_a_refusal() {
    for at_once in [1, 8, 64] {
        for way in [0, 5, 20] {
            let server = Server::new(FIXED, "100/10s").way(Duration::from_millis(way.into()));
            keeps_to(server, 200, at_once, 10.0 + ways(way, 100, at_once)).await;
        }
        keeps_to(Server::new(FIXED, "100/min").way(Duration::from_millis(5)), 350, at_once, 181.0).await;
        keeps_to(Server::new(FIXED, "10/s").way(Duration::from_millis(5)), 100, at_once, 9.1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_family_of_fields_is_obeyed_without_a_refusal() {
    for family in [Family::Draft06, Family::Draft07, Family::LegacyDelta, Family::LegacyEpoch] {
        for at_once in [1, 8] {
            keeps_to(Server::new(BUCKET, "100/10s").family(family), 200, at_once, 10.0).await;
            keeps_to(Server::new(FIXED, "100/10s").family(family), 200, at_once, 10.0).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_without_any_other_field_are_rare_and_obeyed() {
    for at_once in [1, 8] {
        let server = || Server::new(BUCKET, "100/10s").family(Family::RetryAfterOnly).way(Duration::from_millis(5));
        let with = run(paced(), server(), 200, at_once).await;
        // Each pause ends with one request that tries; those under way when the next begins are refused with it.
        assert!(with.refused <= 11 * at_once, "{with:?}");
        let without = run(None, server(), 200, at_once).await;
        assert!(without.refused > with.refused, "{without:?} {with:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_slowed_down() {
    let server = Server::new(BUCKET, "100000/s").family(Family::Silent).way(Duration::from_millis(5));
    let outcome = run(paced(), server, 800, 8).await;
    // One way there and back for the first, a hundred more for the others.
    assert!(outcome.took <= Duration::from_millis(1_020), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn two_policies_are_both_kept() {
    for at_once in [1, 8] {
        let server = Server::new(BUCKET, "10/s burst 20").and(FIXED, "60/min").way(Duration::from_millis(5));
        keeps_to(server, 100, at_once, 62.0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_overtake_each_other_cost_neither_refusals_nor_time() {
    for seed in 0..40 {
        for algorithm in [BUCKET, FIXED] {
            let server = Server::new(algorithm, "100/10s").way(Duration::from_millis(10)).jitter(seed);
            // The longest ways there and back, by eight: what a window needs once it is open.
            keeps_to(server, 200, 8, 10.0 + 0.1 * 100.0 / 8.0).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_gives_units_back_one_by_one_and_is_still_not_taken_for_a_bucket() {
    for at_once in [1, 8] {
        for (limit, seconds) in [(100, 10), (20, 5), (5, 60), (10, 1), (3, 2)] {
            for way in [0, 5, 20] {
                let server = log(limit, Duration::from_secs(seconds), Duration::from_millis(way));
                let outcome = run(paced(), server, limit * 4, at_once).await;
                assert_eq!(outcome.refused, 0, "{limit} in {seconds} s, {way} ms, {at_once} at once");
                // What comes back is asked for a second late at most, each window anew.
                let most = 3.0 * (seconds as f64 + 1.0) + 4.0 * ways(20, 100, at_once);
                assert!(outcome.took.as_secs_f64() <= most, "{limit} in {seconds} s: {outcome:?}");
            }
        }
    }
}
