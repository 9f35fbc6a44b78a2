//! Server-sent events on real connections: the permit lasts until the stream ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream::unfold;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use limiter_tower::{LimiterLayer, rate_limit};
use support::{is_free, limiter, one_at_a_time};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the test sends, the server streams; the stream ends when the sender is gone.
type News = Arc<Mutex<Option<mpsc::Receiver<&'static str>>>>;

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

async fn ask(server: SocketAddr) -> Response<Incoming> {
    let stream = TokioIo::new(TcpStream::connect(server).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").header("host", "example.org").body(Empty::<Bytes>::new()).unwrap();
    sender.send_request(request).await.unwrap()
}

async fn event(answer: &mut Response<Incoming>) -> Option<Bytes> {
    answer.body_mut().frame().await.map(|frame| frame.unwrap().into_data().unwrap())
}

fn events(news: &News) -> Sse<impl futures_util::Stream<Item = Result<Event, Infallible>> + use<>> {
    let news = news.lock().unwrap().take();
    Sse::new(unfold(news, async |news| {
        let mut news = news?;
        let item = news.recv().await?;
        Some((Ok(Event::default().data(item)), Some(news)))
    }))
}

fn channel() -> (mpsc::Sender<&'static str>, News) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Arc::new(Mutex::new(Some(receiver))))
}

#[tokio::test]
async fn a_stream_of_events_holds_its_slot_until_the_server_ends_it() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let (sender, news) = channel();
    let server = serve(Router::new().route("/", get(async move || events(&news))).layer(layer)).await;

    let mut answer = ask(server).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    sender.send("first").await.unwrap();
    assert_eq!(event(&mut answer).await.unwrap(), "data: first\n\n");
    assert!(!is_free(&limiter, &policy));
    assert_eq!(ask(server).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    sender.send("second").await.unwrap();
    assert_eq!(event(&mut answer).await.unwrap(), "data: second\n\n");
    assert!(!is_free(&limiter, &policy));

    drop(sender);
    assert_eq!(event(&mut answer).await, None);
    assert!(is_free(&limiter, &policy));
}

#[tokio::test]
async fn a_client_that_leaves_a_quiet_stream_of_events_frees_its_slot() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let (sender, news) = channel();
    let server = serve(Router::new().route("/", get(async move || events(&news))).layer(layer)).await;

    let mut answer = ask(server).await;
    sender.send("only").await.unwrap();
    assert_eq!(event(&mut answer).await.unwrap(), "data: only\n\n");
    assert!(!is_free(&limiter, &policy));
    // Nothing is on its way, and nothing ever will be.
    drop(answer);
    while !is_free(&limiter, &policy) {
        tokio::task::yield_now().await;
    }
    assert!(sender.send("late").await.is_err(), "the stream is gone");
}

#[tokio::test]
async fn a_stream_of_an_annotated_handler_holds_its_slot_too() {
    #[rate_limit(concurrent = 1, key = "global")]
    async fn follow(news: axum::Extension<News>) -> Sse<impl futures_util::Stream<Item = Result<Event, Infallible>>> {
        events(&news)
    }

    let (sender, news) = channel();
    let app = Router::new().route("/", get(follow)).layer(axum::Extension(news)).layer(LimiterLayer::new(limiter()));
    let server = serve(app).await;
    let mut answer = ask(server).await;
    sender.send("first").await.unwrap();
    assert_eq!(event(&mut answer).await.unwrap(), "data: first\n\n");
    assert_eq!(ask(server).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(sender);
    assert_eq!(event(&mut answer).await, None);
    assert_eq!(ask(server).await.status(), StatusCode::OK);
}
