//! A client that paces itself against the quickstart, and one that does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::OnceLock;

use limiter_tower::client::PaceLayer;
use tests::program::{Server, build};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

/// Fifty reads a second behind a burst of a hundred: two hundred take two seconds at best.
const HUNDRED_IN_TWO_SECONDS: [(&str, &str); 2] = [("API_RATE_LIMIT_READ", "100"), ("API_RATE_LIMIT_WINDOW_SEC", "2")];
const REQUESTS: u32 = 200;
const IDEAL: f64 = 2.0;

/// Sends the requests one after the other, and tells how many were refused and how many seconds it took.
async fn send(layer: Option<PaceLayer>) -> (u32, f64) {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let server = Server::start(PATH.get_or_init(|| build("quickstart", "quickstart")), &HUNDRED_IN_TWO_SECONDS).await;
    let url = format!("http://{}/api/v1/sessions", server.address);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let service = tower::service_fn(move |request: http::Request<reqwest::Body>| {
        let client = client.clone();
        async move { client.execute(request.try_into()?).await.map(http::Response::from) }
    });
    let start = Instant::now();
    let mut refused = 0;
    for _ in 0..REQUESTS {
        let request = http::Request::get(&url).body(reqwest::Body::default()).unwrap();
        let response = match &layer {
            Some(layer) => layer.layer(service.clone()).oneshot(request).await.unwrap(),
            None => service.clone().oneshot(request).await.unwrap(),
        };
        match response.status().as_u16() {
            200 => {}
            429 => refused += 1,
            other => panic!("{other}"),
        }
    }
    (refused, start.elapsed().as_secs_f64())
}

#[tokio::test]
async fn a_paced_client_is_never_refused() {
    let (refused, took) = send(Some(PaceLayer::new())).await;
    // How long is a matter of the machine as well: said here, and asserted where time is simulated.
    println!("{REQUESTS} requests in {took:.2} s, {:.3} of the ideal time", took / IDEAL);
    assert_eq!(refused, 0);
}

#[tokio::test]
async fn the_same_client_without_the_layer_is_refused() {
    let (refused, took) = send(None).await;
    println!("{REQUESTS} requests in {took:.2} s, {refused} refused");
    // What comes back while they are sent is all that passes beyond the burst.
    let at_most = 100 + (took * 50.0).ceil() as u32;
    assert!(refused >= REQUESTS.saturating_sub(at_most), "{refused} refused in {took:.2} s");
    assert!(refused > 0 || took > 2.0, "nothing was refused in {took:.2} s");
}
