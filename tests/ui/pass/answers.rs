// `headers` and `on_limited`, by functions of several shapes and places.
#![deny(warnings)]
#![allow(dead_code)]

use limiter_tower::rate_limit;
use limiter_tower::response::{Content, Denial};

mod answers {
    use super::{Content, Denial};

    pub(crate) fn page(_: &Denial<'_>) -> Content {
        Content::html("<p>Later.")
    }
}

fn html(denial: &Denial<'_>) -> axum::response::Html<&'static str> {
    axum::response::Html(denial.title())
}

fn tuple(_: &Denial<'_>) -> impl axum::response::IntoResponse {
    (axum::http::StatusCode::IM_A_TEAPOT, [("x-why", "tea")], String::from("later"))
}

fn whole<'a>(denial: &'a Denial<'a>) -> axum::http::Response<axum::body::Bytes> {
    let mut response = axum::http::Response::new(axum::body::Bytes::new());
    *response.status_mut() = denial.status();
    response
}

#[rate_limit("100/min", on_limited = answers::page, headers = "draft-11")]
async fn sessions() {}

#[rate_limit("100/min", on_limited = crate::whole)]
#[rate_limit("1000/h", headers = " draft-06 ,legacy ")]
async fn stacked() {}

#[rate_limit("100/min", on_limited = whole, headers = "off")]
fn api() -> axum::Router {
    axum::Router::new()
}

#[rate_limit("100/min", on_limited = html)]
async fn by_axum() {}

#[rate_limit("100/min", on_limited = tuple)]
async fn by_axum_too() {}

fn main() {
    let _: axum::Router = api()
        .route("/", axum::routing::get(sessions).post(stacked))
        .route("/axum", axum::routing::get(by_axum).post(by_axum_too));
}
