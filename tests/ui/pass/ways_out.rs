//! Where the attribute refuses, its message names a way out. These are the ways.
#![deny(warnings)]

use axum::extract::{FromRequestParts, Json, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::{Router, routing::get};
use http::request::Parts;
use limiter_tower::{Quota, rate_limit};
use serde::{Serialize, de::DeserializeOwned};

/// A method: the value is the state.
#[derive(Clone)]
struct Service;

impl Service {
    async fn list(&self) -> String {
        "list".to_owned()
    }
}

#[rate_limit("100/min")]
async fn list(State(service): State<Service>) -> String {
    service.list().await
}

/// A generic function: a handler for each type.
async fn echo<T: DeserializeOwned + Serialize>(Json(value): Json<T>) -> Json<T> {
    Json(value)
}

#[rate_limit("100/min", scope = "echo")]
async fn echo_number(number: Json<u32>) -> Json<u32> {
    echo(number).await
}

#[rate_limit("100/min", scope = "echo")]
async fn echo_text(text: Json<String>) -> Json<String> {
    echo(text).await
}

/// An argument under `cfg`: a function for each case.
#[cfg(unix)]
#[rate_limit("100/min")]
async fn platform(_: HeaderMap) {}

#[cfg(not(unix))]
#[rate_limit("100/min")]
async fn platform() {}

/// More than sixteen extractors: several in one.
#[derive(FromRequestParts)]
struct Head {
    method: Method,
    uri: Uri,
}

#[rate_limit("100/min")]
async fn head(head: Head) -> String {
    format!("{} {}", head.method, head.uri)
}

/// A `const fn` and an `extern` one: called from a handler.
const fn five() -> u32 {
    5
}

extern "C" fn six() -> u32 {
    six_of(five())
}

fn six_of(number: u32) -> u32 {
    number + 1
}

#[rate_limit("100/min")]
async fn numbers() -> String {
    format!("{}{}", five(), six())
}

/// What does not go into one attribute goes into several.
fn per_second(_: &Parts) -> Quota {
    Quota::per_second(5)
}

fn per_hour(_: &Parts) -> Quota {
    Quota::per_hour(5)
}

#[rate_limit("10/s", quota = per_second)]
#[rate_limit("1000/h", quota = per_hour)]
#[rate_limit(write = 10, penalty)]
#[rate_limit(concurrent = 8)]
async fn stacked() {}

/// A group's argument has a type with a name.
#[rate_limit("100/min")]
fn api<T: Into<String>>(prefix: T) -> Router<Service> {
    let prefix: String = prefix.into();
    Router::new()
        .route(&prefix, get(list))
        .route("/number", get(echo_number).post(echo_text))
        .route("/platform", get(platform))
        .route("/head", get(head))
        .route("/numbers", get(numbers))
        .route("/stacked", get(stacked))
}

fn main() {
    let _: Router = api("/list").with_state(Service);
}
