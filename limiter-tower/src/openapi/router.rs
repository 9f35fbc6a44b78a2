//! Routers of `utoipa-axum`, which collect their description: limited like any other, and the
//! refusals described.

use axum::Router;
use limiter_core::Limiter;
use utoipa::Modify;
use utoipa_axum::router::OpenApiRouter;

use super::DescribeLimits;
use crate::RouterExt;
use crate::axum::{Group, Site};
use crate::layer::RateLimitLayer;

/// Limits the routes, and describes the refusal (429) of those it has. Which fields answers carry is
/// for [`DescribeLimits`] to say, at the end, by the wire of the application.
impl<S> Group for OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn limited(self, site: &'static Site) -> Self {
        rebuilt(self, |routes| routes.limited(site), &DescribeLimits::of_any_wire())
    }
}

impl<S> RouterExt for OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn limiter(self, limiter: Limiter) -> Self {
        self.layer(crate::LimiterLayer::new(limiter))
    }

    fn rate_limit(self, layer: RateLimitLayer) -> Self {
        rebuilt(self, |routes| routes.rate_limit(layer), &DescribeLimits::of_any_wire())
    }
}

fn rebuilt<S>(
    router: OpenApiRouter<S>,
    limit: impl FnOnce(Router<S>) -> Router<S>,
    describe: &DescribeLimits,
) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let (routes, mut api) = router.split_for_parts();
    describe.modify(&mut api);
    let mut limited = OpenApiRouter::from(limit(routes));
    *limited.get_openapi_mut() = api;
    limited
}
