//! The handler's word on what its request has cost.

use core::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::outcome::Settlement;

// Those who mistake a type for an extractor want to hear of the usual ones.
#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequestParts<S> for Settlement {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}
