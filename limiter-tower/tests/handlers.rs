//! What handlers can ask for: the decision, the usage, a check by hand; and limits by route.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::LazyLock;

use axum::body::Body;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use limiter_tower::headers::{Family, Legacy, Wire};
use limiter_tower::{
    ByHand, CurrentDecision, CurrentUsage, Decision, Global, Key, Limiter, LimiterLayer, NotShared, Policy, Quota,
    RateLimitBuilder, RateLimitLayer, RateLimited, RouterExt, Rule, rate_limit, response,
};
use support::{BrokenStore, LaterStore, limiter, remaining};
use tower::ServiceExt;

fn layer(count: u64, name: &'static str) -> RateLimitBuilder {
    RateLimitLayer::builder().quota(&format!("{count}/min")).key(Global).named(name)
}

async fn send(app: &Router, method: Method, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    send_request(app, request).await
}

async fn send_request(app: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn text(app: &Router, path: &str) -> String {
    send(app, Method::GET, path).await.2
}

async fn tell(current: CurrentDecision) -> String {
    let mut told = String::new();
    let mut next = Some(&current);
    while let Some(decision) = next {
        for usage in decision.usages() {
            told.push_str(&format!("{} {}/{};", usage.name(), usage.remaining(), usage.limit()));
        }
        next = decision.outer();
    }
    told
}

async fn tell_if_known(current: Option<CurrentDecision>) -> String {
    if current.is_some() { "known" } else { "unknown" }.to_owned()
}

async fn tell_usage(CurrentUsage(usage): CurrentUsage) -> String {
    usage.map_or_else(|| "none".to_owned(), |usage| format!("{} {}", usage.name(), usage.remaining()))
}

#[tokio::test]
async fn a_layer_that_shares_its_decision_lets_the_handler_read_it() {
    let app = Router::new()
        .route("/", get(tell))
        .route("/usage", get(tell_usage))
        .layer(layer(5, "api").share_decision().limiter(limiter()).build().unwrap());
    assert_eq!(text(&app, "/").await, "api 4/5;");
    assert_eq!(text(&app, "/usage").await, "api 3");
}

#[tokio::test]
async fn the_decisions_of_stacked_layers_are_there_from_the_inside_out_and_the_tightest_is_found() {
    let app = Router::new()
        .route("/", get(tell))
        .route("/usage", get(tell_usage))
        .layer(layer(9, "inner").build().unwrap())
        .layer(layer(2, "outer").build().unwrap())
        .layer(LimiterLayer::new(limiter()).share_decisions());
    assert_eq!(text(&app, "/").await, "inner 8/9;outer 1/2;");
    assert_eq!(text(&app, "/usage").await, "outer 0");
}

#[tokio::test]
async fn an_annotated_handler_has_its_decision_for_the_asking() {
    #[rate_limit("5/min", key = "global")]
    async fn first(current: CurrentDecision) -> String {
        tell(current).await
    }
    #[rate_limit("7/min", key = "global", name = "last")]
    async fn last(_: Extension<u8>, usage: Result<CurrentUsage, NotShared>, _: String) -> String {
        tell_usage(usage.unwrap()).await
    }
    #[rate_limit("5/min", key = "global")]
    async fn other(_: Method, parts: http::request::Parts) -> &'static str {
        if parts.extensions.get::<CurrentDecision>().is_some() { "known" } else { "unknown" }
    }

    let app = Router::new()
        .route("/first", get(first))
        .route("/last", get(last))
        .route("/other", get(other))
        .layer(Extension(0u8))
        .limiter(limiter());
    assert_eq!(text(&app, "/first").await, "first 4/5;");
    assert_eq!(text(&app, "/last").await, "last 6");
    assert_eq!(text(&app, "/other").await, "unknown", "who does not ask does not pay");
}

#[tokio::test]
async fn a_request_that_is_not_counted_has_a_decision_without_usages() {
    let app = Router::new()
        .route("/health", get(tell))
        .route("/usage", get(tell_usage))
        .layer(layer(1, "api").exempt(["/health", "/usage"]).share_decision().limiter(limiter()).build().unwrap());
    for _ in 0..3 {
        assert_eq!(send(&app, Method::GET, "/health").await.0, StatusCode::OK);
        assert_eq!(text(&app, "/health").await, "");
        assert_eq!(text(&app, "/usage").await, "none");
    }
}

