//! Extractors for what was decided about the request.

use core::convert::Infallible;
use core::fmt;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use limiter_core::Usage;

use crate::current::CurrentDecision;

// Those who mistake a type for an extractor want to hear of the usual ones.
#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequestParts<S> for CurrentDecision {
    type Rejection = NotShared;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotShared> {
        parts.extensions.get::<CurrentDecision>().cloned().ok_or(NotShared)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for CurrentDecision {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<CurrentDecision>().cloned())
    }
}

/// The numbers of the quota that is nearest to its end, of all the limiters around the handler: see
/// [`CurrentDecision::tightest`]. `None` if nothing was counted by quota.
///
/// ```
/// use limiter_tower::{CurrentUsage, rate_limit};
///
/// #[rate_limit("100/min")]
/// async fn quota(CurrentUsage(usage): CurrentUsage) -> String {
///     usage.map_or_else(String::new, |usage| format!("{} of {}", usage.remaining(), usage.limit()))
/// }
/// # let _: axum::routing::MethodRouter = axum::routing::get(quota);
/// ```
#[derive(Clone, Debug)]
pub struct CurrentUsage(pub Option<Usage>);

// Those who mistake a type for an extractor want to hear of the usual ones.
#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequestParts<S> for CurrentUsage {
    type Rejection = NotShared;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotShared> {
        let current = parts.extensions.get::<CurrentDecision>().ok_or(NotShared)?;
        Ok(CurrentUsage(current.tightest().cloned()))
    }
}

/// A handler asks what was decided about its request, and no limiter shares it. A mistake of the
/// application, so that the answer is a 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotShared;

impl fmt::Display for NotShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no limiter around this handler shares its decision; accepted: `share_decision` on the layer, \
             `share_decisions` on the limiter's layer, or `#[rate_limit]` on the handler",
        )
    }
}

impl std::error::Error for NotShared {}

impl IntoResponse for NotShared {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}
