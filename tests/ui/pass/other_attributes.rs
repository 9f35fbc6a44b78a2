//! Other attributes keep acting: on the limited function, or on the one inside.
#![deny(warnings, missing_docs, unreachable_pub)]

use axum::extract::State;
use limiter_tower::rate_limit;

/// Documented.
///
/// At length.
#[rate_limit("100/min")]
#[axum::debug_handler]
#[cfg(all())]
async fn debugged(State(number): State<u32>, body: String) -> String {
    format!("{number}{body}")
}

#[rate_limit("100/min")]
#[cfg(any())]
async fn debugged() -> NoSuchType {}

#[allow(unused_variables)]
#[rate_limit("100/min")]
#[allow(clippy::needless_pass_by_value)]
#[inline]
async fn lints(State(number): State<u32>) {
    let unused = 5;
}

#[rate_limit("100/min")]
#[expect(dead_code)]
async fn never_mounted() {}

#[rate_limit("100/min")]
#[deprecated]
async fn old() {}

fn main() {
    #[allow(deprecated)]
    let _: axum::Router = axum::Router::new()
        .route("/", axum::routing::post(debugged).get(lints))
        .route("/old", axum::routing::get(old))
        .with_state(5);
}
