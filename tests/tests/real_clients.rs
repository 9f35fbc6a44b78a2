//! Clients that others wrote, against what we put on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::response::Response;
use axum::routing::get;
use axum::{Router, http};
use limiter_core::testing::ManualClock;
use limiter_tower::headers::{DeniedItems, Unit, Wire};
use limiter_tower::{Algorithm, Global, Limiter, LimiterLayer, RateLimitLayer, Rule};
use serde_json::Value;
use tests::program::{Server, build};
use tests::require;
use tower::ServiceExt;

/// One read in two seconds: whoever comes back after one, as clients do by themselves, is refused again.
const ONE_IN_TWO_SECONDS: [(&str, &str); 3] =
    [("API_RATE_LIMIT_READ", "1"), ("API_RATE_LIMIT_WRITE", "1"), ("API_RATE_LIMIT_WINDOW_SEC", "2")];

async fn quickstart(variables: &[(&str, &str)]) -> (Server, String) {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let server = Server::start(PATH.get_or_init(|| build("quickstart", "quickstart")), variables).await;
    let url = format!("http://{}/api/v1/sessions", server.address);
    (server, url)
}

/// Runs a client to its end, off the runtime, and gives what it says.
async fn output(mut command: Command) -> String {
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

fn client(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(file)
}

#[tokio::test]
async fn curl_comes_back_when_it_is_told_to() {
    let Some(curl) = require::program("curl") else { return };
    let (_server, url) = quickstart(&ONE_IN_TWO_SECONDS).await;
    // One retry alone: after the second that curl waits by itself, it would be refused again.
    let mut command = Command::new(curl);
    command.args(["--silent", "--include", "--noproxy", "*", "--retry", "1", "--request", "POST", &url, &url]);
    let answers = output(command).await;
    // An answer begins where the body of the one before ends, which is no line of its own.
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["201", "429", "201"], "{answers}");
}

#[tokio::test]
async fn urllib3_waits_for_as_long_as_it_is_told() {
    let Some(python) = require::python() else { return };
    let (_server, url) = quickstart(&ONE_IN_TWO_SECONDS).await;
    let mut command = Command::new(python);
    command.arg(client("retry.py")).arg(&url).env("no_proxy", "*");
    let seen: Value = serde_json::from_str(&output(command).await).unwrap();
    assert_eq!((&seen["first"], &seen["second"]), (&200.into(), &200.into()), "{seen}");
    assert_eq!(seen["history"], serde_json::json!([429]), "{seen}");
}

#[tokio::test]
async fn fetch_reads_the_status_and_the_fields_of_both_answers() {
    let Some(node) = require::program("node") else { return };
    let (_server, url) = quickstart(&[("API_RATE_LIMIT_READ", "1")]).await;
    let mut command = Command::new(node);
    command.arg(client("fetch.mjs")).arg(&url);
    let seen: Value = serde_json::from_str(&output(command).await).unwrap();
    let [passed, refused] = &seen.as_array().unwrap()[..] else { panic!("{seen}") };
    assert_eq!((&passed["status"], &refused["status"]), (&200.into(), &429.into()), "{seen}");
    for answer in [passed, refused] {
        assert_eq!(answer["fields"]["ratelimit-policy"], "\"api-read\";q=1;w=60", "{seen}");
        assert_eq!(answer["fields"]["x-ratelimit-remaining"], "0", "{seen}");
    }
    assert_eq!(passed["fields"]["retry-after"], Value::Null, "{seen}");
    assert_eq!(passed["fields"]["ratelimit"], "\"api-read\";r=0;t=60", "{seen}");
    let wait: u64 = refused["fields"]["retry-after"].as_str().expect("a wait").parse().unwrap();
    assert!((1..=60).contains(&wait), "{seen}");
    assert_eq!(refused["fields"]["ratelimit"], format!("\"api-read\";r=0;t={wait}"), "{seen}");
    assert_eq!(refused["fields"]["content-type"], "application/problem+json", "{seen}");
    assert_eq!(refused["body"]["error"], "rate_limit_exceeded", "{seen}");
}

