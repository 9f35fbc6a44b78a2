//! One rule of an annotated function, handler or not, as data that a static can hold.

mod settled;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use http::request::Parts;
use limiter_core::decision::Name;
use limiter_core::key::parse_source;
use limiter_core::{Algorithm, KeySource, MethodClass, Missing, OnStoreError, Policy, PolicyError, Queue, Quota, Rule};

pub use settled::Settled;

/// One rule as data.
#[derive(Clone, Copy)]
pub struct Spec {
    name: &'static str,
    scope: Option<&'static str>,
    limit: Limit,
    quota: Option<QuotaOf>,
    class: MethodClass,
    algorithm: Option<Algorithm>,
    key: Key,
    trusted_key: bool,
    missing: Option<Missing>,
    cost: Cost,
    lease: Option<u64>,
    penalty: bool,
    shadow: bool,
    settled: Option<Settled>,
    queue: Option<(u32, u64, bool)>,
    on_store_error: Option<OnStoreError>,
}

#[derive(Clone, Copy)]
enum Limit {
    Concurrent(u32),
    Quota(&'static str),
}

#[derive(Clone, Copy)]
enum Key {
    /// The one that goes with the limit.
    Default,
    Function(fn() -> Arc<dyn KeySource>),
    Notation(&'static str),
}

/// What says each caller's quota.
#[derive(Clone, Copy)]
enum QuotaOf {
    /// The call, which is no request.
    Call,
    Request(fn(&Parts) -> Quota),
}

#[derive(Clone, Copy)]
enum Cost {
    Fixed(u32),
    Function(fn(&Parts) -> u32),
}

/// A user's key function, or another source, as what rules take.
#[cfg(feature = "axum")]
pub fn key_source<K: KeySource>(source: K) -> Arc<dyn KeySource> {
    Arc::new(source)
}

impl Spec {
    /// So much per time.
    #[must_use]
    pub const fn quota(name: &'static str, quota: &'static str) -> Self {
        Self::new(name, Limit::Quota(quota))
    }

    /// So many at the same time.
    #[must_use]
    pub const fn concurrent(name: &'static str, slots: u32) -> Self {
        Self::new(name, Limit::Concurrent(slots))
    }

    const fn new(name: &'static str, limit: Limit) -> Self {
        Spec {
            name,
            scope: None,
            limit,
            quota: None,
            class: MethodClass::Any,
            algorithm: None,
            key: Key::Default,
            trusted_key: false,
            missing: None,
            cost: Cost::Fixed(1),
            lease: None,
            penalty: false,
            shadow: false,
            settled: None,
            queue: None,
            on_store_error: None,
        }
    }

    /// Each caller's own, by the user's function; the one stated is the default.
    #[must_use]
    pub const fn quota_fn(mut self, quota: fn(&Parts) -> Quota) -> Self {
        self.quota = Some(QuotaOf::Request(quota));
        self
    }

    /// Each caller's own, which comes with the call; the one stated is the default.
    #[must_use]
    pub const fn quota_of_call(mut self) -> Self {
        self.quota = Some(QuotaOf::Call);
        self
    }

    /// Counts reads alone.
    #[must_use]
    pub const fn read(mut self) -> Self {
        self.class = MethodClass::Read;
        self
    }

    /// Counts writes alone.
    #[must_use]
    pub const fn write(mut self) -> Self {
        self.class = MethodClass::Write;
        self
    }

    /// How requests per time are counted.
    #[must_use]
    pub const fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// By a key in the notation.
    #[must_use]
    pub const fn key(mut self, notation: &'static str) -> Self {
        self.key = Key::Notation(notation);
        self
    }

    /// By the user's function.
    #[must_use]
    pub const fn key_fn(mut self, source: fn() -> Arc<dyn KeySource>) -> Self {
        self.key = Key::Function(source);
        self
    }

    /// Something in front has checked the key.
    #[must_use]
    pub const fn trusted_key(mut self) -> Self {
        self.trusted_key = true;
        self
    }

    /// What becomes of requests without the key.
    #[must_use]
    pub const fn missing(mut self, missing: Missing) -> Self {
        self.missing = Some(missing);
        self
    }

