//! Stacked attributes are one policy, under any path.
#![deny(warnings)]

mod facade {
    pub use limiter_tower::rate_limit;
}

use limiter_tower::rate_limit;

#[facade::rate_limit("10/s burst 20, 1000/h")]
#[limiter_tower::rate_limit("100/min", key = "header:x-api-key")]
#[rate_limit(concurrent = 8, name = "slots")]
async fn sessions() {}

#[cfg_attr(all(), rate_limit("10/s"))]
#[cfg_attr(all(), rate_limit("100/h"))]
#[cfg_attr(any(), rate_limit("not a quota"))]
async fn conditional() {}

fn main() {
    let _: axum::Router =
        axum::Router::new().route("/", axum::routing::get(sessions)).route("/c", axum::routing::get(conditional));
}
