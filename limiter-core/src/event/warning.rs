//! Warnings: configurations that work, but not as their owner meant. Each has a stable code.

use core::fmt;

use crate::decision::Name;

/// Something to be mended by whoever runs the limiter. Told once for each cause.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// The rules of an annotated function make no policy, so it refuses all requests.
    BrokenPolicy {
        /// The function.
        policy: Name,
        /// Why.
        reason: String,
    },
    /// A rule's quota function returned a quota that the rule's algorithm cannot count.
    CallerQuota {
        /// The rule.
        rule: Name,
        /// Why.
        reason: String,
    },
    /// An annotated handler runs under the process-wide default limiter while an explicit one exists.
    DefaultLimiter {
        /// The handler's policy.
        policy: Name,
    },
    /// Requests arrive without the address of their peer.
    NoPeer,
    /// Requests arrive without the key of a rule.
    MissingKey {
        /// The rule.
        rule: Name,
        /// Its key.
        key: String,
    },
    /// An override names a rule, but does not fit it.
    Override {
        /// Why.
        reason: String,
    },
    /// Two rules share a scope but not a quota: their budgets are separate.
    ScopeQuotas {
        /// The scope.
        scope: Name,
    },
}

impl Warning {
    /// A stable code, such as `L001`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Warning::NoPeer => "L001",
            Warning::MissingKey { .. } => "L002",
            Warning::ScopeQuotas { .. } => "L003",
            Warning::DefaultLimiter { .. } => "L004",
            Warning::Override { .. } => "L005",
            Warning::CallerQuota { .. } => "L006",
            Warning::BrokenPolicy { .. } => "L007",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limiter warning {}: ", self.code())?;
        match self {
            Warning::BrokenPolicy { policy, reason } => {
                write!(f, "`{policy}` refuses all requests, since its limit cannot be built: {reason}")
            }
            Warning::CallerQuota { rule, reason } => write!(
                f,
                "the quota function of rule `{rule}` returned a quota that does not fit, so the declared one holds: {reason}"
            ),
            Warning::DefaultLimiter { policy } => write!(
                f,
                "`{policy}` runs under the process-wide default limiter although an explicit one exists; \
                 add its route before `.layer(LimiterLayer::new(limiter))`, or layer the whole router last"
            ),
            Warning::NoPeer => f.write_str(
                "requests arrive without the address of their peer, so all of them share the key `unknown`; \
                 serve with `into_make_service_with_connect_info::<SocketAddr>()`",
            ),
            Warning::MissingKey { rule, key } => write!(
                f,
                "requests arrive without the key `{key}` of rule `{rule}` and share the key `unknown`; \
                 add a fallback such as `{key} | ip`, or choose `missing`"
            ),
            Warning::Override { reason } => write!(f, "an override was left out: {reason}"),
            Warning::ScopeQuotas { scope } => write!(
                f,
                "rules of scope `{scope}` have different quotas, so their budgets are separate; \
                 give them the same quota to share one"
            ),
        }
    }
}
