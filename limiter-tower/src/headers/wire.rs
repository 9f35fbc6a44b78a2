//! The choices about the wire, put together.

use std::borrow::Cow;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use limiter_core::{Decision, Limiter};

use super::choice::{DeniedItems, Family, Legacy, Prefix, Reason, Unit};
use crate::response::{Body, Choices, Denial, Detail};

/// What responses say about limits: which fields, and what refusals look like.
///
/// ```
/// use std::time::Duration;
/// use limiter_tower::headers::{Family, Legacy, Unit, Wire};
/// use limiter_tower::response::Body;
///
/// let wire = Wire::new()
///     .family(Family::Draft11)
///     .legacy(Legacy::Off)
///     .unit("upload", Unit::CONTENT_BYTES)
///     .jitter(Duration::from_secs(2))
///     .body(Body::PlainJson);
/// assert_eq!(wire.exposed_headers(), ["ratelimit-policy", "ratelimit", "retry-after"]);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Wire {
    pub(crate) family: Family,
    pub(crate) legacy: Legacy,
    pub(super) prefix: Prefix,
    pub(super) denied_items: DeniedItems,
    pub(super) partition: Option<RandomState>,
    pub(super) rules: Vec<PerRule>,
    pub(crate) expose: bool,
    pub(crate) jitter: Duration,
    pub(crate) detail: Detail,
    pub(crate) body: Body,
    pub(crate) retry_info: bool,
}

/// What is different for the rule of one name.
#[derive(Clone, Debug)]
pub(super) struct PerRule {
    pub(super) name: Cow<'static, str>,
    pub(super) unit: Option<Unit>,
    pub(super) reason: Option<Reason>,
}

impl Wire {
    /// The fields of draft-11 beside the legacy ones, and refusals as problem documents.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the limits private: no rate-limit fields of any family. Refusals still have their
    /// status, `Retry-After` and `Cache-Control`.
    pub fn private(self) -> Self {
        self.family(Family::Off).legacy(Legacy::Off)
    }

    /// Whether there is nothing to say but on refusals.
    pub(crate) fn is_private(&self) -> bool {
        self.family == Family::Off && self.legacy == Legacy::Off
    }

    /// Whether a date is told.
    pub(crate) fn is_dated(&self) -> bool {
        self.legacy == Legacy::Epoch
    }

    /// Which IETF fields are sent.
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// Whether the legacy fields are sent, and how they tell the reset.
    pub fn legacy(mut self, legacy: Legacy) -> Self {
        self.legacy = legacy;
        self
    }

    /// How the names of the legacy fields begin.
    pub fn legacy_prefix(mut self, prefix: Prefix) -> Self {
        self.prefix = prefix;
        self
    }

    /// Which policies the `RateLimit` field of a refusal lists.
    pub fn denied_items(mut self, items: DeniedItems) -> Self {
        self.denied_items = items;
        self
    }

    /// Says what the rule of this name counts.
    pub fn unit(self, rule: impl Into<Cow<'static, str>>, unit: Unit) -> Self {
        self.with_rule(rule.into(), |rule| rule.unit = Some(unit))
    }

    /// Says what it means when the rule of this name refuses, and with that the status. Without
    /// this a caller's spent quota is [`Reason::QuotaExceeded`], and shared slots or room that run
    /// short are [`Reason::ReducedCapacity`].
    pub fn reason(self, rule: impl Into<Cow<'static, str>>, reason: Reason) -> Self {
        self.with_rule(rule.into(), |rule| rule.reason = Some(reason))
    }

    /// Adds to each `Retry-After` a random time up to `most`, so that callers refused together do
    /// not return together.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// The body of refusals.
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Has refusals in several media types, by what a request accepts.
    pub fn negotiate(self, choices: Choices) -> Self {
        self.body(Body::Negotiated(Arc::new(choices)))
    }

    /// Makes the answer to refused requests yourself: a [`Content`](crate::response::Content), or a whole response. The
    /// fields of the refusal are added to it, and a status of 200, which a fresh response has, is
    /// replaced by that of the refusal. The answer to a `HEAD` request loses its body; gRPC calls
    /// are answered in their own way.
    ///
    /// ```
    /// use limiter_tower::headers::Wire;
    /// use limiter_tower::response::Content;
    ///
    /// let wire = Wire::new().respond_with(|denial| match denial.retry_after() {
    ///     Some(wait) => Content::html(format!("<p>Please come back in {} s.", wait.as_secs())),
    ///     None => Content::html("<p>Please ask for less."),
    /// });
    /// ```
    pub fn respond_with<R>(self, make: impl Fn(&Denial<'_>) -> R + Send + Sync + 'static) -> Self
    where
        R: Into<Response<Bytes>>,
    {
        self.body(Body::Custom(Arc::new(move |denial| make(denial).into())))
    }

    /// Whether the body of refusals says in words what to do.
    pub fn detail(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }

    /// Tells which budget a policy's numbers belong to (`pk`): 8 bytes of a hash that is keyed
    /// anew in every process, so that it gives nobody's address away and means nothing elsewhere.
    pub fn partition_keys(mut self) -> Self {
        self.partition = Some(RandomState::new());
        self
    }

    /// Adds `grpc-status-details-bin` with a `RetryInfo` to refused gRPC calls. Some clients, such
    /// as OTLP exporters, only try again when it is there.
    pub fn grpc_retry_info(mut self) -> Self {
        self.retry_info = true;
        self
    }

    /// Adds `Access-Control-Expose-Headers` to responses to cross-origin requests, for
    /// applications without a CORS layer. Those with one give [`Wire::exposed_headers`] to it.
    pub fn expose_headers(mut self) -> Self {
        self.expose = true;
        self
    }

    /// Adds the fields of a decision that you made yourself to the response of what it let pass.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use limiter_core::key::Key;
    /// use limiter_core::{Limiter, Policy, Rule};
    /// use limiter_tower::headers::Wire;
    ///
    /// let (limiter, wire) = (Limiter::in_memory(), Wire::new());
    /// let policy = Policy::new("api", [Rule::new("1/min".parse()?)])?;
    /// let (request, _) = Request::new(()).into_parts();
    /// let key = Key::from("acme");
    ///
    /// let mut response = Response::new("hello");
    /// wire.describe(&mut response, &limiter.check(&policy, &key), &limiter);
    /// assert_eq!(response.headers()["ratelimit"], "\"api\";r=0;t=60");
    ///
    /// let response = wire.refuse(&limiter.check(&policy, &key), &request, &limiter);
    /// assert_eq!(response.status(), 429);
    /// assert_eq!(response.headers()["retry-after"], "60");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn describe<B>(&self, response: &mut Response<B>, decision: &Decision, limiter: &Limiter) {
        super::allowed(self, response, decision, None, limiter);
    }

    /// Answers a request that a decision of yours refuses. See [`describe`](Wire::describe).
    #[must_use]
    pub fn refuse(&self, decision: &Decision, request: &Parts, limiter: &Limiter) -> Response<Bytes> {
        crate::response::denied(self, decision, request, limiter)
    }

    fn with_rule(mut self, name: Cow<'static, str>, change: impl FnOnce(&mut PerRule)) -> Self {
        match self.rules.iter_mut().find(|rule| rule.name == name) {
            Some(rule) => change(rule),
            None => {
                let mut rule = PerRule { name, unit: None, reason: None };
                change(&mut rule);
                self.rules.push(rule);
            }
        }
        self
    }

    pub(super) fn of_rule(&self, name: &str) -> Option<&PerRule> {
        self.rules.iter().find(|rule| rule.name == name)
    }
}
