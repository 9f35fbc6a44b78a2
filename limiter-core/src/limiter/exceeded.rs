//! A refused claim, as an error.

use core::fmt;
use std::time::Duration;

use super::granted::Granted;
use crate::decision::{Decision, Outcome, Usage};
use crate::key::Key;
use crate::time::Nanos;

/// A claim was refused, and nothing was charged.
///
/// It names the rule and never whose key it was: it may be logged, and shown to people.
///
/// ```
/// use limiter_core::{Limiter, Policy, RateLimitExceeded, Rule, key::Key};
///
/// let policy = Policy::new("mails", [Rule::new("1/min".parse()?)])?;
/// let limiter = Limiter::in_memory();
/// let _first = limiter.try_acquire(&policy, &Key::from("alice@example.org"))?;
/// let refused: RateLimitExceeded = limiter.try_acquire(&policy, &Key::from("alice@example.org")).unwrap_err();
/// assert_eq!(refused.rule(), Some("mails"));
/// assert!(refused.retry_after().is_some_and(|wait| wait.as_secs() >= 59));
/// assert!(refused.to_string().starts_with("rate limit `mails` is exceeded, retry in "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RateLimitExceeded {
    inner: Box<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    decision: Decision,
    key: Option<Key>,
    reason: Exceeded,
    waited: Duration,
}

/// Why a claim was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exceeded {
    /// It asks for more than a rule can ever admit.
    NeverFits,
    /// Others wait for the same, and it did not want to wait for its turn.
    OthersWait,
    /// More than enough wait for the same.
    QueueFull,
    /// A rule refused it, and it did not want to wait, or not for as long as it would have to.
    Spent,
    /// The store failed, or cannot count a rule of the claim.
    StoreFailed,
    /// It waited, and its time was up.
    TimedOut,
}

impl RateLimitExceeded {
    pub(super) fn new(granted: Granted, reason: Exceeded, waited: Duration) -> Self {
        let Granted { ruling, keys, full: _ } = granted;
        let at = ruling.decision.usages().iter().position(Usage::is_violated);
        let key = at.or(Some(0)).and_then(|at| keys.into_iter().nth(at));
        RateLimitExceeded { inner: Box::new(Inner { decision: ruling.decision, key, reason, waited }) }
    }

    /// A refusal that no rule was asked about.
    #[must_use]
    pub fn unasked(reason: Exceeded) -> Self {
        RateLimitExceeded::new(Granted::default(), reason, Duration::ZERO)
    }

    /// The reason that a refusal without waiting has.
    pub(super) fn reason_of(decision: &Decision) -> Exceeded {
        let any = |outcome| decision.violated().any(|usage| usage.outcome() == outcome);
        if any(Outcome::NeverFits) {
            Exceeded::NeverFits
        } else if any(Outcome::StoreFailed) || decision.violated().next().is_none() {
            Exceeded::StoreFailed
        } else {
            Exceeded::Spent
        }
    }

    /// The name of the first rule that refused. `None` if none was asked.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        let usages = self.inner.decision.usages();
        usages.iter().find(|usage| usage.is_violated()).or(usages.first()).map(Usage::name)
    }

    /// Who was limited by that rule. Its `Debug` shows kinds and lengths only.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        self.inner.key.as_ref()
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Exceeded {
        self.inner.reason
    }

    /// When to try again. `None` where no time is known, or where no time would help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.decision.retry_after()
    }

    /// How long the claim waited in vain.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.inner.waited
    }

    /// The numbers of every rule that was asked.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.inner.decision
    }
}

impl fmt::Display for RateLimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule() {
            Some(rule) => write!(f, "rate limit `{rule}` is exceeded")?,
            None => f.write_str("a rate limit is exceeded")?,
        }
        match self.reason() {
            Exceeded::NeverFits => f.write_str(", which can never admit so much at once")?,
            Exceeded::OthersWait => f.write_str(", others wait for it")?,
            Exceeded::QueueFull => f.write_str(", and its queue is full")?,
            Exceeded::StoreFailed => f.write_str(", since its store cannot decide")?,
            Exceeded::TimedOut => write!(f, ", even after {:?}", self.waited())?,
            Exceeded::Spent => {}
        }
        match self.retry_after() {
            // For people: a second, or a thousandth where it is less, and never too early.
            Some(wait) if wait.as_secs() > 0 => write!(f, ", retry in {}s", Nanos::from(wait).as_secs_ceil()),
            Some(wait) => write!(f, ", retry in {}ms", wait.as_micros().div_ceil(1000)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RateLimitExceeded {}
