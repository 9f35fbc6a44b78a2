//! What is counted, by whom and by which limiter.

use std::sync::Arc;

use limiter_core::key::{KeySource, parse_source};
use limiter_core::quota::QuotaList;
use limiter_core::{Limiter, MethodClass, Name, Policy, PolicyError, Rule};

use super::{Planned, RateLimitBuilder};
use crate::layer::read_write_rules;

impl RateLimitBuilder {
    /// Adds a quota, or several that must all let a request pass: `10/s burst 20, 1000/h`.
    pub fn quota(self, quotas: &str) -> Self {
        self.quotas(quotas, MethodClass::Any)
    }

    /// Adds quotas for reads: GET, HEAD, OPTIONS, TRACE and the CONNECT of a WebSocket.
    pub fn read(self, quotas: &str) -> Self {
        self.quotas(quotas, MethodClass::Read)
    }

    /// Adds quotas for writes: everything that is not a read.
    pub fn write(self, quotas: &str) -> Self {
        self.quotas(quotas, MethodClass::Write)
    }

    /// Adds so many reads and so many writes a minute, counted apart.
    pub fn read_write(mut self, read: u64, write: u64) -> Self {
        self.rules.extend(read_write_rules(read, write).map(Planned::Quota));
        self
    }

    /// Adds a rule as it is: it keeps its own key.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(Planned::Own(rule));
        self
    }

    /// Takes the rules of a policy made elsewhere, instead of rules given here. Layers made from
    /// the same policy share its budgets.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Who is limited by the quotas given here; the client's address unless stated.
    pub fn key(self, key: impl KeySource) -> Self {
        self.key_source(Arc::new(key))
    }

    /// As [`key`](RateLimitBuilder::key), for a source made elsewhere.
    pub fn key_source(mut self, key: Arc<dyn KeySource>) -> Self {
        self.key = Some(key);
        self
    }

    /// As [`key`](RateLimitBuilder::key), in configuration's words: `header:x-api-key | ip`.
    pub fn key_notation(mut self, key: &str) -> Self {
        match parse_source(key) {
            Ok(key) => self.key = Some(key),
            Err(error) => self.note(PolicyError::from(error).into()),
        }
        self
    }

    /// Says that something in front has checked a key which callers could otherwise choose freely.
    pub fn trusted_key(mut self) -> Self {
        self.trusted_key = true;
        self
    }

    /// The public name of the rules given here, on the wire and in metrics. Reads and writes get
    /// `-read` and `-write` behind it, and a second rule of the same name `-2`.
    pub fn named(mut self, name: impl Into<Name>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The limiter that decides, whatever travels with the request. Whether its store can count the
    /// rules is found out by [`build`](RateLimitBuilder::build).
    pub fn limiter(mut self, limiter: Limiter) -> Self {
        self.limiter = Some(limiter);
        self
    }

    /// Counts each route of an axum router apart, under the route's path as its name unless
    /// [`named`](RateLimitBuilder::named): `/users/{id}` is `/users/:id` on the wire. What reaches no
    /// route, such as a fallback, counts together.
    ///
    /// A `policy` made elsewhere has a name and a budget already, and rules with a name or a scope
    /// of their own keep those.
    ///
    /// ```
    /// use axum::{Router, http::{Request, StatusCode}, routing::get};
    /// use limiter_tower::{Global, Limiter, RateLimitLayer};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = RateLimitLayer::builder().quota("1/min").key(Global).per_route().limiter(Limiter::in_memory());
    /// let app = Router::new()
    ///     .route("/users/{id}", get(async || "user"))
    ///     .route("/teams/{id}", get(async || "team"))
    ///     .layer(layer.build()?);
    ///
    /// let ask = |path: &str| app.clone().oneshot(Request::get(path).body(String::new()).unwrap());
    /// let answer = ask("/users/1").await?;
    /// assert_eq!(answer.headers()["ratelimit-policy"], "\"/users/:id\";q=1;w=60");
    /// assert_eq!(ask("/users/2").await?.status(), StatusCode::TOO_MANY_REQUESTS);
    /// assert_eq!(ask("/teams/1").await?.status(), StatusCode::OK);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "axum")]
    pub fn per_route(mut self) -> Self {
        self.per_route = true;
        self
    }

    fn quotas(mut self, quotas: &str, class: MethodClass) -> Self {
        match quotas.parse::<QuotaList>() {
            Ok(quotas) => {
                self.rules.extend(quotas.into_iter().map(|quota| Planned::Quota(Rule::new(quota).class(class))));
            }
            Err(error) => self.note(PolicyError::from(error).into()),
        }
        self
    }
}
