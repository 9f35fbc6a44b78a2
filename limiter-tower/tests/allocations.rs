//! What one request costs in allocations, beyond those of the header section that holds the fields.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use http::{HeaderMap, Response, StatusCode};
use limiter_tower::headers::Wire;
use limiter_tower::{RateLimit, RateLimitLayer, ResponseBody};
use support::{TestBody, from, limiter};
use tower::{Layer, Service, service_fn};

/// How many allocations a request made, which got this status and so many fields.
struct Cost {
    status: StatusCode,
    fields: usize,
    beyond: u64,
}

fn cost<S>(service: &mut RateLimit<S>, client: [u8; 4]) -> Cost
where
    RateLimit<S>: Service<http::Request<TestBody>, Response = Response<ResponseBody<TestBody>>>,
{
    let request = from(client);
    let mut answer = None;
    let made = measure(|| {
        let mut call = pin!(service.call(request));
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(response)) => answer = Some(response),
            _ => panic!("everything here answers at once"),
        }
    });
    let response = answer.unwrap();
    let fields = response.headers().len();
    let section = measure(|| drop(HeaderMap::<u8>::with_capacity(fields)));
    Cost { status: response.status(), fields, beyond: made.count_total - section.count_total }
}

/// What so many requests of one client cost, one after the other.
fn costs(quota: &str, wire: Wire, requests: usize) -> Vec<Cost> {
    let layer = RateLimitLayer::builder().quota(quota).wire(wire).limiter(limiter()).build().unwrap();
    // No state machine: the future of the inner service is nothing but its answer.
    let mut service = layer.layer(service_fn(|_| core::future::ready(Ok::<_, ()>(Response::new(TestBody::default())))));
    // The first two hundred requests are looked at for mistakes in the set-up, which costs a little.
    for last in 0..=255 {
        cost(&mut service, [198, 51, 100, last]);
    }
    // The first request makes the table, the first refusal what is made once in a process.
    (0..requests).map(|_| cost(&mut service, [192, 0, 2, 1])).collect()
}

#[test]
fn a_request_that_passes_costs_one_allocation_with_the_default_fields() {
    let costs = costs("10/min", Wire::new(), 5);
    for cost in &costs[1..] {
        assert_eq!((cost.status, cost.fields), (StatusCode::OK, 5));
        assert_eq!(cost.beyond, 1);
    }
}

#[test]
fn a_request_that_passes_costs_none_without_fields() {
    let costs = costs("10/min", Wire::new().private(), 5);
    for cost in &costs[1..] {
        assert_eq!((cost.status, cost.fields), (StatusCode::OK, 0));
        assert_eq!(cost.beyond, 0);
    }
}

#[test]
fn a_refusal_costs_two_with_the_default_fields_and_a_problem_document() {
    let costs = costs("1/min", Wire::new(), 5);
    for cost in &costs[2..] {
        assert_eq!((cost.status, cost.fields), (StatusCode::TOO_MANY_REQUESTS, 8));
        assert_eq!(cost.beyond, 2);
    }
}
