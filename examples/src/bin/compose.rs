//! Limits as tower layers, put together by hand: so many requests for each address, so many at the
//! same time for everybody, and refusals in the application's own words. The same layers go around
//! an axum router and around a plain hyper service.
//!
//! ```text
//! $ cargo run -p examples --bin compose
//! ```

use std::convert::Infallible;
use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::routing::get;
use http_body_util::{Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use limiter_tower::{Limiter, PeerAddr, RateLimitLayer, Rule, testing};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};

/// Five in a burst for each address, one more every 12 seconds.
fn per_address(limiter: &Limiter) -> Result<RateLimitLayer, Box<dyn Error>> {
    let layer = RateLimitLayer::builder()
        .quota("5/min")
        .named("per-address")
        .limiter(limiter.clone())
        .exempt(["/health"])
        // The fields of a refusal, such as `Retry-After`, are added to whatever this answers.
        .on_limited(|decision, parts| {
            let wait = decision.retry_after().map_or(0, |wait| wait.as_secs());
            let mut response = Response::new(format!("{} is busy, come back in {wait} s\n", parts.uri.path()));
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response
        });
    Ok(layer.build()?)
}

/// Three at the same time, whoever asks. The answer is 503: it is not the caller's fault.
fn at_the_same_time(limiter: &Limiter) -> Result<RateLimitLayer, Box<dyn Error>> {
    let slots = Rule::concurrent(3).named("slots");
    Ok(RateLimitLayer::builder().rule(slots).limiter(limiter.clone()).exempt(["/health"]).build()?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    under_axum().await?;
    under_hyper().await
}

async fn under_axum() -> Result<(), Box<dyn Error>> {
    let (limiter, _clock) = testing::limiter();
    let app = Router::new()
        .route("/report", get(async || "a long report"))
        .route("/health", get(async || "fine"))
        // The last layer is the outermost: who is over the limit by address takes no slot, and who
        // finds no slot gets the charge by address back.
        .layer(at_the_same_time(&limiter)?)
        .layer(per_address(&limiter)?);
    let from = |ip: &str, path: &str| testing::from_ip(ip, Request::get(path).body(Body::empty()).unwrap_or_default());

    println!("axum: seven reports for one address, one after the other");
    print!("{}", testing::drive(&app, 7, |_| from("203.0.113.7", "/report")).await);
    println!("axum: five addresses read at the same time, and nobody is in a hurry");
    print!("{}", testing::drive_held(&app, 5, |n| from(&format!("198.51.100.{n}"), "/report")).await);
    println!("axum: the path of the health check is exempt");
    print!("{}", testing::drive(&app, 2, |_| from("203.0.113.7", "/health")).await);
    Ok(())
}

async fn under_hyper() -> Result<(), Box<dyn Error>> {
    let (limiter, _clock) = testing::limiter();
    let service = ServiceBuilder::new().layer(per_address(&limiter)?).layer(at_the_same_time(&limiter)?).service(
        service_fn(async |_: Request<Incoming>| {
            Ok::<_, Infallible>(Response::new(Full::from(Bytes::from_static(b"a long report"))))
        }),
    );

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            // A service for each connection, which notes who opened it. axum does this by itself.
            let connected = ServiceBuilder::new()
                .map_request(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(PeerAddr(peer));
                    request
                })
                .service(service.clone());
            let service = TowerToHyperService::new(connected);
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });

    println!("hyper: seven reports over a connection, seen by a client that only has the answers");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let report = |_| Request::get(format!("http://{address}/report")).body(Empty::<Bytes>::new()).unwrap_or_default();
    print!("{}", testing::drive(&client, 7, report).await);
    Ok(())
}
