//! What a script in a browser sees of an API of another origin.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Request;
use axum::http::{HeaderValue, Method, header::CONTENT_TYPE};
use axum::middleware::{Next, from_fn};
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Router, serve};
use limiter_tower::headers::Wire;
use limiter_tower::{Limiter, LimiterLayer, RateLimitLayer};
use serde_json::{Value, json};
use tests::browser::Browser;
use tests::program::{Server, build};
use tests::require;
use tokio::net::TcpListener;
use tower_http::cors::CorsLayer;

/// Four requests that need a preflight each: with credentials and a type of content that no form sends, to a
/// resource of its own, so that no answer to an earlier preflight serves for it.
const ASK_FOUR_TIMES: &str = "
    const names = ['retry-after', 'ratelimit', 'ratelimit-policy', 'x-ratelimit-remaining'];
    const seen = [];
    for (let at = 0; at < 4; at += 1) {
        try {
            const response = await fetch(`${given[0]}?at=${at}`, {
                method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json' }, body: '{}',
            });
            const fields = Object.fromEntries(names.map(name => [name, response.headers.get(name)]));
            seen.push({ status: response.status, body: await response.json(), ...fields });
        } catch (error) {
            seen.push(error.name);
        }
    }
    return seen;";

/// Asks from a page of the origin that `api` is told, and gives what its script saw.
async fn seen_by_a_page<F>(api: impl FnOnce(String) -> F) -> Option<Vec<Value>>
where
    F: Future<Output = (SocketAddr, Option<Server>)>,
{
    let (driver, chromium) = (require::program("chromedriver")?, require::program("chromium")?);
    let page = start(Router::new().route("/", get(async || Html("<!doctype html><title>page</title>")))).await;
    let (address, _server) = api(format!("http://{page}")).await;
    let browser = Browser::start(&driver, &chromium).await;
    browser.open(&format!("http://{page}/")).await;
    let seen = browser.run(ASK_FOUR_TIMES, &[json!(format!("http://{address}/notes"))]).await;
    browser.quit().await;
    println!("{seen:#}");
    Some(seen.as_array().unwrap_or_else(|| panic!("{seen}")).clone())
}

async fn start(app: Router) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { serve(listener, app).await.unwrap() });
    address
}

#[tokio::test]
async fn a_script_of_another_origin_reads_the_refusal_and_no_preflight_is_counted() {
    let seen = seen_by_a_page(async |origin| {
        let server = Server::start(&build("examples", "cors"), &[("PAGE_ORIGIN", &origin)]).await;
        (server.address, Some(server))
    });
    let Some(seen) = seen.await else { return };
    for (answer, left) in seen.iter().zip(["2", "1", "0"]) {
        assert_eq!(answer["status"], 200, "{seen:?}");
        assert_eq!(answer["x-ratelimit-remaining"], left, "{seen:?}");
        assert_eq!(answer["ratelimit-policy"], "\"default\";q=3;w=60", "{seen:?}");
        assert_eq!(answer["retry-after"], Value::Null, "{seen:?}");
    }
    let refused = &seen[3];
    assert_eq!(refused["status"], 429, "{seen:?}");
    assert_eq!(refused["body"]["error"], "rate_limit_exceeded", "{seen:?}");
    let wait: u64 = refused["retry-after"].as_str().expect("a wait").parse().unwrap();
    assert!((1..=20).contains(&wait), "{seen:?}");
    assert_eq!(refused["ratelimit"], format!("\"default\";r=0;t={wait}"), "{seen:?}");
    assert_eq!(refused["x-ratelimit-remaining"], "0", "{seen:?}");
}

#[tokio::test]
async fn with_the_limiter_outermost_preflights_are_free_too_but_the_refusal_is_a_network_error() {
    let preflights = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&preflights);
    let seen = seen_by_a_page(async |origin| {
        let cors = CorsLayer::new()
            .allow_origin(HeaderValue::from_str(&origin).unwrap())
            .allow_credentials(true)
            .allow_methods([Method::POST])
            .allow_headers([CONTENT_TYPE])
            .expose_headers(Wire::new().exposed_headers());
        let count = from_fn(move |request: Request, next: Next| {
            counted.fetch_add(usize::from(request.method() == Method::OPTIONS), Ordering::Relaxed);
            next.run(request)
        });
        let app = Router::new()
            .route("/notes", post(async || "{}"))
            .layer(cors)
            .layer(RateLimitLayer::per_ip("3/min").unwrap())
            .layer(LimiterLayer::new(Limiter::in_memory()))
            .layer(count);
        (start(app).await, None)
    });
    let Some(seen) = seen.await else { return };
    // The fourth was asked leave for as well, and leave was given.
    assert_eq!(preflights.load(Ordering::Relaxed), 4);
    for (answer, left) in seen.iter().zip(["2", "1", "0"]) {
        assert_eq!(answer["status"], 200, "{seen:?}");
        assert_eq!(answer["x-ratelimit-remaining"], left, "{seen:?}");
    }
    // Nothing on the refusal says that the page may see it.
    assert_eq!(seen[3], "TypeError", "{seen:?}");
}
