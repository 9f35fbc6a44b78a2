//! Every way to mount a handler: nested, as a fallback, behind layers, with the state given later.
#![deny(warnings)]

use axum::Router;
use axum::extract::State;
use axum::handler::Handler;
use axum::routing::{MethodFilter, any, get, on};
use limiter_core::Limiter;
use limiter_tower::{LimiterLayer, rate_limit};

#[derive(Clone)]
struct App;

#[rate_limit("100/min")]
async fn sessions(State(App): State<App>) {}

#[rate_limit("100/min")]
async fn missing() -> axum::http::StatusCode {
    axum::http::StatusCode::NOT_FOUND
}

fn routes() -> Router<App> {
    Router::new()
        .route("/", get(sessions).post(sessions).fallback(missing))
        .route("/any", any(sessions))
        .route("/on", on(MethodFilter::PATCH, sessions))
        .route_service("/service", sessions.with_state(App))
        .fallback(missing)
}

fn main() {
    let later: Router<()> = Router::new().nest("/v1", routes()).merge(routes()).with_state(App);
    let _: Router = later.layer(LimiterLayer::new(Limiter::in_memory()));
}
