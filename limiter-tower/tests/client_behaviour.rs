//! What a paced client does apart from keeping the pace: errors, cancellation, pauses, ceilings, readiness.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, pending, ready};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response};
use limiter_core::testing::ManualClock;
use limiter_tower::client::{PaceError, PaceLayer};
use tokio::time::{Instant, sleep};
use tower::util::BoxCloneService;
use tower::{Layer, Service, ServiceExt, service_fn};

type Client = BoxCloneService<Request<()>, Response<()>, Infallible>;

/// Answers every request with the same lines, and notes when it came.
fn server(status: u16, lines: &[(&'static str, &'static str)]) -> (Client, Arc<Mutex<Vec<Instant>>>) {
    let lines = lines.to_vec();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let service = service_fn(move |_: Request<()>| {
        log.lock().unwrap().push(Instant::now());
        let mut builder = Response::builder().status(status);
        for (name, value) in &lines {
            builder = builder.header(*name, *value);
        }
        ready(Ok::<_, Infallible>(builder.body(()).unwrap()))
    });
    (BoxCloneService::new(service), seen)
}

fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

const SPENT: (&str, &str) = ("ratelimit", r#""default";r=0;t=20"#);

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_an_error_at_once_and_nothing_is_sent() {
    let (client, seen) = server(200, &[SPENT]);
    let paced = PaceLayer::new().max_wait(Duration::from_secs(19)).layer(client);
    paced.clone().oneshot(get("http://a.test/")).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    let error = paced.oneshot(get("http://a.test/")).await.unwrap_err();
    assert_eq!(error.paced().unwrap().wait(), Duration::from_millis(19_500));
    assert_eq!(error.paced().unwrap().max_wait(), Duration::from_secs(19));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(seen.lock().unwrap().len(), 1);
    let text = "the request was not sent: the server's limit asks for a wait of 19.5s, and at most 19s is accepted";
    assert_eq!(error.to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_just_the_longest_is_waited() {
    let (client, _) = server(200, &[SPENT]);
    let paced = PaceLayer::new().max_wait(Duration::from_secs(20)).layer(client);
    let start = Instant::now();
    paced.clone().oneshot(get("http://a.test/")).await.unwrap();
    paced.oneshot(get("http://a.test/")).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_longest_wait_without_end_is_accepted() {
    let (client, _) = server(200, &[("ratelimit", r#""default";r=0;t=999999999999999"#)]);
    let paced = PaceLayer::new().max_wait(Duration::MAX).layer(client);
    let start = Instant::now();
    paced.clone().oneshot(get("http://a.test/")).await.unwrap();
    paced.oneshot(get("http://a.test/")).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(86_400), "a day is the longest that is believed");
}

#[tokio::test(start_paused = true)]
async fn with_no_wait_at_all_a_request_goes_now_or_fails_now() {
    let (client, _) = server(200, &[("ratelimit", r#""default";r=1;t=20"#)]);
    let paced = PaceLayer::new().max_wait(Duration::ZERO).layer(client);
    for _ in 0..50 {
        paced.clone().oneshot(get("http://a.test/")).await.unwrap();
    }
    let (client, _) = server(200, &[SPENT]);
    let paced = PaceLayer::new().max_wait(Duration::ZERO).layer(client);
    paced.clone().oneshot(get("http://a.test/")).await.unwrap();
    assert!(paced.oneshot(get("http://a.test/")).await.unwrap_err().paced().is_some());
}

#[tokio::test(start_paused = true)]
async fn hope_for_an_answer_ends_with_the_longest_wait() {
    let silent = service_fn(|_: Request<()>| pending::<Result<Response<()>, Infallible>>());
    let paced = PaceLayer::new().max_wait(Duration::from_millis(300)).layer(silent);
    let first = tokio::spawn(paced.clone().oneshot(get("http://a.test/")));
    tokio::task::yield_now().await;
    let start = Instant::now();
    let error = paced.oneshot(get("http://a.test/")).await.unwrap_err();
    assert!(matches!(error, PaceError::Paced(_)));
    assert_eq!(start.elapsed(), Duration::from_millis(300));
    first.abort();
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_kept_in_seconds_and_as_a_date() {
    // The dates differ by thirty seconds; the machine's own clock, another year altogether, is not asked.
    let date = [("retry-after", "Wed, 01 Jan 2020 00:00:40 GMT"), ("date", "Wed, 01 Jan 2020 00:00:10 GMT")];
    for (status, lines) in [(429, &[("retry-after", "30")][..]), (503, &[("retry-after", "30")]), (429, &date)] {
        let (client, seen) = server(status, lines);
        let paced = PaceLayer::new().layer(client);
        for _ in 0..3 {
            paced.clone().oneshot(get("http://a.test/")).await.unwrap();
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen[1] - seen[0], Duration::from_secs(30), "{status} {lines:?}");
        assert_eq!(seen[2] - seen[1], Duration::from_secs(30), "{status} {lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_without_the_servers_own_is_compared_with_the_given_clock() {
    let (client, seen) = server(429, &[("retry-after", "Wed, 01 Jan 2025 00:00:30 GMT")]);
    let paced = PaceLayer::new().clock(ManualClock::new()).layer(client);
    for _ in 0..2 {
        paced.clone().oneshot(get("http://a.test/")).await.unwrap();
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen[1] - seen[0], Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn other_origins_are_not_held_back() {
    let (client, _) = server(429, &[("retry-after", "30")]);
    let paced = PaceLayer::new().max_wait(Duration::ZERO).layer(client);
    for uri in ["http://a.test/", "https://a.test/", "http://a.test:81/", "http://b.test/"] {
        assert!(paced.clone().oneshot(get(uri)).await.is_ok(), "{uri}");
        assert!(paced.clone().oneshot(get(uri)).await.is_err(), "{uri}");
    }
    assert!(paced.oneshot(get("http://A.test:80/other")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn limits_can_be_kept_apart_by_something_else() {
    let (client, _) = server(429, &[("retry-after", "30")]);
    let layer = PaceLayer::new().max_wait(Duration::ZERO).by(|parts| parts.uri.path().to_owned());
    let paced = layer.layer(client);
    assert!(paced.clone().oneshot(get("http://a.test/1")).await.is_ok());
    assert!(paced.clone().oneshot(get("http://a.test/2")).await.is_ok());
    assert!(paced.clone().oneshot(get("http://b.test/1")).await.is_err());
    let (client, _) = server(429, &[("retry-after", "30")]);
    let paced = layer.by_origin().layer(client);
    assert!(paced.clone().oneshot(get("http://a.test/1")).await.is_ok());
    assert!(paced.clone().oneshot(get("http://a.test/2")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_share_what_they_learn() {
    let layer = PaceLayer::new().max_wait(Duration::ZERO);
    let (one, other) = (layer.layer(server(200, &[SPENT]).0), layer.clone().layer(server(200, &[SPENT]).0));
    assert!(one.oneshot(get("http://a.test/")).await.is_ok());
    assert!(other.oneshot(get("http://a.test/")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_gives_its_place_to_the_next() {
    let (client, seen) = server(200, &[SPENT]);
    let paced = PaceLayer::new().layer(client);
    paced.clone().oneshot(get("http://a.test/")).await.unwrap();
    let start = Instant::now();
    let mut first = Box::pin(paced.clone().oneshot(get("http://a.test/")));
    assert!(poll(first.as_mut()).is_pending());
    let second = tokio::spawn(paced.clone().oneshot(get("http://a.test/")));
    sleep(Duration::from_secs(5)).await;
    drop(first);
    second.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(20));
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_go_in_the_order_in_which_they_asked() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let log = order.clone();
    let client = service_fn(move |request: Request<()>| {
        log.lock().unwrap().push(request.uri().path().to_owned());
        ready(Ok::<_, Infallible>(Response::builder().header(SPENT.0, r#""a";r=0;t=1"#).body(()).unwrap()))
    });
    let paced = PaceLayer::new().layer(client);
    let mut tasks = tokio::task::JoinSet::new();
    let mut expected = Vec::new();
    for n in 0..20 {
        expected.push(format!("/{n}"));
        tasks.spawn(paced.clone().oneshot(get(&format!("http://a.test/{n}"))));
        tokio::task::yield_now().await;
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(*order.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn before_the_first_answer_only_so_many_are_under_way() {
    let (under_way, most) = (Arc::new(Mutex::new((0, 0))), |n: u64| PaceLayer::new().first_contact(n));
    for n in [1, 3] {
        *under_way.lock().unwrap() = (0, 0);
        let count = under_way.clone();
        let client = service_fn(move |_: Request<()>| {
            let count = count.clone();
            async move {
                count.lock().unwrap().0 += 1;
                sleep(Duration::from_millis(10)).await;
                let mut count = count.lock().unwrap();
                if count.1 == 0 {
                    count.1 = count.0;
                }
                Ok::<_, Infallible>(Response::new(()))
            }
        });
        let paced = most(n).layer(client);
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            tasks.spawn(paced.clone().oneshot(get("http://a.test/")));
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap().unwrap();
        }
        assert_eq!(under_way.lock().unwrap().1, n);
        assert_eq!(start.elapsed(), Duration::from_millis(20));
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_request_that_fails_lets_the_next_one_try() {
    let calls = Arc::new(Mutex::new(0));
    let client = service_fn(move |_: Request<()>| {
        let calls = calls.clone();
        async move {
            *calls.lock().unwrap() += 1;
            let call = *calls.lock().unwrap();
            sleep(Duration::from_millis(10)).await;
            if call == 1 { Err("connection refused") } else { Ok(Response::new(())) }
        }
    });
    let paced = PaceLayer::new().layer(client);
    let start = Instant::now();
    let first = tokio::spawn(paced.clone().oneshot(get("http://a.test/")));
    tokio::task::yield_now().await;
    paced.oneshot(get("http://a.test/")).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(20));
    assert_eq!(first.await.unwrap().unwrap_err().into_inner(), Some("connection refused"));
}

#[tokio::test(start_paused = true)]
async fn the_table_of_origins_has_a_ceiling_and_keeps_those_that_matter() {
    let (client, _) = server(200, &[]);
    let (limited, _) = server(429, &[("retry-after", "600")]);
    let layer = PaceLayer::new().max_origins(10).max_wait(Duration::ZERO);
    let _ = layer.layer(limited).oneshot(get("http://paused.test/")).await.unwrap();
    let paced = layer.layer(client);
    for n in 0..500 {
        paced.clone().oneshot(get(&format!("http://{n}.test/"))).await.unwrap();
    }
    assert_eq!(layer.origins(), 10);
    assert!(paced.oneshot(get("http://paused.test/")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn with_every_origin_in_use_a_new_one_is_sent_unpaced() {
    let client = service_fn(|request: Request<()>| async move {
        if request.uri().path() == "/slow" {
            sleep(Duration::from_secs(5)).await;
        }
        Ok::<_, Infallible>(Response::builder().header(SPENT.0, SPENT.1).body(()).unwrap())
    });
    let layer = PaceLayer::new().max_origins(1).max_wait(Duration::ZERO);
    let paced = layer.layer(client);
    let slow = tokio::spawn(paced.clone().oneshot(get("http://a.test/slow")));
    tokio::task::yield_now().await;
    for _ in 0..3 {
        paced.clone().oneshot(get("http://b.test/")).await.unwrap();
    }
    assert_eq!(layer.origins(), 1);
    slow.await.unwrap().unwrap();
    paced.clone().oneshot(get("http://b.test/")).await.unwrap();
    assert!(paced.oneshot(get("http://b.test/")).await.is_err(), "there is room again");
}

#[tokio::test(start_paused = true)]
async fn a_wait_sleeps_until_its_instant_and_is_not_polled_in_between() {
    let (client, _) = server(200, &[SPENT]);
    let paced = PaceLayer::new().layer(client);
    paced.clone().oneshot(get("http://a.test/")).await.unwrap();
    let mut waiting = pin!(paced.oneshot(get("http://a.test/")));
    let mut polls = 0;
    std::future::poll_fn(|cx| {
        polls += 1;
        waiting.as_mut().poll(cx).map(drop)
    })
    .await;
    assert_eq!(polls, 2);
}

/// Ready once for each `poll_ready`, and a panic without.
#[derive(Debug, Default)]
struct Strict {
    ready: bool,
    polled: Arc<Mutex<HashMap<&'static str, usize>>>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Strict { ready: false, polled: self.polled.clone() }
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        *self.polled.lock().unwrap().entry("ready").or_default() += 1;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        ready(Ok(Response::builder().header(SPENT.0, SPENT.1).body(()).unwrap()))
    }
}

#[tokio::test(start_paused = true)]
async fn the_inner_service_is_made_ready_when_the_turn_has_come_and_not_before() {
    let strict = Strict::default();
    let polled = strict.polled.clone();
    let mut paced = PaceLayer::new().layer(strict);
    paced.ready().await.unwrap().call(get("http://a.test/")).await.unwrap();
    let mut waiting = pin!(paced.ready().await.unwrap().call(get("http://a.test/")));
    assert!(poll(waiting.as_mut()).is_pending());
    assert_eq!(polled.lock().unwrap()["ready"], 1);
    waiting.await.unwrap();
    assert_eq!(polled.lock().unwrap()["ready"], 2);
}
