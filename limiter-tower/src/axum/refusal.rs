//! What the code of `on_limited` calls.

use bytes::Bytes;

use crate::response::IntoRefusal;

/// An answer to a refused request, before the fields of the refusal are added.
pub type Answer = http::Response<Bytes>;

/// What a user's function of a refusal returns.
pub fn answer<R: IntoRefusal<Kind>, Kind>(refusal: R) -> Answer {
    refusal.into_refusal()
}
