//! Handlers: what they take, what they answer, how they are mounted.

use axum::Router;
use axum::extract::{FromRef, Json, Path, State};
use axum::routing::{get, post};
use http::{Method, StatusCode};
use limiter_tower::rate_limit;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::driver::{App, from, json, request};

#[rate_limit(read = 2, write = 1, key = "ip")]
async fn sessions() -> &'static str {
    "sessions"
}

#[tokio::test]
async fn reads_and_writes_are_counted_apart_and_come_back_with_time() {
    let app = App::new(Router::new().route("/", get(sessions).post(sessions)));
    assert_eq!(app.gets("/", 3).await, [200, 200, 429]);
    assert_eq!(app.post("/").await, StatusCode::OK);
    assert_eq!(app.post("/").await, StatusCode::TOO_MANY_REQUESTS);
    app.advance(30);
    assert_eq!(app.gets("/", 2).await, [200, 429]);
    assert_eq!(app.post("/").await, StatusCode::TOO_MANY_REQUESTS);
    app.advance(30);
    assert_eq!(app.post("/").await, StatusCode::OK);
}

#[tokio::test]
async fn each_address_has_a_budget_of_its_own() {
    let app = App::new(Router::new().route("/", get(sessions)));
    assert_eq!(app.gets("/", 3).await, [200, 200, 429]);
    assert_eq!(app.send(from("192.0.2.2", Method::GET, "/")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn two_applications_with_a_limiter_each_share_nothing() {
    let (one, other) =
        (App::new(Router::new().route("/", get(sessions))), App::new(Router::new().route("/", get(sessions))));
    assert_eq!(one.gets("/", 3).await, [200, 200, 429]);
    assert_eq!(other.gets("/", 3).await, [200, 200, 429]);
}

#[tokio::test]
async fn one_handler_on_two_routes_has_one_budget() {
    let app = App::new(Router::new().route("/a", get(sessions)).route("/b", get(sessions)));
    assert_eq!(app.gets("/a", 1).await, [200]);
    assert_eq!(app.gets("/b", 2).await, [200, 429]);
}

#[derive(Deserialize)]
struct Login {
    user: String,
}

#[rate_limit("5/min")]
async fn login(Path(tenant): Path<u32>, State(greeting): State<Greeting>, Json(login): Json<Login>) -> String {
    format!("{} {} of {tenant}", greeting.0, login.user)
}

#[derive(Clone)]
struct Greeting(&'static str);

#[derive(Clone)]
struct Application {
    greeting: Greeting,
}

impl FromRef<Application> for Greeting {
    fn from_ref(application: &Application) -> Self {
        application.greeting.clone()
    }
}

#[tokio::test]
async fn state_path_and_body_reach_the_handler() {
    let routes = Router::new().route("/{tenant}/login", post(login));
    let app = App::new(Router::new().nest("/v1", routes).with_state(Application { greeting: Greeting("hello") }));
    let answer = app.send(json("/v1/7/login", r#"{"user":"ada"}"#)).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"hello ada of 7"[..]));
    assert!(answer.has_numbers());
}

#[tokio::test]
async fn rejections_of_extractors_count_and_carry_the_numbers() {
    let routes = Router::new().route("/{tenant}/login", post(login)).with_state(Application { greeting: Greeting("") });
    let app = App::new(routes);
    for (path, text, status) in [
        ("/x/login", "{}", StatusCode::BAD_REQUEST),
        ("/7/login", "{", StatusCode::BAD_REQUEST),
        ("/7/login", r#"{"user":5}"#, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = app.send(json(path, text)).await;
        assert_eq!(answer.status, status);
        assert!(answer.has_numbers(), "{path} {text}");
    }
    assert_eq!(app.send(request(Method::POST, "/7/login")).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(app.send(json("/7/login", r#"{"user":"ada"}"#)).await.status, StatusCode::OK);
    let refused = app.send(json("/7/login", "{")).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.has_numbers() && refused.headers.contains_key("retry-after"));
}

#[rate_limit("1/min", inner = counted_unlimited)]
async fn counted(State(calls): State<Arc<AtomicU32>>) -> Result<String, StatusCode> {
    match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Err(StatusCode::CONFLICT),
        calls => Ok(calls.to_string()),
    }
}

#[tokio::test]
async fn a_refused_request_does_not_reach_the_handler_and_the_inner_function_is_not_limited() {
    let calls = Arc::new(AtomicU32::new(0));
    let app = App::new(Router::new().route("/", get(counted)).with_state(Arc::clone(&calls)));
    assert_eq!(app.gets("/", 3).await, [409, 429, 429]);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(counted_unlimited(State(Arc::clone(&calls))).await, Ok("1".to_owned()));
    assert_eq!(counted_unlimited(State(calls)).await, Ok("2".to_owned()));
}

#[rate_limit("1/min", key = "global")]
async fn missing(uri: http::Uri) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, uri.to_string())
}

#[tokio::test]
async fn a_fallback_is_limited_whatever_the_path() {
    let app = App::new(Router::new().route("/", get(async || "free")).fallback(missing));
    assert_eq!(app.get("/a").await, StatusCode::NOT_FOUND);
    assert_eq!(app.get("/b").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.get("/").await, StatusCode::OK);
}

struct Handlers;

impl Handlers {
    #[rate_limit("1/min")]
    async fn list() -> &'static str {
        "list"
    }
}

#[tokio::test]
async fn an_associated_function_and_a_local_one_can_be_limited() {
    #[rate_limit("1/min")]
    async fn local() -> &'static str {
        "local"
    }

    let app = App::new(Router::new().route("/list", get(Handlers::list)).route("/local", get(local)));
    assert_eq!(app.gets("/list", 2).await, [200, 429]);
    assert_eq!(app.gets("/local", 2).await, [200, 429]);
}

#[rate_limit("3/min", name = "unlayered")]
async fn unlayered() -> &'static str {
    "ok"
}

#[tokio::test]
async fn a_handler_without_a_limiter_in_the_router_is_limited_all_the_same() {
    use tower::ServiceExt;
    let app: Router = Router::new().route("/", get(unlayered));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = app.clone().oneshot(from("198.51.100.9", Method::GET, "/")).await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}