#[tokio::test]
async fn a_structured_field_parser_reads_every_field_and_writes_it_the_same() {
    let Some(python) = require::python() else { return };
    let mut fields = Vec::new();
    let (mut passed, mut refused) = (0, 0);
    for app in applications() {
        for _ in 0..4 {
            let request = http::Request::get("/").body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            *(if response.status() == 200 { &mut passed } else { &mut refused }) += 1;
            fields.extend(["ratelimit-policy", "ratelimit"].map(|name| combined(&response, name)));
        }
    }
    assert!(passed >= 10 && refused >= 10, "{passed} passed, {refused} were refused");
    assert!(fields.iter().any(|field| field.matches("q=").count() == 3), "{fields:#?}");

    for (field, answer) in fields.iter().zip(parse(&python, &fields)) {
        assert_eq!(answer["again"], field.as_str(), "{field}: {answer}");
        let members = answer["members"].as_array().unwrap();
        assert!(!members.is_empty(), "{field}");
        for member in members {
            assert!(member[0].is_string(), "{field}: {answer}");
            for (parameter, value) in member[1].as_object().unwrap() {
                match parameter.as_str() {
                    "q" | "r" | "t" | "w" => assert!(value.is_u64(), "{field}: {answer}"),
                    "pk" | "qu" => assert!(value.is_string(), "{field}: {answer}"),
                    _ => panic!("{field}: {parameter} is none of the draft's"),
                }
            }
        }
    }
}

/// A parser that takes everything would prove nothing.
#[tokio::test]
async fn the_structured_field_parser_refuses_what_is_none() {
    let Some(python) = require::python() else { return };
    let fields = ["\"a;q=1", "10;w=60, ", "\"a\";q=1;W=60", "limit=100, remaining=99, reset=50"].map(str::to_owned);
    for (field, answer) in fields.iter().zip(parse(&python, &fields)) {
        assert!(answer["error"].is_string(), "{field}: {answer}");
    }
}

/// One policy and several, stacked layers, units, partition keys, windows that cannot be told.
fn applications() -> Vec<Router> {
    let quota = |quota: &str| Rule::new(quota.parse().unwrap()).key(Global);
    let layer = |wire: Wire, rules: Vec<Rule>| {
        let builder = RateLimitLayer::builder().named("api").wire(wire);
        rules.into_iter().fold(builder, |builder, rule| builder.rule(rule)).build().unwrap()
    };
    let plain = || layer(Wire::new(), vec![quota("2/min")]);
    let several = |wire| {
        let rules = [
            quota("2/s burst 3").named("burst"),
            quota("2/500ms").named("half.a~second"),
            quota("1000/day").algorithm(Algorithm::Fixed).named("tenants:day/all_of-them"),
        ];
        layer(wire, rules.into())
    };
    let apps = [
        Router::new().route("/", get(async || "")).layer(plain()),
        Router::new().route("/", get(async || "")).layer(several(Wire::new())),
        Router::new().route("/", get(async || "")).layer(several(Wire::new().denied_items(DeniedItems::All))),
        Router::new().route("/", get(async || "")).layer(several(Wire::new().partition_keys())),
        Router::new().route("/", get(async || "")).layer(several(
            Wire::new().unit("burst", Unit::CONTENT_BYTES).unit("half.a~second", Unit::new("acme-tokens").unwrap()),
        )),
        Router::new().route("/", get(async || "")).layer(plain()).layer(several(Wire::new())),
        Router::new().route("/", get(async || "")).layer(layer(
            Wire::new(),
            vec![Rule::concurrent(2).key(Global).named("slots"), quota("2/h").named("huge")],
        )),
    ];
    let finish = |app: Router| {
        let limiter = Limiter::builder().clock(ManualClock::new()).build();
        app.layer(LimiterLayer::new(limiter)).layer(MockConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))))
    };
    apps.map(finish).into()
}

/// All lines of a field, as one.
fn combined(response: &Response, name: &str) -> String {
    let lines = response.headers().get_all(name);
    lines.iter().map(|line| line.to_str().unwrap()).collect::<Vec<_>>().join(", ")
}

fn parse(python: &Path, fields: &[String]) -> Vec<Value> {
    let mut parser = Command::new(python);
    parser.arg(client("structured.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut parser = parser.spawn().unwrap();
    let mut questions = parser.stdin.take().unwrap();
    let lines: String = fields.iter().map(|field| format!("{}\n", Value::from(field.as_str()))).collect();
    // Well below what a pipe holds, so that nobody waits for the other.
    assert!(lines.len() < 60_000);
    questions.write_all(lines.as_bytes()).unwrap();
    drop(questions);
    let output = parser.wait_with_output().unwrap();
    let answers: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), fields.len());
    answers
}
