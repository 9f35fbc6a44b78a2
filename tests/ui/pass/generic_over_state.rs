//! Extractors that are generic over the state, and types whose extraction is generic.
use axum::Router;
use axum::extract::{FromRef, FromRequestParts, State};
use axum::http::request::Parts;
use axum::routing::get;
use limiter_tower::rate_limit;
use std::convert::Infallible;

#[derive(Clone)]
struct Db;

struct Tenant;

impl<S> FromRequestParts<S> for Tenant
where
    Db: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let State(Db) = State::from_request_parts(parts, state).await?;
        Ok(Tenant)
    }
}

#[rate_limit("100/min")]
async fn sessions(_: Tenant, number: axum::extract::Extension<u32>) {
    let _ = number;
}

fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Db: FromRef<S>,
{
    Router::new().route("/", get(sessions))
}

fn main() {
    let _: Router = routes().with_state(Db);
}
