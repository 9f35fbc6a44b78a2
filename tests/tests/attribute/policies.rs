//! What the rules of an attribute mean: stacks, keys, costs, scopes, names, slots.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use limiter_tower::{Limiter, LimiterLayer, Warning, rate_limit};
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

use super::driver::{App, from, request};

#[rate_limit("2/min", key = "ip")]
#[rate_limit("3/h", key = "global")]
async fn stacked() {}

#[tokio::test]
async fn stacked_limits_are_decided_at_once_and_a_refusal_charges_none() {
    let app = App::new(Router::new().route("/", get(stacked)));
    assert_eq!(app.gets("/", 6).await, [200, 200, 429, 429, 429, 429]);
    // The four refused ones left the third unit of the hour alone.
    assert_eq!(app.send(from("192.0.2.2", Method::GET, "/")).await.status, StatusCode::OK);
    assert_eq!(app.send(from("192.0.2.3", Method::GET, "/")).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[rate_limit("2/min", scope = "search")]
async fn search() {}

#[rate_limit("2/min", scope = "search")]
async fn suggest() {}

#[tokio::test]
async fn handlers_of_one_scope_spend_one_budget() {
    let app = App::new(Router::new().route("/search", get(search)).route("/suggest", get(suggest)));
    assert_eq!(app.get("/search").await, StatusCode::OK);
    assert_eq!(app.get("/suggest").await, StatusCode::OK);
    assert_eq!(app.get("/search").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.get("/suggest").await, StatusCode::TOO_MANY_REQUESTS);
}

#[rate_limit(read = 1, write = 1, scope = "apart")]
async fn apart() {}

#[tokio::test]
async fn a_scope_keeps_reads_and_writes_apart() {
    let app = App::new(Router::new().route("/", get(apart).post(apart)));
    assert_eq!(app.get("/").await, StatusCode::OK);
    assert_eq!(app.post("/").await, StatusCode::OK);
    assert_eq!(app.get("/").await, StatusCode::TOO_MANY_REQUESTS);
}

fn by_account(parts: &Parts) -> Option<String> {
    Some(parts.headers.get("x-account")?.to_str().ok()?.to_owned())
}

fn by_query(parts: &Parts) -> u32 {
    parts.uri.query().and_then(|query| query.parse().ok()).unwrap_or(1)
}

#[rate_limit("10/min", key = by_account, cost = by_query)]
async fn charged() {}

#[tokio::test]
async fn a_key_function_and_a_cost_function_read_the_head() {
    let app = App::new(Router::new().route("/", get(charged)));
    let ask = |account: &'static str, cost: u32| {
        let mut request = request(Method::GET, &format!("/?{cost}"));
        request.headers_mut().insert("x-account", account.parse().unwrap());
        app.send(request)
    };
    assert_eq!(ask("ada", 7).await.status, StatusCode::OK);
    assert_eq!(ask("ada", 4).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask("ada", 3).await.status, StatusCode::OK);
    assert_eq!(ask("bob", 10).await.status, StatusCode::OK);
}

#[rate_limit("2/min", key = "header:x-api-key", trusted_key)]
async fn by_header() {}

#[tokio::test]
async fn a_trusted_header_is_a_key() {
    let app = App::new(Router::new().route("/", get(by_header)));
    let ask = |key: &'static str| {
        let mut request = request(Method::GET, "/");
        request.headers_mut().insert("x-api-key", key.parse().unwrap());
        app.send(request)
    };
    for (key, status) in [("a", 200), ("a", 200), ("a", 429), ("b", 200)] {
        assert_eq!(ask(key).await.status.as_u16(), status, "{key}");
    }
}

#[rate_limit(concurrent = 1)]
async fn slots() -> String {
    "streamed".to_owned()
}

#[tokio::test]
async fn a_slot_is_held_until_the_body_ends() {
    let app = App::new(Router::new().route("/", get(slots)));
    let first = app.begin(request(Method::GET, "/")).await;
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(app.get("/").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes(), "streamed");
    assert_eq!(app.get("/").await, StatusCode::OK);
}

