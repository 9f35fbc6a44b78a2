//! What becomes of requests that find no room, and of a charge once the outcome of its request is known.

use std::sync::Arc;

use limiter_core::{Queue, Rule, Settle};

use super::{Planned, RateLimitBuilder};

impl RateLimitBuilder {
    /// Settles the charges of the quotas given here once the outcome of a request is known: counts
    /// failures alone, or takes what an answer turns out to have cost. See [`settle`](crate::settle)
    /// for what is promised while requests are under way.
    ///
    /// ```
    /// use http::{Request, Response, StatusCode};
    /// use limiter_tower::{Global, Limiter, RateLimitLayer, Settle};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = RateLimitLayer::builder()
    ///     .quota("2/min")
    ///     .key(Global)
    ///     .settle(Settle::failed())
    ///     .limiter(Limiter::in_memory())
    ///     .build()?;
    /// let login = layer.layer(service_fn(async |request: Request<&str>| {
    ///     let right = *request.body() == "secret";
    ///     let status = if right { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    ///     Ok::<_, std::io::Error>(Response::builder().status(status).body(String::new()).unwrap())
    /// }));
    ///
    /// let mut statuses = Vec::new();
    /// for password in ["secret", "secret", "secret", "a", "b", "c"] {
    ///     statuses.push(login.clone().oneshot(Request::new(password)).await?.status().as_u16());
    /// }
    /// assert_eq!(statuses, [200, 200, 200, 401, 401, 429]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn settle(mut self, settle: Settle) -> Self {
        self.settle = Some(settle);
        self
    }

    /// Holds requests that find no room under the quotas given here, instead of refusing them. See
    /// [`queue`](crate::queue) for the order in which they pass and how long they wait. A client that
    /// goes away leaves its place.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use limiter_tower::{Global, Limiter, Queue, RateLimitLayer, Rule};
    ///
    /// // Ten a second, evenly spaced; twenty more wait for their turn.
    /// let even = RateLimitLayer::builder()
    ///     .quota("10/s")
    ///     .key(Global)
    ///     .queue(Queue::new(20, Duration::from_secs(2)).spaced())
    ///     .build()?;
    /// // A rule given as it is has its own.
    /// let busy = RateLimitLayer::builder()
    ///     .rule(Rule::concurrent(8).queue(Queue::new(32, Duration::from_millis(250))))
    ///     .build()?;
    /// # Ok::<(), limiter_tower::LayerError>(())
    /// ```
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queue = Some(queue);
        self
    }

    /// A rule as it will be: what was given here holds for the quotas given here.
    pub(super) fn planned(&self, planned: Planned) -> Rule {
        let mut rule = match planned {
            Planned::Own(rule) => rule,
            Planned::Quota(mut rule) => {
                if let Some(key) = &self.key {
                    rule = rule.key_source(Arc::clone(key));
                }
                if let Some(settle) = &self.settle {
                    rule = rule.settle(settle.clone());
                }
                if let Some(queue) = self.queue {
                    rule = rule.queue(queue);
                }
                rule
            }
        };
        if self.trusted_key {
            rule = rule.trusted_key();
        }
        rule
    }
}
