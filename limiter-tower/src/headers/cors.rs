//! Which fields a script of another origin may read.

use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, HeaderMap, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER};

use super::choice::{Family, Legacy};
use super::names;
use super::wire::Wire;

impl Wire {
    /// The fields that browsers must be told to show to scripts of another origin: what a CORS
    /// layer outside the limiter takes as its exposed headers. A wildcard would not do, since it
    /// means nothing for requests with credentials.
    ///
    /// Put the CORS layer outside: it then answers preflights itself, and its fields stand on refusals
    /// too. Inside, preflights are free as well, but a refusal reaches no script: the browser reports a
    /// network error in its place. The example `cors` shows the order.
    ///
    /// ```
    /// use limiter_tower::headers::Wire;
    ///
    /// let exposed = Wire::new().exposed_headers();
    /// assert!(exposed.contains(&http::header::RETRY_AFTER));
    /// assert!(exposed.iter().any(|name| name == "x-ratelimit-remaining"));
    /// ```
    #[must_use]
    pub fn exposed_headers(&self) -> Vec<HeaderName> {
        let mut exposed = match self.family {
            Family::Draft06 => vec![
                names::RATELIMIT_POLICY.clone(),
                names::RATELIMIT_LIMIT.clone(),
                names::RATELIMIT_REMAINING.clone(),
                names::RATELIMIT_RESET.clone(),
            ],
            Family::Draft07 | Family::Draft11 => vec![names::RATELIMIT_POLICY.clone(), names::RATELIMIT.clone()],
            Family::Off => Vec::new(),
        };
        if self.legacy != Legacy::Off {
            exposed.extend([self.prefix.limit.clone(), self.prefix.remaining.clone(), self.prefix.reset.clone()]);
        }
        exposed.push(RETRY_AFTER);
        exposed
    }

    /// Whether the response to this request lists its rate-limit fields for other origins.
    pub(crate) fn exposes_to(&self, request: &HeaderMap) -> bool {
        self.expose && request.contains_key(ORIGIN)
    }
}

/// Lists the rate-limit fields that a response has.
pub(crate) fn expose(wire: &Wire, response: &mut HeaderMap) {
    let mut list = String::new();
    for name in wire.exposed_headers() {
        if response.contains_key(&name) {
            if !list.is_empty() {
                list.push_str(", ");
            }
            list.push_str(spelling(&name));
        }
    }
    if let Ok(list) = HeaderValue::try_from(list)
        && !list.is_empty()
    {
        let _full = response.try_append(ACCESS_CONTROL_EXPOSE_HEADERS, list).is_err();
    }
}

/// The usual spelling, for people who read traces; names compare without case.
pub(crate) fn spelling(name: &HeaderName) -> &str {
    const USUAL: [&str; 12] = [
        "RateLimit-Policy",
        "RateLimit",
        "RateLimit-Limit",
        "RateLimit-Remaining",
        "RateLimit-Reset",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
        "X-Rate-Limit-Limit",
        "X-Rate-Limit-Remaining",
        "X-Rate-Limit-Reset",
        "Retry-After",
    ];
    USUAL.into_iter().find(|usual| usual.eq_ignore_ascii_case(name.as_str())).unwrap_or(name.as_str())
}
