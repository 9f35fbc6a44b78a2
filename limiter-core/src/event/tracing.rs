//! Events for logs, through `tracing`: refusals, store failures and warnings, with a bound for each
//! rule so that an attack does not fill a disk.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use super::per_rule::PerRule;
use super::{Event, Observer, StoreFailure, StoreRecovery, Warning};
use crate::decision::Usage;
use crate::key::Key;
use crate::time::{Clock, Nanos, SystemClock};

/// Writes what a limiter does as `tracing` events of target `limiter`: refusals at level INFO, store
/// failures and warnings at WARN.
///
/// Of each rule at most [so many](Self::at_most) refusals are told in a stretch of time; the next
/// stretch begins with how many were left out. Clients are not named unless asked for.
///
/// ```
/// use limiter_core::Limiter;
/// use limiter_core::event::tracing::TraceEvents;
/// use std::time::Duration;
///
/// let trace = TraceEvents::new().at_most(100, Duration::from_secs(60));
/// let limiter = Limiter::builder().observer(trace).build();
/// ```
pub struct TraceEvents {
    rules: PerRule<Sampler>,
    failures: Sampler,
    most: u64,
    stretch: Nanos,
    clients: bool,
    clock: Arc<dyn Clock>,
}

/// How many events were told in this stretch of time.
#[derive(Default)]
struct Sampler {
    /// When the stretch began, plus one nanosecond; 0 before the first.
    began: AtomicU64,
    seen: AtomicU64,
}

impl TraceEvents {
    /// Tells of ten refusals by each rule in ten seconds.
    #[must_use]
    pub fn new() -> Self {
        TraceEvents {
            rules: PerRule::new(),
            failures: Sampler::default(),
            most: 10,
            stretch: Nanos::from(Duration::from_secs(10)),
            clients: false,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// How many refusals by each rule, and how many store failures, to tell of in a stretch of time.
    #[must_use]
    pub fn at_most(mut self, events: u64, stretch: Duration) -> Self {
        self.most = events;
        self.stretch = Nanos::from(stretch);
        self
    }

    /// Names clients: addresses, users, tenants. Secrets stay hashed.
    #[must_use]
    pub fn with_clients(mut self) -> Self {
        self.clients = true;
        self
    }

    /// Tells the time by another clock, such as a manual one in tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Whether to tell of one more, and how many were left out before it.
    fn may_tell(&self, sampler: &Sampler) -> Option<u64> {
        let now = self.clock.monotonic();
        let began = sampler.began.load(Ordering::Relaxed);
        let is_new = began == 0 || now.saturating_sub(Nanos::new(began - 1)) >= self.stretch;
        let next = now.get().saturating_add(1);
        if is_new && sampler.began.compare_exchange(began, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let left_out = sampler.seen.swap(1, Ordering::Relaxed).saturating_sub(self.most);
            return (self.most > 0).then_some(left_out);
        }
        (sampler.seen.fetch_add(1, Ordering::Relaxed) < self.most).then_some(0)
    }

    fn refused(&self, usage: &Usage, key: &Key, event: &Event<'_>) {
        if !::tracing::enabled!(target: "limiter", ::tracing::Level::INFO) {
            return;
        }
        let sampler = self.rules.of(usage.name(), |_| Sampler::default());
        let Some(left_out) = self.may_tell(&sampler) else { return };
        let client = self.clients.then(|| key.reveal().to_string());
        ::tracing::info!(
            target: "limiter",
            rule = usage.name(),
            outcome = ?usage.outcome(),
            shadow = usage.is_shadow(),
            client,
            key = ?key,
            cost = usage.cost(),
            limit = usage.limit(),
            retry_after_ms = usage.retry_after().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            source = ?event.decision.source(),
            method = event.request.map(|parts| parts.method.as_str()),
            path = event.request.map(|parts| parts.uri.path()),
            left_out,
            "refused",
        );
    }
}

impl Observer for TraceEvents {
    fn on_allow(&self, event: &Event<'_>) {
        for (usage, key) in event.decision.usages().iter().zip(event.keys) {
            if usage.would_refuse() {
                self.refused(usage, key, event);
            }
        }
    }

    fn on_deny(&self, event: &Event<'_>) {
        for (usage, key) in event.decision.usages().iter().zip(event.keys) {
            if usage.is_violated() || usage.would_refuse() {
                self.refused(usage, key, event);
            }
        }
        if let Some(denied) = event.decision.denied()
            && let Some(left_out) = self.may_tell(&self.rules.of("access-list", |_| Sampler::default()))
        {
            let path = event.request.map(|parts| parts.uri.path());
            ::tracing::info!(target: "limiter", by = ?denied.by(), path, left_out, "turned away by the access list");
        }
    }

    fn on_store_error(&self, failure: &StoreFailure<'_>) {
        let Some(left_out) = self.may_tell(&self.failures) else { return };
        let cause = std::error::Error::source(failure.error).map(ToString::to_string);
        let allowed = failure.decision.is_allowed();
        ::tracing::warn!(target: "limiter", error = %failure.error, cause, allowed, left_out, "decided without the store");
    }

    fn on_store_recovery(&self, recovery: &StoreRecovery) {
        let (outage, decisions) = (recovery.outage, recovery.decisions);
        ::tracing::info!(target: "limiter", ?outage, decisions, "the store decides again");
    }

    fn on_warning(&self, warning: &Warning) {
        ::tracing::warn!(target: "limiter", code = warning.code(), docs = warning.docs(), "{warning}");
    }
}

impl Default for TraceEvents {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for TraceEvents {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TraceEvents").field("most", &self.most).field("clients", &self.clients).finish_non_exhaustive()
    }
}
