//! A gRPC server whose callers have a quota each and slots together.
//!
//! It serves the standard health service of gRPC. `Check` is a short call; `Watch` is a stream that
//! keeps its slot for as long as the caller listens. Whoever is over quota gets `RESOURCE_EXHAUSTED`
//! and is told when to come back; when the slots are taken, everybody gets `UNAVAILABLE`.
//!
//! ```text
//! $ CALLS=3/min SLOTS=2 cargo run -p examples --bin grpc
//! grpc: listening on http://127.0.0.1:50051
//! $ grpcurl -plaintext -import-path protos -proto health.proto 127.0.0.1:50051 grpc.health.v1.Health/Check
//! ```
//!
//! Environment: `PORT` (default 50051, 0 picks one), `CALLS` (a quota, default `100/min`), `SLOTS`
//! (default 10).

use std::env;
use std::error::Error;
use std::net::Ipv4Addr;

use limiter_tower::headers::Wire;
use limiter_tower::{Limiter, PeerAddr, RateLimitLayer, Rule};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::transport::Server;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tower::util::MapRequestLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let limit = RateLimitLayer::builder()
        .named("calls")
        .quota(&variable("CALLS", "100/min"))
        .rule(Rule::concurrent(variable("SLOTS", "10").parse()?).named("slots"))
        // Some clients, such as OTLP exporters, only try again when the details say when.
        .wire(Wire::new().grpc_retry_info())
        .limiter(Limiter::in_memory())
        .build()?;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, variable("PORT", "50051").parse()?)).await?;
    println!("grpc: listening on http://{}", listener.local_addr()?);
    let (_reporter, health) = tonic_health::server::health_reporter();
    Server::builder()
        // The limiter comes last of the two, so that it sees who the caller is.
        .layer(MapRequestLayer::new(note_peer))
        .layer(limit)
        .add_service(health)
        .serve_with_incoming(TcpIncoming::from(listener))
        .await?;
    Ok(())
}

/// tonic notes the peer in a type of its own.
fn note_peer(mut call: tonic::codegen::http::Request<Body>) -> tonic::codegen::http::Request<Body> {
    if let Some(peer) = call.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr) {
        call.extensions_mut().insert(PeerAddr(peer));
    }
    call
}
