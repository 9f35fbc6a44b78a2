//! The fields in every place an answer can come from: nested routers, fallbacks, wrong methods, HEAD,
//! 304, informational answers, errors of the inner service.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::io;

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use limiter_tower::{Global, RateLimitBuilder, RateLimitLayer, RouterExt};
use support::{TestBody, limiter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};

fn layer(quota: &str, name: &'static str) -> RateLimitBuilder {
    RateLimitLayer::builder().quota(quota).key(Global).named(name).limiter(limiter())
}

fn limits(quota: &str, name: &'static str) -> RateLimitLayer {
    layer(quota, name).build().unwrap()
}

async fn ask(app: &Router, method: Method, path: &str) -> (StatusCode, HeaderMap, usize) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes().len())
}

fn lines<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    headers.get_all(name).iter().map(|line| line.to_str().unwrap()).collect()
}

/// Which limits an answer tells of, from the inside out; the trio is there exactly once if any is.
fn told(headers: &HeaderMap) -> Vec<&str> {
    let policies: Vec<_> =
        lines(headers, "ratelimit-policy").iter().map(|line| line.split('"').nth(1).unwrap()).collect();
    let items: Vec<_> = lines(headers, "ratelimit").iter().map(|line| line.split('"').nth(1).unwrap()).collect();
    assert_eq!(policies, items);
    for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert_eq!(lines(headers, name).len(), usize::from(!policies.is_empty()), "{name}");
    }
    policies
}

#[tokio::test]
async fn nested_routers_tell_of_their_own_limits_and_of_those_around_them() {
    let inner = Router::new().route("/item", get(async || "item")).layer(limits("5/min", "inner"));
    let app = Router::new()
        .nest("/nested", inner)
        .route("/plain", get(async || "plain"))
        .layer(limits("100/min", "outer"))
        .route("/free", get(async || "free"));
    let (_, headers, _) = ask(&app, Method::GET, "/nested/item").await;
    assert_eq!(told(&headers), ["inner", "outer"]);
    assert_eq!(headers["x-ratelimit-limit"], "5");
    let (_, headers, _) = ask(&app, Method::GET, "/plain").await;
    assert_eq!(told(&headers), ["outer"]);
    let (_, headers, _) = ask(&app, Method::GET, "/free").await;
    assert_eq!(told(&headers), [""; 0]);
}

#[tokio::test]
async fn a_refusal_of_a_nested_router_tells_of_the_limit_that_was_violated() {
    let inner = Router::new().route("/item", get(async || "item")).layer(limits("1/min", "inner"));
    let app = Router::new().nest("/nested", inner).layer(limits("100/min", "outer"));
    ask(&app, Method::GET, "/nested/item").await;
    let (status, headers, _) = ask(&app, Method::GET, "/nested/item").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(lines(&headers, "ratelimit"), ["\"inner\";r=0;t=60"]);
    assert_eq!(lines(&headers, "retry-after"), ["60"]);
    assert_eq!(lines(&headers, "x-ratelimit-remaining"), ["0"]);
}

#[tokio::test]
async fn a_fallback_within_the_layer_is_limited_and_says_so() {
    let app = Router::new().fallback(async || (StatusCode::OK, "anything")).layer(limits("1/min", "all"));
    let (status, headers, _) = ask(&app, Method::GET, "/anywhere").await;
    assert_eq!((status, told(&headers)), (StatusCode::OK, vec!["all"]));
    let (status, headers, _) = ask(&app, Method::GET, "/elsewhere").await;
    assert_eq!((status, told(&headers)), (StatusCode::TOO_MANY_REQUESTS, vec!["all"]));
}

#[tokio::test]
async fn a_404_counts_under_a_layer_and_not_under_a_limited_group() {
    let routes = || Router::new().route("/here", get(async || "here"));
    let app = routes().layer(limits("5/min", "layer"));
    let (status, headers, _) = ask(&app, Method::GET, "/nowhere").await;
    assert_eq!((status, told(&headers)), (StatusCode::NOT_FOUND, vec!["layer"]));
    let app = routes().rate_limit(limits("5/min", "group"));
    let (status, headers, _) = ask(&app, Method::GET, "/nowhere").await;
    assert_eq!((status, told(&headers)), (StatusCode::NOT_FOUND, vec![]));
    let (_, headers, _) = ask(&app, Method::GET, "/here").await;
    assert_eq!((told(&headers), &headers["x-ratelimit-remaining"]), (vec!["group"], &"4".parse().unwrap()));
}

#[tokio::test]
async fn a_404_of_the_handlers_own_carries_the_fields() {
    let app = Router::new().route("/{id}", get(async || StatusCode::NOT_FOUND)).layer(limits("5/min", "api"));
    let (status, headers, _) = ask(&app, Method::GET, "/7").await;
    assert_eq!((status, told(&headers)), (StatusCode::NOT_FOUND, vec!["api"]));
}

#[tokio::test]
async fn a_405_counts_where_its_route_does_and_keeps_its_allow() {
    for app in [
        Router::new().route("/", post(async || "made")).layer(limits("1/min", "api")),
        Router::new().route("/", post(async || "made")).rate_limit(limits("1/min", "api")),
    ] {
        let (status, headers, _) = ask(&app, Method::GET, "/").await;
        assert_eq!((status, told(&headers)), (StatusCode::METHOD_NOT_ALLOWED, vec!["api"]));
        assert_eq!(lines(&headers, "allow"), ["POST"]);
        let (status, headers, _) = ask(&app, Method::POST, "/").await;
        assert_eq!((status, lines(&headers, "allow").len()), (StatusCode::TOO_MANY_REQUESTS, 0));
    }
}

