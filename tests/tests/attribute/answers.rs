//! What an annotated handler's answers look like: `headers` and `on_limited`.

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use http::{Method, StatusCode};
use limiter_tower::headers::{Family, Wire};
use limiter_tower::response::{Body, Content, Denial};
use limiter_tower::testing::ManualClock;
use limiter_tower::{Limiter, LimiterLayer, rate_limit};

use super::driver::{App, request};

#[rate_limit("1/min", key = "global", headers = "draft-07")]
async fn older() {}

#[rate_limit("1/min", key = "global", headers = "draft-11, legacy-delta")]
async fn both() {}

#[rate_limit("1/min", key = "global", headers = "legacy")]
async fn legacy() {}

#[rate_limit("1/min", key = "global", headers = "off")]
async fn private() {}

fn app() -> App {
    let router = Router::new()
        .route("/older", get(older))
        .route("/both", get(both))
        .route("/legacy", get(legacy))
        .route("/private", get(private));
    App::new(router)
}

#[tokio::test]
async fn answers_carry_the_families_that_are_named_and_no_others() {
    let app = app();
    for (path, fields) in [
        ("/older", &["ratelimit", "ratelimit-policy"][..]),
        (
            "/both",
            &["ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
        ),
        ("/legacy", &["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]),
        ("/private", &[]),
    ] {
        for status in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
            let answer = app.send(request(Method::GET, path)).await;
            assert_eq!(answer.status, status, "{path}");
            let mut told: Vec<_> =
                answer.headers.keys().map(http::HeaderName::as_str).filter(|name| name.contains("ratelimit")).collect();
            told.sort_unstable();
            assert_eq!(told, fields, "{path}");
            assert_eq!(answer.headers.contains_key("retry-after"), status == StatusCode::TOO_MANY_REQUESTS);
        }
    }
    let answer = app.send(request(Method::GET, "/older")).await;
    assert_eq!(answer.headers["ratelimit"], "limit=1, remaining=0, reset=60");
    let answer = app.send(request(Method::GET, "/both")).await;
    assert_eq!(answer.headers["x-ratelimit-reset"], "60");
}

#[tokio::test]
async fn all_else_is_as_the_wire_of_the_application_says() {
    let limited = |wire: Wire| {
        let limiter = Limiter::builder().clock(ManualClock::new()).build();
        App::new(Router::new().route("/older", get(older)).layer(LimiterLayer::new(limiter).wire(wire)))
    };
    // The second application has another wire: the first does not stick to the handler.
    for (body, text) in [(Body::PlainJson, "{\"error\":\"rate_limit_exceeded\"}"), (Body::Text, "Quota Exceeded")] {
        let app = limited(Wire::new().family(Family::Off).body(body));
        app.get("/older").await;
        let answer = app.send(request(Method::GET, "/older")).await;
        assert_eq!(answer.headers["ratelimit"], "limit=1, remaining=0, reset=60");
        assert!(!answer.headers.contains_key("x-ratelimit-limit"));
        assert_eq!(answer.body, text);
    }
}

fn sorry(denial: &Denial<'_>) -> Content {
    let wait = denial.retry_after().map_or(0, |wait| wait.as_secs());
    Content::html(format!("<p>{} is busy for {wait} s.", denial.request().uri.path()))
}

fn teapot(_: &Denial<'_>) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from_static(b"short and stout"));
    *response.status_mut() = StatusCode::IM_A_TEAPOT;
    response
}

#[rate_limit("1/min", key = "global", on_limited = sorry)]
async fn page() {}

#[rate_limit("1/min", key = "global", on_limited = self::teapot, headers = "off")]
fn group() -> Router {
    Router::new().route("/tea", get(async || "tea"))
}

#[tokio::test]
async fn a_function_of_ones_own_answers_and_the_fields_are_added() {
    let app = App::new(Router::new().route("/page", get(page)));
    assert_eq!(app.get("/page").await, StatusCode::OK);
    let answer = app.send(request(Method::GET, "/page")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.body, "<p>/page is busy for 60 s.");
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.headers["retry-after"], "60");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["ratelimit"], "\"page\";r=0;t=60");
}

#[tokio::test]
async fn a_group_can_answer_with_a_whole_response() {
    let app = App::new(group());
    assert_eq!(app.get("/tea").await, StatusCode::OK);
    let answer = app.send(request(Method::GET, "/tea")).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::IM_A_TEAPOT, &b"short and stout"[..]));
    assert_eq!(answer.headers["retry-after"], "60");
    assert!(!answer.headers.contains_key("ratelimit"));
}
