//! What responses say about limits, through whole layers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use limiter_tower::headers::{Family, Legacy, Wire};
use limiter_tower::response::Body;
use limiter_tower::{Global, LimiterLayer, RateLimitBuilder, RateLimitLayer};
use support::{TestBody, get, limiter, ok};
use tower::{ServiceBuilder, ServiceExt, service_fn};

fn layer(quota: &str, name: &'static str) -> RateLimitBuilder {
    RateLimitLayer::builder().quota(quota).key(Global).named(name).limiter(limiter())
}

/// Status, fields and body of one answer.
macro_rules! ask {
    ($service:expr, $request:expr) => {{
        let (head, body) = $service.clone().oneshot($request).await.unwrap().into_parts();
        (head.status, head.headers, body.collect().await.unwrap().to_bytes())
    }};
}

fn lines<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    headers.get_all(name).iter().map(|line| line.to_str().unwrap()).collect()
}

#[tokio::test]
async fn stacked_layers_each_add_a_line_and_the_tighter_has_the_legacy_fields() {
    let service = ServiceBuilder::new()
        .layer(layer("1000/min", "outer").build().unwrap())
        .layer(layer("5/min", "inner").build().unwrap())
        .service(service_fn(ok));
    let (status, headers, _) = ask!(service, get("/"));
    assert_eq!(status, StatusCode::OK);
    assert_eq!(lines(&headers, "ratelimit-policy"), ["\"inner\";q=5;w=60", "\"outer\";q=1000;w=60"]);
    assert_eq!(lines(&headers, "ratelimit"), ["\"inner\";r=4;t=48", "\"outer\";r=999;t=60"]);
    assert_eq!(lines(&headers, "x-ratelimit-limit"), ["5"]);
    assert_eq!(lines(&headers, "x-ratelimit-remaining"), ["4"]);
}

#[tokio::test]
async fn a_refusal_of_an_inner_layer_never_says_that_something_remains() {
    let service = ServiceBuilder::new()
        .layer(layer("1000/min", "outer").build().unwrap())
        .layer(layer("1/min", "inner").build().unwrap())
        .service(service_fn(ok));
    ask!(service, get("/"));
    let (status, headers, _) = ask!(service, get("/"));
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(lines(&headers, "ratelimit"), ["\"inner\";r=0;t=60"]);
    assert_eq!(lines(&headers, "x-ratelimit-limit"), ["1"]);
    assert_eq!(lines(&headers, "x-ratelimit-remaining"), ["0"]);
    assert_eq!(lines(&headers, "ratelimit-policy"), ["\"inner\";q=1;w=60", "\"outer\";q=1000;w=60"]);
}

#[tokio::test]
async fn the_wire_travels_with_the_limiter_unless_a_layer_has_its_own() {
    let shared = Wire::new().family(Family::Draft07).legacy(Legacy::Off).body(Body::PlainJson);
    for (own, fields, body) in [
        (None, 2, "{\"error\":\"rate_limit_exceeded\"}"),
        (Some(Wire::new().private().body(Body::Text)), 0, "Quota Exceeded"),
    ] {
        let mut layer = RateLimitLayer::builder().quota("1/min").key(Global);
        if let Some(own) = own {
            layer = layer.wire(own);
        }
        let service = ServiceBuilder::new()
            .layer(LimiterLayer::new(limiter()).wire(shared.clone()))
            .layer(layer.build().unwrap())
            .service(service_fn(ok));
        let (_, headers, _) = ask!(service, get("/"));
        assert_eq!(headers.len(), fields, "{headers:?}");
        let (status, _, refusal) = ask!(service, get("/"));
        assert_eq!((status, &refusal[..]), (StatusCode::TOO_MANY_REQUESTS, body.as_bytes()));
    }
}

#[tokio::test]
async fn an_answer_of_ones_own_keeps_the_fields_and_needs_no_status() {
    let layer = layer("1/min", "api").on_limited(|_, parts| Response::new(parts.uri.path().to_owned()));
    let service = ServiceBuilder::new().layer(layer.build().unwrap()).service(service_fn(ok));
    ask!(service, get("/"));
    let (status, headers, body) = ask!(service, get("/here"));
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(&body[..], b"/here");
    assert_eq!(lines(&headers, "retry-after"), ["60"]);
    assert_eq!(lines(&headers, "cache-control"), ["no-store"]);
    assert_eq!(lines(&headers, "ratelimit"), ["\"api\";r=0;t=60"]);
}

#[tokio::test]
async fn redirects_of_the_handler_carry_no_fields() {
    let service = ServiceBuilder::new().layer(layer("9/min", "api").build().unwrap()).service(service_fn(
        async |_: Request<TestBody>| {
            let mut response = Response::new(Full::<Bytes>::default());
            *response.status_mut() = StatusCode::SEE_OTHER;
            Ok::<_, std::convert::Infallible>(response)
        },
    ));
    let (status, headers, _) = ask!(service, get("/"));
    assert_eq!((status, headers.len()), (StatusCode::SEE_OTHER, 0));
}

#[tokio::test]
async fn scripts_of_other_origins_may_read_the_fields_of_both_answers() {
    let layer = layer("1/min", "api").wire(Wire::new().legacy(Legacy::Off).expose_headers());
    let service = ServiceBuilder::new().layer(layer.build().unwrap()).service(service_fn(ok));
    let cross = || {
        let mut request = get("/");
        request.headers_mut().insert("origin", "https://app.example".parse().unwrap());
        request
    };
    let (_, headers, _) = ask!(service, cross());
    assert_eq!(lines(&headers, "access-control-expose-headers"), ["RateLimit-Policy, RateLimit"]);
    let (_, headers, _) = ask!(service, cross());
    assert_eq!(lines(&headers, "access-control-expose-headers"), ["RateLimit-Policy, RateLimit, Retry-After"]);
    let (_, headers, _) = ask!(service, get("/"));
    assert_eq!(lines(&headers, "access-control-expose-headers"), [""; 0]);
}
