//! What responses say about limits, through whole layers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use axum::response::Html;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use limiter_tower::headers::{Family, Legacy, Wire};
use limiter_tower::response::{Body, Content, IntoRefusal};
use limiter_tower::{Global, LimiterLayer, RateLimitBuilder, RateLimitLayer};
use support::{TestBody, get, limiter, ok};
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};

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

/// The answer of `on_limited` to a second request.
async fn refused_by<R, Kind>(answer: impl Fn() -> R + Send + Sync + 'static) -> (StatusCode, HeaderMap, Bytes)
where
    R: IntoRefusal<Kind> + 'static,
{
    let layer = layer("1/min", "api").on_limited(move |_, _| answer());
    let service = ServiceBuilder::new().layer(layer.build().unwrap()).service(service_fn(ok));
    ask!(service, get("/"));
    let (status, headers, body) = ask!(service, get("/"));
    assert_eq!(lines(&headers, "retry-after"), ["60"]);
    assert_eq!(lines(&headers, "cache-control"), ["no-store"]);
    assert_eq!(lines(&headers, "ratelimit"), ["\"api\";r=0;t=60"]);
    (status, headers, body)
}

#[tokio::test]
async fn whatever_axum_can_answer_with_can_answer_a_refused_request() {
    let (status, headers, body) = refused_by(|| (StatusCode::IM_A_TEAPOT, [("x-why", "tea")], "later")).await;
    assert_eq!((status, &body[..]), (StatusCode::IM_A_TEAPOT, &b"later"[..]));
    assert_eq!(
        (lines(&headers, "x-why"), lines(&headers, "content-type")),
        (vec!["tea"], vec!["text/plain; charset=utf-8"])
    );
    let (status, headers, body) = refused_by(|| Html("<p>later")).await;
    assert_eq!((status, &body[..]), (StatusCode::TOO_MANY_REQUESTS, &b"<p>later"[..]));
    assert_eq!(lines(&headers, "content-type"), ["text/html; charset=utf-8"]);
    let (_, _, body) = refused_by(|| "later".to_owned()).await;
    assert_eq!(&body[..], b"later");
    let (_, headers, body) = refused_by(|| axum::response::Response::new(axum::body::Body::from("later"))).await;
    assert_eq!((lines(&headers, "content-type").len(), &body[..]), (0, &b"later"[..]));
    // Two frames of one body.
    let stream = || futures_util::stream::iter(["la", "ter"].map(Ok::<_, std::io::Error>));
    let (_, _, body) = refused_by(move || axum::body::Body::from_stream(stream())).await;
    assert_eq!(&body[..], b"later");
}

#[tokio::test]
async fn a_response_of_text_or_bytes_can_answer_a_refused_request() {
    for body in [
        refused_by(|| Response::new(Bytes::from_static(b"later"))).await.2,
        refused_by(|| Response::new("later")).await.2,
        refused_by(|| Response::new("later".to_owned())).await.2,
        refused_by(|| Response::new(b"later".to_vec())).await.2,
        refused_by(|| Content::text("later")).await.2,
    ] {
        assert_eq!(&body[..], b"later");
    }
}

#[tokio::test]
async fn a_body_that_is_not_at_hand_is_left_out_of_a_refusal() {
    let (status, _, body) =
        refused_by(|| axum::body::Body::from_stream(futures_util::stream::pending::<Result<Bytes, BoxError>>())).await;
    assert_eq!((status, body.len()), (StatusCode::TOO_MANY_REQUESTS, 0));
    let endless = || futures_util::stream::repeat_with(|| Ok::<_, BoxError>(Bytes::from_static(&[b'.'; 4096])));
    let (status, _, body) = refused_by(move || axum::body::Body::from_stream(endless())).await;
    assert_eq!((status, body.len()), (StatusCode::TOO_MANY_REQUESTS, 0));
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
