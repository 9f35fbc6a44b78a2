//! Numbers for dashboards and alerts, through the `metrics` facade: whatever recorder the application
//! has installed gets them.
//!
//! ```
//! use limiter_core::event::metrics::Metrics;
//! use limiter_core::{Limiter, Policy, Rule, key::Key};
//!
//! // Install a recorder first, such as `metrics_exporter_prometheus::PrometheusBuilder`.
//! let limiter = Limiter::builder().observer(Metrics::new()).build();
//! let policy = Policy::new("login", [Rule::new("5/min".parse()?)])?;
//! let _ = limiter.check(&policy, &Key::from(7u64));
//! // limiter_decisions_total{rule="login",outcome="allowed"} 1
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | name | kind | labels | meaning |
//! |---|---|---|---|
//! | `limiter_requests_total` | counter | `outcome`, `source` | decisions: allowed or denied, and who decided |
//! | `limiter_decisions_total` | counter | `rule`, `outcome` | what each rule said: `allowed`, `spent`, `never_fits`, `no_key`, `no_room`, `store_failed`, `in_flight`, `queued`, or in shadow `shadow_denied` |
//! | `limiter_near_limit_total` | counter | `rule` | allowed requests that left a fifth of the quota or less |
//! | `limiter_remaining_ratio` | histogram | `rule` | what allowed requests left of the quota, 0 to 1 |
//! | `limiter_retry_after_seconds` | histogram | `rule` | the wait that refused requests were told |
//! | `limiter_degraded_total` | counter | | decisions that something else than the store made |
//! | `limiter_store_failures_total` | counter | `kind` | `timeout` or `unavailable` |
//! | `limiter_store_outage_seconds` | histogram | | how long the store was away, told when it is back |
//! | `limiter_store_seconds` | histogram | `operation` | how long a [`Timed`] store took |
//! | `limiter_warnings_total` | counter | `code` | [warnings](crate::Warning) |
//! | `limiter_keys`, `limiter_log_bytes` | gauge | | what the [memory store](crate::store::memory) holds, by [`sample`] |
//! | `limiter_pruned_total`, `limiter_evicted_total`, `limiter_shared_total`, `limiter_turned_away_total` | counter | | what it did for want of room, by [`sample`] |
//! | `limiter_violations_..` | | | how the [violation tracker](crate::event::violation) does, by `sample_tracker` |
//!
//! No label holds anything that a client chose, and rules beyond the first 512 share one name.

mod sample;
mod timed;

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

use super::per_rule::PerRule;
use super::{Event, Observer, StoreFailure, StoreRecovery, WarnOnly, Warning};
use crate::decision::{Decision, Outcome, Source, Usage};

pub use sample::sample;
#[cfg(feature = "violations")]
pub use sample::sample_tracker;
pub use timed::Timed;

/// Passes numbers on to the recorder that is installed when a rule is first seen. See the
/// [module](self) for which.
pub struct Metrics {
    rules: PerRule<RuleMetrics>,
}

/// The handles of one rule, so that a decision looks nothing up in the recorder.
struct RuleMetrics {
    outcomes: [Counter; OUTCOMES.len()],
    near_limit: Counter,
    remaining: Histogram,
    retry_after: Histogram,
}

/// In the order of [`place`].
const OUTCOMES: [&str; 9] =
    ["allowed", "spent", "never_fits", "no_key", "no_room", "store_failed", "shadow_denied", "in_flight", "queued"];

/// The place of what a rule in shadow would have refused.
const SHADOW_DENIED: usize = 8;

/// What is left of a quota that is nearly spent.
const NEAR: f64 = 0.2;

