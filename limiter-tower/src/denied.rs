//! The answer to those who never get in.
//!
//! It has no RateLimit fields and no time to wait for, since no quota was asked and waiting does not
//! help.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use limiter_core::{Denied, Refusal};

use crate::headers::Refused;

const FORBIDDEN: &str = r#"{"type":"about:blank","title":"Forbidden","status":403,"error":"forbidden"}"#;
const TOO_MANY: &str =
    r#"{"type":"about:blank","title":"Too Many Requests","status":429,"error":"rate_limit_exceeded"}"#;

pub(crate) fn response(denied: &Denied, parts: &Parts) -> Response<Bytes> {
    let (status, body) = match denied.refusal() {
        Refusal::TooMany => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY),
        _ => (StatusCode::FORBIDDEN, FORBIDDEN),
    };
    let body = if parts.method == Method::HEAD { "" } else { body };
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    // Limiters further out give back what they charged.
    response.extensions_mut().insert(Refused);
    // Lists change.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
