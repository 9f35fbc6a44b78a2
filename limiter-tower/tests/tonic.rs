//! Under a tonic server: the layer goes around its router, and the peer is the one tonic noted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use limiter_tower::{PeerAddr, RateLimitLayer};
use support::{Notes, TestBody};
use tokio::net::{TcpListener, TcpStream};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tower::Service;
use tower::util::MapRequestLayer;

#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "greeter";
}

impl Service<Request<Body>> for Greeter {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        let message = Full::new(Bytes::from_static(b"hello"));
        ready(Ok(Response::new(Body::new(message.with_trailers(ready(Some(Ok(trailers))))))))
    }
}

fn note_peer<B>(mut request: Request<B>) -> Request<B> {
    if let Some(peer) = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr) {
        request.extensions_mut().insert(PeerAddr(peer));
    }
    request
}

#[tokio::test]
async fn a_tonic_server_is_limited_by_peer_and_keeps_its_trailers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let notes = Notes::default();
    let limiter = limiter_tower::Limiter::builder()
        .clock(limiter_core::testing::ManualClock::new())
        .observer(notes.clone())
        .build();
    let limit = RateLimitLayer::builder().quota("1/min").limiter(limiter).build().unwrap();
    let server = Server::builder()
        .layer(MapRequestLayer::new(note_peer::<Body>))
        .layer(limit)
        .add_service(Greeter)
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);

    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = || Request::post(format!("http://{address}/greeter/Hello")).body(TestBody::default()).unwrap();

    let answer = client.send_request(request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let all = answer.into_body().collect().await.unwrap();
    assert_eq!(all.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(all.to_bytes(), "hello");
    assert_eq!(client.send_request(request()).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    // No warning: the peer was known.
    assert_eq!(notes.all(), ["allow Store", "deny Store"]);
}