impl Metrics {
    /// Install a recorder before.
    #[must_use]
    pub fn new() -> Self {
        describe_counter!("limiter_requests_total", "Decisions, by outcome and by who decided.");
        describe_counter!("limiter_decisions_total", "What each rule said.");
        describe_counter!("limiter_near_limit_total", "Allowed requests that left a fifth of the quota or less.");
        describe_counter!("limiter_degraded_total", "Decisions that something else than the store made.");
        describe_counter!("limiter_store_failures_total", "Operations that the store did not carry out.");
        describe_counter!("limiter_warnings_total", "Things to be mended, by code.");
        describe_histogram!("limiter_remaining_ratio", "What allowed requests left of the quota.");
        describe_histogram!("limiter_retry_after_seconds", Unit::Seconds, "The wait that refused requests were told.");
        Metrics { rules: PerRule::new() }
    }

    fn rule(&self, usage: &Usage) -> std::sync::Arc<RuleMetrics> {
        self.rules.of(usage.name(), |rule| RuleMetrics {
            outcomes: OUTCOMES
                .map(|outcome| counter!("limiter_decisions_total", "rule" => rule.to_owned(), "outcome" => outcome)),
            near_limit: counter!("limiter_near_limit_total", "rule" => rule.to_owned()),
            remaining: histogram!("limiter_remaining_ratio", "rule" => rule.to_owned()),
            retry_after: histogram!("limiter_retry_after_seconds", "rule" => rule.to_owned()),
        })
    }
}

impl RuleMetrics {
    fn count(&self, place: usize) {
        if let Some(counter) = self.outcomes.get(place) {
            counter.increment(1);
        }
    }

    fn allowed(&self, usage: &Usage) {
        if usage.limit() > 0 {
            let left = usage.remaining() as f64 / usage.limit() as f64;
            self.remaining.record(left);
            if left <= NEAR {
                self.near_limit.increment(1);
            }
        }
    }
}

fn place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Allowed => 0,
        Outcome::Spent => 1,
        Outcome::NeverFits => 2,
        Outcome::NoKey => 3,
        Outcome::NoRoom => 4,
        Outcome::StoreFailed => 5,
        Outcome::InFlight => 7,
        Outcome::Queued => 8,
    }
}

fn count(decision: &Decision, outcome: &'static str) {
    let source = match decision.source() {
        Source::AccessList => "access_list",
        Source::Closed => "closed",
        Source::DenialCache => "denial_cache",
        Source::Lease => "lease",
        Source::Local => "local",
        Source::Open => "open",
        Source::Store => "store",
    };
    counter!("limiter_requests_total", "outcome" => outcome, "source" => source).increment(1);
    if decision.is_degraded() {
        counter!("limiter_degraded_total").increment(1);
    }
}

impl Observer for Metrics {
    fn on_allow(&self, event: &Event<'_>) {
        count(event.decision, "allowed");
        for usage in event.decision.usages() {
            let rule = self.rule(usage);
            if usage.would_refuse() {
                rule.count(SHADOW_DENIED);
            } else {
                rule.count(place(usage.outcome()));
                rule.allowed(usage);
            }
        }
    }

    fn on_deny(&self, event: &Event<'_>) {
        count(event.decision, "denied");
        for usage in event.decision.usages().iter().filter(|usage| usage.outcome() != Outcome::Allowed) {
            let rule = self.rule(usage);
            if usage.is_shadow() {
                rule.count(SHADOW_DENIED);
                continue;
            }
            rule.count(place(usage.outcome()));
            if let Some(wait) = usage.retry_after() {
                rule.retry_after.record(wait.as_secs_f64());
            }
        }
    }

    fn on_store_error(&self, failure: &StoreFailure<'_>) {
        let kind = if failure.error.is_timeout() { "timeout" } else { "unavailable" };
        counter!("limiter_store_failures_total", "kind" => kind).increment(1);
    }

    fn on_store_recovery(&self, recovery: &StoreRecovery) {
        histogram!("limiter_store_outage_seconds").record(recovery.outage.as_secs_f64());
    }

    fn on_warning(&self, warning: &Warning) {
        counter!("limiter_warnings_total", "code" => warning.code()).increment(1);
        WarnOnly.on_warning(warning);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
