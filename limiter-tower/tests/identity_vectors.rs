//! Vectors of another limiter: who the client is behind proxies, and the legacy fields of answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use limiter_core::testing::ManualClock;
use limiter_tower::{Algorithm, ClientIp, Limiter, Peer, RateLimitBuilder, RateLimitLayer, Rule, key};
use serde_json::Value;
use support::ok;
use tower::{Layer, ServiceExt, service_fn};

const VECTORS: &str = include_str!("../../tests/vectors/salvo_identity_http.json");

/// Where ours differs on purpose: an entry that cannot be read ends the walk at the last trusted hop,
/// since what stands left of it may be forged.
const BETTER: [&str; 1] = ["S1-I13"];

/// The original reads several headers; ours reads the one that is configured, here the one that is sent.
const HEADERS: [(&str, &str); 2] = [("x_forwarded_for", "x-forwarded-for"), ("x_real_ip", "x-real-ip")];

fn cases() -> Vec<Value> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn steps(case: &Value, op: &str) -> Vec<Value> {
    case["steps"].as_array().unwrap().iter().filter(|step| step["op"] == op).cloned().collect()
}

fn client(step: &Value) -> IpAddr {
    let mut headers = HeaderMap::new();
    let mut read = None;
    for (member, name) in HEADERS {
        let lines: Vec<&str> = match &step[member] {
            Value::String(line) => vec![line],
            Value::Array(lines) => lines.iter().map(|line| line.as_str().unwrap()).collect(),
            _ => continue,
        };
        let _: &mut &str = read.get_or_insert(name);
        for line in lines {
            headers.append(HeaderName::from_static(name), line.parse().unwrap());
        }
    }
    let trusted = step["trusted"].as_array().unwrap().iter().map(|network| network.as_str().unwrap());
    let policy = ClientIp::builder().header(read.unwrap_or("x-forwarded-for")).trusted(trusted).build().unwrap();
    let peer = Peer::Ip(step["peer"].as_str().unwrap().parse().unwrap());
    policy.resolve(peer, &headers).unwrap().ip()
}

#[test]
fn clients_are_found_as_in_the_vectors() {
    let mut seen = 0;
    for case in cases() {
        let id = case["id"].as_str().unwrap();
        for step in steps(&case, "client_identity") {
            let wanted = if BETTER.contains(&id) { &step["better"] } else { &step["expect"] };
            assert_eq!(client(&step).to_string(), wanted["client"].as_str().unwrap(), "{id}");
            seen += 1;
        }
    }
    assert_eq!(seen, 7);
}

fn layer(config: &Value, clock: &ManualClock) -> RateLimitBuilder {
    assert_eq!((&config["algorithm"], &config["identifier"]), (&"fixed".into(), &"query parameter user".into()));
    let quota = format!("{}/h", config["quotas_per_hour"]["free"]).parse().unwrap();
    let rule = Rule::new(quota).algorithm(Algorithm::Fixed).key_source(key::parse_source("query:user").unwrap());
    let limiter = Limiter::builder().clock(clock.clone()).build();
    RateLimitLayer::builder().rule(rule.trusted_key()).limiter(limiter).exempt(config["skip_path"].as_str())
}

#[tokio::test]
async fn answers_carry_the_numbers_of_the_vectors_and_skipped_paths_none() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| !case["config"].is_null()) {
        let id = case["id"].as_str().unwrap();
        let clock = ManualClock::new();
        let service = layer(&case["config"], &clock).build().unwrap().layer(service_fn(ok));
        for step in steps(case, "get") {
            let answer = service.clone().oneshot(support::get(step["url"].as_str().unwrap())).await.unwrap();
            let expect = &step["expect"];
            assert_eq!(u64::from(answer.status().as_u16()), expect["status"].as_u64().unwrap(), "{id} {step}");
            let field =
                |name: &str| -> Option<u64> { Some(answer.headers().get(name)?.to_str().unwrap().parse().unwrap()) };
            assert_eq!(field("x-ratelimit-limit"), expect["limit"].as_u64(), "{id} {step}");
            assert_eq!(field("x-ratelimit-remaining"), expect["remaining"].as_u64(), "{id} {step}");
            let now = limiter_core::time::Clock::wall(&clock).get() / 1_000_000_000;
            let reset = field("x-ratelimit-reset").map(|at| at - now);
            assert_eq!(reset, expect["reset_in_s_about"].as_u64(), "{id} {step}");
            seen += 1;
        }
    }
    assert_eq!(seen, 10);
}