#[tokio::test]
async fn slots_are_not_compared_with_units() {
    let app = Router::new().route("/usage", get(tell_usage)).layer(
        RateLimitLayer::builder()
            .rule(Rule::concurrent(1).named("slots"))
            .rule(Rule::new(Quota::per_minute(9)).key(Global).named("units"))
            .share_decision()
            .limiter(limiter())
            .build()
            .unwrap(),
    );
    assert_eq!(text(&app, "/usage").await, "units 8");
}

#[tokio::test]
async fn where_nobody_shares_the_decision_the_answer_says_how() {
    let app = Router::new()
        .route("/", get(tell))
        .route("/option", get(tell_if_known))
        .layer(layer(5, "api").limiter(limiter()).build().unwrap());
    let (status, headers, body) = send(&app, Method::GET, "/").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body.contains("`share_decision`"), "{body}");
    assert_eq!(headers["ratelimit"], "\"api\";r=4;t=48");
    assert_eq!(text(&app, "/option").await, "unknown");
}

static LOGINS: LazyLock<Policy> =
    LazyLock::new(|| Policy::new("logins", [Rule::new(Quota::per_minute(1)).key(Global)]).unwrap());

async fn login(limits: ByHand) -> Result<&'static str, RateLimited> {
    limits.check(&LOGINS, &Key::from("ann")).await?;
    Ok("welcome")
}

#[tokio::test]
async fn a_check_by_hand_refuses_by_the_wire_of_the_application() {
    let wire = Wire::new().family(Family::Draft07).legacy(Legacy::Off).body(response::Body::PlainJson);
    let app = Router::new().route("/", get(login)).layer(LimiterLayer::new(limiter()).wire(wire));
    assert_eq!(send(&app, Method::GET, "/").await.0, StatusCode::OK);
    let (status, headers, body) = send(&app, Method::GET, "/").await;
    assert_eq!((status, body.as_str()), (StatusCode::TOO_MANY_REQUESTS, "{\"error\":\"rate_limit_exceeded\"}"));
    assert_eq!(headers["ratelimit"], "limit=1, remaining=0, reset=60");
    assert_eq!(headers["retry-after"], "60");
    assert_eq!(headers["cache-control"], "no-store");
    let (status, headers, body) = send(&app, Method::HEAD, "/").await;
    assert_eq!((status, body.as_str()), (StatusCode::TOO_MANY_REQUESTS, ""));
    assert_eq!(headers["retry-after"], "60");
}

#[tokio::test]
async fn a_check_by_hand_answers_a_grpc_call_as_one() {
    let app = Router::new().route("/", post(login)).limiter(limiter());
    let call = || Request::post("/").header("content-type", "application/grpc").body(Body::empty()).unwrap();
    assert_eq!(send_request(&app, call()).await.0, StatusCode::OK);
    let (status, headers, body) = send_request(&app, call()).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
    assert_eq!(headers["grpc-status"], "8");
    assert_eq!(headers["grpc-retry-pushback-ms"], "60000");
}

#[tokio::test]
async fn a_refusal_by_hand_gives_the_charges_around_it_back() {
    let limiter = limiter();
    let around = Policy::new("around", [Rule::new(Quota::per_minute(10)).key(Global)]).unwrap();
    let app = Router::new()
        .route("/", get(login))
        .layer(RateLimitLayer::from_policy(around.clone()))
        .limiter(limiter.clone());
    for _ in 0..5 {
        send(&app, Method::GET, "/").await;
    }
    assert_eq!(remaining(&limiter, &around), 9);
}

