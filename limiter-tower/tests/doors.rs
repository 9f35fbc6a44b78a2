//! Who gets past the rules, who never gets in, and what stands in for a missing key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use limiter_tower::{
    AccessList, ClientIp, Global, Header, Ip, Limiter, Missing, PeerAddr, Quota, RateLimitBuilder, RateLimitLayer,
    Refusal, Rule,
};
use support::{TestBody, limiter, ok, status};
use tower::{Layer, ServiceExt, service_fn};

const LIMITED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

fn from(peer: &str) -> Request<TestBody> {
    let mut request = support::get("/");
    request.extensions_mut().insert(PeerAddr(SocketAddr::new(peer.parse::<IpAddr>().unwrap(), 4711)));
    request
}

fn once() -> RateLimitBuilder {
    RateLimitLayer::builder().quota("1/min").limiter(limiter())
}

#[tokio::test]
async fn an_exempt_client_is_not_counted_and_gets_no_fields() {
    let access = AccessList::builder().exempt(["192.0.2.0/24"]).build().unwrap();
    let limiter = Limiter::builder().access(access.clone()).build();
    let service = RateLimitLayer::builder().quota("1/min").limiter(limiter).build().unwrap().layer(service_fn(ok));
    for _ in 0..3 {
        let answer = service.clone().oneshot(from("192.0.2.9")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.headers().is_empty(), "{:?}", answer.headers());
    }
    assert_eq!(status(&service, from("198.51.100.7")).await, StatusCode::OK);
    assert_eq!(status(&service, from("198.51.100.7")).await, LIMITED);

    access.reload(AccessList::builder().exempt(["198.51.100.7"])).unwrap();
    assert_eq!(status(&service, from("198.51.100.7")).await, StatusCode::OK);
    assert_eq!(status(&service, from("192.0.2.9")).await, StatusCode::OK);
    assert_eq!(status(&service, from("192.0.2.9")).await, LIMITED);
}

