//! WebSockets that are limited by number: so many connections at the same time, and so many
//! handshakes a minute from each address.
//!
//! ```text
//! $ CONNECTIONS=2 cargo run -p examples --bin websocket
//! websocket: listening on http://127.0.0.1:3000
//! $ websocat ws://127.0.0.1:3000/echo
//! ```
//!
//! Environment: `PORT` (default 3000, 0 picks one), `CONNECTIONS` (default 100).

use std::env;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use limiter_tower::{HeldPermit, Limiter, RateLimitLayer, RouterExt, Rule, rate_limit};
use tokio::net::TcpListener;

/// The permit is moved into what goes on after the upgrade. Without that its slot would be free with
/// the handshake.
#[rate_limit("30/min", name = "handshakes")]
async fn echo(upgrade: WebSocketUpgrade, permit: HeldPermit) -> Response {
    upgrade.on_upgrade(|socket| permit.during(repeat(socket)))
}

async fn repeat(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let connections = Rule::concurrent(variable("CONNECTIONS", "100").parse()?).named("connections");
    let app = Router::new()
        // `any`: over HTTP/2 the handshake is a CONNECT.
        .route("/echo", any(echo))
        .rate_limit(RateLimitLayer::builder().rule(connections).build()?)
        .limiter(Limiter::in_memory());

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, variable("PORT", "3000").parse()?)).await?;
    println!("websocket: listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
