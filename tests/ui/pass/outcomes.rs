// `count`, `settle` and `queue`, by words and by functions of several shapes and places.
#![deny(warnings)]
#![allow(dead_code)]

use http::response::Parts;
use limiter_tower::{Settlement, rate_limit};

mod answers {
    use super::Parts;

    pub(crate) fn is_wrong(answer: &Parts) -> bool {
        answer.status == 401
    }

    pub(crate) const fn weight(_: &Parts) -> u32 {
        5
    }
}

#[rate_limit("5/15min", count = "failed")]
async fn login() {}

#[rate_limit("5/15min", count = answers::is_wrong, mode = "lenient", in_flight = 8)]
#[rate_limit("1000/h", count = "not 304, 5xx", mode = "strict")]
#[rate_limit("100/min", settle = crate::answers::weight, cost = 5)]
async fn stacked() {}

#[rate_limit(read = 100, write = "10/h", settle = "handler", settle_within = "30s", unsettled = "refund")]
async fn ask(settlement: Settlement, question: String) -> String {
    settlement.cost(question.len() as u64);
    question
}

#[rate_limit("100/min", count = "success", key = "global")]
fn api() -> axum::Router {
    axum::Router::new()
}

#[rate_limit("5/15min", count = "failed", mode = "wait")]
#[rate_limit("50/h", count = "failed", mode = "wait", queue = 8, max_wait = "2s")]
#[rate_limit(concurrent = 8, queue = 32, max_wait = "250ms")]
async fn held() {}

#[rate_limit(read = 600, write = "10/min", queue = 20, max_wait = "1min", spaced, cost = 2)]
async fn even() {}

fn main() {
    use axum::routing::{get, post};
    let _: axum::Router = api().route("/", get(login).post(stacked)).route("/ask", post(ask)).route("/held", get(held).post(even));
}