#[tokio::test]
async fn a_check_by_hand_of_several_units_says_what_is_left() {
    let policy = Policy::new("batch", [Rule::new(Quota::per_minute(10)).key(Global)]).unwrap();
    let app = Router::new()
        .route(
            "/",
            get(async |limits: ByHand, policy: Extension<Policy>| {
                let decision = limits.check_cost(&policy, &Key::everyone(), 4).await?;
                Ok::<_, RateLimited>(decision.usages()[0].remaining().to_string())
            }),
        )
        .layer(Extension(policy))
        .limiter(limiter());
    assert_eq!(text(&app, "/").await, "6");
    assert_eq!(text(&app, "/").await, "2");
    assert_eq!(send(&app, Method::GET, "/").await.0, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_check_by_hand_waits_for_a_store_that_answers_later() {
    let (store, answers) = LaterStore::new();
    let app = Router::new().route("/", get(login)).limiter(Limiter::builder().store(store).build());
    let pending = tokio::spawn(async move { send(&app, Method::GET, "/").await.0 });
    tokio::task::yield_now().await;
    assert!(!pending.is_finished());
    answers.release();
    assert_eq!(pending.await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn a_check_by_hand_follows_the_rule_when_the_store_fails() {
    let closed = Rule::new(Quota::per_minute(1)).key(Global).on_store_error(limiter_tower::OnStoreError::Closed);
    let policy = Policy::new("closed", [closed]).unwrap();
    let app = Router::new()
        .route(
            "/",
            get(async |limits: ByHand, policy: Extension<Policy>| {
                limits.check(&policy, &Key::everyone()).await.map(|_| "passed")
            }),
        )
        .layer(Extension(policy))
        .limiter(Limiter::builder().store(BrokenStore).build());
    assert_eq!(send(&app, Method::GET, "/").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_refusal_made_of_a_decision_alone_has_the_default_wire() {
    let limiter = limiter();
    let refuse = |_: ()| -> Result<Decision, RateLimited> {
        let decision = limiter.check(&LOGINS, &Key::from("bob"));
        if decision.is_allowed() { Ok(decision) } else { Err(decision.into()) }
    };
    assert!(refuse(()).is_ok());
    let refusal = refuse(()).unwrap_err();
    assert_eq!(refusal.to_string(), "the request is refused by a rate limit for another 60s");
    assert_eq!(refusal.decision().usages()[0].name(), "logins");
    let answer = axum::response::IntoResponse::into_response(refusal);
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.headers()["ratelimit"], "\"logins\";r=0;t=60");
}

#[tokio::test]
async fn each_route_has_a_budget_and_a_name_and_unknown_paths_have_one_together() {
    let layer = RateLimitLayer::builder().quota("1/min").key(Global).per_route().limiter(limiter()).build().unwrap();
    let api = Router::new().route("/users/{id}", get(async || "user").post(async || "made"));
    let app = Router::new().nest("/api", api).route("/files/{*rest}", get(async || "file")).layer(layer);

    let (status, headers, _) = send(&app, Method::GET, "/api/users/1").await;
    assert_eq!(
        (status, &headers["ratelimit-policy"]),
        (StatusCode::OK, &"\"/api/users/:id\";q=1;w=60".parse().unwrap())
    );
    assert_eq!(send(&app, Method::POST, "/api/users/2").await.0, StatusCode::TOO_MANY_REQUESTS);
    let (status, headers, _) = send(&app, Method::GET, "/files/a/b").await;
    assert_eq!((status, &headers["ratelimit-policy"]), (StatusCode::OK, &"\"/files/:rest\";q=1;w=60".parse().unwrap()));
    let (status, headers, _) = send(&app, Method::GET, "/nowhere").await;
    assert_eq!(
        (status, &headers["ratelimit-policy"]),
        (StatusCode::NOT_FOUND, &"\"default\";q=1;w=60".parse().unwrap())
    );
    assert_eq!(send(&app, Method::GET, "/elsewhere").await.0, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn routes_of_a_layer_with_a_name_count_apart_under_that_name() {
    let layer = layer(1, "mine").per_route().limiter(limiter()).build().unwrap();
    let app = Router::new().route("/a", get(async || "a")).route("/b", get(async || "b")).layer(layer);
    for path in ["/a", "/b"] {
        let (status, headers, _) = send(&app, Method::GET, path).await;
        assert_eq!((status, &headers["ratelimit-policy"]), (StatusCode::OK, &"\"mine\";q=1;w=60".parse().unwrap()));
        assert_eq!(send(&app, Method::GET, path).await.0, StatusCode::TOO_MANY_REQUESTS);
    }
}
