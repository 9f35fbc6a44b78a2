//! What on-call engineers see: the quickstart with records and numbers, in one command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::client::Request;
use tests::postgres;
use tests::program::{Server, build_with, run};

/// As the command of the example builds it.
const FEATURES: &[&str] = &["postgres", "metrics"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The dashboard's expressions, and the names of numbers in them.
fn charted() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docs/grafana.json")).unwrap();
    let board: Value = serde_json::from_str(&text).unwrap();
    let mut names = Vec::new();
    for panel in board["panels"].as_array().unwrap() {
        assert!(panel["title"].is_string() && panel["gridPos"].is_object(), "{panel}");
        for target in panel["targets"].as_array().unwrap() {
            let words = target["expr"].as_str().unwrap().split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            names.extend(words.filter(|word| word.starts_with("limiter_")).map(str::to_owned));
        }
    }
    names
}

#[tokio::test]
async fn what_prometheus_scrapes_is_sound_and_has_what_the_dashboard_charts() {
    let server = Server::start(&build_with("quickstart", "quickstart", FEATURES), &[]).await;
    for _ in 0..12 {
        let _ = Request::new("POST", "/api/v1/sessions").send(server.address).await;
    }
    let page = Request::new("GET", "/metrics").send(server.address).await;
    assert_eq!((page.status, page.header("x-ratelimit-limit")), (200, None));
    for line in [
        "limiter_decisions_total{rule=\"api-write\",outcome=\"allowed\"} 10",
        "limiter_decisions_total{rule=\"api-write\",outcome=\"spent\"} 2",
        "limiter_requests_total{outcome=\"denied\",source=\"store\"} 2",
        "limiter_near_limit_total{rule=\"api-write\"} 3",
        "limiter_retry_after_seconds_count{rule=\"api-write\"} 2",
        "limiter_keys 1",
        "# TYPE limiter_remaining_ratio histogram",
    ] {
        assert!(page.body.lines().any(|found| found == line), "{line} in\n{}", page.body);
    }
    let charted = charted();
    assert!(charted.len() > 8);
    // Those that need a tracker, a store on the network or somebody in line are not on this page.
    let elsewhere = ["limiter_violations_", "limiter_store_", "limiter_degraded_", "limiter_wait_"];
    for name in charted.iter().filter(|name| !elsewhere.iter().any(|start| name.starts_with(start))) {
        assert!(page.body.contains(name.as_str()), "{name} in\n{}", page.body);
    }
    if let Some(promtool) = tests::require::program("promtool") {
        use std::io::Write;
        let mut check = Command::new(promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        check.stdin.take().unwrap().write_all(page.body.as_bytes()).unwrap();
        let output = check.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn the_kill_switch_in_the_environment_lets_everybody_through_and_a_slip_in_it_is_told() {
    let program = build_with("quickstart", "quickstart", FEATURES);
    let server = Server::start(&program, &[("LIMITER_ENFORCE", "off")]).await;
    for _ in 0..15 {
        assert_eq!(Request::new("POST", "/api/v1/sessions").send(server.address).await.status, 201);
    }
    let page = Request::new("GET", "/metrics").send(server.address).await;
    let line = "limiter_decisions_total{rule=\"api-write\",outcome=\"shadow_denied\"} 5";
    assert!(page.body.contains(line), "{}", page.body);
    let slip = run(&program, &[("LIMITER_ENFORCE", "of")]);
    let told = String::from_utf8_lossy(&slip.stderr).into_owned();
    assert!(
        !slip.status.success() && told.contains("LIMITER_ENFORCE=`of`") && told.contains("on, shadow, off"),
        "{told}"
    );
}

#[test]
fn one_command_records_a_load_and_answers_the_ready_queries() {
    if postgres::programs_or_skipped().is_none() {
        return;
    }
    let output = Command::new(root().join("examples/observe/run.sh")).output().expect("bash is here");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "limiter_decisions_total{rule=\"api-write\",outcome=\"spent\"} 34",
        "limiter_decisions_total{rule=\"login\",outcome=\"spent\"} 6",
        "limiter_violations_pending ",
        " lost",
        "== limiter-core/sql/queries/trend_per_hour.sql",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let row = |words: &[&str]| text.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(row(&["198.51.100.7", "api-write", "| ", " 30 "]), "{text}");
    assert!(row(&["2001:db8:1:2::/64", "login", " 2 "]), "{text}");
    assert!(row(&["api-write", " 34 ", "| "]), "{text}");
}
