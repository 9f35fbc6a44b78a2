//! A facade that hides the crate, by an absolute path of its own.
extern crate limiter_tower as inside;

mod facade {
    pub mod limits {
        pub use inside::*;
    }
}

use facade::limits::rate_limit;

#[rate_limit("100/min", crate = crate::facade::limits)]
async fn sessions() {}

#[rate_limit("100/min", crate = ::limiter_tower)]
async fn absolute() {}

fn main() {
    let _: axum::Router =
        axum::Router::new().route("/", axum::routing::get(sessions)).route("/a", axum::routing::get(absolute));
}
