//! Rate limiting for axum, hyper and tonic.

mod body;
mod exempt;
mod future;
mod gate;
mod layer;
mod limiter_layer;
mod peer;
mod response;
mod service;

pub use crate::{
    body::ResponseBody,
    exempt::ExemptError,
    future::ResponseFuture,
    layer::RateLimitLayer,
    limiter_layer::{LimiterLayer, WithLimiter},
    peer::{PeerAddr, PeerUnix},
    service::RateLimit,
};
