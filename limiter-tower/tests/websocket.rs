//! WebSockets on real connections: decided before the upgrade, and held as long as the handler says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request, StatusCode, Version};
use http_body_util::Empty;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use limiter_tower::{
    Global, HeldPermit, Limiter, LimiterLayer, Policy, Quota, RateLimitLayer, RouterExt, Rule, rate_limit,
};
use support::{is_free, limiter, one_at_a_time};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error as ClientError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(server: SocketAddr, path: &str) -> Result<Client, Box<ClientError>> {
    let (client, answer) = tokio_tungstenite::connect_async(format!("ws://{server}{path}")).await?;
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert!(!answer.headers().keys().any(|name| name.as_str().contains("ratelimit")), "{:?}", answer.headers());
    Ok(client)
}

/// The answer to a handshake that is refused.
async fn refused(server: SocketAddr, path: &str) -> http::Response<Option<Vec<u8>>> {
    match connect(server, path).await.map_err(|error| *error) {
        Err(ClientError::Http(answer)) => *answer,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn drawn(upgrade: WebSocketUpgrade, permit: HeldPermit) -> Response {
    assert!(permit.is_held());
    upgrade.on_upgrade(|socket| permit.during(echo(socket)))
}

async fn undrawn(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo)
}

async fn until_free(limiter: &Limiter, policy: &Policy) {
    while !is_free(limiter, policy) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_permit_that_the_handler_takes_lives_as_long_as_the_connection() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let server = serve(Router::new().route("/", any(drawn)).layer(layer)).await;

    let mut client = connect(server, "/").await.unwrap();
    // The answer has come and the connection is in use, so the request itself is over.
    assert_eq!(exchange(&mut client, "one").await, "one");
    assert!(!is_free(&limiter, &policy));
    let refusal = refused(server, "/").await;
    assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refusal.headers()["content-type"], "application/problem+json");
    assert_eq!(exchange(&mut client, "two").await, "two");

    client.close(None).await.unwrap();
    until_free(&limiter, &policy).await;
    connect(server, "/").await.unwrap();
}

#[tokio::test]
async fn a_client_that_vanishes_gives_the_slot_of_its_connection_back() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let server = serve(Router::new().route("/", any(drawn)).layer(layer)).await;
    let client = connect(server, "/").await.unwrap();
    assert!(!is_free(&limiter, &policy));
    drop(client);
    until_free(&limiter, &policy).await;
}

#[tokio::test]
async fn a_permit_that_nobody_takes_ends_with_the_handshake() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let server = serve(Router::new().route("/", any(undrawn)).layer(layer)).await;
    let mut first = connect(server, "/").await.unwrap();
    until_free(&limiter, &policy).await;
    let mut second = connect(server, "/").await.unwrap();
    assert_eq!(exchange(&mut first, "first").await, "first");
    assert_eq!(exchange(&mut second, "second").await, "second");
}

#[tokio::test]
async fn the_permits_of_a_layer_and_of_an_annotated_handler_are_one() {
    #[rate_limit(concurrent = 1, key = "global")]
    async fn talk(upgrade: WebSocketUpgrade, permit: HeldPermit) -> Response {
        upgrade.on_upgrade(|socket| permit.during(echo(socket)))
    }

    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let app = Router::new().route("/", any(talk)).layer(layer).layer(LimiterLayer::new(limiter.clone()));
    let server = serve(app).await;
    let mut client = connect(server, "/").await.unwrap();
    assert_eq!(exchange(&mut client, "held").await, "held");
    assert!(!is_free(&limiter, &policy));
    drop(client);
    until_free(&limiter, &policy).await;
    // The handler's own slot is free too.
    connect(server, "/").await.unwrap();
}

#[tokio::test]
async fn a_handshake_is_refused_with_the_ordinary_answer_before_the_upgrade() {
    let layer = RateLimitLayer::builder()
        .rule(Rule::new(Quota::per_minute(1)).key(Global).named("sockets"))
        .limiter(limiter())
        .build()
        .unwrap();
    let server = serve(Router::new().route("/", any(undrawn)).rate_limit(layer)).await;
    connect(server, "/").await.unwrap();
    let refusal = refused(server, "/").await;
    assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refusal.headers()["retry-after"], "60");
    assert_eq!(refusal.headers()["ratelimit"], "\"sockets\";r=0;t=60");
    assert!(!refusal.headers().contains_key("upgrade"));
}

#[tokio::test]
async fn over_http_2_a_websocket_is_a_read_that_holds_its_slot() {
    let limiter = limiter();
    let (slots, policy) = one_at_a_time(&limiter);
    let reads = RateLimitLayer::builder()
        .rule(Rule::new(Quota::per_minute(0)).key(Global).class(limiter_tower::MethodClass::Write).named("writes"))
        .limiter(limiter.clone())
        .build()
        .unwrap();
    let server = serve(Router::new().route("/", any(drawn)).layer(slots).layer(reads)).await;

    let stream = TokioIo::new(TcpStream::connect(server).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let ask = |method: Method, protocol: Option<&'static str>| {
        let mut request = Request::builder()
            .method(method)
            .version(Version::HTTP_2)
            .uri(format!("http://{server}/"))
            .header("sec-websocket-version", "13")
            .body(Empty::new())
            .unwrap();
        if let Some(protocol) = protocol {
            request.extensions_mut().insert(Protocol::from_static(protocol));
        }
        request
    };
    // The server has to say first that it takes such requests.
    assert_eq!(sender.send_request(ask(Method::POST, None)).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);

    let answer = sender.send_request(ask(Method::CONNECT, Some("websocket"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let upgraded = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    let mut client = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
    assert_eq!(exchange(&mut client, "multiplexed").await, "multiplexed");
    assert!(!is_free(&limiter, &policy));
    let refusal = sender.send_request(ask(Method::CONNECT, Some("websocket"))).await.unwrap();
    assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(client);
    until_free(&limiter, &policy).await;
}

/// Sends a text and waits for the one that comes back.
async fn exchange<T>(client: &mut WebSocketStream<T>, text: &str) -> String
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    client.send(Message::text(text)).await.unwrap();
    client.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}
