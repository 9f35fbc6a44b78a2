//! A library that denies what the compiler can deny, and documents all that it exports.
#![deny(warnings, missing_docs, missing_debug_implementations, missing_copy_implementations)]
#![deny(unreachable_pub, unused_qualifications, unused_lifetimes, unused_results, single_use_lifetimes)]
#![deny(future_incompatible, nonstandard_style, rust_2018_idioms, let_underscore_drop, non_ascii_idents)]
#![forbid(unsafe_code)]

/// What others mount.
pub mod web {
    use axum::Router;
    use axum::extract::{Path, State};
    use axum::http::{StatusCode, request::Parts};
    use axum::routing::get;
    use limiter_tower::{Quota, rate_limit};

    /// What a caller pays for.
    #[must_use]
    pub fn plan(_: &Parts) -> Quota {
        Quota::per_minute(7)
    }

    /// Shows one session.
    ///
    /// # Errors
    ///
    /// For number 0.
    #[rate_limit(read = 1000, write = 10, quota = plan, penalty, on_store_error = "local", missing = "refuse")]
    #[axum::debug_handler(state = u32)]
    pub async fn session(State(state): State<u32>, Path(id): Path<u32>) -> Result<String, StatusCode> {
        if id == 0 { Err(StatusCode::NOT_FOUND) } else { Ok((state + id).to_string()) }
    }

    /// Says hello.
    #[rate_limit("5/s", inner = hello_unlimited)]
    #[must_use]
    pub async fn hello() -> &'static str {
        "hello"
    }

    /// All routes.
    #[rate_limit("10/s burst 20", exempt = "/health", inner = routes_unlimited)]
    #[must_use]
    pub fn routes<S>(greeting: &'static str) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        Router::new().route("/", get(hello)).route("/health", get(move || async move { greeting }))
    }

    /// Routes with a state.
    #[rate_limit(concurrent = 50, key = "ip")]
    #[must_use]
    pub fn sessions() -> Router<u32> {
        Router::new().route("/sessions/{id}", get(session))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app: axum::Router = web::sessions().merge(web::routes("ok")).with_state(5);
    drop(app);
    drop(web::routes_unlimited::<()>("ok"));
    assert_eq!(web::hello_unlimited().await, "hello");
}
