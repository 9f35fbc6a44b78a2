//! Annotated handlers and groups in a running router.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use limiter_tower::rate_limit;
use tower::ServiceExt;

#[rate_limit(read = 2, write = 1)]
async fn sessions() -> &'static str {
    "ok"
}

#[tokio::test]
async fn hello() {
    let app: Router = Router::new().route("/", get(sessions));
    for want in [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        let request = http::Request::get("/").body(axum::body::Body::empty()).unwrap();
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), want);
    }
}
