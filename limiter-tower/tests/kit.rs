//! The kit for users' tests: what it sees, and what it says when it is disappointed.
#![cfg(all(feature = "axum", feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::routing::get as on_get;
use http::{Request, Response, StatusCode};
use limiter_tower::store::{Answer as Stored, Capabilities, Operation, Reply, Store, StoreError};
use limiter_tower::testing::{self, Answer, Trace};
use limiter_tower::{Limiter, LimiterLayer, RateLimitLayer, Rule, rate_limit};
use support::{get, ok};
use tower::{Layer, service_fn};

fn app(limiter: Limiter, layer: RateLimitLayer) -> Router {
    Router::new().route("/", on_get(async || "fine")).layer(layer).layer(LimiterLayer::new(limiter))
}

/// Both kinds of limit that the attribute makes: of a handler, and of a group around it.
#[rate_limit("3/min")]
async fn annotated() -> &'static str {
    "fine"
}

#[rate_limit("5/min", name = "group", exempt = "/health")]
fn group() -> Router {
    Router::new().route("/", on_get(annotated)).route("/health", on_get(async || "fine"))
}

fn ask(_: usize) -> Request<Body> {
    testing::from_ip("203.0.113.7", Request::new(Body::empty()))
}

/// A store that can count nothing.
#[derive(Debug)]
struct Incapable;

impl Store for Incapable {
    fn submit(&self, _: Operation) -> Reply<Result<Stored, StoreError>> {
        Reply::Now(Err(StoreError::unsupported()))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(&[], 1)
    }
}

/// What an assertion says when it fails.
fn complaint(assertion: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(assertion)).expect_err("the assertion fails");
    payload.downcast_ref::<String>().cloned().expect("it fails with a text")
}

async fn ten_of_which_five_pass() -> Trace {
    let (limiter, _clock) = testing::limiter();
    testing::drive(&app(limiter, RateLimitLayer::per_ip("5/min").unwrap()), 10, ask).await
}

#[tokio::test]
async fn a_trace_tells_admitted_from_refused_and_knows_the_numbers() {
    let trace = ten_of_which_five_pass().await;
    trace.assert_allowed(5).assert_refused_after(5).assert_limit(5).assert_remaining(0).assert_retry_after(12);
    assert_eq!((trace.admitted(), trace.refused()), (5, 5));
    let remaining: Vec<_> = trace.iter().take(6).map(|step| step.remaining().unwrap()).collect();
    assert_eq!(remaining, [4, 3, 2, 1, 0, 0]);
    assert_eq!(trace.steps()[5].answer(), &Answer::Refused(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(trace.steps()[5].rule(), Some("default"));
    assert_eq!(trace.steps()[5].decisions().len(), 1);
}

#[tokio::test]
async fn every_assertion_that_fails_names_the_request_and_shows_the_whole_trace() {
    let trace = ten_of_which_five_pass().await;
    let table = trace.to_string();
    assert_eq!(table.lines().count(), 11, "{table}");
    let complaints = [
        (complaint(|| _ = trace.assert_allowed(6)), "the first 6 requests to be admitted, but number 6 was not"),
        (complaint(|| _ = trace.assert_allowed(11)), "11 requests to be admitted, but 10 were sent"),
        (complaint(|| _ = trace.assert_refused_after(4)), "after the first 4 to be refused, but number 5 was not"),
        (complaint(|| _ = trace.assert_refused_after(6)), "the first 6 requests to be admitted, but number 6 was not"),
        (complaint(|| _ = trace.assert_uncounted()), "no request to be counted, but number 1 was"),
        (complaint(|| _ = trace.assert_retry_after(60)), "number 6 to be told to wait 60 s, but it was told 12 s"),
        (complaint(|| _ = trace.assert_limit(6)), "a limit of 6, but number 1 saw another"),
        (complaint(|| _ = trace.assert_remaining(5)), "5 to remain in the end, but it was 0"),
    ];
    for (said, expected) in complaints {
        assert!(said.contains(expected), "{said}");
        assert!(said.ends_with(&table), "{said}");
    }
}

#[tokio::test]
async fn assertions_about_nothing_fail() {
    let (limiter, _clock) = testing::limiter();
    let app = app(limiter, RateLimitLayer::per_ip("5/min").unwrap());
    let none = testing::drive(&app, 0, ask).await;
    assert!(complaint(|| _ = none.assert_refused_after(0)).contains("only 0 were sent"));
    assert!(complaint(|| _ = none.assert_limit(5)).contains("no request was sent"));
    assert!(complaint(|| _ = none.assert_remaining(5)).contains("nothing was counted"));
    let five = testing::drive(&app, 5, ask).await;
    assert!(complaint(|| _ = five.assert_refused_after(5)).contains("send more"));
    assert!(complaint(|| _ = five.assert_retry_after(12)).contains("none was refused"));
}

#[tokio::test]
async fn the_address_of_a_request_counts_before_that_of_the_whole_application() {
    let (limiter, _clock) = testing::limiter();
    let app = app(limiter, RateLimitLayer::per_ip("1/min").unwrap())
        .layer(MockConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 1], 1))));
    let apart = |number| testing::from_ip(&format!("203.0.113.{number}"), Request::new(Body::empty()));
    testing::drive(&app, 20, apart).await.assert_allowed(20);
    testing::drive(&app, 2, |_| Request::new(Body::empty())).await.assert_refused_after(1);
}

