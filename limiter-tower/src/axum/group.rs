//! An annotated function's router: everything in it is limited together.

use core::convert::Infallible;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::MethodRouter;

use super::site::{Broken, Site};

/// What `#[rate_limit]` on an `fn` can limit.
#[diagnostic::on_unimplemented(
    message = "`#[rate_limit]` on an `fn` limits the router it returns, and `{Self}` is no router",
    label = "expected `axum::Router` or `axum::routing::MethodRouter`",
    note = "a handler is an `async fn`; a group of routes is an `fn` that returns a router"
)]
pub trait Group: Sized {
    /// Puts the site's layer around all of it.
    #[must_use]
    fn limited(self, site: &'static Site) -> Self;
}

/// Limits a router.
///
/// Every request that reaches one of the router's routes counts, be it with a wrong method (405),
/// and every request that its own fallback answers. Without a fallback of its own, unknown paths
/// (404) do not count, wherever the router is mounted.
pub fn limited<G: Group>(group: G, site: &'static Site) -> G {
    group.limited(site)
}

impl<S> Group for Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn limited(self, site: &'static Site) -> Self {
        let limited = match site.layer() {
            Ok(layer) => self.layer(layer.clone()),
            Err(broken) => self.layer(from_fn(|request, _: Next| refuse(broken, request))),
        };
        // Of two default fallbacks a merge takes the second: a limited one would answer all unknown
        // paths of an application that the group is merged into, and count them.
        limited.merge(Router::new())
    }
}

impl<S> Group for MethodRouter<S, Infallible>
where
    S: Clone + Send + Sync + 'static,
{
    fn limited(self, site: &'static Site) -> Self {
        match site.layer() {
            Ok(layer) => self.layer(layer.clone()),
            Err(broken) => self.layer(from_fn(|request, _: Next| refuse(broken, request))),
        }
    }
}

async fn refuse(broken: &Broken, request: Request) -> Response {
    broken.refuse(&request.into_parts().0)
}
