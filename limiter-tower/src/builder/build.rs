//! Checks everything and makes the layer.

use core::mem;

use limiter_core::{Name, Policy, Rule};

use super::{LayerError, RateLimitBuilder};
#[cfg(feature = "axum")]
use crate::axum::Routes;
use crate::gate::Gate;
use crate::layer::{DEFAULT_NAME, RateLimitLayer};

impl RateLimitBuilder {
    /// Checks everything and makes the layer.
    ///
    /// # Errors
    ///
    /// When a quota, a key or a path could not be read, when there are no rules, when the rules do
    /// not make a policy, or when the limiter's store cannot count them.
    pub fn build(mut self) -> Result<RateLimitLayer, LayerError> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        #[cfg(feature = "axum")]
        let mut routes = None;
        let policy = match self.policy {
            Some(_) if !self.rules.is_empty() => return Err(LayerError::PolicyAndRules),
            Some(policy) => policy,
            None if self.rules.is_empty() => return Err(LayerError::NoRules),
            None => {
                let planned = mem::take(&mut self.rules);
                let rules: Vec<Rule> = planned.into_iter().map(|planned| self.planned(planned)).collect();
                #[cfg(feature = "axum")]
                if self.per_route {
                    routes = Some(Routes::new(self.name.clone(), rules.clone()));
                }
                Policy::new(self.name.unwrap_or(Name::from_static(DEFAULT_NAME)), rules)?
            }
        };
        if let Some(limiter) = &self.limiter {
            limiter.prepare(&policy)?;
        }
        let gate = Gate::new(policy, self.limiter, self.exempt)
            .telling(self.wire, self.on_limited)
            .with_fields(self.fields)
            .with_access(self.access)
            .sharing(self.share);
        #[cfg(feature = "axum")]
        let gate = gate.by_route(routes);
        Ok(RateLimitLayer::from_gate(gate))
    }
}
