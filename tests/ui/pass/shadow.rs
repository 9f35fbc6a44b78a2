#![deny(warnings)]
use axum::Router;
use axum::routing::get;
use limiter_tower::rate_limit;

/// A limit that is watched before it is enforced, below one that is.
#[rate_limit("100/min", name = "search")]
#[rate_limit("20/min", name = "search-lower", shadow)]
async fn search() -> &'static str {
    "found"
}

#[rate_limit(read = 1000, write = 10, shadow)]
fn api() -> Router {
    Router::new().route("/search", get(search))
}

fn main() {
    let _: Router = api();
}
