//! Stores that answer later, or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response, StatusCode};
use limiter_core::testing::ManualClock;
use limiter_tower::{Global, Limiter, OnStoreError, Quota, RateLimitLayer, ResponseBody, Rule};
use support::{Answers, BrokenStore, LaterStore, Notes, TestBody, get, ok, status};
use tower::util::BoxCloneService;
use tower::{Layer, Service, ServiceExt, service_fn};

type Limited = BoxCloneService<Request<TestBody>, Response<ResponseBody<TestBody>>, Infallible>;

fn later(rule: Rule) -> (RateLimitLayer, Answers, Notes) {
    let (store, answers) = LaterStore::new();
    let notes = Notes::default();
    let limiter = Limiter::builder().clock(ManualClock::new()).observer(notes.clone()).store(store).build();
    let layer = RateLimitLayer::builder().rule(rule).limiter(limiter).build().unwrap();
    (layer, answers, notes)
}

fn per_minute(count: u64) -> Rule {
    Rule::new(Quota::per_minute(count)).key(Global)
}

#[tokio::test]
async fn a_store_that_answers_later_limits_all_the_same() {
    let (layer, answers, notes) = later(per_minute(2));
    answers.release();
    let service = layer.layer(service_fn(ok));
    assert_eq!(status(&service, get("/")).await, StatusCode::OK);
    assert_eq!(status(&service, get("/")).await, StatusCode::OK);
    let refused = service.clone().oneshot(get("/")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "30");
    assert_eq!(notes.all(), ["allow Store", "allow Store", "deny Store"]);
}

#[tokio::test]
async fn the_inner_service_is_not_called_before_the_store_has_answered() {
    let (layer, answers, _) = later(per_minute(1));
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let mut service = layer.layer(service_fn(move |request: Request<TestBody>| {
        counted.fetch_add(1, Ordering::SeqCst);
        ok(request)
    }));
    let mut answer = tokio::spawn(service.ready().await.unwrap().call(get("/")));
    tokio::task::yield_now().await;
    assert!(!answer.is_finished());
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    answers.release();
    assert_eq!((&mut answer).await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn dropping_a_request_whose_decision_is_under_way_never_calls_the_inner_service() {
    let (layer, answers, _) = later(per_minute(2));
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let mut service = layer.layer(service_fn(move |request: Request<TestBody>| {
        counted.fetch_add(1, Ordering::SeqCst);
        ok(request)
    }));
    let answer = tokio::spawn(service.ready().await.unwrap().call(get("/")));
    tokio::task::yield_now().await;
    answer.abort();
    assert!(answer.await.unwrap_err().is_cancelled());
    answers.release();
    // What was charged stays charged.
    assert_eq!(status(&service, get("/")).await, StatusCode::OK);
    assert_eq!(status(&service, get("/")).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_slot_from_a_store_that_answers_later_is_held_and_given_back() {
    let (layer, answers, _) = later(Rule::concurrent(1));
    answers.release();
    let service = layer.layer(service_fn(ok));
    let held = service.clone().oneshot(get("/")).await.unwrap();
    assert_eq!(status(&service, get("/")).await, StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    assert_eq!(status(&service, get("/")).await, StatusCode::OK);
}

#[tokio::test]
async fn when_the_store_fails_each_rule_says_what_happens() {
    let at_once = |rule: Rule| {
        let notes = Notes::default();
        let limiter = Limiter::builder().clock(ManualClock::new()).observer(notes.clone()).store(BrokenStore).build();
        let layer = RateLimitLayer::builder().rule(rule).limiter(limiter).build().unwrap();
        (BoxCloneService::new(layer.layer(service_fn(ok))), notes)
    };
    let late = |rule: Rule| {
        let (layer, answers, notes) = later(rule);
        answers.fail();
        (BoxCloneService::new(layer.layer(service_fn(ok))), notes)
    };
    local(at_once(per_minute(1))).await;
    local(late(per_minute(1))).await;
    let open = per_minute(1).on_store_error(OnStoreError::Open);
    opens(at_once(open.clone())).await;
    opens(late(open)).await;
    let closed = per_minute(1).on_store_error(OnStoreError::Closed);
    closes(at_once(closed.clone())).await;
    closes(late(closed)).await;
}

async fn local((service, notes): (Limited, Notes)) {
    assert_eq!(status(&service, get("/")).await, StatusCode::OK);
    assert_eq!(status(&service, get("/")).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(notes.all(), ["allow Local", "deny Local"]);
}

async fn opens((service, notes): (Limited, Notes)) {
    for _ in 0..3 {
        let answer = service.clone().oneshot(get("/")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.headers().is_empty(), "nothing was counted: {:?}", answer.headers());
    }
    assert_eq!(notes.all(), ["allow Open"; 3]);
}

async fn closes((service, notes): (Limited, Notes)) {
    assert_eq!(status(&service, get("/")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(notes.all(), ["deny Closed"]);
}
