//! What becomes of a charge that is settled by the answer, or by the handler.

use std::sync::Arc;

use http::Response;
use http::request::Parts;
use limiter_core::{Ruling, settle};

/// Says what a request has cost, once the handler knows. In the request's extensions, and under axum
/// an extractor.
///
/// It is there for rules that are [settled by the handler](limiter_core::Settle::by_handler), which an
/// attribute says by `settle = "handler"`. They are settled when the request has been answered and all
/// clones of this are gone: keep one in what produces a stream, and the stream may say what it took.
/// Nothing said, the charge stands; a [`Rule`](limiter_core::Rule) also says for how long one waits.
///
/// # Examples
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use axum::{Router, body::Body, http::Request, routing::post};
/// use limiter_tower::{Limiter, LimiterLayer, Settlement, rate_limit};
/// use tower::ServiceExt;
///
/// // Each question may take up to 500 tokens; it is charged what its answer took.
/// #[rate_limit("10000/h", key = "global", cost = 500, settle = "handler")]
/// async fn ask(settlement: Settlement, question: String) -> String {
///     let answer = format!("that depends on {question}");
///     settlement.cost(answer.split(' ').count() as u64);
///     answer
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app: Router = Router::new().route("/", post(ask)).layer(LimiterLayer::new(Limiter::in_memory()));
/// let question = || Request::post("/").body(Body::from("you")).unwrap();
/// let answer = app.clone().oneshot(question()).await?;
/// assert_eq!(answer.headers()["x-ratelimit-remaining"], "9500");
/// let answer = app.oneshot(question()).await?;
/// assert_eq!(answer.headers()["x-ratelimit-remaining"], "9496");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Settlement {
    here: Option<settle::Settlement>,
    /// Of a limit further out, so that one handle settles them all.
    outer: Option<Arc<Settlement>>,
}

impl Settlement {
    /// What the request has cost in all, under every rule that leaves it to the handler. The last
    /// word counts. Tells whether there is such a rule, and whether it was in time.
    #[expect(clippy::must_use_candidate, reason = "most handlers can do nothing about a late word")]
    pub fn cost(&self, units: u64) -> bool {
        self.say(|settlement| settlement.cost(units))
    }

    /// As [`cost`](Self::cost), under the rules of this name alone.
    #[expect(clippy::must_use_candidate, reason = "most handlers can do nothing about a late word")]
    pub fn cost_under(&self, rule: &str, units: u64) -> bool {
        self.say(|settlement| settlement.cost_under(rule, units))
    }

    fn say(&self, word: impl Fn(&settle::Settlement) -> bool) -> bool {
        let (mut next, mut any) = (Some(self), false);
        while let Some(settlement) = next {
            any |= settlement.here.as_ref().is_some_and(&word);
            next = settlement.outer.as_deref();
        }
        any
    }
}

/// Takes what the outcome settles out of a ruling, together with the numbers that this changes, and
/// puts the handler's [`Settlement`] into the request, if a rule leaves the cost to the handler.
#[inline]
pub(crate) fn open(ruling: &mut Ruling, parts: &mut Parts) -> Option<Box<Ruling>> {
    let reservation = ruling.reservation.take()?;
    if let Some(here) = reservation.settlement() {
        let outer = parts.extensions.remove::<Settlement>().map(Arc::new);
        parts.extensions.insert(Settlement { here: Some(here), outer });
    }
    let decision = ruling.decision.clone();
    Some(Box::new(Ruling { decision, reservation: Some(reservation), ..Ruling::default() }))
}

/// Settles what the answer settles. What is left is the handler's.
pub(crate) fn settle<B>(open: &mut Ruling, response: Response<B>) -> Response<B> {
    let (parts, body) = response.into_parts();
    open.answered(&parts);
    Response::from_parts(parts, body)
}

/// A limit further in refused the request: it was not made.
pub(crate) fn cancel(open: Option<Box<Ruling>>) {
    if let Some(reservation) = open.and_then(|open| open.reservation) {
        reservation.cancel();
    }
}
