//! A limited API for pages of another origin.
//!
//! The CORS layer stands outside the limiter. So it answers preflights itself, which cost nothing,
//! and refusals pass through it: scripts see a 429 and when to come back, where they would otherwise
//! see a network error. Which fields scripts may read must be said by name, since a wildcard means
//! nothing for requests with credentials; [`Wire::exposed_headers`] is the list.
//!
//! `cargo run -p examples --bin cors` serves it on 127.0.0.1. Environment: `PORT` (default 3001, 0
//! picks one), `PAGE_ORIGIN` (default `http://localhost:3000`).

use std::env;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method};
use axum::routing::get;
use limiter_tower::headers::Wire;
use limiter_tower::{Limiter, LimiterLayer, RateLimitLayer};
use tokio::net::TcpListener;
use tower_http::cors::CorsLayer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").map_or(Ok(3001), |port| port.parse())?;
    let origin = env::var("PAGE_ORIGIN").unwrap_or_else(|_| "http://localhost:3000".to_owned());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("cors: listening on http://{}", listener.local_addr()?);
    let app = app(origin.parse()?)?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

fn app(page: HeaderValue) -> Result<Router, Box<dyn Error>> {
    let cors = CorsLayer::new()
        .allow_origin(page)
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE])
        .expose_headers(Wire::new().exposed_headers());
    // The layer that is added last is the outermost.
    Ok(Router::new()
        .route("/notes", get(async || "[]").post(async || "{}"))
        .layer(RateLimitLayer::per_ip("3/min")?)
        .layer(LimiterLayer::new(Limiter::in_memory()))
        .layer(cors))
}