#[test]
fn an_address_that_is_none_is_named() {
    let said = complaint(|| _ = testing::from_ip("localhost", Request::new(())));
    assert_eq!(said, r#""localhost" is not an address; accepted: one such as `203.0.113.7` or `2001:db8::7`"#);
}

#[tokio::test]
async fn a_refusal_is_seen_through_an_answer_that_looks_like_success() {
    let (limiter, _clock) = testing::limiter();
    let layer = RateLimitLayer::builder().quota("1/min").on_limited(|_, _| Response::new("later, please")).build();
    let trace = testing::drive(&app(limiter, layer.unwrap()), 2, ask).await;
    trace.assert_refused_after(1);
}

#[tokio::test]
async fn what_a_handler_answers_is_no_refusal() {
    let (limiter, _clock) = testing::limiter();
    let layer = RateLimitLayer::per_ip("5/min").unwrap();
    let app = Router::new()
        .route("/", on_get(async || StatusCode::TOO_MANY_REQUESTS))
        .layer(layer)
        .layer(LimiterLayer::new(limiter));
    testing::drive(&app, 5, ask).await.assert_allowed(5).assert_remaining(0);
}

#[tokio::test]
async fn limits_within_limits_are_told_outer_first() {
    let (limiter, _clock) = testing::limiter();
    let limit = |name: &'static str, quota| RateLimitLayer::builder().named(name).quota(quota).build().unwrap();
    let app = app(limiter, limit("inner", "1/min")).layer(limit("outer", "3/min"));
    let app = app.layer(LimiterLayer::new(testing::limiter().0));
    let trace = testing::drive(&app, 2, ask).await;
    trace.assert_refused_after(1);
    let rules = |step: usize| -> Vec<&str> {
        trace.steps()[step].decisions().iter().map(|decision| decision.usages()[0].name()).collect()
    };
    assert_eq!((rules(0), rules(1)), (vec!["outer", "inner"], vec!["outer", "inner"]));
    assert_eq!(trace.steps()[1].rule(), Some("inner"));
}

#[tokio::test]
async fn annotated_handlers_and_groups_are_seen_and_two_tests_share_nothing() {
    for _ in 0..2 {
        let (limiter, _clock) = testing::limiter();
        let app = group().layer(LimiterLayer::new(limiter));
        let trace = testing::drive(&app, 4, ask).await;
        trace.assert_refused_after(3).assert_retry_after(20);
        let rules: Vec<_> = trace.iter().map(|step| step.rule().unwrap()).collect();
        assert_eq!(rules, ["annotated"; 4]);
        assert_eq!(trace.steps()[3].decisions().len(), 2);
        let health = |_| testing::from_ip("203.0.113.7", Request::get("/health").body(Body::empty()).unwrap());
        testing::drive(&app, 9, health).await.assert_uncounted();
    }
}

#[tokio::test]
async fn a_limit_that_cannot_be_kept_counts_as_a_refusal() {
    let limiter = Limiter::builder().store(Incapable).build();
    let app = Router::new().route("/", on_get(annotated)).layer(LimiterLayer::new(limiter));
    let trace = testing::drive(&app, 1, ask).await;
    assert_eq!(trace.refused(), 1, "{trace}");
}

#[tokio::test]
async fn exempt_requests_are_uncounted() {
    let (limiter, _clock) = testing::limiter();
    let layer = RateLimitLayer::builder().quota("1/min").exempt(["/"]).build().unwrap();
    let trace = testing::drive(&app(limiter, layer), 3, ask).await;
    trace.assert_uncounted().assert_allowed(3);
    assert!(complaint(|| _ = trace.assert_remaining(1)).contains("nothing was counted"));
}

#[tokio::test]
async fn held_answers_hold_their_slots_until_the_last_request() {
    let (limiter, _clock) = testing::limiter();
    let layer = RateLimitLayer::builder().rule(Rule::concurrent(2)).limiter(limiter).build().unwrap();
    let service = layer.layer(service_fn(ok));
    testing::drive_held(&service, 3, |_| get("/")).await.assert_refused_after(2);
    testing::drive(&service, 3, |_| get("/")).await.assert_allowed(3);
}

#[tokio::test]
async fn a_service_that_fails_is_neither_admitted_nor_refused() {
    let (limiter, _clock) = testing::limiter();
    let layer = RateLimitLayer::builder().quota("1/min").limiter(limiter).build().unwrap();
    let service = layer.layer(service_fn(async |_: Request<String>| {
        Err::<Response<String>, _>(std::io::Error::other("the cable is out"))
    }));
    let trace = testing::drive(&service, 1, |_| testing::from_ip("::1", Request::new(String::new()))).await;
    assert_eq!((trace.admitted(), trace.refused()), (0, 0));
    let said = complaint(|| _ = trace.assert_allowed(1));
    assert!(said.contains("the first request to be admitted"), "{said}");
    assert!(said.contains("default: the cable is out"), "{said}");
}

#[tokio::test]
async fn of_a_server_elsewhere_the_answer_is_known() {
    let server = service_fn(async |request: Request<u64>| {
        let spent = *request.body() >= 2;
        let status = if spent { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
        let answer = Response::builder().status(status).header("x-ratelimit-limit", 2).header("retry-after", 7);
        Ok::<_, std::io::Error>(answer.body(()).unwrap())
    });
    let trace = testing::drive(&server, 4, |number| Request::new(number as u64)).await;
    trace.assert_refused_after(2).assert_limit(2).assert_retry_after(7);
}

#[tokio::test]
async fn time_passes_when_the_clock_is_moved_and_not_otherwise() {
    let (limiter, clock) = testing::limiter();
    let app = app(limiter, RateLimitLayer::per_ip("5/min").unwrap());
    testing::drive(&app, 6, ask).await.assert_refused_after(5);
    clock.advance(Duration::from_secs(11));
    testing::drive(&app, 1, ask).await.assert_refused_after(0).assert_retry_after(1);
    clock.advance(Duration::from_secs(1));
    testing::drive(&app, 2, ask).await.assert_refused_after(1);
}
