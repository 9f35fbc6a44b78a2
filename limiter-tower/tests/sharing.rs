//! Whose budget it is: one layer has one, wherever it is put; two limiters share nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use limiter_core::testing::ManualClock;
use limiter_tower::{Global, Limiter, LimiterLayer, RateLimitLayer};
use support::{limiter, ok, shared, status};
use tower::{Layer, service_fn};

const OK: StatusCode = StatusCode::OK;
const LIMITED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

fn ask(method: Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_layer_on_a_router_is_one_budget_for_all_routes() {
    let app = Router::new()
        .route("/a", get(async || "a"))
        .route("/b", get(async || "b").post(async || "b"))
        .layer(shared(3, &limiter()));
    assert_eq!(status(&app, ask(Method::GET, "/a")).await, OK);
    assert_eq!(status(&app, ask(Method::GET, "/b")).await, OK);
    assert_eq!(status(&app, ask(Method::POST, "/b")).await, OK);
    assert_eq!(status(&app, ask(Method::GET, "/a")).await, LIMITED);
    assert_eq!(status(&app, ask(Method::GET, "/b")).await, LIMITED);
}

#[tokio::test]
async fn a_route_layer_leaves_requests_that_match_no_route_uncounted() {
    let app = Router::new().route("/a", get(async || "a")).route_layer(shared(1, &limiter()));
    assert_eq!(status(&app, ask(Method::GET, "/nowhere")).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&app, ask(Method::GET, "/a")).await, OK);
    assert_eq!(status(&app, ask(Method::GET, "/a")).await, LIMITED);
    assert_eq!(status(&app, ask(Method::GET, "/nowhere")).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn one_layer_on_two_method_routers_is_one_budget_and_the_third_is_free() {
    let layer = shared(2, &limiter());
    let app = Router::new()
        .route("/a", any(async || "a").layer(layer.clone()))
        .route("/b", any(async || "b").layer(layer))
        .route("/c", any(async || "c"));
    assert_eq!(status(&app, ask(Method::GET, "/a")).await, OK);
    assert_eq!(status(&app, ask(Method::GET, "/b")).await, OK);
    assert_eq!(status(&app, ask(Method::GET, "/a")).await, LIMITED);
    assert_eq!(status(&app, ask(Method::GET, "/b")).await, LIMITED);
    assert_eq!(status(&app, ask(Method::GET, "/c")).await, OK);
}

#[tokio::test]
async fn two_routers_with_a_limiter_each_share_nothing_though_the_layer_is_one() {
    let limit = RateLimitLayer::builder().quota("1/min").key(Global).build().unwrap();
    let app = || Router::new().route("/", get(async || "")).layer(limit.clone()).layer(LimiterLayer::new(limiter()));
    let (one, other) = (app(), app());
    assert_eq!(status(&one, ask(Method::GET, "/")).await, OK);
    assert_eq!(status(&one, ask(Method::GET, "/")).await, LIMITED);
    assert_eq!(status(&other, ask(Method::GET, "/")).await, OK);
}

#[tokio::test]
async fn the_limiter_of_a_layer_wins_over_the_one_in_the_request() {
    let own = limiter();
    let app = Router::new().route("/", get(async || "")).layer(shared(1, &own)).layer(LimiterLayer::new(limiter()));
    let same_rules_elsewhere = Router::new().route("/", get(async || "")).layer(shared(1, &own));
    assert_eq!(status(&app, ask(Method::GET, "/")).await, OK);
    assert_eq!(status(&app, ask(Method::GET, "/")).await, LIMITED);
    // A layer of its own has a budget of its own, in the same limiter too.
    assert_eq!(status(&same_rules_elsewhere, ask(Method::GET, "/")).await, OK);
}

#[tokio::test]
async fn reads_and_writes_are_counted_apart() {
    let layer = RateLimitLayer::builder().read_write(2, 1).key(Global).limiter(limiter()).build().unwrap();
    let app = Router::new().route("/", any(async || "")).layer(layer);
    assert_eq!(status(&app, ask(Method::POST, "/")).await, OK);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(status(&app, ask(method, "/")).await, LIMITED);
    }
    assert_eq!(status(&app, ask(Method::GET, "/")).await, OK);
    assert_eq!(status(&app, ask(Method::HEAD, "/")).await, OK);
    assert_eq!(status(&app, ask(Method::OPTIONS, "/")).await, LIMITED);
}

#[tokio::test]
async fn several_quotas_are_charged_together_or_not_at_all() {
    let clock = ManualClock::new();
    let limiter = Limiter::builder().clock(clock.clone()).build();
    let layer = RateLimitLayer::builder().quota("1/s, 2/h").key(Global).limiter(limiter).build().unwrap();
    let service = layer.layer(service_fn(ok));
    assert_eq!(status(&service, support::get("/")).await, OK);
    for _ in 0..5 {
        assert_eq!(status(&service, support::get("/")).await, LIMITED);
    }
    // Had the refusals been charged by the hour, nothing would be left of it.
    clock.advance(Duration::from_secs(1));
    assert_eq!(status(&service, support::get("/")).await, OK);
    clock.advance(Duration::from_secs(1));
    assert_eq!(status(&service, support::get("/")).await, LIMITED);
}

#[tokio::test]
async fn a_function_of_the_request_can_be_the_key() {
    #[derive(Clone, Copy)]
    struct Account(u64);

    let by_account = |parts: &Parts| parts.extensions.get::<Account>().map(|account| account.0);
    let layer = RateLimitLayer::builder().quota("1/min").key(by_account).limiter(limiter()).build().unwrap();
    let service = layer.layer(service_fn(ok));
    let of = |account: u64| {
        let mut request = support::get("/");
        request.extensions_mut().insert(Account(account));
        request
    };
    assert_eq!(status(&service, of(1)).await, OK);
    assert_eq!(status(&service, of(1)).await, LIMITED);
    assert_eq!(status(&service, of(2)).await, OK);
}
