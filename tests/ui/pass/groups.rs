//! Functions that return routers, with and without state, arguments and generics.
#![deny(warnings)]

use axum::Router;
use axum::extract::State;
use axum::routing::{MethodRouter, get};
use limiter_tower::rate_limit;

async fn hello() -> &'static str {
    "hello"
}

async fn state(State(number): State<u32>) -> String {
    number.to_string()
}

#[rate_limit(read = 1000, write = 10, name = "api", exempt = "/health, /static/*")]
fn plain() -> Router {
    Router::new().route("/", get(hello))
}

#[rate_limit("100/min")]
pub(crate) fn with_state() -> axum::Router<u32> {
    if cfg!(any()) {
        return Router::new();
    }
    Router::new().route("/", get(state))
}

#[rate_limit("100/min")]
fn generic<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new().route("/generic", get(hello))
}

#[rate_limit("100/min")]
fn with_arguments<'a, const N: usize, T: Into<String> + 'a>(mut names: [T; N], prefix: &'a str) -> Router<u32> {
    names.reverse();
    names.into_iter().fold(Router::new(), |router, name| router.route(&format!("{prefix}{}", name.into()), get(state)))
}

type Api = Router<u32>;

#[rate_limit("100/min")]
fn alias() -> Api {
    Router::new().route("/alias", get(state))
}

#[rate_limit("10/min", key = "global")]
fn method() -> MethodRouter<u32> {
    get(state).post(hello)
}

fn main() {
    let _: Router = Router::new()
        .merge(with_state())
        .merge(generic())
        .merge(with_arguments(["a", "b"], "/p"))
        .merge(alias())
        .route("/method", method())
        .with_state(5)
        .nest("/plain", plain());
}
