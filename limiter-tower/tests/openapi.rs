//! What a generated API description says about limits.
#![cfg(feature = "utoipa-axum")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "a handler without a router is there for its description")]

mod support;

use axum::body::Body;
use http::{Request, StatusCode};
use limiter_tower::headers::{Family, Legacy, Wire};
use limiter_tower::openapi::DescribeLimits;
use limiter_tower::{
    ByHand, Global, Key, LimiterLayer, Policy, RateLimitLayer, RateLimited, RouterExt, rate_limit, response,
};
use serde_json::{Value, json};
use support::limiter;
use tower::ServiceExt;
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[utoipa::path(get, path = "/sessions", tag = "limited", responses(
    (status = 200, description = "Yours."),
    (status = 303, description = "Elsewhere."),
))]
async fn sessions() -> &'static str {
    "yours"
}

#[utoipa::path(get, path = "/health", responses((status = 200, description = "Fine.")))]
async fn health() {}

#[utoipa::path(post, path = "/login", responses((status = 200, description = "Welcome."), RateLimited))]
async fn login(limits: ByHand, policy: axum::Extension<Policy>) -> Result<(), RateLimited> {
    limits.check(&policy, &Key::everyone()).await.map(drop)
}

#[utoipa::path(get, path = "/special", responses(
    (status = 200, description = "Yours.", headers(("ratelimit" = String, description = "Own words."))),
    (status = 429, description = "Come back tomorrow.", content_type = "text/html", body = String),
))]
async fn special() {}

#[derive(OpenApi)]
#[openapi(paths(sessions, health, login, special))]
struct Api;

