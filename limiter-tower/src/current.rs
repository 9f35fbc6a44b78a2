//! The decision about a request, on its way to the handler.

use core::cmp::Reverse;
use core::ops::Deref;
use std::sync::Arc;

use http::request::Parts;
use limiter_core::{Algorithm, Decision, Usage};

/// What was decided about the request at hand: the decision of the limiter nearest to the handler,
/// and through [`outer`](CurrentDecision::outer) those of the limiters around it. In the request's
/// extensions, and under axum an extractor.
///
/// It is there where somebody asked for it, since it costs a request two allocations: an annotated
/// handler that takes it as an argument asks by doing so; for layers say
/// [`share_decision`](crate::RateLimitBuilder::share_decision), or for a whole application
/// [`LimiterLayer::share_decisions`](crate::LimiterLayer::share_decisions). Its numbers are those of
/// the moment of the decision. A request that is not counted, such as one to an exempt path, has a
/// decision without usages.
///
/// # Examples
///
/// ```
/// use http::{Request, Response};
/// use limiter_tower::{CurrentDecision, Global, Limiter, RateLimitLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer =
///     RateLimitLayer::builder().quota("10/min").key(Global).share_decision().limiter(Limiter::in_memory()).build()?;
/// let service = layer.layer(service_fn(async |request: Request<String>| {
///     let current = request.extensions().get::<CurrentDecision>();
///     let left = current.and_then(CurrentDecision::tightest).map_or(0, |usage| usage.remaining());
///     Ok::<_, std::io::Error>(Response::new(format!("{left} left")))
/// }));
/// let answer = service.oneshot(Request::new(String::new())).await?.into_body();
/// assert_eq!(http_body_util::BodyExt::collect(answer).await?.to_bytes(), "9 left");
/// # Ok(())
/// # }
/// ```
///
/// Under axum, in an annotated handler:
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use limiter_tower::{CurrentDecision, rate_limit};
///
/// #[rate_limit("10/min")]
/// async fn search(current: CurrentDecision) -> String {
///     match current.tightest() {
///         Some(usage) => format!("{} of {} left", usage.remaining(), usage.limit()),
///         None => "as often as you like".to_owned(),
///     }
/// }
/// # let _: axum::routing::MethodRouter = axum::routing::get(search);
/// ```
#[derive(Clone, Debug)]
pub struct CurrentDecision {
    decision: Arc<Decision>,
    outer: Option<Arc<CurrentDecision>>,
}

impl CurrentDecision {
    /// What the next limiter further out decided, if there is one that shares its decision.
    #[must_use]
    pub fn outer(&self) -> Option<&CurrentDecision> {
        self.outer.as_deref()
    }

    /// The quota that is nearest to its end, of all the limiters: the one with the fewest units left.
    /// Slots of concurrent limits are not compared with units, and rules in shadow limit nobody.
    #[must_use]
    pub fn tightest(&self) -> Option<&Usage> {
        let counts = |usage: &&Usage| usage.algorithm() != Algorithm::Concurrent && !usage.is_shadow();
        let here = self.decision.usages().iter().filter(counts);
        let outside = self.outer().and_then(CurrentDecision::tightest);
        here.chain(outside).min_by_key(|usage| (usage.remaining(), Reverse(usage.reset_after())))
    }
}

impl Deref for CurrentDecision {
    type Target = Decision;

    fn deref(&self) -> &Decision {
        &self.decision
    }
}

/// In a request's extensions: limiters are to share what they decide about it. It has no size, so
/// that it takes no allocation of its own there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share;

/// Puts a decision into the request, around those of the limiters further out.
pub(crate) fn share(decision: Decision, parts: &mut Parts) {
    let outer = parts.extensions.remove::<CurrentDecision>().map(Arc::new);
    parts.extensions.insert(CurrentDecision { decision: Arc::new(decision), outer });
}
