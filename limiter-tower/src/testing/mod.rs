//! Testing an application that is limited: a limiter for each test, a clock that is moved by hand,
//! and many requests at once with a look at what became of each.
//!
//! The module is behind the feature `testing`, which belongs under `[dev-dependencies]`:
//!
//! ```toml
//! [dev-dependencies]
//! limiter-tower = { version = "0.1", features = ["testing"] }
//! ```
//!
//! # A limiter for each test
//!
//! An application that is handed its [`Limiter`] can be tested without a server, without
//! `ConnectInfo` and without waiting. [`limiter`] makes one whose clock stands still; two tests
//! that each have their own share nothing, though the rules are the same.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, body::Body, http::Request, routing::post};
//! use limiter_tower::{Limiter, LimiterLayer, rate_limit, testing};
//!
//! #[rate_limit("5/min")]
//! async fn login() -> &'static str {
//!     "in"
//! }
//!
//! fn app(limiter: Limiter) -> Router {
//!     Router::new().route("/login", post(login)).layer(LimiterLayer::new(limiter))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (limiter, clock) = testing::limiter();
//! let app = app(limiter);
//! let login = |_| testing::from_ip("203.0.113.7", Request::post("/login").body(Body::empty()).unwrap());
//!
//! testing::drive(&app, 8, login).await.assert_refused_after(5).assert_retry_after(12);
//! clock.advance(Duration::from_secs(12));
//! testing::drive(&app, 2, login).await.assert_refused_after(1);
//! // Others are not concerned.
//! let other = |_| testing::from_ip("203.0.113.8", Request::post("/login").body(Body::empty()).unwrap());
//! testing::drive(&app, 5, other).await.assert_allowed(5).assert_remaining(0);
//! # }
//! ```
//!
//! An assertion that fails shows the whole [`Trace`]:
//!
//! ```text
//! expected the first 6 requests to be admitted, but number 6 was not
//!   #  answer    status  limit  remaining  retry-after  rule
//!   1  admitted  200         5          4            -  login
//!   2  admitted  200         5          3            -  login
//!   ..
//!   6  refused   429         5          0           12  login
//! ```
//!
//! # One request
//!
//! Nothing here is needed to send a request by tower's `oneshot`. [`from_ip`] says who asks; without
//! it, and without `ConnectInfo`, all requests that are limited by address share one budget.
//!
//! ```
//! use axum::{Router, body::Body, http::{Request, StatusCode}, routing::get};
//! use limiter_tower::{LimiterLayer, RateLimitLayer, testing};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (limiter, _clock) = testing::limiter();
//! let app = Router::new()
//!     .route("/", get(async || "hello"))
//!     .layer(RateLimitLayer::per_ip("1/min")?)
//!     .layer(LimiterLayer::new(limiter));
//!
//! let ask = |ip: &str| app.clone().oneshot(testing::from_ip(ip, Request::new(Body::empty())));
//! assert_eq!(ask("203.0.113.7").await?.status(), StatusCode::OK);
//! assert_eq!(ask("203.0.113.7").await?.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert_eq!(ask("2001:db8::7").await?.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! # Requests at the same time
//!
//! A concurrent limit counts an answer until its body has ended. [`drive`] lets go of each answer
//! before it sends the next request; [`drive_held`] keeps all of them until the last was sent, as
//! clients do that read slowly.
//!
//! ```
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use limiter_tower::{LimiterLayer, RateLimitLayer, Rule, testing};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (limiter, _clock) = testing::limiter();
//! let app = Router::new()
//!     .route("/report", get(async || "long"))
//!     .layer(RateLimitLayer::builder().rule(Rule::concurrent(3)).build()?)
//!     .layer(LimiterLayer::new(limiter));
//! let report = |_| Request::get("/report").body(Body::empty()).unwrap();
//!
//! testing::drive(&app, 5, report).await.assert_allowed(5);
//! testing::drive_held(&app, 5, report).await.assert_refused_after(3);
//! testing::drive(&app, 5, report).await.assert_allowed(5); // all slots came back
//! # Ok(())
//! # }
//! ```
//!
//! # Time that passes between requests
//!
//! The request is made just before it is sent, so the function that makes it can move the clock.
//!
//! ```
//! use std::time::Duration;
//!
//! use http::{Request, Response};
//! use limiter_tower::{Global, RateLimitLayer, testing};
//! use tower::{Layer, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (limiter, clock) = testing::limiter();
//! let layer = RateLimitLayer::builder().quota("60/min burst 1").key(Global).limiter(limiter).build()?;
//! let service =
//!     layer.layer(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
//!
//! let trace = testing::drive(&service, 10, |_| {
//!     clock.advance(Duration::from_millis(500));
//!     Request::new(String::new())
//! });
//! let passed: Vec<bool> = trace.await.iter().map(|step| step.is_admitted()).collect();
//! assert_eq!(passed, [true, false, true, false, true, false, true, false, true, false]);
//! # Ok(())
//! # }
//! ```
//!
//! # When the store fails
//!
//! A [`FailingStore`] is put around any other and fails when its [`Switch`] says so.
//!
//! ```
//! use http::{Request, Response};
//! use limiter_tower::store::memory::MemoryStore;
//! use limiter_tower::testing::{self, FailingStore, Failure};
//! use limiter_tower::{Global, Limiter, OnStoreError, Quota, RateLimitLayer, Rule};
//! use tower::{Layer, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = FailingStore::new(MemoryStore::new());
//! let switch = store.switch();
//! let limiter = Limiter::builder().store(store).build();
//! let payments = Rule::new(Quota::per_minute(5)).key(Global).on_store_error(OnStoreError::Closed);
//! let layer = RateLimitLayer::builder().rule(payments).limiter(limiter).build()?;
//! let service =
//!     layer.layer(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
//!
//! let trace = testing::drive(&service, 3, |number| {
//!     if number == 1 {
//!         switch.fail(Failure::Unavailable);
//!     }
//!     Request::new(String::new())
//! });
//! trace.await.assert_refused_after(1);
//! switch.recover();
//! testing::drive(&service, 4, |_| Request::new(String::new())).await.assert_allowed(4);
//! # Ok(())
//! # }
//! ```

mod drive;
mod record;
mod step;
mod trace;

use limiter_core::Limiter;

pub use drive::{drive, drive_held, from_ip};
pub use limiter_core::testing::{FailingStore, Failure, ManualClock, Switch};
pub(crate) use record::{is_noted, note};
pub use step::{Answer, Step};
pub use trace::Trace;

/// A limiter in memory of its own, and the clock that it goes by.
///
/// It trusts no proxy. Other limiters for tests are made by [`Limiter::builder`] with a
/// [`ManualClock`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use limiter_tower::{Global, Key, Policy, Rule, testing};
///
/// let (limiter, clock) = testing::limiter();
/// let policy = Policy::new("greet", [Rule::new("1/min".parse()?).key(Global)])?;
/// assert!(limiter.check(&policy, &Key::everyone()).is_allowed());
/// assert!(!limiter.check(&policy, &Key::everyone()).is_allowed());
/// clock.advance(Duration::from_secs(60));
/// assert!(limiter.check(&policy, &Key::everyone()).is_allowed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn limiter() -> (Limiter, ManualClock) {
    let clock = ManualClock::new();
    (Limiter::builder().clock(clock.clone()).build(), clock)
}
