//! Many tenants under one path: combined keys, parameters of the path, and what becomes of who lacks them.
#![deny(warnings)]

use axum::body::Body;
use axum::extract::Path;
use axum::http::{Request, StatusCode};
use axum::{Router, routing::get};
use limiter_tower::{Limiter, LimiterLayer, PeerAddr, rate_limit};
use tower::ServiceExt;

#[rate_limit("1/h", algorithm = "interval", key = "ip + path:tenant", missing = "shared")]
async fn tenant(Path(tenant): Path<String>) -> String {
    tenant
}

#[rate_limit("10000/d aligned utc-5", algorithm = "fixed", key = "path:tenant + route", missing = "refuse")]
async fn quota((Path((tenant, year)), method): (Path<(String, u16)>, axum::http::Method)) -> String {
    format!("{method} {tenant} {year}")
}

#[rate_limit("1/min", key = "header:x-tenant | query:tenant | ip", trusted_key, missing = "skip")]
async fn search() {}

#[rate_limit("600/min", key = "ip + route + method")]
#[rate_limit("100/week", key = "host", trusted_key, missing = "shared", algorithm = "sliding")]
fn tenants() -> Router {
    Router::new().route("/{tenant}", get(tenant)).route("/{tenant}/{year}", get(quota))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = Router::new()
        .nest("/tenants", tenants())
        .route("/search", get(search))
        .layer(LimiterLayer::new(Limiter::in_memory()));
    let ask = |path: &str| {
        let peer = PeerAddr(std::net::SocketAddr::from(([192, 0, 2, 1], 4711)));
        app.clone().oneshot(Request::get(path).extension(peer).body(Body::empty()).unwrap())
    };
    assert_eq!(ask("/tenants/a").await.unwrap().status(), StatusCode::OK);
    assert_eq!(ask("/tenants/a").await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask("/tenants/b").await.unwrap().status(), StatusCode::OK);
    assert_eq!(ask("/tenants/b/2031").await.unwrap().status(), StatusCode::OK);
    for (path, status) in [("a", StatusCode::OK), ("b", StatusCode::OK), ("a", StatusCode::TOO_MANY_REQUESTS)] {
        assert_eq!(ask(&format!("/search?tenant={path}")).await.unwrap().status(), status);
    }
}
