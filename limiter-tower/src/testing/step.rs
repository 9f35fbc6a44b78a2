//! What became of one request, from what was decided about it and from the answer it got.

use core::fmt;

use http::header::RETRY_AFTER;
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use limiter_core::{Algorithm, Decision, Usage};

use crate::headers::Refused;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Every limit let it pass, and the service answered with this status.
    Admitted(StatusCode),
    /// The service failed, with this error.
    Failed(String),
    /// A limit refused it, with this status.
    Refused(StatusCode),
}

/// One request of a [`Trace`](super::Trace).
#[derive(Clone, Debug)]
pub struct Step {
    answer: Answer,
    headers: HeaderMap,
    decisions: Vec<Decision>,
}

impl Step {
    pub(super) fn answered(answer: Parts, decisions: Vec<Decision>) -> Self {
        let Parts { status, headers, extensions, .. } = answer;
        let refused = match decisions.as_slice() {
            // A limit that could not decide, or a server elsewhere whose decisions are not known here.
            [] => extensions.get::<Refused>().is_some() || status == StatusCode::TOO_MANY_REQUESTS,
            known => known.iter().any(|decision| !decision.is_allowed()),
        };
        let answer = if refused { Answer::Refused(status) } else { Answer::Admitted(status) };
        Step { answer, headers, decisions }
    }

    pub(super) fn failed(error: String, decisions: Vec<Decision>) -> Self {
        Step { answer: Answer::Failed(error), headers: HeaderMap::new(), decisions }
    }

    /// What became of the request.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Whether every limit let the request pass, whatever the service then answered.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        matches!(self.answer, Answer::Admitted(_))
    }

    /// Whether a limit refused the request.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.answer, Answer::Refused(_))
    }

    /// Whether a limit was asked about the request, and had a rule for it.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.usages().next().is_some() || self.number("x-ratelimit-limit").is_some()
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.answer {
            Answer::Admitted(status) | Answer::Refused(status) => Some(status),
            Answer::Failed(_) => None,
        }
    }

    /// The header fields of the answer.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What was decided, by each limit on the way of the request, outer ones first. Empty if the
    /// request was not counted, or was decided about elsewhere.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// The public name of the tightest rule: the one that refused with the longest wait, else the one
    /// with the fewest units left, quotas before slots.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.tightest().map(Usage::name)
    }

    /// The limit of the tightest [`rule`](Step::rule).
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.tightest().map(Usage::limit).or_else(|| self.number("x-ratelimit-limit"))
    }

    /// What the tightest [`rule`](Step::rule) had left after the request.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.tightest().map(Usage::remaining).or_else(|| self.number("x-ratelimit-remaining"))
    }

    /// The seconds in the `Retry-After` field of the answer: what the client was told to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        self.number(RETRY_AFTER.as_str())
    }

    fn tightest(&self) -> Option<&Usage> {
        let refusing = self.usages().filter(|usage| usage.is_violated()).max_by_key(|usage| usage.retry_after());
        // Free slots say little about the next request, and are not on the wire beside a quota.
        let is_slots = |usage: &&Usage| usage.algorithm() == Algorithm::Concurrent;
        refusing.or_else(|| self.usages().min_by_key(|usage| (is_slots(usage), usage.remaining())))
    }

    fn usages(&self) -> impl Iterator<Item = &Usage> {
        self.decisions.iter().flat_map(Decision::usages)
    }

    fn number(&self, field: &str) -> Option<u64> {
        self.headers.get(field)?.to_str().ok()?.parse().ok()
    }
}

/// A line of the table.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let (answer, status) = match &self.answer {
            Answer::Admitted(status) => ("admitted", status.as_str()),
            Answer::Failed(_) => ("failed", "-"),
            Answer::Refused(status) => ("refused", status.as_str()),
        };
        let (limit, remaining) = (shown(self.limit()), shown(self.remaining()));
        let retry = shown(self.retry_after());
        write!(f, "{answer:<8}  {status:<6}  {limit:>5}  {remaining:>9}  {retry:>11}  ")?;
        match &self.answer {
            Answer::Failed(error) => write!(f, "{}: {error}", self.rule().unwrap_or("-")),
            _ => f.write_str(self.rule().unwrap_or("-")),
        }
    }
}
