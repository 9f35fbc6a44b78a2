//! What a decision looks like on the wire: the fields of an answer, and the answer to a refused request.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use limiter_core::algorithm::Algorithm;
use limiter_core::{Decision, Limiter, Outcome, Usage};

/// Builds the answer to a refused request.
pub(crate) type OnLimited = Arc<dyn Fn(&Decision, &Parts) -> Response<Bytes> + Send + Sync>;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Adds the fields of an allowed request to its answer.
pub(crate) fn allowed<B>(response: &mut Response<B>, decision: &Decision, limiter: &Limiter) {
    let status = response.status();
    if status.is_informational() || status.is_redirection() {
        return;
    }
    let fewest = counted(decision).min_by_key(|usage| (usage.remaining(), core::cmp::Reverse(usage.reset_after())));
    if let Some(usage) = fewest {
        trio(response.headers_mut(), usage, limiter);
    }
}

/// The answer to a refused request: the user's, or the default, with the fields of the refusal.
pub(crate) fn denied(
    decision: &Decision,
    parts: &Parts,
    limiter: &Limiter,
    on_limited: Option<&OnLimited>,
) -> Response<Bytes> {
    let mut response = match on_limited {
        Some(on_limited) => on_limited(decision, parts),
        None => problem(decision, parts),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(wait) = decision.retry_after() {
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    let longest = counted(decision).filter(|usage| usage.is_violated()).max_by_key(|usage| usage.retry_after());
    if let Some(usage) = longest {
        trio(headers, usage, limiter);
    }
    response
}

fn problem(decision: &Decision, parts: &Parts) -> Response<Bytes> {
    let status = status(decision);
    let body = if status == StatusCode::TOO_MANY_REQUESTS {
        r#"{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","status":429,"error":"rate_limit_exceeded"}"#
    } else {
        r#"{"type":"https://iana.org/assignments/http-problem-types#temporary-reduced-capacity","status":503,"error":"over_capacity"}"#
    };
    let body = if parts.method == Method::HEAD { Bytes::new() } else { Bytes::from_static(body.as_bytes()) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// 429 when the caller's quota is spent, 503 when the service is short.
fn status(decision: &Decision) -> StatusCode {
    let callers_fault = |usage: &Usage| {
        usage.outcome() != Outcome::StoreFailed && (usage.is_per_client() || usage.algorithm() != Algorithm::Concurrent)
    };
    if decision.violated().any(callers_fault) { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn counted(decision: &Decision) -> impl Iterator<Item = &Usage> {
    decision.usages().iter().filter(|usage| usage.algorithm() != Algorithm::Concurrent)
}

fn trio(headers: &mut HeaderMap, usage: &Usage, limiter: &Limiter) {
    headers.insert(LIMIT, HeaderValue::from(usage.limit()));
    headers.insert(REMAINING, HeaderValue::from(usage.remaining()));
    if let Some(reset) = usage.reset_after() {
        let at = core::time::Duration::from_nanos(limiter.wall().get()).saturating_add(reset);
        headers.insert(RESET, HeaderValue::from(at.as_secs().saturating_add(u64::from(at.subsec_nanos() > 0))));
    }
}
