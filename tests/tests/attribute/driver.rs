//! An application under test: a router, a limiter of its own, and a clock that is moved by hand.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use limiter_tower::testing::ManualClock;
use limiter_tower::{Limiter, LimiterLayer, PeerAddr};
use tower::ServiceExt;

pub struct App {
    router: Router,
    clock: ManualClock,
    pub limiter: Limiter,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl App {
    pub fn new(router: Router) -> Self {
        let clock = ManualClock::new();
        let limiter = Limiter::builder().clock(clock.clone()).build();
        App { router: router.layer(LimiterLayer::new(limiter.clone())), clock, limiter }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn get(&self, path: &str) -> StatusCode {
        self.send(request(Method::GET, path)).await.status
    }

    pub async fn post(&self, path: &str) -> StatusCode {
        self.send(request(Method::POST, path)).await.status
    }

    /// The answers to `count` GETs.
    pub async fn gets(&self, path: &str, count: usize) -> Vec<u16> {
        let mut statuses = Vec::new();
        for _ in 0..count {
            statuses.push(self.get(path).await.as_u16());
        }
        statuses
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    /// As [`send`](Self::send), with the body yet to be read.
    pub async fn begin(&self, request: Request<Body>) -> http::Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }
}

impl Answer {
    /// Whether the answer carries numbers of a limit.
    pub fn has_numbers(&self) -> bool {
        self.headers.keys().any(|name| name.as_str().contains("ratelimit"))
    }
}

pub fn request(method: Method, path: &str) -> Request<Body> {
    from("192.0.2.1", method, path)
}

pub fn from(address: &str, method: Method, path: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    request.extensions_mut().insert(PeerAddr(format!("{address}:4711").parse().unwrap()));
    request
}

pub fn json(path: &str, text: &'static str) -> Request<Body> {
    let mut request = request(Method::POST, path);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    *request.body_mut() = Body::from(text);
    request
}
