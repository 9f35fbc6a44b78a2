//! The service that was polled ready is the one that is called, and readiness is not hoarded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use http::{Request, Response, StatusCode};
use limiter_tower::{Global, Limiter, Quota, RateLimitLayer, Rule};
use support::{Answers, LaterStore, TestBody, get, limiter, ok, shared};
use tower::buffer::BufferLayer;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_test::mock;

/// A service that must be polled ready before each call, and whose copies were not.
#[derive(Default)]
struct Strict {
    ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Strict { ready: false, calls: Arc::clone(&self.calls) }
    }
}

impl Service<Request<TestBody>> for Strict {
    type Response = Response<TestBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<TestBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<TestBody>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been polled ready");
        self.calls.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Response::new(TestBody::default())))
    }
}

fn later(count: u64) -> (RateLimitLayer, Answers) {
    let (store, answers) = LaterStore::new();
    let limiter = Limiter::builder().store(store).build();
    let rule = Rule::new(Quota::per_minute(count)).key(Global);
    (RateLimitLayer::builder().rule(rule).limiter(limiter).build().unwrap(), answers)
}

#[tokio::test]
async fn the_service_that_was_polled_is_the_one_that_is_called() {
    let strict = Strict::default();
    let calls = Arc::clone(&strict.calls);
    let mut service = shared(2, &limiter()).layer(strict);
    for expected in [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        let answer = service.ready().await.unwrap().call(get("/")).await.unwrap();
        assert_eq!(answer.status(), expected);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_service_that_was_polled_waits_for_a_store_that_answers_later() {
    let (layer, answers) = later(10);
    let mut service = layer.layer(Strict::default());
    let first = service.ready().await.unwrap().call(get("/"));
    // What is left behind has to be polled again, and is.
    let second = service.ready().await.unwrap().call(get("/"));
    answers.release();
    assert_eq!(second.await.unwrap().status(), StatusCode::OK);
    assert_eq!(first.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_limited_service_is_ready_when_the_inner_one_is() {
    let (mut service, mut handle) =
        mock::spawn_layer::<Request<TestBody>, Response<TestBody>, _>(shared(1, &limiter()));
    handle.allow(0);
    assert!(service.poll_ready::<Request<TestBody>>().is_pending());
    handle.allow(1);
    assert!(service.poll_ready::<Request<TestBody>>().is_ready());
    let answer = service.call(get("/first"));
    let (request, reply) = handle.next_request().await.unwrap();
    assert_eq!(request.uri(), "/first");
    reply.send_response(Response::new(TestBody::default()));
    assert_eq!(answer.await.unwrap().status(), StatusCode::OK);

    // Refused: the inner service hears nothing of it.
    handle.allow(1);
    assert!(service.poll_ready::<Request<TestBody>>().is_ready());
    assert_eq!(service.call(get("/second")).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(service.get_mut().get_mut().poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    assert!(handle.poll_request().is_pending());
}

#[tokio::test]
async fn an_inner_service_that_fails_to_become_ready_is_heard() {
    let (mut service, mut handle) =
        mock::spawn_layer::<Request<TestBody>, Response<TestBody>, _>(shared(1, &limiter()));
    handle.send_error("down");
    let Poll::Ready(Err(error)) = service.poll_ready::<Request<TestBody>>() else { panic!("no error") };
    assert_eq!(error.to_string(), "down");
}

#[tokio::test]
async fn buffer_and_concurrency_limit_work_inside() {
    for layer in [shared(3, &limiter()), released(3)] {
        let mut service = ServiceBuilder::new()
            .layer(layer)
            .layer(BufferLayer::new(1))
            .layer(ConcurrencyLimitLayer::new(1))
            .service(service_fn(ok));
        for expected in [200, 200, 200, 429, 429] {
            let answer = service.ready().await.unwrap().call(get("/")).await.unwrap();
            assert_eq!(answer.status(), expected);
        }
    }
}

/// As [`later`], with answers that are not held back.
fn released(count: u64) -> RateLimitLayer {
    let (layer, answers) = later(count);
    answers.release();
    layer
}

#[tokio::test]
async fn a_refused_request_gives_back_what_readiness_had_set_aside() {
    for layer in [shared(0, &limiter()), released(0)] {
        // One slot, which whoever is ready holds.
        let inner = ConcurrencyLimitLayer::new(1).layer(service_fn(ok));
        let mut limited = layer.layer(inner.clone());
        let refused = limited.ready().await.unwrap().call(get("/")).await.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        // The connection of the refused client stays open; its service must not keep the slot.
        let mut other = inner.clone();
        assert!(other.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
        drop(limited);
    }
}

#[tokio::test]
async fn a_copy_does_not_inherit_readiness() {
    let inner = ConcurrencyLimitLayer::new(1).layer(service_fn(ok));
    let mut service = shared(10, &limiter()).layer(inner);
    service.ready().await.unwrap();
    let mut copy = service.clone();
    let mut nobody = Context::from_waker(Waker::noop());
    assert!(copy.poll_ready(&mut nobody).is_pending(), "the copy claims the slot that the original holds");
    drop(service);
    assert!(copy.poll_ready(&mut nobody).is_ready());
}
