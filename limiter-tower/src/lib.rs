//! Rate limiting for axum, hyper, tonic and everything else that is a tower service.
//!
//! ```
//! use axum::{Router, extract::connect_info::MockConnectInfo, http::{Request, StatusCode}, routing::get};
//! use limiter_tower::{Limiter, LimiterLayer, RateLimitLayer};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app = Router::new()
//!     .route("/sessions", get(async || "yours").post(async || "made"))
//!     .layer(RateLimitLayer::read_write(1000, 1)?) // a minute, for each client address
//!     .layer(LimiterLayer::new(Limiter::in_memory()))
//!     // A server has `into_make_service_with_connect_info::<SocketAddr>()` here.
//!     .layer(MockConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 1], 4711))));
//!
//! let ask = |method: &str| {
//!     app.clone().oneshot(Request::builder().method(method).uri("/sessions").body(String::new()).unwrap())
//! };
//! assert_eq!(ask("POST").await?.status(), StatusCode::OK);
//! assert_eq!(ask("POST").await?.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert_eq!(ask("GET").await?.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! # In handlers
//!
//! Under axum, handlers can ask for [`CurrentDecision`] or [`CurrentUsage`], the numbers of their
//! request; for [`ByHand`], to check by what only they know, with [`RateLimited`] as the rejection; and
//! for [`HeldPermit`], the slot of a WebSocket. [`RouterExt`] has the layers as methods of routers.
//!
//! # The way of a request
//!
//! A [`RateLimitLayer`] holds a [`Policy`] and is put around services; each becomes a [`RateLimit`].
//! That takes the head of a request, finds the [`Limiter`] which decides (its own, else the one that
//! a [`LimiterLayer`] sent along with the request), tells it who opened the connection
//! ([`PeerAddr`], or what axum noted), and asks it once. A refused request is answered here and the
//! inner service is not called. An admitted one goes on; its answer gets the numbers, and its body,
//! a [`ResponseBody`], holds the slots of concurrent limits until it ends.
//!
//! Quotas, rules, keys and the trust in proxies are those of the engine, `limiter-core`. What most
//! applications need of it is named at the root here; the rest is in its own modules, such as
//! [`key`] and [`store`].

#[cfg(feature = "axum")]
mod axum;
mod body;
mod builder;
#[cfg(feature = "client")]
pub mod client;
mod current;
mod denied;
mod exempt;
mod future;
mod gate;
mod grpc;
pub mod headers;
mod layer;
mod limiter_layer;
#[cfg(feature = "utoipa")]
pub mod openapi;
mod outcome;
mod peer;
pub mod response;
#[cfg(feature = "axum")]
mod route;
mod service;
mod slots;
#[cfg(any(feature = "axum", feature = "throttle"))]
mod spec;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "throttle")]
pub mod throttle;

pub use crate::{
    body::ResponseBody,
    builder::{LayerError, RateLimitBuilder},
    current::CurrentDecision,
    exempt::ExemptError,
    future::ResponseFuture,
    layer::RateLimitLayer,
    limiter_layer::{LimiterLayer, WithLimiter},
    outcome::Settlement,
    peer::{PeerAddr, PeerUnix},
    service::RateLimit,
    slots::Slots,
};

#[cfg(feature = "throttle")]
pub use limiter_core::Wait;
pub use limiter_core::key::client_ip::{ClientIp, Peer};
pub use limiter_core::key::{Global, Header, Ip};
#[cfg(feature = "memcached")]
pub use limiter_core::store::memcached::MemcachedStore;
#[cfg(feature = "redis")]
pub use limiter_core::store::redis::RedisStore;
pub use limiter_core::{
    AccessList, Algorithm, AtCeiling, Decision, Denied, DeniedBy, Enforcement, Key, KeySource, Limiter, LimiterBuilder,
    MethodClass, Missing, Observer, OnStoreError, Policy, PolicyError, Queue, Quota, Refusal, Reply, Rule, Settle,
    Usage, Warning,
};
pub use limiter_core::{Barrier, Claim, Exceeded, Held, RateLimitExceeded};
pub use limiter_core::{access, bucketed, event, key, limiter, queue, quota, settle, store, subject, time};

#[cfg(feature = "axum")]
pub use crate::axum::{
    extract::{ByHand, CurrentUsage, HeldPermit, NotShared, RateLimited},
    router::RouterExt,
};