#[tokio::test]
async fn a_denied_client_is_told_403_or_429_without_numbers() {
    for (refusal, code, word) in [
        (Refusal::Forbidden, StatusCode::FORBIDDEN, "\"error\":\"forbidden\""),
        (Refusal::TooMany, LIMITED, "\"error\":\"rate_limit_exceeded\""),
    ] {
        let access = AccessList::builder().deny(["203.0.113.0/24"]).answer(refusal).build().unwrap();
        let service = once().access(access).build().unwrap().layer(service_fn(ok));
        let answer = service.clone().oneshot(from("::ffff:203.0.113.7")).await.unwrap();
        assert_eq!(answer.status(), code);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let fields: Vec<&str> = answer.headers().keys().map(|name| name.as_str()).collect();
        assert!(!fields.iter().any(|name| name.contains("ratelimit") || name.contains("retry")), "{fields:?}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(std::str::from_utf8(&body).unwrap().contains(word));
        assert_eq!(status(&service, from("198.51.100.7")).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn who_never_gets_in_does_not_get_in_by_an_exempt_path_or_a_preflight() {
    let access = AccessList::builder().deny(["203.0.113.7"]).exempt(["192.0.2.1"]).build().unwrap();
    let layer = RateLimitLayer::builder().quota("1/min").exempt(["/"]).exempt_methods([Method::OPTIONS]);
    let limiter = Limiter::builder().access(access).build();
    let service = layer.limiter(limiter).build().unwrap().layer(service_fn(ok));
    assert_eq!(status(&service, from("203.0.113.7")).await, StatusCode::FORBIDDEN);
    for friend in ["192.0.2.1", "198.51.100.7"] {
        assert_eq!(status(&service, from(friend)).await, StatusCode::OK);
        assert_eq!(status(&service, from(friend)).await, StatusCode::OK);
    }
    let mut preflight = from("203.0.113.7");
    *preflight.method_mut() = Method::OPTIONS;
    preflight.headers_mut().insert("origin", "https://example.org".parse().unwrap());
    preflight.headers_mut().insert("access-control-request-method", "PUT".parse().unwrap());
    assert_eq!(status(&service, preflight).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_outer_layer_gives_back_its_charge_when_an_inner_list_denies() {
    let access = AccessList::builder().deny(["203.0.113.7"]).build().unwrap();
    let outer = RateLimitLayer::builder().rule(Rule::new(Quota::per_minute(1)).key(Global)).limiter(limiter());
    let inner = once().access(access).build().unwrap().layer(service_fn(ok));
    let service = outer.build().unwrap().layer(inner);
    assert_eq!(status(&service, from("203.0.113.7")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&service, from("203.0.113.7")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&service, from("198.51.100.7")).await, StatusCode::OK);
}

#[tokio::test]
async fn exempt_methods_and_routes_are_not_counted_and_health_checks_go_by_path() {
    let layer = || once().key(Global).exempt_methods([Method::HEAD]).exempt(["/health"]);
    let app = |layer: RateLimitLayer| {
        let api = Router::new().route("/status/{part}", get(async || "")).route("/jobs", get(async || ""));
        Router::new().nest("/api", api).route("/health", get(async || "")).layer(layer)
    };
    let ask = |method: Method, path: &str| Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let service = app(layer().exempt_routes(["/api/status/{part}"]).build().unwrap());
    for _ in 0..3 {
        assert_eq!(status(&service, ask(Method::GET, "/api/status/db")).await, StatusCode::OK);
        assert_eq!(status(&service, ask(Method::HEAD, "/api/jobs")).await, StatusCode::OK);
        assert_eq!(status(&service, ask(Method::GET, "/health")).await, StatusCode::OK);
    }
    assert_eq!(status(&service, ask(Method::GET, "/api/jobs")).await, StatusCode::OK);
    assert_eq!(status(&service, ask(Method::GET, "/api/jobs")).await, LIMITED);
    // The text of a pattern is not a path that matches it.
    assert_eq!(status(&service, ask(Method::GET, "/api/status/%7Bpart%7D")).await, StatusCode::OK);
    let mistake = layer().exempt_routes(["status"]).build().unwrap_err();
    assert!(mistake.to_string().contains("`status`"), "{mistake}");
}

#[tokio::test]
async fn a_rule_says_what_becomes_of_requests_without_its_key() {
    let service = |missing: Missing| {
        let rule = Rule::new(Quota::per_minute(1)).key(Header::new("x-team".parse().unwrap())).trusted_key();
        let layer = RateLimitLayer::builder().rule(rule.missing(missing)).limiter(limiter());
        layer.build().unwrap().layer(service_fn(ok))
    };
    let shared = service(Missing::Shared);
    assert_eq!(status(&shared, from("192.0.2.1")).await, StatusCode::OK);
    assert_eq!(status(&shared, from("192.0.2.2")).await, LIMITED);
    let mut with_key = from("192.0.2.2");
    with_key.headers_mut().insert("x-team", "red".parse().unwrap());
    assert_eq!(status(&shared, with_key).await, StatusCode::OK);

    let refuse = service(Missing::Refuse);
    let refused = refuse.clone().oneshot(from("192.0.2.1")).await.unwrap();
    assert_eq!(refused.status(), LIMITED);
    assert!(!refused.headers().contains_key("retry-after"));

    let skip = service(Missing::Skip);
    for _ in 0..3 {
        let passed = skip.clone().oneshot(from("192.0.2.1")).await.unwrap();
        assert_eq!(passed.status(), StatusCode::OK);
        assert!(passed.headers().is_empty(), "{:?}", passed.headers());
    }
}

#[tokio::test]
async fn two_ipv4_clients_of_a_dual_stack_listener_have_two_buckets() {
    let service = once().build().unwrap().layer(service_fn(ok));
    assert_eq!(status(&service, from("::ffff:192.0.2.1")).await, StatusCode::OK);
    assert_eq!(status(&service, from("::ffff:192.0.2.2")).await, StatusCode::OK);
    assert_eq!(status(&service, from("::ffff:192.0.2.1")).await, LIMITED);
    // The same client over the other listener.
    assert_eq!(status(&service, from("192.0.2.2")).await, LIMITED);
}

#[tokio::test]
async fn every_address_of_a_64_network_shares_one_cell() {
    let limiter = limiter();
    let layer = RateLimitLayer::builder().quota("10/min").limiter(limiter.clone()).build().unwrap();
    let service = layer.layer(service_fn(ok));
    let mut passed = 0;
    for host in 0..=u16::MAX {
        let answer = status(&service, from(&format!("2001:db8:1:2:{host:x}::{host:x}"))).await;
        passed += u32::from(answer == StatusCode::OK);
    }
    assert_eq!(passed, 10);
    assert_eq!(limiter.memory().unwrap().stats().keys, 1);
    assert_eq!(status(&service, from("2001:db8:1:3::1")).await, StatusCode::OK);
    assert_eq!(limiter.memory().unwrap().stats().keys, 2);
}

#[tokio::test]
async fn a_looser_rule_by_48_bits_limits_who_holds_many_64_networks() {
    let layer = once().rule(Rule::new(Quota::per_minute(3)).key(Ip::prefix(48)).named("site")).build().unwrap();
    let service = layer.layer(service_fn(ok));
    for subnet in 0..3 {
        assert_eq!(status(&service, from(&format!("2001:db8:1:{subnet}::1"))).await, StatusCode::OK);
    }
    assert_eq!(status(&service, from("2001:db8:1:3::1")).await, LIMITED);
    assert_eq!(status(&service, from("2001:db8:2::1")).await, StatusCode::OK);
}

#[tokio::test]
async fn an_exempt_network_means_the_client_behind_the_proxy() {
    let access = AccessList::builder().exempt(["10.0.0.0/8"]).build().unwrap();
    let client_ip = ClientIp::behind_nginx(["10.0.0.1"]).build().unwrap();
    let limiter = Limiter::builder().client_ip(client_ip).access(access).build();
    let service = RateLimitLayer::builder().quota("1/min").limiter(limiter).build().unwrap().layer(service_fn(ok));
    let through = |client: &str| {
        let mut request = from("10.0.0.1");
        request.headers_mut().insert("x-forwarded-for", client.parse().unwrap());
        request
    };
    assert_eq!(status(&service, through("10.0.0.9, 203.0.113.7")).await, StatusCode::OK);
    assert_eq!(status(&service, through("10.0.0.9, 203.0.113.7")).await, LIMITED);
    assert_eq!(status(&service, through("10.0.0.9")).await, StatusCode::OK);
    assert_eq!(status(&service, through("10.0.0.9")).await, StatusCode::OK);
}
