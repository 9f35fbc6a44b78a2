//! The handler's body may use its own name, and names that generated code could have taken.
#![deny(warnings)]

use limiter_tower::rate_limit;
use std::future::Future;
use std::pin::Pin;

const SITE: u32 = 3;

fn call() -> u32 {
    SITE
}

fn countdown(from: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { if from == 0 { call() } else { countdown(from - 1).await } })
}

#[rate_limit("100/min")]
async fn site(method: axum::http::Method) -> String {
    let site = method.to_string();
    format!("{site}{}", countdown(SITE).await)
}

fn main() {
    let _: axum::Router = axum::Router::new().route("/", axum::routing::get(site));
}
