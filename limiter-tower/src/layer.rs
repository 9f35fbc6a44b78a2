//! The layer.

use std::sync::Arc;

use limiter_core::quota::QuotaList;
use limiter_core::{MethodClass, Policy, PolicyError, Quota, Rule};
use tower_layer::Layer;

use crate::gate::Gate;
use crate::service::RateLimit;

/// Limits the requests of the services it is put around. All of them share the budgets, as do
/// clones of the layer.
#[derive(Clone, Debug)]
pub struct RateLimitLayer {
    gate: Arc<Gate>,
}

/// What rules are named that nobody named.
const DEFAULT_NAME: &str = "default";

impl RateLimitLayer {
    /// So much for each client address: a quota, or several that must all let a request pass, such
    /// as `10/s burst 20, 1000/h`.
    ///
    /// # Errors
    ///
    /// When the text is not a quota or a list of quotas.
    pub fn per_ip(quotas: &str) -> Result<Self, PolicyError> {
        let quotas: QuotaList = quotas.parse()?;
        Policy::new(DEFAULT_NAME, quotas.into_iter().map(Rule::new)).map(Self::from_policy)
    }

    /// So many reads and so many writes a minute for each client address, counted apart.
    ///
    /// # Errors
    ///
    /// None that a number can cause; the type is that of the other constructors.
    pub fn read_write(read: u64, write: u64) -> Result<Self, PolicyError> {
        Policy::new(DEFAULT_NAME, read_write_rules(read, write)).map(Self::from_policy)
    }

    /// The rules of a policy.
    #[must_use]
    pub fn from_policy(policy: Policy) -> Self {
        Self::from_gate(Gate::new(policy))
    }

    pub(crate) fn from_gate(gate: Gate) -> Self {
        RateLimitLayer { gate: Arc::new(gate) }
    }
}

pub(crate) fn read_write_rules(read: u64, write: u64) -> [Rule; 2] {
    [
        Rule::new(Quota::per_minute(read)).class(MethodClass::Read),
        Rule::new(Quota::per_minute(write)).class(MethodClass::Write),
    ]
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::new(inner, Arc::clone(&self.gate))
    }
}
