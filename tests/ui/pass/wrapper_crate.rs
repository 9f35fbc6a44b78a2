//! A company's web crate that hands on the attribute and what its code calls, and nothing else.
#![deny(warnings)]

mod company {
    pub mod web {
        pub mod limits {
            #[doc(hidden)]
            pub use limiter_tower::__private;
            pub use limiter_tower::{Quota, rate_limit};
        }
        pub use axum::{Router, routing::get};
        pub use http::request::Parts;
    }
}

/// What a user of that crate has in scope is what it hands on.
mod user {
    use crate::company::web::limits::{Quota, rate_limit};
    use crate::company::web::{Parts, Router, get};

    fn plan(_: &Parts) -> Quota {
        Quota::UNLIMITED
    }

    fn account(parts: &Parts) -> Option<u64> {
        parts.headers.get("x-account")?.to_str().ok()?.parse().ok()
    }

    fn weight(_: &Parts) -> u32 {
        2
    }

    #[rate_limit("100/min", quota = plan, penalty, crate = crate::company::web::limits)]
    #[rate_limit("100/h", key = account, cost = weight, missing = "skip", on_store_error = "open")]
    #[rate_limit("100/d", algorithm = "sliding", key = "header:x-tenant", name = "tenant")]
    async fn sessions(method: axum::http::Method, body: String) -> String {
        format!("{method}{body}")
    }

    #[rate_limit(concurrent = 8, crate = crate::company::web::limits, inner = plain)]
    async fn report() {}

    #[rate_limit(read = 100, write = 5, crate = crate::company::web::limits, exempt = "/report")]
    pub(super) fn api() -> Router {
        Router::new().route("/", get(sessions)).route("/report", get(report)).route("/plain", get(plain))
    }
}

fn main() {
    let _ = user::api();
}