    /// What each request takes.
    #[must_use]
    pub const fn cost(mut self, cost: u32) -> Self {
        self.cost = Cost::Fixed(cost);
        self
    }

    /// What a request takes, by the user's function.
    #[must_use]
    pub const fn cost_fn(mut self, cost: fn(&Parts) -> u32) -> Self {
        self.cost = Cost::Function(cost);
        self
    }

    /// After how many nanoseconds a slot runs out.
    #[must_use]
    pub const fn lease(mut self, nanos: u64) -> Self {
        self.lease = Some(nanos);
        self
    }

    /// Counts what is refused too.
    #[must_use]
    pub const fn penalty(mut self) -> Self {
        self.penalty = true;
        self
    }

    /// Refuses nothing until it is told to.
    #[must_use]
    pub const fn shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    /// Settles charges once the outcome is known.
    #[must_use]
    pub const fn settled(mut self, settled: Settled) -> Self {
        self.settled = Some(settled);
        self
    }

    /// Holds so many requests of a key that find no room, for so many nanoseconds each.
    #[must_use]
    pub const fn queue(mut self, places: u32, max_wait: u64) -> Self {
        self.queue = Some((places, max_wait, false));
        self
    }

    /// The same, and lets them through evenly spaced.
    #[must_use]
    pub const fn spaced(mut self, places: u32, max_wait: u64) -> Self {
        self.queue = Some((places, max_wait, true));
        self
    }

    /// What to do when the store fails.
    #[must_use]
    pub const fn on_store_error(mut self, choice: OnStoreError) -> Self {
        self.on_store_error = Some(choice);
        self
    }

    /// Whose budget it is.
    #[must_use]
    pub const fn scope(mut self, scope: &'static str) -> Self {
        self.scope = Some(scope);
        self
    }

    /// The policy of a function of this name in this module.
    pub(crate) fn policy(site: &str, function: &'static str, rules: &[Self]) -> Result<Policy, PolicyError> {
        let rules = rules.iter().map(Spec::rule).collect::<Result<Vec<_>, _>>()?;
        Policy::identified(site, Name::from_static(function), rules)
    }

    fn rule(&self) -> Result<Rule, PolicyError> {
        let mut rule = match self.limit {
            Limit::Concurrent(slots) => Rule::concurrent(slots),
            Limit::Quota(quota) => Rule::new(quota.parse::<Quota>()?),
        };
        rule = rule.named(Name::from_static(self.name)).class(self.class);
        if let Some(algorithm) = self.algorithm {
            rule = rule.algorithm(algorithm);
        }
        if let Some(scope) = self.scope {
            rule = rule.scope(Name::from_static(scope));
        }
        rule = match self.key {
            Key::Default => rule,
            Key::Function(source) => rule.key_source(source()),
            Key::Notation(notation) => rule.key_source(parse_source(notation)?),
        };
        if self.trusted_key {
            rule = rule.trusted_key();
        }
        if let Some(missing) = self.missing {
            rule = rule.missing(missing);
        }
        rule = match (self.quota, self.limit) {
            (Some(QuotaOf::Request(quota)), _) => rule.quota_fn(quota),
            // A rule whose default is no limit is kept, as it has to be for a function.
            (Some(QuotaOf::Call), Limit::Quota(quota)) => {
                let stated = quota.parse::<Quota>()?;
                rule.quota_fn(move |_| stated)
            }
            _ => rule,
        };
        if let Some(nanos) = self.lease {
            rule = rule.lease(Duration::from_nanos(nanos));
        }
        if self.penalty {
            rule = rule.penalty();
        }
        if self.shadow {
            rule = rule.shadow();
        }
        if let Some(settled) = self.settled {
            rule = rule.settle(settled.settle()?);
        }
        if let Some((places, max_wait, is_spaced)) = self.queue {
            let queue = Queue::new(places, Duration::from_nanos(max_wait));
            rule = rule.queue(if is_spaced { queue.spaced() } else { queue });
        }
        if let Some(choice) = self.on_store_error {
            rule = rule.on_store_error(choice);
        }
        Ok(match self.cost {
            Cost::Fixed(cost) => rule.cost(cost),
            Cost::Function(cost) => rule.cost_fn(cost),
        })
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec").field("name", &self.name).finish_non_exhaustive()
    }
}
