//! Checking by hand, in a handler that only knows who is asking once it has read the request.

use core::convert::Infallible;
use core::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::Request;
use http::request::Parts;
use limiter_core::{Decision, Key, Limiter, Policy, Reply, Ruling};

use crate::gate::wire_of;
use crate::limiter_layer;
use crate::response;

/// The limiter of the application, for handlers that check by hand: those that limit by what is in
/// the body, or by what came out.
///
/// It is the limiter that a [`LimiterLayer`](crate::LimiterLayer) sends along, and the wire of that
/// layer; without one it is the process-wide default. It holds a copy of the request's head, for the
/// refusal.
///
/// # Examples
///
/// ```
/// use std::sync::LazyLock;
///
/// use axum::{Router, http::{Request, StatusCode}, routing::post};
/// use limiter_tower::{ByHand, Global, Key, Limiter, Policy, Quota, RateLimited, RouterExt, Rule};
/// use tower::ServiceExt;
///
/// static LOGINS: LazyLock<Policy> =
///     LazyLock::new(|| Policy::new("logins", [Rule::new(Quota::per_minute(1)).key(Global)]).expect("a policy"));
///
/// async fn login(limits: ByHand, user: String) -> Result<String, RateLimited> {
///     limits.check(&LOGINS, &Key::from(user.as_str())).await?;
///     Ok(format!("welcome, {user}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = Router::new().route("/login", post(login)).limiter(Limiter::in_memory());
/// let ask = |user: &str| app.clone().oneshot(Request::post("/login").body(user.to_owned()).unwrap());
/// assert_eq!(ask("ann").await?.status(), StatusCode::OK);
/// let refused = ask("ann").await?;
/// assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(refused.headers()["retry-after"], "60");
/// assert_eq!(ask("bob").await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ByHand {
    limiter: Limiter,
    /// Not if the application demands a limiter of its own and there is none.
    may_decide: bool,
    head: Arc<Parts>,
}

impl ByHand {
    /// Decides about one key, for one unit of every rule.
    ///
    /// Slots of concurrent rules are free again at once: those are for layers and for
    /// [`Limiter::decide_key`].
    ///
    /// # Errors
    ///
    /// The refusal, ready to be returned.
    pub async fn check(&self, policy: &Policy, key: &Key) -> Result<Decision, RateLimited> {
        self.check_cost(policy, key, 1).await
    }

    /// As [`check`](ByHand::check), for so many units of every rule.
    ///
    /// # Errors
    ///
    /// The refusal, ready to be returned.
    pub async fn check_cost(&self, policy: &Policy, key: &Key, cost: u64) -> Result<Decision, RateLimited> {
        if !self.may_decide {
            return Err(self.refusal(Decision::default()));
        }
        let Ruling { decision, receipt, .. } = match self.limiter.decide_key(policy, key, cost) {
            Reply::Now(ruling) => ruling,
            Reply::Later(ruling) => ruling.await,
        };
        receipt.keep();
        if decision.is_allowed() { Ok(decision) } else { Err(self.refusal(decision)) }
    }

    /// The limiter, for everything else.
    #[must_use]
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    fn refusal(&self, decision: Decision) -> RateLimited {
        let answer = response::denied(wire_of(&self.head), &decision, &self.head, &self.limiter);
        RateLimited { refusal: Box::new((decision, answer)) }
    }
}

impl fmt::Debug for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByHand").field("limiter", &self.limiter).finish_non_exhaustive()
    }
}

// Those who mistake a type for an extractor want to hear of the usual ones.
#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequestParts<S> for ByHand {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let (limiter, may_decide) = match parts.extensions.get::<Limiter>() {
            Some(limiter) => (limiter, true),
            // Where there is none to decide, that of the process says what its clock says.
            None => (limiter_layer::of_process(), limiter_layer::fallback().is_some()),
        };
        Ok(ByHand { limiter: limiter.clone(), may_decide, head: Arc::new(parts.clone()) })
    }
}

/// A refusal as an error and as an answer: the status, the fields and the body that a layer's refusal
/// has. Limiters around the handler give back what they charged for the request.
///
/// [`ByHand`] makes it for the request at hand. Made [from a decision](RateLimited::from) alone it has
/// the default wire, since nothing is known of the request.
///
/// ```
/// use axum::response::IntoResponse;
/// use limiter_tower::{Decision, RateLimited};
///
/// fn admitted(decision: Decision) -> Result<Decision, RateLimited> {
///     if decision.is_allowed() { Ok(decision) } else { Err(decision.into()) }
/// }
///
/// let refused = admitted(Decision::default()).unwrap_err();
/// assert_eq!(refused.into_response().status(), 503);
/// ```
pub struct RateLimited {
    refusal: Box<(Decision, http::Response<Bytes>)>,
}

impl RateLimited {
    /// Why.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.refusal.0
    }
}

impl From<Decision> for RateLimited {
    fn from(decision: Decision) -> Self {
        let (head, ()) = Request::new(()).into_parts();
        let answer = response::denied(wire_of(&head), &decision, &head, limiter_layer::of_process());
        RateLimited { refusal: Box::new((decision, answer)) }
    }
}

impl IntoResponse for RateLimited {
    fn into_response(self) -> Response {
        self.refusal.1.map(Body::from)
    }
}

impl fmt::Debug for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimited").field("status", &self.refusal.1.status()).finish_non_exhaustive()
    }
}

impl fmt::Display for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decision().retry_after() {
            Some(wait) => write!(f, "the request is refused by a rate limit for another {wait:?}"),
            None => f.write_str("the request is refused by a rate limit"),
        }
    }
}

impl std::error::Error for RateLimited {}
