//! On real connections: axum, bare hyper, and a service whose bodies are of another make.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame};
use hyper_util::rt::TokioIo;
use limiter_tower::{PeerAddr, RateLimitLayer};
use support::{is_free, limiter, one_at_a_time, shared};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, Service, ServiceExt, service_fn};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// One connection, several requests.
struct Client(hyper::client::conn::http1::SendRequest<Empty<Bytes>>);

impl Client {
    async fn connect(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Client(sender)
    }

    async fn get(&mut self) -> Response<hyper::body::Incoming> {
        self.0.ready().await.unwrap();
        let request = Request::get("/").header("host", "example.org").body(Empty::new()).unwrap();
        self.0.send_request(request).await.unwrap()
    }
}

#[tokio::test]
async fn axum_serves_a_limited_router_to_peers_it_knows() {
    let (listener, address) = listen().await;
    let layer = RateLimitLayer::builder().quota("2/min").limiter(limiter()).build().unwrap();
    let app = Router::new().route("/", get(async || "fine")).layer(layer);
    let server = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    tokio::spawn(server.into_future());

    let mut client = Client::connect(address).await;
    let answer = client.get().await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["x-ratelimit-remaining"], "1");
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "fine");

    // Another connection of the same client is the same client.
    let mut other = Client::connect(address).await;
    assert_eq!(other.get().await.status(), StatusCode::OK);
    let refused = client.get().await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "30");
    let length: usize = refused.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.len(), length);
    assert!(!body.is_empty());
    // The connection is as good as before.
    assert_eq!(client.get().await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn bare_hyper_serves_a_limited_service_and_notes_the_peer() {
    let (listener, address) = listen().await;
    let layer = RateLimitLayer::builder().quota("1/min").limiter(limiter()).build().unwrap();
    let limited = layer.layer(service_fn(async |request: Request<hyper::body::Incoming>| {
        Ok::<_, Infallible>(Response::new(request.into_body()))
    }));
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let limited = limited.clone();
            let connection = hyper::service::service_fn(move |mut request: Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(PeerAddr(peer));
                limited.clone().oneshot(request)
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), connection));
        }
    });
    let mut client = Client::connect(address).await;
    assert_eq!(client.get().await.status(), StatusCode::OK);
    assert_eq!(client.get().await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(Client::connect(address).await.get().await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_client_that_closes_its_connection_in_the_middle_of_a_stream_frees_its_slot() {
    let (listener, address) = listen().await;
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let app = Router::new().route("/", get(async || axum::body::Body::new(Endless))).layer(layer);
    tokio::spawn(axum::serve(listener, app).into_future());

    let mut client = Client::connect(address).await;
    let mut answer = client.get().await;
    assert!(answer.body_mut().frame().await.unwrap().is_ok());
    assert!(!is_free(&limiter, &policy));
    let mut other = Client::connect(address).await;
    assert_eq!(other.get().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop((answer, client));
    while !is_free(&limiter, &policy) {
        tokio::task::yield_now().await;
    }
    assert_eq!(other.get().await.status(), StatusCode::OK);
}

/// A body that goes on until nobody listens.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'.'; 1024])))))
    }
}

/// As gRPC servers have it: boxed bodies that are not `Sync`, with an error type of their own and
/// trailers, under a service that has a name.
#[derive(Clone)]
struct Greeter;

#[derive(Debug)]
struct Status;

type GrpcBody = UnsyncBoxBody<Bytes, Status>;

impl Service<Request<GrpcBody>> for Greeter {
    type Response = Response<GrpcBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<GrpcBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<GrpcBody>) -> Self::Future {
        Box::pin(async move {
            let message = request.into_body().collect().await.map(|all| all.to_bytes()).unwrap_or_default();
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            let body = http_body_util::Full::new(message).with_trailers(std::future::ready(Some(Ok(trailers))));
            Ok(Response::new(UnsyncBoxBody::new(body.map_err(|never: Infallible| match never {}))))
        })
    }
}

#[tokio::test]
async fn a_service_with_grpc_bodies_is_limited_and_keeps_its_trailers() {
    let greeter = shared(1, &limiter()).layer(Greeter);
    let request = || {
        let body = http_body_util::Full::new(Bytes::from_static(b"hello")).map_err(|_| Status);
        Request::post("/greeter/Hello").body(UnsyncBoxBody::new(body)).unwrap()
    };
    // A server spawns the future, so it has to be Send.
    let answer = tokio::spawn(greeter.clone().oneshot(request())).await.unwrap().unwrap();
    let all = answer.into_body().collect().await.unwrap();
    assert_eq!(all.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(all.to_bytes(), "hello");
    let refused = tokio::spawn(greeter.oneshot(request())).await.unwrap().unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
}
