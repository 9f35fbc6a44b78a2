//! Layers within layers: the outer decides first, and gives its charge back when the inner refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use limiter_tower::{Global, Limiter, Policy, Quota, RateLimitLayer, Rule};
use support::{Notes, TestBody, get, limiter, ok, remaining, shared, status};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

fn layer_of(count: u64, limiter: &limiter_tower::Limiter) -> (RateLimitLayer, Policy) {
    let policy = Policy::new("p", [Rule::new(Quota::per_minute(count)).key(Global)]).unwrap();
    let layer = RateLimitLayer::builder().policy(policy.clone()).limiter(limiter.clone()).build().unwrap();
    (layer, policy)
}

#[tokio::test]
async fn an_inner_refusal_gives_the_outer_charge_back_whatever_store_it_came_from() {
    let (outside, inside) = (limiter(), limiter());
    let (outer, outer_policy) = layer_of(10, &outside);
    let (inner, inner_policy) = layer_of(1, &inside);
    let service = ServiceBuilder::new().layer(outer).layer(inner).service(service_fn(ok));

    assert_eq!(status(&service, get("/")).await, StatusCode::OK);
    assert_eq!(remaining(&outside, &outer_policy), 9);
    for _ in 0..20 {
        assert_eq!(status(&service, get("/")).await, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(remaining(&outside, &outer_policy), 9);
    assert_eq!(remaining(&inside, &inner_policy), 0);
}

#[tokio::test]
async fn the_outermost_of_three_gets_its_charge_back_too() {
    let limiter = limiter();
    let (outermost, first) = layer_of(10, &limiter);
    let (middle, second) = layer_of(10, &limiter);
    let (inner, _) = layer_of(0, &limiter);
    let service = ServiceBuilder::new().layer(outermost).layer(middle).layer(inner).service(service_fn(ok));
    assert_eq!(status(&service, get("/")).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((remaining(&limiter, &first), remaining(&limiter, &second)), (10, 10));
}

#[tokio::test]
async fn an_outer_refusal_never_reaches_the_inner_limit() {
    let limiter = limiter();
    let (outer, _) = layer_of(0, &limiter);
    let (inner, untouched) = layer_of(5, &limiter);
    let service = ServiceBuilder::new().layer(outer).layer(inner).service(service_fn(ok));
    assert_eq!(status(&service, get("/")).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(remaining(&limiter, &untouched), 5);
}

#[tokio::test]
async fn a_429_of_the_handlers_own_is_an_answer_like_any_other() {
    let limiter = limiter();
    let (layer, policy) = layer_of(5, &limiter);
    let service = layer.layer(service_fn(async |_: Request<TestBody>| {
        let mut response = Response::new(Full::<bytes::Bytes>::default());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        Ok::<_, std::convert::Infallible>(response)
    }));
    assert_eq!(status(&service, get("/")).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(remaining(&limiter, &policy), 4);
}

#[tokio::test]
async fn a_layer_that_meets_a_request_twice_is_told_once_and_another_of_the_same_quota_is_not() {
    let notes = Notes::default();
    let limiter = Limiter::builder().observer(notes.clone()).build();
    let (one, other) = (shared(100, &limiter), shared(100, &limiter));
    let apart = one.layer(other.layer(service_fn(ok)));
    assert_eq!(status(&apart, get("/")).await, StatusCode::OK);
    assert!(!notes.all().contains(&"L107".to_owned()), "{:?}", notes.all());

    let twice = one.layer(other.layer(one.layer(service_fn(ok))));
    for _ in 0..3 {
        assert_eq!(status(&twice, get("/")).await, StatusCode::OK);
    }
    assert_eq!(notes.all().iter().filter(|note| *note == "L107").count(), 1, "{:?}", notes.all());
}

#[tokio::test]
async fn a_charge_stands_when_the_inner_service_fails() {
    let limiter = limiter();
    let (layer, policy) = layer_of(5, &limiter);
    let service = layer
        .layer(service_fn(async |_: Request<TestBody>| Err::<Response<TestBody>, _>(std::io::Error::other("broken"))));
    assert!(service.oneshot(get("/")).await.is_err());
    assert_eq!(remaining(&limiter, &policy), 4);
}
