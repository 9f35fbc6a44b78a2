//! What is not counted: exempt paths and CORS preflights.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response, StatusCode};
use limiter_tower::{Global, LayerError, Limiter, Quota, RateLimitBuilder, RateLimitLayer, Rule};
use support::{limiter, ok, status};
use tower::{Layer, ServiceExt, service_fn};

const LIMITED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

fn closed() -> RateLimitBuilder {
    RateLimitLayer::builder().rule(Rule::new(Quota::per_minute(0)).key(Global)).limiter(limiter())
}

#[tokio::test]
async fn an_exempt_path_passes_and_carries_no_fields() {
    let limiter = limiter();
    let layer = RateLimitLayer::builder().quota("1/min").key(Global).limiter(limiter).exempt(["/health"]).build();
    let service = layer.unwrap().layer(service_fn(ok));
    for _ in 0..3 {
        let answer = service.clone().oneshot(support::get("/health?deep=1")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.headers().is_empty(), "{:?}", answer.headers());
    }
    let counted = service.clone().oneshot(support::get("/healthy")).await.unwrap();
    assert_eq!(counted.status(), StatusCode::OK);
    assert!(!counted.headers().is_empty());
    assert_eq!(status(&service, support::get("/healthy")).await, LIMITED);
    assert_eq!(status(&service, support::get("/health")).await, StatusCode::OK);
}

#[tokio::test]
async fn inside_a_nested_router_both_the_whole_path_and_the_rest_of_it_can_be_exempt() {
    let inside = |path| {
        let group = Router::new().route("/health", get(async || "")).layer(closed().exempt([path]).build().unwrap());
        Router::new().nest("/api", group)
    };
    let ask = || Request::get("/api/health").body(Body::empty()).unwrap();
    assert_eq!(status(&inside("/health"), ask()).await, StatusCode::OK);
    assert_eq!(status(&inside("/api/health"), ask()).await, StatusCode::OK);
    assert_eq!(status(&inside("/api"), ask()).await, LIMITED);
}

#[tokio::test]
async fn a_preflight_is_not_counted_and_other_options_requests_are() {
    let service = closed().build().unwrap().layer(service_fn(ok));
    let options = |fields: &[(&str, &str)]| {
        let request = fields.iter().fold(Request::options("/"), |request, (name, value)| request.header(*name, *value));
        request.body(Default::default()).unwrap()
    };
    let origin = ("origin", "https://example.org");
    let asks = ("access-control-request-method", "PUT");
    assert_eq!(status(&service, options(&[origin, asks])).await, StatusCode::OK);
    assert_eq!(status(&service, options(&[origin])).await, LIMITED);
    assert_eq!(status(&service, options(&[asks])).await, LIMITED);
    assert_eq!(status(&service, options(&[])).await, LIMITED);
    let mut get = support::get("/");
    get.headers_mut().insert(origin.0, origin.1.parse().unwrap());
    get.headers_mut().insert(asks.0, asks.1.parse().unwrap());
    assert_eq!(status(&service, get).await, LIMITED);
}

#[test]
fn every_mistake_comes_out_of_build() {
    let message = |builder: RateLimitBuilder| builder.build().unwrap_err().to_string();
    let good = || RateLimitLayer::builder().quota("1/min");
    assert!(message(RateLimitLayer::builder().quota("10/fortnight")).contains("fortnight"));
    assert!(message(good().read("ten")).contains("ten"));
    assert!(message(good().key_notation("ipp")).contains("did you mean `ip`"));
    assert!(message(good().named("no blanks")).contains("`no blanks`"));
    assert!(message(good().exempt(["/ok", "health"])).contains("`health`"));
    assert!(message(good().key_notation("header:x-api-key")).contains("rotate"));
    assert!(message(RateLimitLayer::builder()).contains("without rules"));
    assert!(good().key_notation("header:x-api-key").trusted_key().build().is_ok());
    // The first mistake is the one that is told.
    assert!(message(RateLimitLayer::builder().exempt(["a"]).exempt(["b"])).contains("`a`"));

    let policy = limiter_tower::Policy::new("p", [Rule::new(Quota::per_minute(1))]).unwrap();
    let both = good().policy(policy.clone()).build().unwrap_err();
    assert_eq!(both, LayerError::PolicyAndRules);
    assert!(RateLimitLayer::builder().policy(policy).build().is_ok());
    assert!(RateLimitLayer::per_ip("100/minn").unwrap_err().to_string().contains("minn"));
}

#[test]
fn a_store_that_cannot_count_a_rule_is_found_out_by_build() {
    let limiter = Limiter::builder().store(Fixed).build();
    let error = RateLimitLayer::builder().quota("1/s, 1/min").limiter(limiter).build().unwrap_err();
    assert!(error.to_string().contains("more than 1 rules at once"), "{error}");
}

/// A store for one rule a decision.
#[derive(Debug)]
struct Fixed;

impl limiter_tower::store::Store for Fixed {
    fn submit(
        &self,
        _: limiter_tower::store::Operation,
    ) -> limiter_tower::store::Reply<Result<limiter_tower::store::Answer, limiter_tower::store::StoreError>> {
        limiter_tower::store::Reply::Now(Err(limiter_tower::store::StoreError::unsupported()))
    }

    fn capabilities(&self) -> limiter_tower::store::Capabilities {
        limiter_tower::store::Capabilities::new(&[limiter_tower::Algorithm::Bucket], 1)
    }
}

#[tokio::test]
async fn an_answer_of_your_own_gets_the_fields_of_a_refusal() {
    let layer = closed().on_limited(|decision, parts| {
        assert!(!decision.is_allowed());
        let mut response = Response::new(format!("not {}", parts.uri.path()));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    });
    let service = layer.build().unwrap().layer(service_fn(ok));
    let answer = service.oneshot(support::get("/now")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    assert_eq!(body, "not /now");
}
