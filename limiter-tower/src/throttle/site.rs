//! One annotated function: its rules, and the policy that is made of them at the first call.

use core::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use limiter_core::decision::Name;
use limiter_core::key::{Extracted, IntoKey, Part};
use limiter_core::{Claim, Exceeded, Held, Key, Limiter, Policy, Quota, RateLimitExceeded, Wait, Warning};

use crate::limiter_layer::of_process;
use crate::spec::Spec;

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
        quota: Option<Quota>,
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
        let claim = match quota {
            Some(quota) => claim.quota(quota),
            None => claim,
        };
        limiter.claim(claim, self.wait).await
    }

    fn build(&self) -> Result<Policy, String> {
        let site = format!("{}::{}", self.module, self.function);
        Spec::policy(&site, self.function, self.rules).map_err(|error| error.to_string())
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

/// Whole numbers that a call may cost. One below zero costs nothing; there is no other way to let a
/// number that is written out be one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no cost of a call",
    label = "a cost is a `u8`, `u16`, `u32`, `u64`, `usize` or `i32`"
)]
pub trait Units {
    /// So many units.
    fn units(self) -> u64;
}

impl Units for i32 {
    fn units(self) -> u64 {
        u64::try_from(self).unwrap_or(0)
    }
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
#[must_use]
pub fn quota(quota: Quota) -> Quota {
    quota
}

/// What the user's expression says.
pub fn cost(cost: impl Units) -> u64 {
    cost.units()
}
