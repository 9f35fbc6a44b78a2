//! Groups: what of a router counts, and what does not.

use axum::Router;
use axum::extract::State;
use axum::routing::{MethodRouter, get};
use http::{Method, StatusCode};
use limiter_tower::rate_limit;

use super::driver::{App, from, request};

async fn hello() -> &'static str {
    "hello"
}

async fn number(State(number): State<u32>) -> String {
    number.to_string()
}

#[rate_limit(read = 3, write = 1, name = "api", exempt = "/health, /static/*")]
fn api() -> Router {
    Router::new()
        .route("/a", get(hello).post(hello))
        .route("/b", get(hello))
        .route("/health", get(hello))
        .route("/static/{file}", get(hello))
}

#[tokio::test]
async fn all_routes_of_a_group_spend_one_budget_but_for_exempt_paths() {
    let app = App::new(api());
    assert_eq!(app.gets("/a", 2).await, [200, 200]);
    assert_eq!(app.gets("/b", 2).await, [200, 429]);
    assert_eq!(app.post("/a").await, StatusCode::OK);
    assert_eq!(app.gets("/health", 5).await, [200; 5]);
    assert_eq!(app.gets("/static/logo.svg", 5).await, [200; 5]);
}

#[tokio::test]
async fn a_nested_group_is_exempt_by_its_own_paths() {
    let app = App::new(Router::new().nest("/v1", api()));
    assert_eq!(app.gets("/v1/a", 4).await, [200, 200, 200, 429]);
    assert_eq!(app.gets("/v1/health", 2).await, [200, 200]);
}

#[tokio::test]
async fn a_wrong_method_on_a_route_of_the_group_counts() {
    let app = App::new(api());
    assert_eq!(app.post("/b").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(app.post("/a").await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn an_unknown_path_does_not_count_unless_the_group_has_a_fallback() {
    let alone = App::new(api());
    assert_eq!(alone.gets("/unknown", 5).await, [404; 5]);
    assert_eq!(alone.gets("/a", 4).await, [200, 200, 200, 429]);

    let nested = App::new(Router::new().nest("/v1", api()));
    assert_eq!(nested.gets("/v1/unknown", 5).await, [404; 5]);

    let merged = App::new(Router::new().route("/other", get(hello)).merge(api()));
    assert_eq!(merged.gets("/unknown", 5).await, [404; 5]);
    assert_eq!(merged.gets("/other", 5).await, [200; 5]);
}

#[rate_limit("1/min")]
fn with_fallback() -> Router {
    Router::new().route("/a", get(hello)).fallback(async || StatusCode::NOT_FOUND)
}

#[tokio::test]
async fn a_fallback_of_the_groups_own_counts_wherever_it_is_mounted() {
    let app = App::new(Router::new().nest("/v1", with_fallback()));
    assert_eq!(app.gets("/v1/unknown", 2).await, [404, 429]);
    assert_eq!(app.get("/v1/a").await, StatusCode::TOO_MANY_REQUESTS);

    let alone = App::new(with_fallback());
    assert_eq!(alone.gets("/unknown", 2).await, [404, 429]);

    let merged = App::new(Router::new().route("/other", get(hello)).merge(with_fallback()));
    assert_eq!(merged.gets("/unknown", 2).await, [404, 429]);
    assert_eq!(merged.gets("/other", 2).await, [200, 200]);
}

#[rate_limit("1/min", key = "global")]
fn stateful<S>(prefix: &str) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    u32: axum::extract::FromRef<S>,
{
    Router::new().route(&format!("/{prefix}"), get(number))
}

#[tokio::test]
async fn a_group_generic_over_its_state_gets_it_later() {
    let app = App::new(stateful("n").with_state(5_u32));
    let answer = app.send(request(Method::GET, "/n")).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"5"[..]));
    assert!(answer.has_numbers());
    assert_eq!(app.send(from("192.0.2.2", Method::GET, "/n")).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[rate_limit("1/min")]
fn method() -> MethodRouter {
    get(hello).post(hello)
}

#[tokio::test]
async fn a_method_router_is_a_group() {
    let app = App::new(Router::new().route("/", method()));
    assert_eq!(app.get("/").await, StatusCode::OK);
    assert_eq!(app.post("/").await, StatusCode::TOO_MANY_REQUESTS);
}

#[rate_limit("2/min", key = "global")]
async fn handler() {}

#[rate_limit("3/min", key = "global")]
fn outer() -> Router {
    Router::new().route("/handler", get(handler)).route("/free", get(hello))
}

#[tokio::test]
async fn a_groups_limit_and_its_handlers_limits_add_up_and_a_refusal_inside_is_given_back_outside() {
    let app = App::new(outer());
    assert_eq!(app.gets("/handler", 4).await, [200, 200, 429, 429]);
    assert_eq!(app.gets("/free", 2).await, [200, 429]);
}
