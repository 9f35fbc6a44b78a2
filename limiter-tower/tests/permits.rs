//! Slots of concurrent limits: held until the body ends, free however a request ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Frame;
use limiter_tower::{ResponseBody, Slots};
use support::{TestBody, get, is_free, limiter, ok, one_at_a_time, status};
use tower::{Layer, Service, ServiceExt, service_fn};

#[tokio::test]
async fn a_slot_is_held_until_the_body_has_been_read_to_its_end() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let service = layer.layer(service_fn(async |_: Request<TestBody>| {
        let frames = frames_of(["one", "two"]);
        Ok::<_, Infallible>(Response::new(frames))
    }));

    let mut body = service.clone().oneshot(get("/")).await.unwrap().into_body();
    assert_eq!(status(&service, get("/")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(next(&mut body).await.unwrap(), "one");
    assert_eq!(status(&service, get("/")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(next(&mut body).await.unwrap(), "two");
    assert!(!is_free(&limiter, &policy));
    assert_eq!(next(&mut body).await, None);
    assert!(is_free(&limiter, &policy));
    assert_eq!(status(&service, get("/")).await, StatusCode::OK);
}

#[tokio::test]
async fn a_slot_is_free_with_the_last_frame_of_a_body_that_knows_its_length() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let mut body = layer.layer(service_fn(ok)).oneshot(get("/")).await.unwrap().into_body();
    assert!(!is_free(&limiter, &policy));
    assert_eq!(next(&mut body).await.unwrap(), "fine");
    assert!(is_free(&limiter, &policy));
}

#[tokio::test]
async fn a_slot_is_free_at_once_when_the_answer_has_no_body() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let service =
        layer.layer(service_fn(async |_: Request<TestBody>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))));
    let answer = service.oneshot(get("/")).await.unwrap();
    assert!(is_free(&limiter, &policy));
    drop(answer);
}

#[tokio::test]
async fn a_slot_is_free_when_the_client_goes_away_in_the_middle_of_the_body() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let answer = layer.layer(service_fn(ok)).oneshot(get("/")).await.unwrap();
    assert!(!is_free(&limiter, &policy));
    drop(answer);
    assert!(is_free(&limiter, &policy));
}

#[tokio::test]
async fn a_slot_is_free_when_the_client_goes_away_before_the_answer() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let mut service = layer.layer(service_fn(async |_: Request<TestBody>| {
        pending::<()>().await;
        ok(get("/")).await
    }));
    let mut answer = Box::pin(service.ready().await.unwrap().call(get("/")));
    assert!(is_pending(&mut answer).await);
    assert!(!is_free(&limiter, &policy));
    drop(answer);
    assert!(is_free(&limiter, &policy));
}

#[tokio::test]
async fn a_slot_is_free_when_the_inner_service_fails() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let service = layer
        .layer(service_fn(async |_: Request<TestBody>| Err::<Response<TestBody>, _>(std::io::Error::other("broken"))));
    assert_eq!(service.clone().oneshot(get("/")).await.unwrap_err().to_string(), "broken");
    assert!(is_free(&limiter, &policy));
}

#[tokio::test]
async fn a_slot_is_free_when_the_inner_service_panics_at_once_or_later() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);

    let mut at_once = layer.layer(service_fn(|request: Request<TestBody>| {
        assert!(request.uri().path() != "/", "at once");
        ok(request)
    }));
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| at_once.call(get("/"))));
    assert!(caught.is_err());
    assert!(is_free(&limiter, &policy));

    let later = layer.layer(service_fn(async |request: Request<TestBody>| {
        tokio::task::yield_now().await;
        assert!(request.uri().path() != "/", "later");
        ok(request).await
    }));
    assert!(tokio::spawn(later.oneshot(get("/"))).await.unwrap_err().is_panic());
    assert!(is_free(&limiter, &policy));
}

#[tokio::test]
async fn a_copy_of_the_service_does_not_hold_the_slot() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let mut service = layer.layer(service_fn(ok));
    let answer = service.ready().await.unwrap().call(get("/")).await.unwrap();
    let copy = service.clone();
    drop(answer);
    assert!(is_free(&limiter, &policy));
    drop((service, copy));
    assert!(is_free(&limiter, &policy));
}

#[tokio::test]
async fn an_upgraded_connection_holds_its_slot_as_long_as_the_handler_keeps_it() {
    let limiter = limiter();
    let (layer, policy) = one_at_a_time(&limiter);
    let (give, mut given) = tokio::sync::mpsc::unbounded_channel();
    let service = layer.layer(service_fn(move |request: Request<TestBody>| {
        give.send(request.extensions().get::<Slots>().cloned()).unwrap();
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    }));
    let by_field = Request::get("/").header("upgrade", "websocket").body(TestBody::default()).unwrap();
    let by_method = Request::connect("/").body(TestBody::default()).unwrap();
    for request in [by_field, by_method] {
        drop(service.clone().oneshot(request).await.unwrap());
        let slots = given.recv().await.unwrap();
        assert!(slots.is_some());
        assert!(!is_free(&limiter, &policy));
        drop(slots);
        assert!(is_free(&limiter, &policy));
    }
    // Nobody has to know of them where the body ends the request.
    drop(service.clone().oneshot(get("/")).await.unwrap());
    assert!(given.recv().await.unwrap().is_none());
}

#[tokio::test]
async fn one_handle_holds_the_slots_of_all_layers() {
    let limiter = limiter();
    let ((outer, of_outer), (inner, of_inner)) = (one_at_a_time(&limiter), one_at_a_time(&limiter));
    let (give, mut given) = tokio::sync::mpsc::unbounded_channel();
    let service = outer.layer(inner.layer(service_fn(move |request: Request<TestBody>| {
        give.send(request.extensions().get::<Slots>().cloned()).unwrap();
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    })));
    let request = Request::get("/").header("upgrade", "websocket").body(TestBody::default()).unwrap();
    drop(service.oneshot(request).await.unwrap());
    let slots = given.recv().await.unwrap();
    assert!(!is_free(&limiter, &of_outer) && !is_free(&limiter, &of_inner));
    drop(slots);
    assert!(is_free(&limiter, &of_outer) && is_free(&limiter, &of_inner));
}

async fn next<B>(body: &mut ResponseBody<B>) -> Option<Bytes>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    body.frame().await.map(|frame| frame.unwrap().into_data().unwrap())
}

/// A body that does not know when it will end.
fn frames_of<const N: usize>(
    frames: [&'static str; N],
) -> impl hyper::body::Body<Data = Bytes, Error = Infallible> + Unpin + Send {
    let frames = frames.map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from_static(text.as_bytes()))));
    Streamed(frames.into_iter())
}

struct Streamed<I>(I);

impl<I> hyper::body::Body for Streamed<I>
where
    I: Iterator<Item = Result<Frame<Bytes>, Infallible>> + Unpin,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.next())
    }
}

/// Whether one poll leaves the future pending.
async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())).await
}
