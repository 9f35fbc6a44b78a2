//! The refusal of a check by hand, for `#[utoipa::path(.., responses(.., RateLimited))]`.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

use super::DescribeLimits;
use crate::RateLimited;
use crate::headers::Reason;

impl IntoResponses for RateLimited {
    /// The refusal (429) on the default wire.
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let answer = DescribeLimits::default().refusal(Reason::QuotaExceeded);
        BTreeMap::from([("429".to_owned(), RefOr::T(answer))])
    }
}