#[rate_limit("2/min", algorithm = "fixed")]
async fn windows() {}

#[tokio::test]
async fn a_fixed_window_gives_all_back_at_its_end_and_nothing_before() {
    let app = App::new(Router::new().route("/", get(windows)));
    assert_eq!(app.gets("/", 2).await, [200, 200]);
    app.advance(59);
    assert_eq!(app.gets("/", 1).await, [429]);
    app.advance(1);
    assert_eq!(app.gets("/", 3).await, [200, 200, 429]);
}

#[rate_limit(read = 1, write = 1, name = "api")]
async fn named() {}

#[rate_limit("1/min")]
async fn unnamed() {}

#[tokio::test]
async fn a_limiter_overrides_rules_by_their_names() {
    let limiter = Limiter::builder()
        .override_quota("api-read", "3/min".parse().unwrap())
        .override_quota("unnamed", "2/min".parse().unwrap())
        .build();
    let routes = Router::new().route("/named", get(named).post(named)).route("/unnamed", get(unnamed));
    let app = App::new(routes.layer(LimiterLayer::new(limiter)));
    assert_eq!(app.gets("/named", 4).await, [200, 200, 200, 429]);
    assert_eq!(app.gets("/unnamed", 3).await, [200, 200, 429]);
    assert_eq!(app.post("/named").await, StatusCode::OK);
    assert_eq!(app.post("/named").await, StatusCode::TOO_MANY_REQUESTS);
}

#[rate_limit(write = "0/min")]
async fn read_only() {}

#[rate_limit("unlimited")]
async fn unlimited() {}

#[tokio::test]
async fn zero_denies_and_unlimited_exempts() {
    let app = App::new(Router::new().route("/r", get(read_only).post(read_only)).route("/u", get(unlimited)));
    assert_eq!(app.gets("/r", 3).await, [200, 200, 200]);
    assert_eq!(app.post("/r").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.gets("/u", 3).await, [200, 200, 200]);
}

fn opaque(_: &Parts) -> u64 {
    1
}

/// A source that the attribute cannot see through: only the running program knows that callers
/// choose the key.
struct Chosen;

impl limiter_tower::KeySource for Chosen {
    fn key(&self, _: &limiter_tower::key::KeyContext<'_>) -> limiter_tower::key::Extracted {
        limiter_tower::key::Extracted::Key(limiter_tower::Key::everyone())
    }

    fn describe(&self) -> String {
        "query:token".to_owned()
    }

    fn is_caller_chosen(&self) -> bool {
        true
    }
}

const CHOSEN: Chosen = Chosen;

#[rate_limit("100/min", key = CHOSEN)]
async fn broken() -> &'static str {
    "never"
}

#[rate_limit("100/min", key = CHOSEN)]
fn broken_group() -> Router {
    Router::new().route("/group", get(unlimited))
}

#[rate_limit("100/min", key = opaque)]
async fn sound() {}

#[rate_limit("100/min", key = CHOSEN, trusted_key)]
async fn vouched_for() {}

#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

impl limiter_tower::Observer for Listener {
    fn on_warning(&self, warning: &Warning) {
        self.0.lock().unwrap().push(warning.to_string());
    }
}

#[tokio::test]
async fn a_policy_that_cannot_be_built_refuses_and_says_why() {
    let heard = Listener::default();
    let limiter = Limiter::builder().observer(heard.clone()).build();
    let app: Router = Router::new()
        .route("/", get(broken))
        .route("/sound", get(sound))
        .route("/vouched-for", get(vouched_for))
        .merge(broken_group())
        .layer(LimiterLayer::new(limiter));
    let ask = |path: &str| app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
    assert_eq!(ask("/").await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask("/").await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask("/group").await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask("/sound").await.unwrap().status(), StatusCode::OK);
    assert_eq!(ask("/vouched-for").await.unwrap().status(), StatusCode::OK);
    let heard = heard.0.lock().unwrap();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].contains("policies::broken`") && heard[0].contains("query:token"), "{heard:?}");
}
