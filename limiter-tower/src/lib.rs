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
mod exempt;
mod future;
mod gate;
mod grpc;
pub mod headers;
mod layer;
mod limiter_layer;
mod peer;
pub mod response;
mod service;
mod slots;
#[cfg(feature = "testing")]
pub mod testing;

pub use crate::{
    body::ResponseBody,
    builder::{LayerError, RateLimitBuilder},
    exempt::ExemptError,
    future::ResponseFuture,
    layer::RateLimitLayer,
    limiter_layer::{LimiterLayer, WithLimiter},
    peer::{PeerAddr, PeerUnix},
    service::RateLimit,
    slots::Slots,
};

pub use limiter_core::key::client_ip::{ClientIp, Peer};
pub use limiter_core::key::{Global, Header, Ip};
pub use limiter_core::{
    Algorithm, AtCeiling, Decision, Key, KeySource, Limiter, MethodClass, Missing, Observer, OnStoreError, Policy,
    PolicyError, Quota, Rule, Usage, Warning,
};
pub use limiter_core::{event, key, quota, store, time};

#[cfg(feature = "axum")]
pub use limiter_macros::rate_limit;

/// What the code of [`rate_limit`] calls; it changes with the attribute.
#[cfg(feature = "axum")]
#[doc(hidden)]
pub mod __private {
    pub use crate::axum::*;
}
