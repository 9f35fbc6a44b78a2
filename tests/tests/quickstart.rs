//! The first command of the README, driven as a newcomer and as an attacker would.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::OnceLock;

use tests::client::Request;
use tests::program::{Server, build, run};

fn quickstart() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| build("quickstart", "quickstart"))
}

fn post() -> Request {
    Request::new("POST", "/api/v1/sessions")
}

#[tokio::test]
async fn ten_writes_pass_and_the_eleventh_is_refused() {
    let server = Server::start(quickstart(), &[]).await;
    for remaining in (0..10).rev() {
        let response =
            post().body(r#"{"user":"ada"}"#).header("content-type", "application/json").send(server.address).await;
        assert_eq!(response.status, 201, "{response:?}");
        assert_eq!(response.number("x-ratelimit-limit"), Some(10));
        assert_eq!(response.number("x-ratelimit-remaining"), Some(remaining));
        assert!(response.header("ratelimit").unwrap().starts_with(&format!("\"api-write\";r={remaining}")));
        assert_eq!(response.header("ratelimit-policy"), Some("\"api-write\";q=10;w=60"));
    }
    let refused = post().send(server.address).await;
    assert_eq!(refused.status, 429);
    assert!((1..=6).contains(&refused.number("retry-after").unwrap()), "{refused:?}");
    assert_eq!(refused.number("x-ratelimit-remaining"), Some(0));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let body: serde_json::Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(body["error"], "rate_limit_exceeded");
    assert_eq!(body["violated-policies"], serde_json::json!(["api-write"]));

    // The whole group is one write budget; reads have their own.
    assert_eq!(Request::new("POST", "/api/v1/events").send(server.address).await.status, 429);
    let read = Request::new("GET", "/api/v1/sessions").send(server.address).await;
    assert_eq!(read.status, 200);
    assert_eq!((read.number("x-ratelimit-limit"), read.number("x-ratelimit-remaining")), (Some(1000), Some(999)));
    assert_eq!(Request::new("GET", "/api/v1/sessions/1").send(server.address).await.status, 200);
    assert_eq!(
        Request::new("GET", "/api/v1/sessions/999").send(server.address).await.number("x-ratelimit-remaining"),
        Some(997)
    );

    // Another client is another budget.
    assert_eq!(post().from(2).send(server.address).await.status, 201);
}

#[tokio::test]
async fn health_is_free_and_carries_no_field() {
    let server = Server::start(quickstart(), &[("API_RATE_LIMIT_READ", "1")]).await;
    for _ in 0..20 {
        let health = Request::new("GET", "/health").send(server.address).await;
        assert_eq!(health.status, 200);
        for field in ["ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining", "retry-after"] {
            assert_eq!(health.header(field), None);
        }
    }
}

#[tokio::test]
async fn logins_have_a_limit_of_their_own() {
    let server = Server::start(quickstart(), &[]).await;
    for _ in 0..5 {
        let login = Request::new("POST", "/login").body(r#"{"password":"guess"}"#).send(server.address).await;
        assert_eq!(login.status, 401);
        assert_eq!(login.number("x-ratelimit-limit"), Some(5));
    }
    assert_eq!(Request::new("POST", "/login").send(server.address).await.status, 429);
    assert_eq!(post().send(server.address).await.number("x-ratelimit-remaining"), Some(9));
}

#[tokio::test]
async fn a_forged_forwarded_header_changes_nothing() {
    let server = Server::start(quickstart(), &[("API_RATE_LIMIT_WRITE", "3")]).await;
    for i in 0..3 {
        assert_eq!(post().header("x-forwarded-for", &format!("203.0.113.{i}")).send(server.address).await.status, 201);
    }
    let forged = post().header("x-forwarded-for", "198.51.100.99").send(server.address).await;
    assert_eq!(forged.status, 429);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_rightmost_untrusted_entry_counts() {
    let variables = [("API_RATE_LIMIT_WRITE", "2"), ("TRUSTED_PROXIES", "127.0.0.1/32, 10.0.0.0/8")];
    let server = Server::start(quickstart(), &variables).await;
    let through = |entries: &str| post().header("x-forwarded-for", entries);
    // The client writes what it likes on the left; the proxy appends what it saw.
    assert_eq!(through("1.1.1.1, 203.0.113.7").send(server.address).await.status, 201);
    assert_eq!(through("2.2.2.2, 203.0.113.7, 10.1.2.3").send(server.address).await.status, 201);
    assert_eq!(through("3.3.3.3, 203.0.113.7").send(server.address).await.status, 429);
    assert_eq!(through("203.0.113.7, 203.0.113.8").send(server.address).await.status, 201);
    // A peer that is not trusted speaks for itself alone.
    assert_eq!(through("203.0.113.9").from(5).send(server.address).await.number("x-ratelimit-remaining"), Some(1));
    assert_eq!(through("203.0.113.10").from(5).send(server.address).await.number("x-ratelimit-remaining"), Some(0));
}

#[tokio::test]
async fn the_window_can_be_changed() {
    let variables = [("API_RATE_LIMIT_WRITE", "4"), ("API_RATE_LIMIT_WINDOW_SEC", "3600")];
    let server = Server::start(quickstart(), &variables).await;
    assert_eq!(post().send(server.address).await.header("ratelimit-policy"), Some("\"api-write\";q=4;w=3600"));
    let read = Request::new("GET", "/api/v1/sessions").send(server.address).await;
    assert_eq!(read.header("ratelimit-policy"), Some("\"api-read\";q=1000;w=3600"));
}

#[test]
fn a_bad_value_stops_the_start_and_says_why() {
    for (variable, value, reason) in [
        ("API_RATE_LIMIT_READ", "many", "accepted: a whole number of requests from 1"),
        ("API_RATE_LIMIT_WRITE", "0", "accepted: a whole number of requests from 1"),
        ("API_RATE_LIMIT_WRITE", "-3", "accepted: a whole number of requests from 1"),
        ("API_RATE_LIMIT_WINDOW_SEC", "1.5", "accepted: a whole number of seconds from 1"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy.internal", "proxy.internal"),
        ("TRUSTED_PROXIES", "0.0.0.0/0", "0.0.0.0/0"),
        ("PORT", "65536", "accepted: a port"),
    ] {
        let output = run(quickstart(), &[(variable, value)]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{variable}={value} was accepted");
        assert!(error.contains(variable) && error.contains(value) && error.contains(reason), "{error}");
    }
}

#[test]
fn a_store_or_a_database_that_it_was_built_without_stops_the_start_and_shows_no_password() {
    for (variable, feature) in [("REDIS_URL", "redis"), ("DATABASE_URL", "postgres")] {
        let output = run(quickstart(), &[(variable, "somewhere://user:secret@host/")]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{variable} was ignored");
        assert!(error.contains(variable) && error.contains(&format!("--features {feature}")), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
