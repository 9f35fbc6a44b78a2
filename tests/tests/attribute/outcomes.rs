//! What a rule of an attribute counts once the answer is known: `count`, `settle` and what goes with
//! them. And what it holds meanwhile: `queue`.

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use futures_util::future::join_all;
use http::response::Parts;
use http::{Method, StatusCode};
use limiter_tower::time::TokioClock;
use limiter_tower::{Limiter, LimiterLayer, Settlement, rate_limit};
use tokio::time::{Instant, sleep};

use super::driver::{App, request};

#[rate_limit("3/h", count = "failed")]
async fn login(Path(status): Path<u16>) -> StatusCode {
    StatusCode::from_u16(status).unwrap()
}

#[tokio::test]
async fn a_login_counts_failures_and_what_could_not_be_extracted_is_one() {
    let app = App::new(Router::new().route("/{status}", get(login)));
    assert_eq!(app.gets("/200", 9).await, [200; 9]);
    assert_eq!(app.gets("/401", 2).await, [401; 2]);
    assert_eq!(app.gets("/nonsense", 1).await, [400]);
    assert_eq!(app.gets("/200", 2).await, [429; 2]);
}

fn weight(answer: &Parts) -> u32 {
    if answer.status == StatusCode::UNAUTHORIZED { 5 } else { 1 }
}

#[rate_limit("10/h", settle = weight)]
async fn weighed(Path(status): Path<u16>) -> StatusCode {
    StatusCode::from_u16(status).unwrap()
}

#[tokio::test]
async fn a_failure_can_weigh_as_much_as_five_of_the_others() {
    let app = App::new(Router::new().route("/{status}", get(weighed)));
    assert_eq!(app.gets("/200", 4).await, [200; 4]);
    assert_eq!(app.gets("/401", 2).await, [401, 401]);
    assert_eq!(app.gets("/200", 1).await, [429]);
}

#[rate_limit("100/h", cost = 50, settle = "handler")]
async fn ask(settlement: Settlement, question: String) -> String {
    assert!(settlement.cost(question.len() as u64));
    question
}

#[tokio::test]
async fn a_handler_says_what_it_has_taken() {
    let app = App::new(Router::new().route("/", post(ask)));
    let mut left = Vec::new();
    for question in ["what is it", "why"] {
        let mut request = request(Method::POST, "/");
        *request.body_mut() = question.into();
        left.push(app.send(request).await.headers["x-ratelimit-remaining"].to_str().unwrap().to_owned());
    }
    // The first has cost ten of its fifty when the second comes.
    assert_eq!(left, ["50", "40"]);
}

async fn left_to_itself(_: Settlement) {}

#[rate_limit("2/h", count = "success", mode = "lenient", in_flight = 1)]
fn group() -> Router {
    Router::new().route("/", get(left_to_itself))
}

#[tokio::test]
async fn a_group_counts_by_outcome_too() {
    let app = App::new(group());
    assert_eq!(app.post("/").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(app.gets("/", 3).await, [200, 200, 429]);
}

/// A router under the runtime's clock, and how long after `began` each of so many requests at once
/// was answered, and how.
async fn at_once(router: Router, count: usize) -> Vec<(u16, u64)> {
    let limiter = Limiter::builder().clock(TokioClock::new()).build();
    let router = router.layer(LimiterLayer::new(limiter));
    let began = Instant::now();
    join_all((0..count).map(|_| async {
        let answer = tower::ServiceExt::oneshot(router.clone(), request(Method::GET, "/")).await.unwrap();
        (answer.status().as_u16(), u64::try_from(began.elapsed().as_millis()).unwrap())
    }))
    .await
}

#[rate_limit("3/h", count = "failed", mode = "wait")]
async fn good_login() {
    sleep(std::time::Duration::from_millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn ten_good_logins_at_once_wait_for_each_other_and_all_pass() {
    let answers = at_once(Router::new().route("/", get(good_login)), 10).await;
    assert_eq!(answers, [10, 10, 10, 20, 20, 20, 30, 30, 30, 40].map(|ms| (200, ms)));
}

#[rate_limit(concurrent = 1, queue = 2, max_wait = "25ms")]
async fn one_at_a_time() {
    sleep(std::time::Duration::from_millis(20)).await;
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_slot_waits_and_is_refused_at_its_deadline_or_when_the_queue_is_full() {
    let answers = at_once(Router::new().route("/", get(one_at_a_time)), 4).await;
    assert_eq!(answers, [(200, 20), (200, 40), (503, 25), (503, 0)]);
}

#[rate_limit("10/s", queue = 8, max_wait = "1s", spaced)]
async fn even() {}

#[tokio::test(start_paused = true)]
async fn spaced_requests_are_answered_one_by_one() {
    let answers = at_once(Router::new().route("/", get(even)), 5).await;
    assert_eq!(answers, [0, 100, 200, 300, 400].map(|ms| (200, ms)));
}
