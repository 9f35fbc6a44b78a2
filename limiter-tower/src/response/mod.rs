//! What a refused request gets back.
//!
//! 429 if a caller's quota is spent, 503 if it is the service that is short; `Retry-After` in
//! whole seconds, rounded up and never 0, and absent where waiting cannot help; `Cache-Control:
//! no-store`; the fields of the [`headers`]; and by default a problem document
//! (RFC 9457):
//!
//! ```text
//! {"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota Exceeded",
//!  "status":429,"error":"rate_limit_exceeded","violated-policies":["api"]}
//! ```
//!
//! Nothing in it names the caller. gRPC calls get an answer that gRPC clients understand.
//!
//! ```
//! use limiter_tower::headers::Wire;
//! use limiter_tower::response::{Body, Choices, Detail};
//!
//! // {"error":"rate_limit_exceeded"} and nothing else.
//! let wire = Wire::new().body(Body::PlainJson);
//! // A problem document that also says "Try again in 5 seconds."
//! let wire = Wire::new().detail(Detail::Wait);
//! // A problem document, JSON, plain text or a page, as the request accepts.
//! let wire = Wire::new().negotiate(Choices::new().html(|denial| format!("<h1>{}</h1>", denial.title())));
//! ```

mod accept;
mod answer;
mod body;
mod choices;
mod denial;
mod json;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderValue};
use http::request::Parts;
use http::{Extensions, Method, Response, StatusCode};
use limiter_core::{Decision, Limiter};

pub use answer::{IntoRefusal, kind};
pub use body::{Body, Content, Detail, MakeResponse};
pub use choices::Choices;
pub use denial::Denial;
pub(crate) use denial::title;

use crate::grpc;
use crate::headers::lines::Lines;
use crate::headers::view::{View, Wait, secs_to_wait};
use crate::headers::{self, Reason, Refused, Shelf, Wire, names};

/// The answer to a request that a decision refuses, with the body of the wire.
pub(crate) fn denied(wire: &Wire, decision: &Decision, parts: &Parts, limiter: &Limiter) -> Response<Bytes> {
    let mut response = denied_with(wire, &wire.body, decision, None, parts, limiter);
    mark(&mut response, Extensions::new());
    response
}

/// The answer to a request that a decision refuses, which is yet to be [marked](mark).
pub(crate) fn denied_with(
    wire: &Wire,
    body: &Body,
    decision: &Decision,
    shelf: Option<&Shelf>,
    parts: &Parts,
    limiter: &Limiter,
) -> Response<Bytes> {
    let view = View::of(wire, decision, shelf);
    let asked = Asked { decision, parts, body };
    respond(wire, &view, asked, headers::unix(wire, limiter), jitter(wire.jitter))
}

/// What is refused, and which body it gets.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) decision: &'a Decision,
    pub(crate) parts: &'a Parts,
    pub(crate) body: &'a Body,
}

/// The answer, from plain numbers.
pub(crate) fn respond<'n>(
    wire: &'n Wire,
    view: &View<'n>,
    asked: Asked<'_>,
    unix: Duration,
    jitter: Duration,
) -> Response<Bytes> {
    let reason = view.refused.unwrap_or(Reason::ReducedCapacity);
    let mut lines = Lines::new();
    let mut response = match grpc::content_type(&asked.parts.headers) {
        Some(content_type) => grpc::refusal(wire, view, reason, content_type),
        None => plain(wire, view, asked, reason, jitter, &mut lines),
    };
    let status = response.status();
    headers::fill(&mut lines, wire, view, unix, status, false, response.headers());
    lines.write_to(response.headers_mut());
    if wire.exposes_to(&asked.parts.headers) {
        headers::expose(wire, response.headers_mut());
    }
    response
}

/// Tells the limiters further out that this is a refusal. `spare` is what is left of the request: its table serves
/// once more, so that the mark costs no allocation.
pub(crate) fn mark(response: &mut Response<Bytes>, mut spare: Extensions) {
    let extensions = response.extensions_mut();
    if extensions.is_empty() {
        spare.clear();
        *extensions = spare;
    }
    extensions.insert(Refused);
}

fn plain(
    wire: &Wire,
    view: &View<'_>,
    asked: Asked<'_>,
    reason: Reason,
    jitter: Duration,
    lines: &mut Lines<'_>,
) -> Response<Bytes> {
    let retry_after = match view.wait() {
        Wait::After(wait) => Some(secs_to_wait(wait.saturating_add(jitter))),
        Wait::Never | Wait::Unknown => None,
    };
    let denial = Denial::new(wire, view, asked.decision, reason, retry_after, asked.parts);
    let mut response = asked.body.make(&denial);
    if response.status() == StatusCode::OK {
        *response.status_mut() = status(reason);
    }
    // The answer to HEAD has the fields of the answer to GET, and no body.
    if asked.parts.method == Method::HEAD {
        *response.body_mut() = Bytes::new();
    }
    if let Some(seconds) = retry_after {
        lines.number(seconds);
        lines.set(&names::RETRY_AFTER);
    }
    // RFC 6585 forbids storing a 429; a 503 must not stick either.
    let _full = response.headers_mut().try_insert(CACHE_CONTROL, HeaderValue::from_static("no-store")).is_err();
    response
}

fn status(reason: Reason) -> StatusCode {
    match reason {
        Reason::AbnormalUsage | Reason::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
        Reason::ReducedCapacity => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// A random time up to `most`. The keys of a `RandomState` differ each time one is made.
fn jitter(most: Duration) -> Duration {
    if most.is_zero() {
        return Duration::ZERO;
    }
    let random = u128::from(RandomState::new().hash_one(0u8));
    let nanos = most.as_nanos().saturating_add(1).saturating_mul(random) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(most)
}

#[cfg(test)]
mod tests;
