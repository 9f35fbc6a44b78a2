//! What a rule of an attribute counts once the answer is known: `count`, `settle` and what goes with them.

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use http::response::Parts;
use http::{Method, StatusCode};
use limiter_tower::{Settlement, rate_limit};

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