fn described(limits: &DescribeLimits) -> Value {
    let mut api = Api::openapi();
    limits.modify(&mut api);
    serde_json::to_value(&api).unwrap()["paths"].take()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

#[test]
fn a_limited_operation_lists_the_refusal_with_its_fields_and_its_body() {
    let api = described(&DescribeLimits::default());
    let refusal = &api["/sessions"]["get"]["responses"]["429"];
    assert_eq!(refusal["description"], "Quota Exceeded.");
    let fields = [
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
    ];
    assert_eq!(names(&refusal["headers"]), fields);
    assert_eq!(
        refusal["headers"]["Retry-After"],
        json!({
            "description": "Seconds to wait. Absent where waiting cannot help.",
            "schema": { "type": "integer", "minimum": 0 },
        })
    );
    let schema = &refusal["content"]["application/problem+json"]["schema"];
    assert_eq!(schema["required"], json!(["type", "title", "status", "error", "violated-policies"]));
    assert_eq!(schema["properties"]["violated-policies"]["items"]["type"], "string");
}

#[test]
fn every_answer_but_a_redirect_lists_the_fields_of_the_limits() {
    let responses = &described(&DescribeLimits::default())["/sessions"]["get"]["responses"];
    let fields = ["RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];
    assert_eq!(names(&responses["200"]["headers"]), fields);
    assert_eq!(names(&responses["303"]["headers"]), [""; 0]);
}

#[test]
fn the_description_follows_the_wire() {
    let wire = Wire::new().family(Family::Draft06).legacy(Legacy::Off).body(response::Body::PlainJson);
    let api = described(&DescribeLimits::of(&wire));
    let refusal = &api["/sessions"]["get"]["responses"]["429"];
    let fields = ["RateLimit-Limit", "RateLimit-Policy", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"];
    assert_eq!(names(&refusal["headers"]), fields);
    assert_eq!(refusal["headers"]["RateLimit-Reset"]["description"], "Seconds until the whole quota is back.");
    assert_eq!(names(&refusal["content"]), ["application/json"]);

    let api = described(&DescribeLimits::of(&Wire::new().private().body(response::Body::None)));
    let responses = &api["/sessions"]["get"]["responses"];
    assert_eq!(names(&responses["429"]["headers"]), ["Retry-After"]);
    assert_eq!(names(&responses["429"]["content"]), [""; 0]);
    assert_eq!(names(&responses["200"]["headers"]), [""; 0]);
}

/// The fields that are described are those that come.
#[tokio::test]
async fn the_fields_described_are_the_fields_sent() {
    for wire in [Wire::new(), Wire::new().family(Family::Draft07).legacy(Legacy::Delta), Wire::new().private()] {
        let api = described(&DescribeLimits::of(&wire));
        let layer = RateLimitLayer::builder().quota("1/min").key(Global).wire(wire).limiter(limiter()).build().unwrap();
        let app = axum::Router::new().route("/sessions", axum::routing::get(sessions)).layer(layer);
        for status in ["200", "429"] {
            let answer = app.clone().oneshot(Request::get("/sessions").body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status().as_str(), status);
            let mut sent: Vec<_> = answer.headers().keys().map(http::HeaderName::as_str).collect();
            sent.retain(|name| !matches!(*name, "content-type" | "content-length" | "cache-control"));
            sent.sort_unstable();
            let mut told: Vec<_> = names(&api["/sessions"]["get"]["responses"][status]["headers"])
                .into_iter()
                .map(str::to_ascii_lowercase)
                .collect();
            told.sort_unstable();
            assert_eq!(told, sent);
        }
    }
}

#[test]
fn what_an_operation_says_itself_stays() {
    let api = described(&DescribeLimits::default());
    let responses = &api["/special"]["get"]["responses"];
    assert_eq!(responses["429"]["description"], "Come back tomorrow.");
    assert_eq!(names(&responses["429"]["content"]), ["text/html"]);
    assert!(responses["429"]["headers"]["Retry-After"].is_object());
    assert_eq!(responses["200"]["headers"]["ratelimit"]["description"], "Own words.");
    assert!(responses["200"]["headers"]["RateLimit"].is_null());
}

#[test]
fn operations_can_be_chosen_and_capacity_can_be_added() {
    let api = described(&DescribeLimits::default().only(|path, _| path == "/sessions").capacity());
    assert_eq!(names(&api["/sessions"]["get"]["responses"]), ["200", "303", "429", "503"]);
    assert_eq!(api["/sessions"]["get"]["responses"]["503"]["description"], "Temporary Reduced Capacity.");
    assert_eq!(names(&api["/health"]["get"]["responses"]), ["200"]);
    let api = described(
        &DescribeLimits::default().only(|_, operation| operation.tags.iter().flatten().any(|tag| tag == "limited")),
    );
    assert_eq!(names(&api["/health"]["get"]["responses"]), ["200"]);
}

#[test]
fn a_check_by_hand_describes_its_refusal() {
    let api = serde_json::to_value(Api::openapi()).unwrap();
    let responses = &api["paths"]["/login"]["post"]["responses"];
    assert_eq!(names(responses), ["200", "429"]);
    assert!(responses["429"]["headers"]["Retry-After"].is_object());
    assert_eq!(names(&responses["200"]["headers"]), [""; 0]);
}

#[rate_limit("1/min", key = "global", name = "api")]
fn group() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(sessions)).routes(routes!(health))
}

#[tokio::test]
async fn a_group_that_collects_its_description_is_limited_and_described() {
    let (app, api) = OpenApiRouter::new().nest("/v1", group()).routes(routes!(special)).split_for_parts();
    let api = serde_json::to_value(&api).unwrap();
    assert_eq!(names(&api["paths"]), ["/special", "/v1/health", "/v1/sessions"]);
    assert_eq!(names(&api["paths"]["/v1/health"]["get"]["responses"]["429"]["headers"]), ["Retry-After"]);
    assert!(api["paths"]["/special"]["get"]["responses"]["429"]["headers"].is_null());

    let app = app.layer(LimiterLayer::new(limiter()));
    let ask = |path: &str| app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
    assert_eq!(ask("/v1/sessions").await.unwrap().status(), StatusCode::OK);
    assert_eq!(ask("/v1/health").await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask("/special").await.unwrap().status(), StatusCode::OK);
    assert_eq!(ask("/nowhere").await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_router_that_collects_its_description_takes_limits_as_methods() {
    let layer = RateLimitLayer::builder().quota("1/min").key(Global).build().unwrap();
    let router = OpenApiRouter::new().routes(routes!(sessions)).rate_limit(layer).limiter(limiter());
    let (app, api) = router.split_for_parts();
    assert!(serde_json::to_value(&api).unwrap()["paths"]["/sessions"]["get"]["responses"]["429"].is_object());
    let ask = || app.clone().oneshot(Request::get("/sessions").body(Body::empty()).unwrap());
    assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
    assert_eq!(ask().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
}