/// Limits a handler, or every route of the router that a function returns.
///
/// ```
/// use axum::{Router, extract::Path, http::StatusCode, routing::get};
/// use limiter_tower::{Limiter, LimiterLayer, rate_limit};
/// # use axum::{body::Body, http::Request};
/// # use tower::ServiceExt;
///
/// #[rate_limit(read = 1000, write = 10, key = "ip")]      // per minute, per client address
/// async fn session(Path(id): Path<u64>) -> String {
///     id.to_string()
/// }
///
/// #[rate_limit("2/min", exempt = "/health")]              // all routes together
/// fn admin() -> Router {
///     Router::new().route("/users", get(async || "users")).route("/health", get(async || "ok"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app: Router = Router::new()
///     .route("/sessions/{id}", get(session))
///     .nest("/admin", admin())
///     .layer(LimiterLayer::new(Limiter::in_memory()));
///
/// let ask = |path| app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
/// assert_eq!(ask("/sessions/7").await?.status(), StatusCode::OK);
/// for status in [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
///     assert_eq!(ask("/admin/users").await?.status(), status);
/// }
/// assert_eq!(ask("/admin/health").await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
///
/// A bucket, which is the default, promises `burst + rate x time`: `100/min` can pass 199 requests in
/// its first minute. Who wants never more than 100 in any minute says `algorithm = "log"`.
///
/// # Arguments
///
/// A string is a keyword or a notation, a path is your function, a bare word is a switch.
///
/// | argument | meaning |
/// |---|---|
/// | `"10/s burst 20, 1000/h"` | quotas that must all let a request pass |
/// | `read = 1000`, `write = 10` | GET, HEAD, OPTIONS and TRACE; everything else. Counted apart; a bare number is per `per`, a string is a quota list |
/// | `per = "min"` | the period of bare numbers; a minute unless stated |
/// | `burst = 20` | the capacity, unless the quota says it |
/// | `concurrent = 8` | so many at the same time, everybody together unless `key` says otherwise |
/// | `key = "ip"` | who is limited: `ip` (default), `global`, `header:NAME`, .. combined by `+`, with fallbacks by `\|`; or a function `fn(&http::request::Parts) -> impl IntoKey`, or any [`KeySource`] |
/// | `missing = "shared"` | what becomes of requests without the key: they share one budget; or `refuse`, `skip` |
/// | `trusted_key` | something in front has checked a key that callers could choose; else a limit by `ip` must stand beside it |
/// | `algorithm = "bucket"` | or `interval`, `fixed`, `sliding`, `log` |
/// | `cost = 5` | what a request takes, 1 unless stated; or a function `fn(&http::request::Parts) -> u32` |
/// | `quota = plan_of` | each caller's own quota, by a function `fn(&http::request::Parts) ->` [`Quota`]; the one written beside it is the default |
/// | `count = "failed"` | which answers count, once they are there: `failed` (400 and above), `success`, statuses such as `"401, 5xx"` or `"not 304, 5xx"`; or a function `fn(&http::response::Parts) -> bool`. The others are given back |
/// | `settle = tokens_of` | what an answer has cost, in the place of what was charged: a function `fn(&http::response::Parts) -> u32`; or `"handler"`: the handler says it, by [`Settlement`] |
/// | `mode = "strict"` | requests under way take their cost until they are settled; or `wait`: who finds no room waits for those under way, beside up to `queue` others (32 unless stated) and for `max_wait` at most (a second); or `lenient`: requests take their cost when they are settled, and up to `in_flight` of one key (32 unless stated) are let in while there is room for one |
/// | `settle_within = "5min"` | for so long a request may stay unsettled; then `unsettled = "charge"` lets it count, and `"refund"` gives it back |
/// | `queue = 32, max_wait = "250ms"` | requests that find no room are held, in the order in which they came: so many of one key, each for so long at most. A client that goes away leaves its place |
/// | `spaced` | beside `queue`: lets requests through one by one, evenly spaced at the quota's rate, with no burst |
/// | `penalty` | refused requests count too: who keeps asking stays out |
/// | `shadow` | refuses nothing: what it would refuse is counted and told to the [`Observer`], until [`Limiter::enforce_rule`] says otherwise |
/// | `on_store_error = "local"` | when the store fails, a limiter in this process decides (default); or `open`: every request passes; or `closed`: none does |
/// | `name = "search"` | the name on the wire and in metrics; the function's unless stated. `read` and `write` get `-read` and `-write` |
/// | `scope = "search"` | shares the budget with other rules of this scope and quota |
/// | `headers = "draft-11, legacy"` | the fields that answers carry, and no others: one of `draft-11`, `draft-07`, `draft-06`, and one of `legacy`, `legacy-delta`; or `off`. Without it the application's [`Wire`](headers::Wire) says |
/// | `on_limited = sorry` | answers refused requests: `fn(&`[`Denial`](response::Denial)`) ->` a [`Content`](response::Content), a response of `Bytes`, or whatever implements axum's `IntoResponse`; the fields of the refusal are added |
/// | `exempt = "/health, /static/*"` | paths of a group that are not limited |
/// | `inner = session_unlimited` | also keeps the untouched function, under this name |
/// | `crate = ::my::facade` | where this crate is found, if not at `::limiter_tower` |
///
/// A function of the request's head sees no state; what it needs, a middleware puts into the
/// request's extensions:
///
/// ```
/// use http::request::Parts;
/// use limiter_tower::{Quota, rate_limit};
///
/// #[derive(Clone)]
/// struct Plan { per_minute: u64 }
///
/// fn plan_of(parts: &Parts) -> Quota {
///     Quota::per_minute(parts.extensions.get::<Plan>().map_or(100, |plan| plan.per_minute))
/// }
///
/// #[rate_limit("100/min", quota = plan_of)]
/// async fn reports() {}
///
/// #[rate_limit("5/15min", penalty, on_store_error = "closed")]
/// async fn login() {}
/// # let _: axum::Router = axum::Router::new()
/// #     .route("/reports", axum::routing::get(reports)).route("/login", axum::routing::post(login));
/// ```
///
/// Several `#[rate_limit(..)]` on one function are one policy: all must let a request pass, and a
/// refusal charges none. They must all go by the name `rate_limit`.
///
/// # On a handler
///
/// The name stays a function, with its attributes, visibility and documentation; what it takes is
/// now the request. Requests are counted before anything is extracted, and an extractor's own
/// refusal carries the numbers. Calling the function by hand does not work any more: use `inner`.
///
/// Attributes that act on the handler's arguments or body, such as `#[debug_handler]` and
/// `#[instrument]`, stand below `#[rate_limit]`; `#[utoipa::path]` stands above. Handlers that are
/// generic over types, take `self` or have an argument under `cfg` are refused.
///
/// # On a group
///
/// An `fn` that returns an `axum::Router` or `axum::routing::MethodRouter` is limited as a whole,
/// with whatever state it has. Every request that reaches one of its routes counts, be it with a
/// wrong method (405), and every request that a fallback of its own answers. Without such a fallback
/// unknown paths (404) do not count, wherever the router is mounted. A handler's own limit adds to
/// its group's; when it refuses, the group gives its charge back.
#[cfg(feature = "axum")]
pub use limiter_macros::rate_limit;

