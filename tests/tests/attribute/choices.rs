//! What a rule of an attribute does apart from counting: `quota`, `penalty`, `on_store_error`.

use axum::Router;
use axum::routing::get;
use http::request::Parts;
use http::{Method, Request, StatusCode};
use limiter_core::testing::{FailingStore, Failure, Switch};
use limiter_tower::store::memory::MemoryStore;
use limiter_tower::testing::ManualClock;
use limiter_tower::{Limiter, LimiterLayer, Quota, rate_limit};
use tower::ServiceExt;

use super::driver::{App, from, request};

#[derive(Clone, Copy)]
struct Plan {
    per_minute: u64,
}

fn plan_of(parts: &Parts) -> Quota {
    parts.extensions.get::<Plan>().map_or(Quota::per_minute(2), |plan| Quota::per_minute(plan.per_minute))
}

#[rate_limit("2/min", quota = plan_of, algorithm = "fixed")]
async fn by_plan() {}

async fn statuses(app: &App, address: &str, plan: Option<Plan>, count: usize) -> Vec<u16> {
    let mut found = Vec::new();
    for _ in 0..count {
        let mut request = from(address, Method::GET, "/");
        if let Some(plan) = plan {
            request.extensions_mut().insert(plan);
        }
        found.push(app.send(request).await.status.as_u16());
    }
    found
}

#[tokio::test]
async fn a_quota_function_gives_each_caller_a_quota_of_its_own() {
    let app = App::new(Router::new().route("/", get(by_plan)));
    assert_eq!(statuses(&app, "192.0.2.1", None, 3).await, [200, 200, 429]);
    assert_eq!(statuses(&app, "192.0.2.2", Some(Plan { per_minute: 3 }), 4).await, [200, 200, 200, 429]);
    // A change of plan keeps what was used: three of four.
    assert_eq!(statuses(&app, "192.0.2.2", Some(Plan { per_minute: 4 }), 2).await, [200, 429]);
}

#[tokio::test]
async fn the_numbers_of_an_answer_are_those_of_the_callers_quota() {
    let app = App::new(Router::new().route("/", get(by_plan)));
    let mut request = request(Method::GET, "/");
    request.extensions_mut().insert(Plan { per_minute: 3 });
    let answer = app.send(request).await;
    assert_eq!(answer.headers["ratelimit-policy"], "\"by_plan\";q=3;w=60");
    assert_eq!(answer.headers["ratelimit"], "\"by_plan\";r=2;t=60");
}

fn by_method(parts: &Parts) -> Quota {
    Quota::per_minute(if parts.method == Method::GET { 3 } else { 1 })
}

#[rate_limit(read = 100, write = 100, quota = by_method)]
fn both_classes() -> Router {
    Router::new().route("/", get(async || "read").post(async || "written"))
}

#[tokio::test]
async fn a_quota_function_of_a_group_says_the_quota_of_reads_and_of_writes() {
    let app = App::new(both_classes());
    assert_eq!(app.gets("/", 4).await, [200, 200, 200, 429]);
    assert_eq!(app.post("/").await, StatusCode::OK);
    assert_eq!(app.post("/").await, StatusCode::TOO_MANY_REQUESTS);
}

#[rate_limit("2/min", penalty)]
async fn punished() {}

#[rate_limit("2/min")]
async fn forgiven() {}

#[tokio::test]
async fn who_keeps_asking_stays_out_under_a_penalty_and_only_then() {
    let app = App::new(Router::new().route("/punished", get(punished)).route("/forgiven", get(forgiven)));
    for (path, late) in [("/punished", 429), ("/forgiven", 200)] {
        assert_eq!(app.gets(path, 2).await, [200, 200]);
        // A unit is back 30 s after the second request. Half way there one more is refused.
        app.advance(20);
        assert_eq!(app.gets(path, 1).await, [429]);
        app.advance(10);
        assert_eq!(app.gets(path, 1).await, [late], "{path}");
    }
}

#[rate_limit("1/min", penalty, key = "global")]
#[rate_limit("1/h", key = "global", name = "hourly")]
async fn one_of_two_punishes() {}

#[tokio::test]
async fn a_penalty_belongs_to_the_rules_of_its_own_attribute() {
    let app = App::new(Router::new().route("/", get(one_of_two_punishes)));
    assert_eq!(app.gets("/", 3).await, [200, 429, 429]);
    app.advance(3600);
    // Had the refusals counted by the hour, none would be left.
    assert_eq!(app.gets("/", 1).await, [200]);
}

#[rate_limit("1/min")]
async fn unstated() {}

#[rate_limit("1/min", on_store_error = "local")]
async fn local() {}

#[rate_limit("1/min", on_store_error = "open")]
async fn open() {}

#[rate_limit("1/min", on_store_error = "closed")]
async fn closed() {}

fn on_a_failing_store() -> (Router, Switch) {
    let store = FailingStore::new(MemoryStore::new());
    let switch = store.switch();
    let limiter = Limiter::builder().clock(ManualClock::new()).store(store).build();
    let router = Router::new()
        .route("/unstated", get(unstated))
        .route("/local", get(local))
        .route("/open", get(open))
        .route("/closed", get(closed))
        .layer(LimiterLayer::new(limiter));
    (router, switch)
}

async fn status(router: &Router, path: &str) -> u16 {
    let request: Request<_> = request(Method::GET, path);
    router.clone().oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_failing_store_is_answered_as_the_attribute_says() {
    let (router, switch) = on_a_failing_store();
    switch.fail(Failure::Unavailable);
    for (path, expected) in
        [("/unstated", [200, 429]), ("/local", [200, 429]), ("/open", [200, 200]), ("/closed", [503, 503])]
    {
        assert_eq!([status(&router, path).await, status(&router, path).await], expected, "{path}");
    }
    switch.recover();
    assert_eq!([status(&router, "/closed").await, status(&router, "/closed").await], [200, 429]);
}

#[rate_limit("1/min", shadow, key = "global", name = "watched")]
async fn watched() {}

#[rate_limit("3/min", key = "global", name = "enforced")]
#[rate_limit("1/min", key = "global", name = "tried", shadow)]
async fn half_watched() {}

#[tokio::test]
async fn a_rule_in_shadow_refuses_nobody_and_is_not_announced_until_it_is_told_to() {
    let app = App::new(Router::new().route("/watched", get(watched)).route("/half", get(half_watched)));
    assert_eq!(app.gets("/watched", 3).await, [200, 200, 200]);
    assert!(!app.send(request(Method::GET, "/watched")).await.has_numbers());
    assert_eq!(app.gets("/half", 4).await, [200, 200, 200, 429]);
    let fields = format!("{:?}", app.send(request(Method::GET, "/half")).await.headers);
    assert!(fields.contains("enforced") && !fields.contains("tried"), "{fields}");
    app.limiter.enforce_rule("watched", Some(limiter_tower::Enforcement::FULL));
    assert_eq!(app.gets("/watched", 1).await, [429]);
}
