//! A refusal, as those who write its body see it.

use std::time::Duration;

use http::StatusCode;
use http::header::HeaderValue;
use http::request::Parts;
use limiter_core::Decision;

use super::body::{Content, Detail};
use super::json::Json;
use crate::headers::view::{Row, View};
use crate::headers::{Reason, Wire};

/// A refused request, and why.
#[derive(Debug)]
pub struct Denial<'a> {
    wire: &'a Wire,
    rows: &'a [Row<'a>],
    decision: &'a Decision,
    reason: Reason,
    retry_after: Option<u64>,
    request: &'a Parts,
}

impl<'a> Denial<'a> {
    pub(super) fn new(
        wire: &'a Wire,
        view: &'a View<'_>,
        decision: &'a Decision,
        reason: Reason,
        retry_after: Option<u64>,
        request: &'a Parts,
    ) -> Self {
        Denial { wire, rows: &view.rows, decision, reason, retry_after, request }
    }

    /// Why the request was refused.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The status of the response: 429 or 503.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        super::status(self.reason)
    }

    /// A stable word for programs: `rate_limit_exceeded` or `over_capacity`.
    #[must_use]
    pub fn error(&self) -> &'static str {
        match self.reason {
            Reason::AbnormalUsage | Reason::QuotaExceeded => "rate_limit_exceeded",
            Reason::ReducedCapacity => "over_capacity",
        }
    }

    /// The problem type's title.
    #[must_use]
    pub fn title(&self) -> &'static str {
        title(self.reason)
    }

    /// What `Retry-After` says: whole seconds. `None` when waiting cannot help, or when no time is
    /// known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after.map(Duration::from_secs)
    }

    /// What to do, in words, if the wire is to say so.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match (&self.wire.detail, self.retry_after) {
            (Detail::Text(text), _) => Some(text.to_string()),
            (Detail::Wait, Some(1)) => Some("Try again in 1 second.".to_owned()),
            (Detail::Wait, Some(seconds)) => Some(format!("Try again in {seconds} seconds.")),
            (Detail::Off, _) | (Detail::Wait, None) => None,
        }
    }

    /// The numbers behind it.
    #[must_use]
    pub fn decision(&self) -> &'a Decision {
        self.decision
    }

    /// The names of the rules that refused.
    pub fn violated(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter(|row| row.wait.is_some()).map(|row| row.policy.name)
    }

    /// The head of the request, for those who answer in the caller's language or format.
    #[must_use]
    pub fn request(&self) -> &'a Parts {
        self.request
    }

    /// The problem document, with a problem type of your own.
    #[must_use]
    pub fn problem(&self, problem_type: &str) -> Content {
        let mut json = Json::new();
        json.string("type", problem_type);
        json.string("title", self.title());
        json.number("status", self.status().as_str());
        json.string("error", self.error());
        if let Some(detail) = self.detail() {
            json.string("detail", &detail);
        }
        json.strings("violated-policies", self.violated());
        Content::new(HeaderValue::from_static("application/problem+json"), json.finish())
    }

    /// The problem document, with the registered type. Of one rule without more to say it is always the same.
    pub(super) fn usual_problem(&self) -> Content {
        let document = || self.problem(self.problem_type());
        let mut violated = self.rows.iter().filter(|row| row.wait.is_some());
        match (violated.next().and_then(|row| row.policy.written), violated.next()) {
            (Some(written), None) if self.wire.detail == Detail::Off => Content::new(
                HeaderValue::from_static("application/problem+json"),
                written.problem(self.reason, || document().bytes().clone()),
            ),
            _ => document(),
        }
    }

    pub(super) fn plain_json(&self) -> Content {
        let mut json = Json::new();
        json.string("error", self.error());
        Content::new(HeaderValue::from_static("application/json"), json.finish())
    }

    pub(super) fn text(&self) -> Content {
        match self.detail() {
            Some(detail) => Content::text(format!("{}. {detail}", self.title())),
            None => Content::text(self.title()),
        }
    }

    pub(super) fn problem_type(&self) -> &'static str {
        match self.reason {
            Reason::AbnormalUsage => "https://iana.org/assignments/http-problem-types#abnormal-usage-detected",
            Reason::QuotaExceeded => "https://iana.org/assignments/http-problem-types#quota-exceeded",
            Reason::ReducedCapacity => "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
        }
    }
}

/// As registered; constant for each type.
pub(crate) fn title(reason: Reason) -> &'static str {
    match reason {
        Reason::AbnormalUsage => "Abnormal Usage Detected",
        Reason::QuotaExceeded => "Quota Exceeded",
        Reason::ReducedCapacity => "Temporary Reduced Capacity",
    }
}
