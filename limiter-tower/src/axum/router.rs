//! Limits in the words of a router.

use core::convert::Infallible;

use axum::Router;
use axum::routing::MethodRouter;
use limiter_core::Limiter;

use crate::layer::RateLimitLayer;
use crate::limiter_layer::LimiterLayer;

/// Limits as methods of axum's routers.
///
/// # Examples
///
/// ```
/// use axum::{Router, extract::connect_info::MockConnectInfo, http::{Request, StatusCode}, routing::get};
/// use limiter_tower::{Limiter, RateLimitLayer, RouterExt};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let api = Router::new().route("/sessions", get(async || "yours")).rate_limit(RateLimitLayer::per_ip("1/min")?);
/// let app = Router::new()
///     .route("/health", get(async || "fine"))
///     .merge(api)
///     .limiter(Limiter::in_memory())
///     // A server has `into_make_service_with_connect_info::<SocketAddr>()` here.
///     .layer(MockConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 1], 4711))));
///
/// let ask = |path: &str| app.clone().oneshot(Request::get(path).body(String::new()).unwrap());
/// assert_eq!(ask("/sessions").await?.status(), StatusCode::OK);
/// assert_eq!(ask("/sessions").await?.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(ask("/health").await?.status(), StatusCode::OK);
/// assert_eq!(ask("/nowhere").await?.status(), StatusCode::NOT_FOUND);
/// # Ok(())
/// # }
/// ```
pub trait RouterExt: Sized {
    /// Decides by this limiter for everything that has been added so far; so say it last. Short for
    /// a layer of [`LimiterLayer`].
    #[must_use]
    fn limiter(self, limiter: Limiter) -> Self;

    /// Limits everything that has been added so far, together.
    ///
    /// Each request that reaches a route counts, be it with a wrong method (405), and each that the
    /// router's own fallback answers. Without one, unknown paths (404) do not count: they are those
    /// of the router that this one is merged into. Give the layer to [`Router::layer`] to count them.
    #[must_use]
    fn rate_limit(self, layer: RateLimitLayer) -> Self;
}

impl<S> RouterExt for Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn limiter(self, limiter: Limiter) -> Self {
        self.layer(LimiterLayer::new(limiter))
    }

    fn rate_limit(self, layer: RateLimitLayer) -> Self {
        // Of two default fallbacks a merge takes the second: the one that is not limited.
        self.layer(layer).merge(Router::new())
    }
}

impl<S> RouterExt for MethodRouter<S, Infallible>
where
    S: Clone + Send + Sync + 'static,
{
    fn limiter(self, limiter: Limiter) -> Self {
        self.layer(LimiterLayer::new(limiter))
    }

    fn rate_limit(self, layer: RateLimitLayer) -> Self {
        self.layer(layer)
    }
}