/// Limits an async function: each call waits for its turn, or returns an error.
///
/// The rules are those of [`rate_limit`], but for what is about requests. The function's error type
/// converts from [`RateLimitExceeded`], which says when to try again.
///
/// ```
/// use limiter_tower::throttle;
/// use limiter_tower::throttle::RateLimitExceeded;
///
/// struct User { id: u64 }
///
/// #[derive(Debug)]
/// enum MailError { TooMany(RateLimitExceeded) }
///
/// impl From<RateLimitExceeded> for MailError {
///     fn from(refused: RateLimitExceeded) -> Self {
///         MailError::TooMany(refused)
///     }
/// }
///
/// #[throttle("2/min", key = |user, ..| user.id)]
/// async fn remind(user: &User, text: &str) -> Result<usize, MailError> {
///     Ok(text.len())
/// }
///
/// #[throttle("100/s burst 1", concurrent = 4, max_wait = "2s", queue = 32)]
/// async fn geocode(place: &str) -> Result<(f64, f64), RateLimitExceeded> {
///     Ok((52.5, 13.4))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (alice, bob) = (User { id: 1 }, User { id: 2 });
/// assert!(remind(&alice, "tea").await.is_ok() && remind(&alice, "tea").await.is_ok());
/// let Err(MailError::TooMany(refused)) = remind(&alice, "tea").await else { panic!("a third reminder") };
/// assert!(refused.retry_after().is_some());
/// assert!(remind(&bob, "tea").await.is_ok());
/// for place in ["Berlin", "Potsdam"] {
///     geocode(place).await?; // the second after ten milliseconds
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Arguments
///
/// | argument | meaning |
/// |---|---|
/// | `"10/s burst 20, 1000/h"` | quotas that must all let a call pass |
/// | `concurrent = 8` | so many at the same time: a slot is held until the function has ended |
/// | `key = user_id` | who is limited: an argument; or `\|user, ..\| user.id`, over references to the first arguments; or a function of references to all of them. Everybody together unless stated |
/// | `max_wait = "250ms"` | waits for so long before it refuses; without it a call is refused at once |
/// | `queue = 32` | how many calls of one key wait at most; 1024 unless stated |
/// | `newest_first` | while more than half of the queue is taken, the newest goes first |
/// | `spaced` | lets calls through one by one, evenly, beside `max_wait` |
/// | `burst = 20`, `algorithm = "log"`, `penalty`, `shadow`, `name`, `scope`, `on_store_error`, `crate` | as for [`rate_limit`] |
/// | `cost = 5` | what a call takes; or an argument or function of the arguments, as for `key`: `\|text, ..\| text.len()` |
/// | `quota = \|user, ..\| user.quota()` | each caller's own [`Quota`], as for `key`; the literal is the default. [`Quota::UNLIMITED`] exempts the call |
/// | `count = "failed"` | what counts once the function has returned: `"failed"`, an `Err`; `"success"`, an `Ok`; or a function of a reference to what it returned that says whether it counts: `\|outcome\| outcome.is_err()`. What does not count is given back |
/// | `settle = tokens_of` | what the call has cost, in the place of what was charged: a function of a reference to what it returned |
/// | `mode = "lenient"`, `in_flight = 32`, `settle_within = "30s"`, `unsettled = "refund"` | how calls are taken whose outcome is not known yet, as for [`rate_limit`]: `"strict"`, the default, `"wait"` or `"lenient"` |
/// | `lease = "30s"` | a slot is free again after so long, even if the function has not ended |
/// | `limiter = self.limiter` | the [`Limiter`] that counts, an expression over the arguments; the process's own in memory unless stated |
///
/// The function stays as it is: its name, its arguments, be it a method, generic or borrowing. It
/// returns a `Result`, and needs a tokio runtime with a timer if it waits.
///
/// # Outcomes
///
/// With `count` or `settle` a call is charged when it begins and settled when the function returns, by
/// [what is promised](limiter_core::settle) of requests too. A call that ends without a return, since it
/// panicked or was dropped, counts as it was charged. One that was refused never counts.
///
/// ```
/// use limiter_tower::throttle::RateLimitExceeded;
/// use limiter_tower::{Quota, throttle};
///
/// #[derive(Debug)]
/// enum AskError { NoAnswer, TooMuch(RateLimitExceeded) }
///
/// impl From<RateLimitExceeded> for AskError {
///     fn from(refused: RateLimitExceeded) -> Self {
///         AskError::TooMuch(refused)
///     }
/// }
///
/// struct User { id: u64, tokens: u64 }
///
/// fn tokens_of(answer: &Result<String, AskError>) -> usize {
///     answer.as_ref().map_or(0, String::len)
/// }
///
/// /// Takes 100 tokens, and gives back what the answer did not need.
/// #[throttle(
///     "1000/h", key = |user, ..| user.id, quota = |user, ..| Quota::per_hour(user.tokens),
///     cost = 100, settle = tokens_of
/// )]
/// async fn ask(user: &User, question: &str) -> Result<String, AskError> {
///     if question.is_empty() { Err(AskError::NoAnswer) } else { Ok("no".repeat(20)) }
/// }
///
/// /// Nobody is asked again who has failed three times within an hour.
/// #[throttle("3/h", key = host, count = "failed")]
/// async fn reach(host: &str, is_up: bool) -> Result<(), Box<dyn std::error::Error>> {
///     if is_up { Ok(()) } else { Err("no route".into()) }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ada = User { id: 1, tokens: 200 };
/// for _ in 0..3 {
///     assert!(ask(&ada, "may I?").await.is_ok()); // 40 each
///     assert!(ask(&ada, "").await.is_err()); // nothing
/// }
/// assert!(matches!(ask(&ada, "may I?").await, Err(AskError::TooMuch(_)))); // of 200 less than 100 are left
/// for is_up in [true, false, true, false, true, false] {
///     assert_eq!(reach("example.org", is_up).await.is_ok(), is_up);
/// }
/// assert!(reach("example.org", true).await.is_err());
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "throttle")]
pub use limiter_macros::throttle;

/// What the code of [`rate_limit`] and [`throttle`](macro@throttle) calls; it changes with them.
#[cfg(any(feature = "axum", feature = "throttle"))]
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "axum")]
    pub use crate::axum::*;
    #[cfg(feature = "throttle")]
    pub use crate::throttle::private as throttle;
}
