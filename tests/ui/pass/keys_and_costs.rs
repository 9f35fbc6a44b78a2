//! Keys and costs in the notation and by function.
#![deny(warnings)]

use http::request::Parts;
use limiter_tower::rate_limit;

mod account {
    use http::request::Parts;

    #[derive(Clone)]
    pub struct Account(pub u64);

    pub fn by_account(parts: &Parts) -> Option<u64> {
        parts.extensions.get::<Account>().map(|account| account.0)
    }
}

fn by_header(parts: &Parts) -> Option<String> {
    parts.headers.get("x-tenant")?.to_str().ok().map(str::to_owned)
}

fn query_cost(parts: &Parts) -> u32 {
    u32::from(parts.uri.query().is_some())
}

#[rate_limit("1000/day", key = account::by_account, cost = query_cost)]
async fn functions() {}

#[rate_limit("1000/day", key = crate::by_header)]
async fn absolute() {}

#[rate_limit("60/min", key = "header:x-api-key | ip", trusted_key)]
async fn trusted() {}

#[rate_limit("60/min", key = "ip + header:x-tenant", algorithm = "fixed", cost = 0)]
#[rate_limit(read = "100/min, 1000/h", write = 10, per = "15 min", key = "ip")]
async fn companion() {}

#[rate_limit("1000/day aligned utc+2", algorithm = "fixed", key = "global", name = "daily", scope = "all:daily")]
async fn aligned() {}

#[rate_limit("10/s", algorithm = "bucket")]
#[rate_limit("100/min", algorithm = "interval", key = "route + host")]
#[rate_limit("200/h", algorithm = "sliding")]
#[rate_limit("300/d", algorithm = "log", key = "ip + path:id")]
async fn algorithms() {}

#[rate_limit(read = 100, burst = 200, per = "s")]
async fn burst() {}

#[rate_limit("unlimited")]
async fn unlimited() {}

#[rate_limit(write = "0/min")]
async fn read_only() {}

#[rate_limit(concurrent = 8, algorithm = "concurrent", key = "ip",)]
async fn slots() {}

fn main() {
    use axum::routing::get;
    let _: axum::Router = axum::Router::new()
        .route("/1", get(functions))
        .route("/2", get(absolute))
        .route("/3", get(trusted))
        .route("/4", get(companion))
        .route("/5", get(aligned))
        .route("/6", get(burst))
        .route("/7", get(unlimited))
        .route("/8", get(read_only))
        .route("/9", get(slots))
        .route("/10/{id}", get(algorithms));
}
