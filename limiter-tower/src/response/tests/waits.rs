//! How long a refusal tells a client to wait.

use std::time::Duration;

use limiter_core::{Algorithm, Key};

use super::{call, field, get, limiter, policy, rule, spent, text};
use crate::headers::{DeniedItems, Legacy, Wire};
use crate::response::{Detail, denied, jitter};

#[test]
fn waits_are_rounded_up_and_never_0() {
    for (quota, wait) in [("10/s", "1"), ("10/4s", "1"), ("10/19s", "2"), ("10/20s", "2"), ("1/min", "60")] {
        let (limiter, _) = limiter();
        let decision = spent(&limiter, &policy([rule(quota)]), 1);
        let response = denied(&Wire::new(), &decision, &get(), &limiter);
        assert_eq!(field(&response, "retry-after"), Some(wait), "{quota}");
        assert!(field(&response, "ratelimit").unwrap().ends_with(&format!(";t={wait}")), "{quota}");
    }
}

#[test]
fn whoever_waits_as_told_passes() {
    let (limiter, clock) = limiter();
    let policy = policy([rule("10/19s"), rule("30/min").algorithm(Algorithm::Fixed)]);
    for _ in 0..100 {
        let decision = spent(&limiter, &policy, 1);
        let response = denied(&Wire::new(), &decision, &get(), &limiter);
        clock.advance(Duration::from_secs(field(&response, "retry-after").unwrap().parse().unwrap()));
        assert!(limiter.check(&policy, &Key::from("acme")).is_allowed());
    }
}

#[test]
fn a_cost_above_the_quota_is_told_no_time() {
    let (limiter, _) = limiter();
    let decision = limiter.check_cost(&policy([rule("100/min")]), &Key::from("acme"), 101);
    let response = denied(&Wire::new().detail(Detail::Wait), &decision, &get(), &limiter);
    assert_eq!(response.status(), 429);
    assert_eq!(field(&response, "retry-after"), None);
    assert_eq!(field(&response, "ratelimit"), Some("\"api\";r=100"));
    assert!(!text(&response).contains("detail"));
    let response = denied(&Wire::new(), &decision, &call("application/grpc"), &limiter);
    assert_eq!(field(&response, "grpc-retry-pushback-ms"), Some("-1"));
}

#[test]
fn the_violated_rules_alone_are_listed_unless_all_are_wanted() {
    let (limiter, _) = limiter();
    let policy = policy([rule("5/s").named("burst"), rule("1000/day").named("daily")]);
    let decision = spent(&limiter, &policy, 1);
    let response = denied(&Wire::new(), &decision, &get(), &limiter);
    assert_eq!(field(&response, "ratelimit-policy"), Some("\"burst\";q=5;w=1, \"daily\";q=1000;w=86400"));
    assert_eq!(field(&response, "ratelimit"), Some("\"burst\";r=0;t=1"));
    assert_eq!(field(&response, "x-ratelimit-limit"), Some("5"));
    assert!(text(&response).ends_with(",\"violated-policies\":[\"burst\"]}"));

    let response = denied(&Wire::new().denied_items(DeniedItems::All), &decision, &get(), &limiter);
    assert_eq!(field(&response, "ratelimit"), Some("\"burst\";r=0;t=1, \"daily\";r=995;t=85968"));
}

#[test]
fn of_two_violated_rules_the_longer_wait_is_told() {
    let (limiter, _) = limiter();
    let policy = policy([rule("5/s").named("burst"), rule("5/h").algorithm(Algorithm::Fixed).named("hourly")]);
    let decision = spent(&limiter, &policy, 1);
    let response = denied(&Wire::new().legacy(Legacy::Delta), &decision, &get(), &limiter);
    assert_eq!(field(&response, "retry-after"), Some("3600"));
    assert_eq!(field(&response, "ratelimit"), Some("\"burst\";r=0;t=1, \"hourly\";r=0;t=3600"));
    assert_eq!(field(&response, "x-ratelimit-reset"), Some("3600"));
    assert!(text(&response).ends_with("[\"burst\",\"hourly\"]}"));
}

#[test]
fn jitter_delays_and_never_hastens() {
    let most = Duration::from_secs(5);
    let drawn: Vec<Duration> = (0..200).map(|_| jitter(most)).collect();
    assert!(drawn.iter().all(|wait| *wait <= most));
    assert!(drawn.iter().any(|wait| *wait > Duration::from_secs(3)));
    assert!(drawn.iter().any(|wait| *wait < Duration::from_secs(2)));
    assert_eq!(jitter(Duration::ZERO), Duration::ZERO);
    assert!(jitter(Duration::MAX) <= Duration::MAX);

    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("2/5s").algorithm(Algorithm::Fixed)]), 1);
    for _ in 0..50 {
        let response = denied(&Wire::new().jitter(most), &decision, &get(), &limiter);
        assert!((5..=10).contains(&field(&response, "retry-after").unwrap().parse::<u64>().unwrap()));
        assert_eq!(field(&response, "ratelimit"), Some("\"api\";r=0;t=5"));
    }
}
