//! Warnings: configurations that work, but not as their owner meant. Each has a stable code.

use core::fmt;

use crate::decision::Name;

/// Something to be mended by whoever runs the limiter. Told once for each cause.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// A request is charged to the same budget twice.
    AppliedTwice {
        /// The rule.
        rule: Name,
    },
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
    /// Chains are always shorter than the hops that are counted.
    HopsNeverMatch {
        /// How many are counted.
        hops: u32,
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
    /// All requests through trusted proxies come from one client.
    OneClient {
        /// The header that is read.
        header: String,
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
    /// `X-Forwarded-For` and `Forwarded` arrive together, and one of them is read.
    TwoForwardedHeaders {
        /// The header that is read.
        read: String,
    },
    /// Requests arrive over a Unix socket, and the policy does not trust those.
    UnixPeerUntrusted,
    /// A forwarding header arrives from peers that are not trusted and look like proxies.
    UntrustedPeer {
        /// The header.
        header: String,
    },
    /// A trusted network is too wide to be a list of proxies.
    WideTrust {
        /// The network.
        network: String,
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
            Warning::UntrustedPeer { .. } => "L101",
            Warning::WideTrust { .. } => "L102",
            Warning::OneClient { .. } => "L103",
            Warning::TwoForwardedHeaders { .. } => "L104",
            Warning::HopsNeverMatch { .. } => "L105",
            Warning::UnixPeerUntrusted => "L106",
            Warning::AppliedTwice { .. } => "L107",
        }
    }

    /// Where the documentation says more, if it does.
    #[must_use]
    pub fn docs(&self) -> Option<&'static str> {
        match self {
            Warning::HopsNeverMatch { .. }
            | Warning::NoPeer
            | Warning::OneClient { .. }
            | Warning::TwoForwardedHeaders { .. }
            | Warning::UnixPeerUntrusted
            | Warning::UntrustedPeer { .. }
            | Warning::WideTrust { .. } => Some("README.md#behind-a-proxy"),
            _ => None,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limiter warning {}: ", self.code())?;
        match self {
            Warning::AppliedTwice { rule } => write!(
                f,
                "rule `{rule}` is applied twice to one request, which so pays twice; \
                 remove one of the layers, or give each a policy of its own"
            ),
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
            Warning::HopsNeverMatch { hops } => write!(
                f,
                "no request so far came through {hops} proxies, so every client is known by its peer's address; \
                 count the proxies that append to the header, and lower `hops` to that"
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
            Warning::OneClient { header } => write!(
                f,
                "all requests through trusted proxies so far come from one client by header `{header}`; if there are \
                 more, the nearest proxy does not write the header, or an outer proxy is missing in `trusted`"
            ),
            Warning::Override { reason } => write!(f, "an override was left out: {reason}"),
            Warning::ScopeQuotas { scope } => write!(
                f,
                "rules of scope `{scope}` have different quotas, so their budgets are separate; \
                 give them the same quota to share one"
            ),
            Warning::TwoForwardedHeaders { read } => write!(
                f,
                "trusted proxies send both `x-forwarded-for` and `forwarded`, and only `{read}` is read; \
                 make sure that the proxy writes that one, and have it remove the other"
            ),
            Warning::UnixPeerUntrusted => f.write_str(
                "requests arrive over a unix socket, which has no address, so all of them share the key `unknown`; \
                 call `trust_unix(true)` if only your proxy can open it",
            ),
            Warning::UntrustedPeer { header } => write!(
                f,
                "header `{header}` arrives from peers that are not trusted, so it is not read and all clients behind \
                 one peer share its limit; if the peers are your proxies, name them in `ClientIp::builder().header(..)\
                 .trusted([..])`; if they are not, all is well"
            ),
            Warning::WideTrust { network } => write!(
                f,
                "trusted network `{network}` is too wide for a list of proxies: whoever connects from it can name \
                 any client; list the proxies' own addresses"
            ),
        }?;
        match self.docs() {
            Some(docs) => write!(f, " (see {docs})"),
            None => Ok(()),
        }
    }
}
