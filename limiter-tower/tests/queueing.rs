//! Requests that the layer holds instead of refusing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use limiter_tower::settle::Settle;
use limiter_tower::time::TokioClock;
use limiter_tower::{Global, Limiter, Queue, RateLimitBuilder, RateLimitLayer, Rule};
use support::{TestBody, get, ok, status};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

fn limiter() -> Limiter {
    Limiter::builder().clock(TokioClock::new()).build()
}

fn layer(limiter: &Limiter, rules: impl FnOnce(RateLimitBuilder) -> RateLimitBuilder) -> RateLimitLayer {
    rules(RateLimitLayer::builder()).key(Global).limiter(limiter.clone()).build().unwrap()
}

/// Takes ten milliseconds.
async fn slow(request: Request<TestBody>) -> Result<Response<TestBody>, Infallible> {
    sleep(10 * MS).await;
    ok(request).await
}

#[tokio::test(start_paused = true)]
async fn a_held_request_passes_when_the_body_before_it_has_ended() {
    let limiter = limiter();
    let rule = Rule::concurrent(1).queue(Queue::new(8, 250 * MS));
    let service = layer(&limiter, |builder| builder.rule(rule)).layer(service_fn(ok));
    let first = service.clone().oneshot(get("/")).await.unwrap();
    let second = tokio::spawn(service.clone().oneshot(get("/")));
    sleep(100 * MS).await;
    assert_eq!(limiter.waiting_in_all(), 1);
    drop(first);
    assert_eq!(second.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(limiter.waiting_in_all(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_is_refused_with_the_numbers_of_that_moment() {
    let limiter = limiter();
    let queue = Queue::new(8, 90 * Duration::from_secs(1));
    let service = layer(&limiter, |builder| builder.quota("2/min").queue(queue)).layer(service_fn(ok));
    let (began, request) = (Instant::now(), || service.clone().oneshot(get("/")));
    // Two at once, one each after 30 and 60 seconds and 90, and the next would be too late.
    let answers = join_all((0..6).map(|_| async { (request().await.unwrap(), began.elapsed().as_secs()) })).await;
    let passed: Vec<_> = answers.iter().map(|(answer, after)| (answer.status().as_u16(), *after)).collect();
    assert_eq!(passed, [(200, 0), (200, 0), (200, 30), (200, 60), (200, 90), (429, 90)]);
    let refused = &answers[5].0;
    assert_eq!(refused.headers()["retry-after"], "30");
    assert_eq!(refused.headers()["ratelimit"], "\"default\";r=0;t=30");
    assert_eq!(answers[4].0.headers()["x-ratelimit-remaining"], "0");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_leaves_its_place_to_the_next() {
    let limiter = limiter();
    let rule = Rule::concurrent(1).queue(Queue::new(1, Duration::from_secs(60)));
    let service = layer(&limiter, |builder| builder.rule(rule)).layer(service_fn(slow));
    let first = tokio::spawn({
        let service = service.clone();
        // Reads to the end, so that the slot comes back.
        async move { status(&service, get("/")).await }
    });
    tokio::task::yield_now().await;
    assert!(timeout(MS, service.clone().oneshot(get("/"))).await.is_err());
    assert_eq!(limiter.waiting_in_all(), 0);
    let third = tokio::spawn(service.clone().oneshot(get("/")));
    tokio::task::yield_now().await;
    assert_eq!(status(&service, get("/")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(third.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(first.await.unwrap(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn of_ten_good_logins_at_once_none_is_refused_and_of_a_thousand_bad_ones_three_get_through() {
    for (answer, through) in [(StatusCode::OK, 10), (StatusCode::UNAUTHORIZED, 3)] {
        let limiter = limiter();
        let settle = Settle::failed().wait(1000, Duration::from_secs(1));
        let service = layer(&limiter, |builder| builder.quota("3/min").settle(settle)).layer(service_fn(
            move |_: Request<TestBody>| async move {
                sleep(10 * MS).await;
                Ok::<_, Infallible>(Response::builder().status(answer).body(TestBody::default()).unwrap())
            },
        ));
        let count = if answer == StatusCode::OK { 10 } else { 1000 };
        let statuses = join_all((0..count).map(|_| status(&service, get("/")))).await;
        assert_eq!(statuses.iter().filter(|status| **status == answer).count(), through);
        assert_eq!((limiter.unsettled(), limiter.waiting_in_all()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn requests_can_be_let_through_evenly() {
    let limiter = limiter();
    let queue = Queue::new(8, Duration::from_secs(1)).spaced();
    let service = layer(&limiter, |builder| builder.quota("10/s").queue(queue)).layer(service_fn(ok));
    let began = Instant::now();
    let all = (0..5).map(|_| async {
        assert_eq!(status(&service, get("/")).await, StatusCode::OK);
        began.elapsed()
    });
    assert_eq!(join_all(all).await, [0, 100, 200, 300, 400].map(|ms| ms * MS));
}
