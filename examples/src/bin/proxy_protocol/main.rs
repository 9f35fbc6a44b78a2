//! A listener for the PROXY protocol, versions 1 and 2, in front of a rate-limited app.
//!
//! The address that the protocol yields becomes the peer. It is read from trusted TCP peers alone,
//! and they have to send it: a proxy that forgets it would make all of its clients one. Anybody else
//! is who they are; what they send is HTTP or nothing.
//!
//! `GET /ip` answers with the peer. Environment: `LISTEN` (default 127.0.0.1:0), `PROXIES`
//! (comma-separated addresses and CIDRs; none by default).

mod header;
mod listener;

use std::env;
use std::error::Error;

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::serve::IncomingStream;
use axum::{Extension, Router};
use limiter_tower::key::AddressSet;
use limiter_tower::{Limiter, LimiterLayer, PeerAddr, RateLimitLayer};
use tokio::net::TcpListener;

use crate::listener::ProxyListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let proxies = env::var("PROXIES").unwrap_or_default();
    let proxies = AddressSet::parse(proxies.split(',').map(str::trim).filter(|network| !network.is_empty()))?;

    // The client's own X-Forwarded-For arrives untouched behind the PROXY protocol, so no header is read
    // here. With an HTTP proxy in front of the TCP one, trust that proxy's address in `client_ip`.
    let app = Router::new()
        .route("/ip", get(async |Extension(PeerAddr(peer)): Extension<PeerAddr>| format!("{} peer", peer.ip())))
        .layer(RateLimitLayer::per_ip("1000/min")?)
        .layer(LimiterLayer::new(Limiter::in_memory()))
        .layer(middleware::from_fn(note_peer));

    let listener = TcpListener::bind(&listen).await?;
    println!("proxy_protocol: listening on http://{}", listener.local_addr()?);
    let listener = ProxyListener::new(listener, proxies)?;
    axum::serve(listener, app.into_make_service_with_connect_info::<Client>()).await?;
    Ok(())
}

/// The address that the connection speaks for.
#[derive(Clone, Copy)]
struct Client(PeerAddr);

impl Connected<IncomingStream<'_, ProxyListener>> for Client {
    fn connect_info(stream: IncomingStream<'_, ProxyListener>) -> Self {
        Client(PeerAddr(*stream.remote_addr()))
    }
}

/// Tells the limiter who the peer is.
async fn note_peer(ConnectInfo(Client(peer)): ConnectInfo<Client>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(peer);
    next.run(request).await
}
