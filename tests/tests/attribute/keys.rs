//! Keys by what the router knows, and requests that lack a key.

use axum::Router;
use axum::routing::get;
use limiter_tower::rate_limit;

use super::driver::App;

#[rate_limit("1/min", key = "path:tenant + route")]
async fn by_tenant() {}

#[tokio::test]
async fn a_path_parameter_and_the_route_are_keys_inside_a_nested_router_too() {
    let inner = Router::new().route("/a", get(by_tenant)).route("/b/{id}", get(by_tenant));
    let app = App::new(Router::new().nest("/t/{tenant}", inner));
    assert_eq!(app.gets("/t/acme/a", 2).await, [200, 429]);
    assert_eq!(app.gets("/t/acme/b/1", 1).await, [200]);
    assert_eq!(app.gets("/t/acme/b/2", 1).await, [429]);
    assert_eq!(app.gets("/t/other/a", 1).await, [200]);
    assert_eq!(app.gets("/t/%61cme/a", 1).await, [429]);
}

#[rate_limit("1/min", key = "path:tenant", missing = "refuse")]
async fn refuses() {}

#[rate_limit("1/min", key = "path:tenant", missing = "skip")]
async fn skips() {}

#[rate_limit("1/min", key = "path:tenant", missing = "shared")]
async fn shares() {}

#[tokio::test]
async fn a_missing_key_is_refused_skipped_or_shared() {
    let router = Router::new().route("/refuse", get(refuses)).route("/skip", get(skips)).route("/share", get(shares));
    let app = App::new(router);
    assert_eq!(app.gets("/refuse", 1).await, [429]);
    assert_eq!(app.gets("/skip", 3).await, [200, 200, 200]);
    assert_eq!(app.gets("/share", 2).await, [200, 429]);
}
