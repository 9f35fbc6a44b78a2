//! One annotated function: its rules as data, and the policy that is made of them at the first call.

use core::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use limiter_core::decision::Name;
use limiter_core::key::{Extracted, Global, IntoKey, Part};
use limiter_core::{
    Algorithm, Claim, Exceeded, Held, Key, Limiter, OnStoreError, Policy, PolicyError, Quota, RateLimitExceeded, Rule,
    Wait, Warning,
};

use crate::limiter_layer::of_process;

/// One rule as data.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    name: &'static str,
    scope: Option<&'static str>,
    limit: Limit,
    algorithm: Option<Algorithm>,
    cost: Option<u32>,
    lease: Option<u64>,
    penalty: bool,
    keyed: bool,
    on_store_error: Option<OnStoreError>,
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    Concurrent(u32),
    Quota(&'static str),
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
            algorithm: None,
            cost: None,
            lease: None,
            penalty: false,
            keyed: false,
            on_store_error: None,
        }
    }

    /// How calls per time are counted.
    #[must_use]
    pub const fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// What each call takes.
    #[must_use]
    pub const fn cost(mut self, cost: u32) -> Self {
        self.cost = Some(cost);
        self
    }

    /// After how many nanoseconds a slot runs out.
    #[must_use]
    pub const fn lease(mut self, nanos: u64) -> Self {
        self.lease = Some(nanos);
        self
    }

    /// Counts refused calls too.
    #[must_use]
    pub const fn penalty(mut self) -> Self {
        self.penalty = true;
        self
    }

    /// Limits whoever the key says, rather than everybody together.
    #[must_use]
    pub const fn keyed(mut self) -> Self {
        self.keyed = true;
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

    fn rule(&self) -> Result<Rule, PolicyError> {
        let mut rule = match self.limit {
            Limit::Concurrent(slots) => Rule::concurrent(slots),
            Limit::Quota(quota) => Rule::new(quota.parse::<Quota>()?),
        };
        rule = rule.named(Name::from_static(self.name));
        if !self.keyed {
            rule = rule.key(Global);
        }
        if let Some(algorithm) = self.algorithm {
            rule = rule.algorithm(algorithm);
        }
        if let Some(cost) = self.cost {
            rule = rule.cost(cost);
        }
        if let Some(nanos) = self.lease {
            rule = rule.lease(Duration::from_nanos(nanos));
        }
        if self.penalty {
            rule = rule.penalty();
        }
        if let Some(choice) = self.on_store_error {
            rule = rule.on_store_error(choice);
        }
        Ok(match self.scope {
            Some(scope) => rule.scope(Name::from_static(scope)),
            None => rule,
        })
    }
}

/// The place of an attribute in the source.
pub struct Site {
    module: &'static str,
    function: &'static str,
    rules: &'static [Spec],
    wait: Wait,
    policy: OnceLock<Result<Policy, String>>,
}

impl Site {
    /// A function and its rules. Calls do not wait.
    #[must_use]
    pub const fn new(module: &'static str, function: &'static str, rules: &'static [Spec]) -> Self {
        Site { module, function, rules, wait: Wait::up_to(Duration::ZERO), policy: OnceLock::new() }
    }

    /// For how many nanoseconds a call waits.
    #[must_use]
    pub const fn max_wait(mut self, nanos: u64) -> Self {
        self.wait = Wait::up_to(Duration::from_nanos(nanos));
        self
    }

    /// How many calls wait for the same.
    #[must_use]
    pub const fn queue(mut self, length: u32) -> Self {
        self.wait = self.wait.queue(length as usize);
        self
    }

    /// Under overload the newest goes first.
    #[must_use]
    pub const fn newest_first(mut self) -> Self {
        self.wait = self.wait.newest_first_under_overload();
        self
    }

    /// What a call needs before it may begin; by the limiter of the process where none is given.
    ///
    /// # Errors
    ///
    /// When the call is refused.
    pub async fn acquire(
        &self,
        limiter: Option<&Limiter>,
        key: Key,
        cost: Option<u64>,
    ) -> Result<Held, RateLimitExceeded> {
        let limiter = limiter.unwrap_or_else(|| of_process());
        let policy = match self.policy.get_or_init(|| self.build()) {
            Ok(policy) => policy,
            // A limit that cannot be kept is no reason to go without one.
            Err(reason) => {
                let policy = Name::from(format!("{}::{}", self.module, self.function));
                limiter.warn(Warning::BrokenPolicy { policy, reason: reason.clone() });
                return Err(RateLimitExceeded::unasked(Exceeded::StoreFailed));
            }
        };
        let claim = Claim::new(policy, &key);
        let claim = match cost {
            Some(cost) => claim.cost(cost),
            None => claim,
        };
        limiter.claim(claim, self.wait).await
    }

    fn build(&self) -> Result<Policy, String> {
        let site = format!("{}::{}", self.module, self.function);
        let rules = self.rules.iter().map(Spec::rule).collect::<Result<Vec<_>, _>>();
        rules
            .and_then(|rules| Policy::identified(site, Name::from_static(self.function), rules))
            .map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("module", &self.module).field("function", &self.function).finish_non_exhaustive()
    }
}

/// The key of everybody together.
#[must_use]
pub fn everybody() -> Key {
    Key::everyone()
}

/// What the user's expression says; all whose key is missing share one budget.
pub fn key<K: IntoKey>(key: K) -> Key {
    match key.into_key() {
        Extracted::Key(key) => key,
        _ => Key::from(Part::Unknown),
    }
}

/// Whole numbers that a call may cost.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no cost of a call",
    label = "a cost is a `u8`, `u16`, `u32`, `u64` or `usize`"
)]
pub trait Units {
    /// So many units.
    fn units(self) -> u64;
}

macro_rules! units {
    ($($number:ty)*) => {$(
        impl Units for $number {
            fn units(self) -> u64 {
                u64::try_from(self).unwrap_or(u64::MAX)
            }
        }
    )*};
}

units!(u8 u16 u32 u64 usize);

/// What the user's expression says.
pub fn cost(cost: impl Units) -> u64 {
    cost.units()
}
