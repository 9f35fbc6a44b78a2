use std::time::Duration;

use limiter_core::store::front::FleetOptions;
use limiter_core::{Algorithm, Source};
use tokio::time::Instant;

use crate::wire::{Fleet, Wire, policy, policy_by, sleep_ms};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn most_requests_need_no_round_trip() {
    let fleet = Fleet::new(1, FleetOptions::new().nodes(2).set_aside(10, SECOND));
    let policy = policy("1000/s burst 1000");
    let mut sources = [0, 0];
    for _ in 0..2_000 {
        let (allowed, source) = fleet.say(&policy, 1).await;
        assert!(allowed);
        sources[usize::from(source == Source::Lease)] += 1;
        sleep_ms(2).await;
    }
    assert!(sources[1] > 1_900, "{sources:?}");
    assert!(fleet.wire.calls() < 100, "{}", fleet.wire.calls());
}

#[tokio::test(start_paused = true)]
async fn the_numbers_are_those_that_the_store_would_have_told() {
    let fleet = Fleet::new(1, FleetOptions::new().set_aside(50, SECOND));
    let policy = policy("20/h");
    let mut left = Vec::new();
    for _ in 0..21 {
        left.push(fleet.ask(&policy, 1, 1).await.decision.usages()[0].remaining());
    }
    let expected: Vec<u64> = (0..20).rev().chain([0]).collect();
    assert_eq!(left, expected);
}

/// Processes that ask in bursts of their own, and when each admission was.
async fn admissions(algorithm: Algorithm, quota: &str, nodes: u32, percent: u32, ttl: Duration) -> Vec<Duration> {
    let wire = Wire::new(0);
    let options = FleetOptions::new().nodes(nodes).set_aside(percent, ttl);
    let fleets: Vec<Fleet> = (0..nodes).map(|_| Fleet::on(wire.clone(), options)).collect();
    let policy = policy_by(algorithm, quota);
    let began = Instant::now();
    let mut admitted = Vec::new();
    let rest = u64::try_from(ttl.as_millis()).unwrap().saturating_sub(2).min(45);
    for step in 0..1_000u64 {
        // Each fetches what it can get, rests until the store has that back, then takes all there is.
        let asks = match step % 200 {
            0 => 1,
            later if later == rest => 500,
            _ => 0,
        };
        for fleet in &fleets {
            for _ in 0..asks {
                if !fleet.say(&policy, 1).await.0 {
                    break;
                }
                admitted.push(began.elapsed());
            }
        }
        sleep_ms(1).await;
    }
    admitted
}

#[tokio::test(start_paused = true)]
async fn in_any_stretch_of_time_no_more_is_admitted_than_the_stated_bound() {
    for (nodes, percent, ttl_ms) in [(4u32, 40u32, 50u64), (8, 80, 10), (2, 10, 1_000), (3, 0, 50)] {
        let ttl = Duration::from_millis(ttl_ms);
        let admitted = admissions(Algorithm::Bucket, "1000/s burst 100", nodes, percent, ttl).await;
        let largest = (100 * u64::from(percent) / 100 / u64::from(nodes)).max(1);
        let bound = (u64::from(nodes) * (largest - 1)).min(1_000 * ttl_ms / 1_000);
        let mut worst = i64::MIN;
        for (first, from) in admitted.iter().enumerate() {
            for (last, to) in admitted.iter().enumerate().skip(first) {
                let promised = 100 + (*to - *from).as_millis() as i64;
                worst = worst.max((last - first + 1) as i64 - promised);
            }
        }
        assert!(worst <= bound as i64 + 1, "{nodes} {percent} {ttl_ms}: {worst} > {bound}");
        // The fleet does its worst, so that the bound is more than a large number.
        assert!(ttl_ms != 50 || worst >= bound as i64 * 3 / 4, "{nodes} {percent} {ttl_ms}: {worst}");
        let total = admitted.len() as i64;
        assert!(total <= 100 + 2 + admitted.last().unwrap().as_millis() as i64, "{total}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_set_aside_in_a_fixed_window_ends_with_it() {
    let admitted = admissions(Algorithm::Fixed, "200/s aligned", 4, 50, 10 * SECOND).await;
    assert!(admitted.len() > 150);
    let wire = Wire::new(1);
    let fleet = Fleet::on(wire.clone(), FleetOptions::new().set_aside(50, 10 * SECOND));
    let policy = policy_by(Algorithm::Fixed, "10/s");
    let began = Instant::now();
    // A window opens with the first admission, a millisecond before that is heard of.
    let (mut opened, mut counted, mut windows) = (Duration::ZERO, 0, 0);
    for _ in 0..3_000 {
        if fleet.say(&policy, 1).await.0 {
            let at = began.elapsed();
            if windows == 0 || at + Duration::from_millis(1) >= opened + SECOND {
                (opened, counted, windows) = (at, 0, windows + 1);
            }
            counted += 1;
            assert!(counted <= 10, "{windows}: {counted} until {at:?}");
        }
        sleep_ms(1).await;
    }
    assert!(windows >= 3, "{windows}");
}

#[tokio::test(start_paused = true)]
async fn what_was_set_aside_is_gone_after_its_time_and_after_a_reset() {
    let fleet = Fleet::new(1, FleetOptions::new().set_aside(50, SECOND));
    let policy = policy("100/h");
    for _ in 0..3 {
        assert!(fleet.say(&policy, 1).await.0);
    }
    assert_eq!(fleet.say(&policy, 1).await.1, Source::Lease);
    sleep_ms(1_001).await;
    assert_eq!(fleet.say(&policy, 1).await.1, Source::Store);
    assert_eq!(fleet.say(&policy, 1).await.1, Source::Lease);
    fleet.limiter.reset(&policy, &limiter_core::key::Key::from(1u64)).unwrap();
    assert_eq!(fleet.say(&policy, 1).await.1, Source::Store);
}
