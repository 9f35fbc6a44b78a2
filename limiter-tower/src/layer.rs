//! The layer.

use std::sync::Arc;

use limiter_core::quota::QuotaList;
use limiter_core::{MethodClass, Policy, PolicyError, Quota, Rule};
use tower_layer::Layer;

use crate::builder::RateLimitBuilder;
use crate::exempt::Exempt;
use crate::gate::Gate;
use crate::service::RateLimit;

/// Limits the requests of the services it is put around. All of them share the budgets, as do
/// clones of the layer.
///
/// The limiter is the one given to the [builder](RateLimitLayer::builder), or else the one that a
/// [`LimiterLayer`](crate::LimiterLayer) further out put into the request, or else one in memory
/// that the whole process shares and that trusts no proxy.
///
/// Requests are decided about before their body is read. CORS preflights (OPTIONS with `Origin` and
/// `Access-Control-Request-Method`) are not counted. Of layers within layers the outer decides
/// first, and gives back what it charged when an inner one refuses.
///
/// # Examples
///
/// ```
/// use std::net::SocketAddr;
///
/// use http::{Request, Response, StatusCode};
/// use limiter_tower::{PeerAddr, RateLimitLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = RateLimitLayer::per_ip("1/min")?;
/// let service =
///     layer.layer(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
///
/// let from = |address: [u8; 4]| {
///     let peer = PeerAddr(SocketAddr::from((address, 4711)));
///     service.clone().oneshot(Request::get("/").extension(peer).body(String::new()).unwrap())
/// };
/// assert_eq!(from([192, 0, 2, 1]).await?.status(), StatusCode::OK);
/// let refused = from([192, 0, 2, 1]).await?;
/// assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(refused.headers()["retry-after"], "60");
/// assert_eq!(from([192, 0, 2, 2]).await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RateLimitLayer {
    gate: Arc<Gate>,
}

/// What rules are named that nobody named.
pub(crate) const DEFAULT_NAME: &str = "default";

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
        Self::from_gate(Gate::new(policy, None, Exempt::default()))
    }

    /// Starts a configuration: other keys, exemptions, a limiter, answers of your own.
    pub fn builder() -> RateLimitBuilder {
        RateLimitBuilder::default()
    }

    pub(crate) fn from_gate(gate: Gate) -> Self {
        RateLimitLayer { gate: Arc::new(gate.finished()) }
    }
}

#[cfg(test)]
impl RateLimitLayer {
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The same without the short way.
    pub(crate) fn in_full(self) -> Self {
        match Arc::into_inner(self.gate) {
            Some(gate) => RateLimitLayer { gate: Arc::new(gate.in_full()) },
            None => panic!("a layer that nobody shares"),
        }
    }
}

pub(crate) fn read_write_rules(read: u64, write: u64) -> [Rule; 2] {
    [
        Rule::new(Quota::per_minute(read)).class(MethodClass::Read),
        Rule::new(Quota::per_minute(write)).class(MethodClass::Write),
    ]
}

// Everything that is shared was made when the layer was: axum calls this once for each route.
impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::new(inner, Arc::clone(&self.gate))
    }
}
