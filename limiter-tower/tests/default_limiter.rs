//! Requests that carry no limiter. One test, since what it is about belongs to the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use http::StatusCode;
use limiter_tower::{Global, Limiter, LimiterLayer, RateLimitLayer};
use support::{Notes, get, ok, status};
use tower::{Layer, service_fn};

#[tokio::test]
async fn without_a_limiter_the_process_wide_one_decides_until_the_application_requires_its_own() {
    let layer = || RateLimitLayer::builder().quota("1/h").key(Global).build().unwrap();

    // No limiter anywhere: limited all the same.
    let first = layer().layer(service_fn(ok));
    assert_eq!(status(&first, get("/")).await, StatusCode::OK);
    assert_eq!(status(&first, get("/")).await, StatusCode::TOO_MANY_REQUESTS);

    // There is one now, but these requests do not pass it: it is told, once for each layer.
    let notes = Notes::default();
    let explicit = LimiterLayer::new(Limiter::builder().observer(notes.clone()).build());
    let second = layer().layer(service_fn(ok));
    assert_eq!(status(&second, get("/")).await, StatusCode::OK);
    assert_eq!(status(&second, get("/")).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(notes.all(), ["L004"]);

    // Those that pass it are its own.
    let third = explicit.layer(layer().layer(service_fn(ok)));
    assert_eq!(status(&third, get("/")).await, StatusCode::OK);
    assert_eq!(notes.all(), ["L004", "allow Store"]);

    // One budget charged twice is found without a limiter too.
    let twice = RateLimitLayer::builder().quota("9/h").key(Global).build().unwrap();
    assert_eq!(status(&twice.layer(twice.layer(service_fn(ok))), get("/")).await, StatusCode::OK);
    assert_eq!(notes.all(), ["L004", "allow Store", "L107"]);

    // Someone says that there must be one: who has none is refused, and nothing is counted.
    let strict = LimiterLayer::new(Limiter::builder().require_limiter().build());
    let fourth = layer().layer(service_fn(ok));
    assert_eq!(status(&fourth, get("/")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status(&strict.layer(fourth), get("/")).await, StatusCode::OK);
}
