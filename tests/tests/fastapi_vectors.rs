//! Reads and writes counted apart by client address, as another limiter answered over HTTP: status,
//! numbers, wait and body.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use limiter_tower::headers::Wire;
use limiter_tower::testing::{self, ManualClock};
use limiter_tower::{Algorithm, LimiterLayer, MethodClass, Quota, RateLimitLayer, Rule, response};
use serde_json::Value;
use tower::ServiceExt;

const VECTORS: &str = include_str!("../vectors/fastapi_per_ip.json");

/// Steps that no response tells anything about. How many addresses are kept is the store's affair,
/// and is checked against these same steps where the store is.
const SKIPPED: [(&str, &str, usize); 2] = [("S2-V27", "tracked", 3), ("S2-V29", "tracked", 1)];

/// Where ours differs on purpose: case, instant, status, remaining, wait in seconds.
///
/// - V09: a wait is what is left of the window, not a whole one; the instant at which a window ends
///   belongs to the next, so that the one after it is the second of its window.
/// - V12: the same instant.
/// - V24: no wait ends a limit of zero, so none is named.
const OURS: [(&str, u64, u16, u64, Option<u64>); 5] = [
    ("S2-V09", 60_000, 429, 0, Some(30)),
    ("S2-V09", 90_000, 200, 2, None),
    ("S2-V09", 90_001, 200, 1, None),
    ("S2-V12", 60_000, 200, 2, None),
    ("S2-V24", 0, 429, 0, None),
];

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

struct App {
    router: Router,
    clock: ManualClock,
    at: u64,
}

impl App {
    fn new(config: &Value) -> Self {
        let window = Duration::from_secs(number(&config["window_s"]));
        let rule = |limit: &str, class| {
            let quota = Quota::new(number(&config[limit]), window).unwrap();
            Rule::new(quota).algorithm(Algorithm::Fixed).class(class)
        };
        let limits = RateLimitLayer::builder()
            .rule(rule("read_limit", MethodClass::Read))
            .rule(rule("write_limit", MethodClass::Write))
            .named("api")
            .wire(Wire::new().body(response::Body::PlainJson))
            .build()
            .unwrap();
        let (limiter, clock) = testing::limiter();
        let router = Router::new()
            .route("/health", get(async || "ok"))
            .route("/api/v1/sessions", post(async || "made"))
            .layer(limits)
            .layer(LimiterLayer::new(limiter));
        App { router, clock, at: 0 }
    }

    fn at(step: &Value) -> u64 {
        number(&step["at_ms"])
    }

    async fn send(&mut self, step: &Value, repetition: u64) -> Answer {
        let at = Self::at(step);
        self.clock.advance(Duration::from_millis(at - self.at));
        self.at = at;
        let mut request =
            Request::builder().method(step["method"].as_str().unwrap()).uri(step["path"].as_str().unwrap());
        if let Some(forwarded) = step["x_forwarded_for"].as_str() {
            request = request.header("x-forwarded-for", forwarded);
        }
        let request = testing::from_ip(&peer(step, repetition), request.body(Body::empty()).unwrap());
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_vec() }
    }
}

/// The peer of a repetition. Names that are no addresses stand for different ones.
fn peer(step: &Value, repetition: u64) -> String {
    let text = step["peer"].as_str().unwrap().replace("%d", &repetition.to_string());
    match text.strip_prefix("flood-") {
        Some(number) => Ipv4Addr::from_bits(0x0A00_0000 + number.parse::<u32>().unwrap()).to_string(),
        None => text,
    }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn field(&self, name: &str) -> Option<u64> {
        Some(self.headers.get(name)?.to_str().unwrap().parse().unwrap())
    }
}

/// The status of each repetition.
fn statuses(expect: &Value) -> Vec<u16> {
    let status = |value: &Value| u16::try_from(number(value)).unwrap();
    match expect["status_runs"].as_array() {
        None => vec![status(&expect["status"])],
        Some(runs) => {
            runs.iter().flat_map(|run| vec![status(&run[0]); usize::try_from(number(&run[1])).unwrap()]).collect()
        }
    }
}

/// Compares all answers of a step, and says how many requests there were.
async fn check(app: &mut App, case: &Value, step: &Value) -> usize {
    let id = case["id"].as_str().unwrap();
    let place = format!("{id}: {step}");
    let expect = &step["expect"];
    // Not every class of a step names the limit, but every response must.
    let limit = number(&case["config"][if step["method"] == "GET" { "read_limit" } else { "write_limit" }]);
    let mut wanted = statuses(expect);
    assert_eq!(wanted.len() as u64, step["times"].as_u64().unwrap_or(1), "{place}");
    let last = expect.get("last").unwrap_or(expect);
    assert!(last.get("limit").is_none_or(|recorded| *recorded == limit), "{place}");
    let mut remaining = last["remaining"].as_u64();
    let mut wait = step["better"]["retry_after_s"].as_u64().or(last["retry_after_s"].as_u64());
    if let Some(ours) = OURS.iter().find(|ours| ours.0 == id && ours.1 == App::at(step)) {
        (wanted, remaining, wait) = (vec![ours.2], Some(ours.3), ours.4);
    }
    for (at, status) in wanted.iter().enumerate() {
        let answer = app.send(step, at as u64).await;
        assert_eq!(answer.status, *status, "{place}, number {at}");
        assert_eq!(answer.field("x-ratelimit-limit"), Some(limit), "{place}");
        if *status == 429 {
            assert_eq!(answer.body, br#"{"error":"rate_limit_exceeded"}"#, "{place}");
            assert_eq!(answer.headers["content-type"], "application/json", "{place}");
            assert_eq!(answer.field("x-ratelimit-remaining"), Some(0), "{place}");
        } else {
            assert!(!answer.headers.contains_key("retry-after"), "{place}");
        }
        if at + 1 == wanted.len() {
            let told = answer.field("x-ratelimit-remaining");
            assert!(told.is_some() && remaining.is_none_or(|wanted| told == Some(wanted)), "{place}: {told:?}");
            assert_eq!(answer.field("retry-after"), wait, "{place}");
        }
    }
    wanted.len()
}

#[tokio::test]
async fn every_step_that_is_a_request_is_answered_as_recorded_or_by_our_rules() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let (mut cases, mut steps, mut requests, mut skipped) = (0, 0, 0, Vec::new());
    for case in file["cases"].as_array().unwrap() {
        let mut app = App::new(&case["config"]);
        let mut others = 0;
        for step in case["steps"].as_array().unwrap() {
            if step["op"] == "request" {
                requests += check(&mut app, case, step).await;
                steps += 1;
            } else {
                assert_eq!(step["op"], "tracked");
                others += 1;
            }
        }
        if others > 0 {
            skipped.push((case["id"].as_str().unwrap(), "tracked", others));
        }
        cases += 1;
    }
    assert_eq!(skipped, SKIPPED);
    assert_eq!((cases, steps, requests), (CASES, STEPS, REQUESTS));
}

const CASES: usize = 9;
const STEPS: usize = 25;
const REQUESTS: usize = 6099;
