//! Outgoing requests that keep to the limits of the servers they go to.
//!
//! [`PaceLayer`] goes around a client: any [`Service`](tower_service::Service) from [`http::Request`] to
//! [`http::Response`]. It reads what the answers say about limits and holds requests back before the server has to
//! refuse them. Nothing is configured: a server that says nothing is not slowed down.
//!
//! ```
//! use std::time::Duration;
//! use http::{Request, Response};
//! use limiter_tower::client::PaceLayer;
//! use tower::{Layer, Service, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A server that has one request left, and the next in two seconds. A real client goes here.
//! let server = service_fn(|_: Request<()>| async {
//!     let answer = Response::builder()
//!         .header("RateLimit-Policy", r#""default";q=30;w=60"#)
//!         .header("RateLimit", r#""default";r=0;t=2"#);
//!     Ok::<_, std::convert::Infallible>(answer.body(()).unwrap())
//! });
//! let mut client = PaceLayer::new().max_wait(Duration::from_secs(10)).layer(server);
//!
//! let start = tokio::time::Instant::now();
//! for _ in 0..3 {
//!     let request = Request::get("http://api.test/items").body(())?;
//!     client.ready().await?.call(request).await?;
//! }
//! assert!(start.elapsed() >= Duration::from_secs(4)); // the second and the third waited
//!
//! // A request that would wait longer than it may is not sent, and says how long.
//! let hasty = PaceLayer::new().max_wait(Duration::from_secs(1)).layer(client.into_inner());
//! let request = || Request::get("http://api.test/items").body(());
//! hasty.clone().oneshot(request()?).await?;
//! let error = hasty.oneshot(request()?).await.unwrap_err();
//! assert_eq!(error.paced().unwrap().wait(), Duration::from_secs(2));
//! # Ok(())
//! # }
//! ```
//!
//! # What is read
//!
//! * `Retry-After` of a 429 or 503, in seconds or as a date: nothing goes to that origin before; then one
//!   request goes ahead of the others.
//! * `RateLimit` and `RateLimit-Policy` of draft-08 to draft-11, with every policy they name, those of draft-06 and
//!   draft-07, and `X-RateLimit-Limit`, `-Remaining` and `-Reset`, also spelt `X-Rate-Limit-`. A reset is a date if it
//!   would be 31 years as a wait; dates are compared with the `Date` of the same answer.
//! * A field that cannot be read is as good as none. Waits above a day are taken for mistakes and tried after a day.
//!
//! # What is done
//!
//! Requests under way are counted as spent until their answers come. A policy that only answers to reads told of
//! does not hold back writes, nor the other way round. All requests to an origin that were held back go in the
//! order in which they asked. Limits by route or token are kept apart with [`PaceLayer::by`].
//!
//! A request that waits sleeps on tokio's timer until the instant at which it may go, or until an answer changes that
//! instant; nothing is polled in between. The first in line has to be polled for the others to go: a
//! future that is kept and never polled again blocks those behind it for as long as they are willing to wait.
//!
//! Whole seconds do not tell a log of single requests from a bucket in every case: one that is first used evenly
//! and then at once may refuse a request, once; after that its announcements are obeyed to the letter.
//!
//! Other users of the same quota cannot be seen; they cost refusals, which are obeyed. A server whose
//! answers take longer than its windows is paced more carefully than it asks for.
//!
//! # reqwest
//!
//! `reqwest::Client` is a service of requests of its own, which convert from and into those of `http`. This is
//! all the adapter it takes:
//!
//! ```no_run
//! # use limiter_tower::client::PaceLayer;
//! # use tower::{Layer, ServiceExt};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = reqwest::Client::new();
//! let send = tower::service_fn(move |request: http::Request<reqwest::Body>| {
//!     let client = client.clone();
//!     async move { client.execute(request.try_into()?).await.map(http::Response::from) }
//! });
//! let paced = PaceLayer::new().layer(send);
//!
//! let request = http::Request::get("https://api.example/items").body(reqwest::Body::default())?;
//! let response = reqwest::Response::from(paced.clone().oneshot(request).await?);
//! # Ok(())
//! # }
//! ```
//!
//! A request made with reqwest's own builder becomes one of `http` by `http::Request::try_from`.

mod error;
mod fields;
mod future;
mod layer;
mod origin;
mod pacing;
mod retry_after;
mod service;
mod structured;
mod table;
mod turn;

pub use self::{
    error::{PaceError, PacedError},
    future::PaceFuture,
    layer::PaceLayer,
    service::Pace,
};
