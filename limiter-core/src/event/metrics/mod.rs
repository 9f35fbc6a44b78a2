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
//! | `limiter_store_failures_total` | counter | `kind` | `timeout`, `unavailable`, `left_alone`, `foreign` (the key holds what is not ours) or `unsupported` |
//! | `limiter_store_outage_seconds` | histogram | | how long the store was away, told when it is back |
//! | `limiter_store_seconds` | histogram | `operation` | how long a [`Timed`] store took |
//! | `limiter_wait_seconds` | histogram | `outcome` | how long those stood in line who had to, allowed or denied in the end |
//! | `limiter_warnings_total` | counter | `code` | [warnings](crate::Warning) |
//! | `limiter_waiting`, `limiter_unsettled` | gauge | | how many stand in line, and how many requests are yet to be settled, by [`sample`] |
//! | `limiter_store_events_total` | counter | `event` | what a store on the network counts of itself, such as `connections` or `timeouts`, by [`sample`] |
//! | `limiter_keys`, `limiter_log_bytes` | gauge | | what the [memory store](crate::store::memory) holds, by [`sample`] |
//! | `limiter_pruned_total`, `limiter_evicted_total`, `limiter_shared_total`, `limiter_turned_away_total` | counter | | what it did for want of room, by [`sample`] |
//! | `limiter_violations_..` | | | how the [violation tracker](crate::event::violation) does, by `sample_tracker` |
//!
//! No label holds anything that a client chose, and rules beyond the first 512 share one name.

mod sample;
mod timed;

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

use super::per_rule::PerRule;
use super::{Event, Observer, StoreFailure, StoreRecovery, WaitOver, WarnOnly, Warning};
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

/// What a rule can say, with its label; `None` is what a rule in shadow would have refused.
const OUTCOMES: [(Option<Outcome>, &str); 9] = [
    (Some(Outcome::Allowed), "allowed"),
    (Some(Outcome::Spent), "spent"),
    (Some(Outcome::NeverFits), "never_fits"),
    (Some(Outcome::NoKey), "no_key"),
    (Some(Outcome::NoRoom), "no_room"),
    (Some(Outcome::StoreFailed), "store_failed"),
    (Some(Outcome::InFlight), "in_flight"),
    (Some(Outcome::Queued), "queued"),
    (SHADOW_DENIED, "shadow_denied"),
];

/// What a rule in shadow would have refused.
const SHADOW_DENIED: Option<Outcome> = None;

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
        describe_histogram!("limiter_wait_seconds", Unit::Seconds, "How long those stood in line who had to.");
        Metrics { rules: PerRule::new() }
    }

    fn rule(&self, usage: &Usage) -> std::sync::Arc<RuleMetrics> {
        self.rules.of(usage.name(), |rule| RuleMetrics {
            outcomes: OUTCOMES
                .map(|(_, label)| counter!("limiter_decisions_total", "rule" => rule.to_owned(), "outcome" => label)),
            near_limit: counter!("limiter_near_limit_total", "rule" => rule.to_owned()),
            remaining: histogram!("limiter_remaining_ratio", "rule" => rule.to_owned()),
            retry_after: histogram!("limiter_retry_after_seconds", "rule" => rule.to_owned()),
        })
    }
}

impl RuleMetrics {
    fn count(&self, said: Option<Outcome>) {
        for ((outcome, _), counter) in OUTCOMES.iter().zip(&self.outcomes) {
            if *outcome == said {
                counter.increment(1);
            }
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
                rule.count(Some(usage.outcome()));
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
            rule.count(Some(usage.outcome()));
            if let Some(wait) = usage.retry_after() {
                rule.retry_after.record(wait.as_secs_f64());
            }
        }
    }

    fn on_store_error(&self, failure: &StoreFailure<'_>) {
        counter!("limiter_store_failures_total", "kind" => failure.error.kind()).increment(1);
    }

    fn on_store_recovery(&self, recovery: &StoreRecovery) {
        histogram!("limiter_store_outage_seconds").record(recovery.outage.as_secs_f64());
    }

    fn on_wait(&self, wait: &WaitOver) {
        let outcome = if wait.allowed { "allowed" } else { "denied" };
        histogram!("limiter_wait_seconds", "outcome" => outcome).record(wait.waited.as_secs_f64());
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
