//! What handlers pay for: nothing where they do not ask what was decided.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use http::{Request, Response};
use limiter_tower::{Global, RateLimitBuilder, RateLimitLayer};
use support::{TestBody, limiter};
use tower::{Layer, Service};

/// Answers at once, with room for the fields, so that the growth of the map does not count.
#[derive(Clone)]
struct Answers;

impl Service<Request<TestBody>> for Answers {
    type Response = Response<TestBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<TestBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<TestBody>) -> Self::Future {
        let mut response = Response::new(TestBody::default());
        response.headers_mut().reserve(16);
        // Kept, so that it is not the layer's doing when it is dropped.
        std::mem::forget(request);
        ready(Ok(response))
    }
}

fn allocations(layer: RateLimitBuilder) -> u64 {
    let mut service = layer.build().unwrap().layer(Answers);
    let mut once = || {
        let mut request = Request::new(TestBody::default());
        // The server has put something there already.
        request.extensions_mut().insert(0u8);
        let mut answer = None;
        let counted = measure(|| {
            let mut future = std::pin::pin!(service.call(request));
            answer = match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(response)) => Some(response),
                _ => None,
            };
        });
        assert!(answer.unwrap().headers().contains_key("ratelimit"));
        counted.count_total
    };
    // The first requests make the key and the tables, and are looked at for mistakes in the set-up.
    for _ in 0..256 {
        once();
    }
    once()
}

fn layer() -> RateLimitBuilder {
    RateLimitLayer::builder().quota("1000/min").key(Global).limiter(limiter())
}

#[test]
fn sharing_the_decision_costs_two_allocations_and_only_where_it_is_asked_for() {
    let bare = {
        let counted = measure(|| {
            let mut answer = Response::new(TestBody::default());
            answer.headers_mut().reserve(16);
            std::mem::forget(answer);
        });
        counted.count_total
    };
    let plain = allocations(layer()) - bare;
    let sharing = allocations(layer().share_decision()) - bare;
    assert!(plain <= 2, "{plain}");
    assert_eq!(sharing - plain, 2);
}
