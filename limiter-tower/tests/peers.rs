//! Who opened the connection: what the layer believes, and what it does when nobody noted it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::extract::connect_info::MockConnectInfo;
use http::StatusCode;
use limiter_core::testing::ManualClock;
use limiter_tower::{ClientIp, Limiter, Missing, PeerAddr, PeerUnix, Quota, RateLimit, RateLimitLayer, Rule};
use support::{Notes, from, get, limiter, ok, status};
use tower::{Layer, service_fn};

const OK: StatusCode = StatusCode::OK;
const LIMITED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 4711))
}

fn with<T: Clone + Send + Sync + 'static>(extension: T) -> http::Request<support::TestBody> {
    let mut request = get("/");
    request.extensions_mut().insert(extension);
    request
}

#[tokio::test]
async fn every_peer_has_a_budget_of_its_own_whatever_its_port() {
    let layer = RateLimitLayer::builder().quota("1/min").limiter(limiter()).build().unwrap();
    let service = layer.layer(service_fn(ok));
    assert_eq!(status(&service, from([192, 0, 2, 1])).await, OK);
    assert_eq!(status(&service, from([192, 0, 2, 2])).await, OK);
    assert_eq!(status(&service, with(PeerAddr(SocketAddr::from(([192, 0, 2, 1], 9))))).await, LIMITED);
}

#[tokio::test]
async fn what_axum_notes_is_the_same_peer() {
    let layer = RateLimitLayer::builder().quota("1/min").limiter(limiter()).build().unwrap();
    let service = layer.layer(service_fn(ok));
    assert_eq!(status(&service, with(ConnectInfo(address(1)))).await, OK);
    assert_eq!(status(&service, with(MockConnectInfo(address(1)))).await, LIMITED);
    assert_eq!(status(&service, with(PeerAddr(address(1)))).await, LIMITED);
    assert_eq!(status(&service, with(MockConnectInfo(address(2)))).await, OK);
    // An address that was put there on purpose counts before the socket's.
    let mut both = with(ConnectInfo(address(1)));
    both.extensions_mut().insert(PeerAddr(address(3)));
    assert_eq!(status(&service, both).await, OK);
}

#[tokio::test]
async fn without_a_peer_all_share_one_budget_and_one_warning_says_so() {
    let notes = Notes::default();
    let limiter = Limiter::builder().clock(ManualClock::new()).observer(notes.clone()).build();
    let layer = RateLimitLayer::builder().quota("2/min").limiter(limiter).build().unwrap();
    let service = layer.layer(service_fn(ok));
    for expected in [OK, OK, LIMITED, LIMITED] {
        let mut request = get("/");
        request.headers_mut().insert("x-forwarded-for", "203.0.113.7".parse().unwrap());
        assert_eq!(status(&service, request).await, expected);
    }
    assert_eq!(notes.all().iter().filter(|note| *note == "L001").count(), 1, "{:?}", notes.all());
    assert_eq!(status(&service, from([192, 0, 2, 1])).await, OK);
}

#[tokio::test]
async fn a_unix_peer_is_named_by_its_proxy_or_has_no_address() {
    let build = |trust: bool| -> RateLimit<_> {
        let client_ip = ClientIp::builder().header("x-forwarded-for").trusted(["10.0.0.1"]).trust_unix(trust);
        let limiter = Limiter::builder().clock(ManualClock::new()).client_ip(client_ip.build().unwrap()).build();
        let rule = Rule::new(Quota::per_minute(1)).missing(Missing::Refuse);
        RateLimitLayer::builder().rule(rule).limiter(limiter).build().unwrap().layer(service_fn(ok))
    };
    let request = |client: &str| {
        let mut request = with(PeerUnix);
        request.headers_mut().insert("x-forwarded-for", client.parse().unwrap());
        request
    };
    let trusting = build(true);
    assert_eq!(status(&trusting, request("203.0.113.7")).await, OK);
    assert_eq!(status(&trusting, request("203.0.113.7")).await, LIMITED);
    assert_eq!(status(&trusting, request("203.0.113.8")).await, OK);
    assert_eq!(status(&build(false), request("203.0.113.7")).await, LIMITED);
}
