//! Says who the client is, behind whatever proxy stands in front: `GET /ip` answers with the address
//! and how it was found, such as `203.0.113.7 header`.
//!
//! Environment: `LISTEN` (an address, or `unix:/path`; default 127.0.0.1:0), `HEADER` (the one header
//! to read; none reads none), `TRUSTED` (comma-separated addresses and CIDRs of the proxies), `HOPS`
//! (how many entries to count instead), `TRUST_UNIX` (`1`: whoever can open the socket is a proxy).
//!
//! ```text
//! $ HEADER=x-forwarded-for TRUSTED=127.0.0.1 LISTEN=127.0.0.1:3000 cargo run -p examples --bin behind_proxy
//! $ curl -H 'X-Forwarded-For: 203.0.113.7' http://127.0.0.1:3000/ip
//! 203.0.113.7 header
//! ```

use std::env;
use std::error::Error;
use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::routing::get;
use axum::{Extension, Router};
use limiter_tower::{ClientIp, Limiter, LimiterLayer, Peer, PeerUnix, RateLimitLayer};
use tokio::net::{TcpListener, UnixListener};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let limiter = Limiter::builder().client_ip(client_ip()?).build();
    let app = Router::new()
        .route("/ip", get(ip))
        .layer(RateLimitLayer::per_ip("1000/min")?)
        .layer(LimiterLayer::new(limiter));

    let listen = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    if let Some(path) = listen.strip_prefix("unix:") {
        let listener = UnixListener::bind(path)?;
        println!("behind_proxy: listening on unix:{path}");
        // A Unix socket has no address; this is how the limiter learns that it is one.
        axum::serve(listener, app.layer(Extension(PeerUnix))).await?;
    } else {
        let listener = TcpListener::bind(&listen).await?;
        println!("behind_proxy: listening on http://{}", listener.local_addr()?);
        axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    }
    Ok(())
}

fn client_ip() -> Result<ClientIp, Box<dyn Error>> {
    let mut policy = ClientIp::builder();
    if let Ok(header) = env::var("HEADER") {
        policy = policy.header(header);
    }
    if let Ok(trusted) = env::var("TRUSTED") {
        policy = policy.trusted(trusted.split(',').map(str::trim));
    }
    if let Ok(hops) = env::var("HOPS") {
        policy = policy.hops(hops.parse()?);
    }
    Ok(policy.trust_unix(env::var("TRUST_UNIX").is_ok_and(|trust| trust == "1")).build()?)
}

async fn ip(Extension(limiter): Extension<Limiter>, parts: Parts) -> String {
    let peer = match parts.extensions.get::<ConnectInfo<SocketAddr>>() {
        Some(ConnectInfo(address)) => Peer::from(*address),
        None => Peer::Unix,
    };
    match limiter.client_ip().resolve(peer, &parts.headers) {
        Ok(client) => format!("{} {}", client.ip(), client.via()),
        Err(error) => format!("none {}", error.code()),
    }
}
