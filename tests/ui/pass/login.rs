//! A login: refused attempts count, an account is protected beside an address, and no store means no login.
#![deny(warnings)]

use axum::extract::Form;
use axum::http::StatusCode;
use axum::{Router, routing::post};
use http::request::Parts;
use limiter_tower::rate_limit;
use serde::Deserialize;

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

fn realm(parts: &Parts) -> Option<String> {
    parts.uri.host().map(str::to_owned)
}

#[rate_limit("5/15min", penalty, on_store_error = "closed", algorithm = "log", name = "login")]
#[rate_limit("20/h, 100/d", key = "ip + header:user-agent", penalty, on_store_error = "closed", missing = "shared")]
#[rate_limit("1000/min", key = realm, missing = "skip", on_store_error = "local", name = "realm")]
#[rate_limit(concurrent = 4, key = "ip", on_store_error = "open", name = "hashing")]
async fn login(Form(credentials): Form<Credentials>) -> Result<&'static str, (StatusCode, String)> {
    if credentials.password.is_empty() {
        return Err((StatusCode::UNAUTHORIZED, format!("not {}", credentials.name)));
    }
    Ok("welcome")
}

#[rate_limit(write = 3, per = "h", penalty)]
async fn reset(Form(credentials): Form<Credentials>) -> String {
    credentials.name
}

fn main() {
    let _: Router = Router::new().route("/login", post(login)).route("/reset", post(reset));
}
