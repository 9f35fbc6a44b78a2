//! Keys by what axum's router knows: the route as declared, and its parameters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use limiter_tower::{Missing, Quota, RateLimitLayer, Rule, key};
use support::{limiter, status};

const OK: StatusCode = StatusCode::OK;
const LIMITED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

fn once_by(notation: &str) -> RateLimitLayer {
    let rule = Rule::new(Quota::per_minute(1)).key_source(key::parse_source(notation).unwrap());
    RateLimitLayer::builder().rule(rule.missing(Missing::Skip)).limiter(limiter()).build().unwrap()
}

async fn ask(app: &Router, path: &str) -> StatusCode {
    status(app, Request::get(path).body(Body::empty()).unwrap()).await
}

fn tenants() -> Router {
    Router::new().route("/files/{*path}", get(async || "")).route("/users/{id}", get(async || ""))
}

#[tokio::test]
async fn a_path_parameter_is_a_key_decoded_and_whole() {
    let app = tenants().layer(once_by("path:id"));
    assert_eq!(ask(&app, "/users/a").await, OK);
    assert_eq!(ask(&app, "/users/a?b").await, LIMITED);
    assert_eq!(ask(&app, "/users/%61").await, LIMITED);
    assert_eq!(ask(&app, "/users/a%2Fb").await, OK);
    assert_eq!(ask(&app, "/users/%ff").await, OK);
    assert_eq!(ask(&app, "/users/%ff").await, LIMITED);
    // A route without the parameter, and no route at all.
    assert_eq!(ask(&app, "/files/x").await, OK);
    assert_eq!(ask(&app, "/files/x").await, OK);
    assert_eq!(ask(&app, "/nowhere").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_rest_of_a_path_is_one_key() {
    let app = tenants().layer(once_by("path:path"));
    assert_eq!(ask(&app, "/files/a/b").await, OK);
    assert_eq!(ask(&app, "/files/a/c").await, OK);
    assert_eq!(ask(&app, "/files/a/b").await, LIMITED);
}

#[tokio::test]
async fn parameters_of_a_prefix_are_seen_from_inside_and_outside_of_a_nested_router() {
    let inside = Router::new().nest("/t/{tenant}", tenants().layer(once_by("path:tenant")));
    let outside = Router::new().nest("/t/{tenant}", tenants()).layer(once_by("path:tenant"));
    let twice = Router::new().nest("/api", Router::new().nest("/t/{tenant}", tenants().layer(once_by("path:tenant"))));
    for (app, prefix) in [(inside, ""), (outside, ""), (twice, "/api")] {
        assert_eq!(ask(&app, &format!("{prefix}/t/acme/users/1")).await, OK);
        assert_eq!(ask(&app, &format!("{prefix}/t/acme/users/2")).await, LIMITED);
        assert_eq!(ask(&app, &format!("{prefix}/t/other/files/a/b")).await, OK);
    }
}

#[tokio::test]
async fn parameters_inside_a_nested_router_are_those_of_the_whole_path() {
    let app = Router::new().nest("/t/{tenant}", tenants().layer(once_by("path:tenant + path:id")));
    assert_eq!(ask(&app, "/t/acme/users/1").await, OK);
    assert_eq!(ask(&app, "/t/acme/users/2").await, OK);
    assert_eq!(ask(&app, "/t/other/users/1").await, OK);
    assert_eq!(ask(&app, "/t/acme/users/1").await, LIMITED);
}

#[tokio::test]
async fn a_route_has_one_budget_whatever_its_parameters() {
    let app = Router::new().nest("/t/{tenant}", tenants()).layer(once_by("route"));
    assert_eq!(ask(&app, "/t/acme/users/1").await, OK);
    assert_eq!(ask(&app, "/t/other/users/2").await, LIMITED);
    assert_eq!(ask(&app, "/t/acme/files/x").await, OK);
}

#[tokio::test]
async fn a_route_nested_as_a_service_has_its_parameters() {
    let app = Router::new().nest_service("/svc", tenants().layer(once_by("path:id")));
    assert_eq!(ask(&app, "/svc/users/1").await, OK);
    assert_eq!(ask(&app, "/svc/users/1").await, LIMITED);
    assert_eq!(ask(&app, "/svc/users/2").await, OK);
}