#[tokio::test]
async fn a_head_counts_as_the_get_whose_fields_it_has() {
    let app = Router::new()
        .route("/", get(async || "content"))
        .layer(RateLimitLayer::builder().read("2/min").key(Global).named("api").limiter(limiter()).build().unwrap());
    let (_, get, length) = ask(&app, Method::GET, "/").await;
    assert_eq!((told(&get), length), (vec!["api-read"], 7));
    let (status, head, length) = ask(&app, Method::HEAD, "/").await;
    assert_eq!((status, told(&head), length), (StatusCode::OK, vec!["api-read"], 0));
    assert_eq!(
        (&get["x-ratelimit-remaining"], &head["x-ratelimit-remaining"]),
        (&"1".parse().unwrap(), &"0".parse().unwrap())
    );

    let (_, get, length) = ask(&app, Method::GET, "/").await;
    assert!(length > 0);
    let (status, head, length) = ask(&app, Method::HEAD, "/").await;
    assert_eq!((status, length), (StatusCode::TOO_MANY_REQUESTS, 0));
    for name in ["retry-after", "cache-control", "content-type", "ratelimit", "x-ratelimit-reset"] {
        assert_eq!(lines(&get, name), lines(&head, name), "{name}");
    }
}

#[tokio::test]
async fn a_304_counts_and_carries_no_fields() {
    let app = Router::new()
        .route("/", get(async || (StatusCode::NOT_MODIFIED, [("etag", "\"1\"")])))
        .route("/fresh", get(async || "fresh"))
        .layer(limits("9/min", "api"));
    let (status, headers, _) = ask(&app, Method::GET, "/").await;
    assert_eq!((status, told(&headers), lines(&headers, "etag")), (StatusCode::NOT_MODIFIED, vec![], vec!["\"1\""]));
    let (_, headers, _) = ask(&app, Method::GET, "/fresh").await;
    assert_eq!(headers["x-ratelimit-remaining"], "7");
}

#[tokio::test]
async fn a_100_continue_has_no_fields_and_is_not_sent_to_whom_is_refused() {
    let service =
        layer("1/min", "api").build().unwrap().layer(service_fn(async |request: Request<hyper::body::Incoming>| {
            // Whoever reads the body makes the server send the 100.
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Ok::<_, Infallible>(Response::new(http_body_util::Full::new(body)))
        }));
    let (mut client, server) = tokio::io::duplex(4096);
    let service = hyper::service::service_fn(move |request| service.clone().oneshot(request));
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service));

    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    let mut buffer = [0; 1024];
    client.write_all(head.as_bytes()).await.unwrap();
    let length = client.read(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..length], b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"body").await.unwrap();
    let length = client.read(&mut buffer).await.unwrap();
    let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\r\nratelimit: \"api\";r=0;t=60\r\n"),
        "{answer}"
    );

    client.write_all(head.as_bytes()).await.unwrap();
    let length = client.read(&mut buffer).await.unwrap();
    let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
}

#[tokio::test]
async fn an_error_of_the_inner_service_passes_through_and_what_is_made_of_it_has_fields_only_within_the_layer() {
    let failing = || service_fn(async |_: Request<TestBody>| Err::<Response<TestBody>, _>(io::Error::other("broken")));
    let service = ServiceBuilder::new().layer(limits("1/min", "api")).service(failing());
    let request = || Request::new(TestBody::default());
    assert_eq!(service.clone().oneshot(request()).await.unwrap_err().to_string(), "broken");
    assert_eq!(service.oneshot(request()).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);

    let handled = || HandleErrorLayer::new(async |_: BoxError| StatusCode::BAD_GATEWAY);
    let broken = || service_fn(async |_: Request<Body>| Err::<Response<Body>, BoxError>("broken".into()));
    let limited_outside = ServiceBuilder::new().layer(limits("1/min", "api")).layer(handled()).service(broken());
    let app = Router::new().route_service("/", limited_outside.map_response(IntoResponse::into_response));
    let (status, headers, _) = ask(&app, Method::GET, "/").await;
    assert_eq!((status, told(&headers)), (StatusCode::BAD_GATEWAY, vec!["api"]));
    let limited_inside = ServiceBuilder::new().layer(handled()).layer(limits("1/min", "api")).service(broken());
    let app = Router::new().route_service("/", limited_inside);
    let (status, headers, _) = ask(&app, Method::GET, "/").await;
    assert_eq!((status, told(&headers)), (StatusCode::BAD_GATEWAY, vec![]));
}

#[tokio::test]
async fn an_error_answer_of_the_handlers_own_carries_the_fields() {
    let app = Router::new().route("/", get(async || StatusCode::INTERNAL_SERVER_ERROR)).layer(limits("5/min", "api"));
    let (status, headers, _) = ask(&app, Method::GET, "/").await;
    assert_eq!((status, told(&headers)), (StatusCode::INTERNAL_SERVER_ERROR, vec!["api"]));
}

#[tokio::test]
async fn a_cors_preflight_carries_no_fields() {
    let app = Router::new().route("/", get(async || "fine")).layer(limits("5/min", "api"));
    let preflight = Request::options("/")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .body(Body::empty())
        .unwrap();
    let answer = app.clone().oneshot(preflight).await.unwrap();
    assert_eq!(told(answer.headers()), [""; 0]);
    let (_, headers, _) = ask(&app, Method::GET, "/").await;
    assert_eq!(headers["x-ratelimit-remaining"], "4");
}
