//! Callers with a quota of their own, named in every way that a function can be.
#![deny(warnings)]

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::{Router, routing::get};
use http::request::Parts;
use limiter_tower::{Limiter, LimiterLayer, Quota, rate_limit};
use tower::ServiceExt;

#[derive(Clone, Copy)]
struct Plan {
    per_minute: u64,
}

fn account(parts: &Parts) -> Option<String> {
    parts.headers.get("x-account")?.to_str().ok().map(str::to_owned)
}

fn plan_of(parts: &Parts) -> Quota {
    parts.extensions.get::<Plan>().map_or(Quota::per_minute(1), |plan| Quota::per_minute(plan.per_minute))
}

mod plans {
    use super::{Parts, Quota};

    pub trait Tier {
        const PER_HOUR: u64;
    }

    pub struct Free;

    impl Tier for Free {
        const PER_HOUR: u64 = 60;
    }

    pub fn tier<T: Tier>(_: &Parts) -> Quota {
        Quota::per_hour(T::PER_HOUR)
    }

    pub fn by_method(parts: &Parts) -> Quota {
        if parts.method.is_safe() { Quota::per_minute(1000) } else { Quota::per_minute(10) }
    }
}

#[rate_limit("1/min", quota = plan_of, key = account, trusted_key)]
async fn reports() {}

#[rate_limit("60/h", quota = plans::tier::<plans::Free>, key = "global", on_store_error = "open")]
async fn free() {}

#[rate_limit(read = 100, write = 5, quota = crate::plans::by_method)]
async fn items() {}

#[rate_limit("unlimited", quota = plan_of, algorithm = "sliding", name = "team", scope = "team", cost = 2)]
async fn team() {}

#[rate_limit("100/min", quota = plan_of)]
fn api() -> Router {
    Router::new().route("/free", get(free)).route("/items", get(items).post(items)).route("/team", get(team))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = Router::new()
        .route("/reports", get(reports))
        .merge(api())
        .layer(LimiterLayer::new(Limiter::in_memory()));
    let ask = |account, per_minute| {
        let request = Request::get("/reports").header("x-account", account).extension(Plan { per_minute });
        app.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    for (account, per_minute, third) in [("a", 2, StatusCode::TOO_MANY_REQUESTS), ("b", 3, StatusCode::OK)] {
        assert_eq!(ask(account, per_minute).await.unwrap().status(), StatusCode::OK);
        assert_eq!(ask(account, per_minute).await.unwrap().status(), StatusCode::OK);
        assert_eq!(ask(account, per_minute).await.unwrap().status(), third);
    }
}
