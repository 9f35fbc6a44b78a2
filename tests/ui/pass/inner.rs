//! `inner` keeps the untouched function for unit tests and callers of one's own.
#![deny(warnings)]

use axum::extract::Json;
use limiter_tower::rate_limit;

/// Doubles.
#[rate_limit("100/min", inner = double_unlimited)]
pub async fn double(Json(number): Json<u32>) -> Json<u32> {
    Json(number * 2)
}

#[rate_limit("100/min", inner = api_unlimited)]
fn api() -> axum::Router {
    axum::Router::new().route("/", axum::routing::post(double))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(double_unlimited(Json(4)).await.0, 8);
    let _ = api();
    let _ = api_unlimited();
}
