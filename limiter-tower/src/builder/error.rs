//! What can be wrong with a configuration.

use core::fmt;

use limiter_core::PolicyError;

use crate::exempt::ExemptError;

/// A configuration that does not make a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerError {
    /// A path that cannot be exempt.
    Exempt(ExemptError),
    /// Nothing to limit by.
    NoRules,
    /// Rules that do not make a policy, or that the store cannot count.
    Policy(PolicyError),
    /// A policy made elsewhere, and rules given here.
    PolicyAndRules,
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayerError::Exempt(error) => error.fmt(f),
            LayerError::NoRules => f.write_str(
                "a layer without rules limits nothing; accepted: at least one of `quota`, `read`, `write`, \
                 `read_write` and `rule`, or a `policy`",
            ),
            LayerError::Policy(error) => error.fmt(f),
            LayerError::PolicyAndRules => f.write_str(
                "a layer has a policy and rules beside it; accepted: one `policy`, or rules given one by one",
            ),
        }
    }
}

impl std::error::Error for LayerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LayerError::Exempt(error) => Some(error),
            LayerError::Policy(error) => Some(error),
            LayerError::NoRules | LayerError::PolicyAndRules => None,
        }
    }
}

impl From<ExemptError> for LayerError {
    fn from(error: ExemptError) -> Self {
        LayerError::Exempt(error)
    }
}

impl From<PolicyError> for LayerError {
    fn from(error: PolicyError) -> Self {
        LayerError::Policy(error)
    }
}
