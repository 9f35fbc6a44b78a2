//! Generated code needs nothing in scope, and nothing in scope disturbs it.
#![no_implicit_prelude]
#![deny(warnings)]

mod core {}
mod axum {}
mod limiter_tower {}
#[allow(dead_code)]
struct Call;
#[allow(dead_code)]
struct Response;

#[::limiter_tower::rate_limit(read = 1000, write = 10, key = "header:x-api-key", trusted_key, scope = "all")]
async fn sessions(method: ::axum::http::Method) -> ::std::string::String {
    ::std::string::ToString::to_string(&method)
}

#[::limiter_tower::rate_limit("10/s", cost = cost, key = key)]
async fn functions() {}

fn cost(_: &::http::request::Parts) -> u32 {
    2
}

fn key(parts: &::http::request::Parts) -> ::std::option::Option<::std::string::String> {
    let _ = parts;
    ::std::option::Option::None
}

#[::limiter_tower::rate_limit("100/min")]
fn api() -> ::axum::Router {
    ::axum::Router::new()
        .route("/", ::axum::routing::get(sessions))
        .route("/functions", ::axum::routing::get(functions))
}

fn main() {
    let _ = api();
}
