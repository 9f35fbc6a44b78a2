//! What the serialisers read: plain numbers, so that they can be tested without a limiter.

use std::time::Duration;

use http::HeaderValue;
use smallvec::SmallVec;

use super::choice::Reason;
use super::written::Written;

/// One decision as the wire shows it.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) rows: SmallVec<[Row<'a>; 2]>,
    /// Why the request was refused; `None` if it passed.
    pub(crate) refused: Option<Reason>,
}

/// One policy, and what the decision says about it.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) policy: PolicyView<'a>,
    /// `None` when the policy did not apply, or when its numbers are not known.
    pub(crate) numbers: Option<Numbers>,
    /// Set for violated policies.
    pub(crate) wait: Option<Wait>,
}

/// One limit.
#[derive(Debug)]
pub(crate) struct PolicyView<'a> {
    pub(crate) name: &'a str,
    pub(crate) quota: u64,
    /// `None` for concurrency.
    pub(crate) window: Option<Duration>,
    /// `None` for requests.
    pub(crate) unit: Option<&'a str>,
    pub(crate) partition: Option<SmallVec<[u8; 8]>>,
    /// What of all this was written before.
    pub(crate) written: Option<&'a Written>,
}

/// What is left of one limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) remaining: u64,
    /// The time in which no more than `remaining` may be used, on an allowed response.
    pub(crate) pace: Option<Duration>,
    /// Time until the whole quota is back.
    pub(crate) reset: Option<Duration>,
}

/// How long to wait before another attempt, from the shortest to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wait {
    /// No time is known.
    Unknown,
    /// So long.
    After(Duration),
    /// Waiting cannot help.
    Never,
}

impl View<'_> {
    /// The longest wait of the violated policies.
    pub(crate) fn wait(&self) -> Wait {
        self.rows.iter().filter_map(|row| row.wait).max().unwrap_or(Wait::Unknown)
    }
}

impl<'a> PolicyView<'a> {
    /// Whether the other is told in the same words, whosever budget it is.
    #[inline]
    pub(super) fn says_what(&self, other: &PolicyView<'_>) -> bool {
        self.quota == other.quota && self.window == other.window && self.unit == other.unit && self.name == other.name
    }

    /// The whole of `RateLimit-Policy`, if this is its only member.
    pub(super) fn line(&self) -> Option<&'a HeaderValue> {
        self.written.filter(|_| self.partition.is_none()).map(|written| &written.policy)
    }

    /// Families that tell a time to reset have no room for a limit without one.
    pub(crate) fn has_reset(&self) -> bool {
        self.window.is_some() && self.unit != Some(super::CONCURRENT)
    }
}

/// Whole seconds, rounded up.
pub(crate) fn secs(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// Whole seconds to wait, rounded up and never 0: a client told 0 comes back at once.
pub(crate) fn secs_to_wait(time: Duration) -> u64 {
    secs(time).max(1)
}
