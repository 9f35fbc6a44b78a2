//! Configures a layer; every mistake comes out of `build`.

use core::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use limiter_core::key::{KeySource, parse_source};
use limiter_core::quota::QuotaList;
use limiter_core::{AccessList, Decision, Limiter, MethodClass, Name, Policy, PolicyError, Rule, Settle};

#[cfg(feature = "axum")]
use crate::axum::Routes;
use crate::exempt::{Exempt, ExemptError};
use crate::gate::Gate;
use crate::headers::{Family, Legacy, Wire};
use crate::layer::{DEFAULT_NAME, RateLimitLayer, read_write_rules};
use crate::response::{Body, Denial};

/// Configures a [`RateLimitLayer`]. Started by [`RateLimitLayer::builder`].
///
/// Setters may come in any order. The first mistake is kept and comes out of
/// [`build`](RateLimitBuilder::build).
///
/// # Examples
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use limiter_tower::{Global, Limiter, RateLimitLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = RateLimitLayer::builder()
///     .quota("2/min, 50/h")
///     .key(Global)
///     .named("search")
///     .limiter(Limiter::in_memory())
///     .exempt(["/health", "/static/*"])
///     .on_limited(|_, parts| {
///         let mut response = Response::new(format!("{} is busy", parts.uri.path()));
///         *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
///         response
///     })
///     .build()?;
/// let service = ServiceBuilder::new()
///     .layer(layer)
///     .service(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("found")))));
///
/// let ask = |path: &str| service.clone().oneshot(Request::get(path).body(String::new()).unwrap());
/// assert_eq!(ask("/search").await?.status(), StatusCode::OK);
/// assert_eq!(ask("/search").await?.status(), StatusCode::OK);
/// assert_eq!(ask("/search").await?.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(ask("/static/logo.svg").await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "a builder makes a layer when `build` is called"]
pub struct RateLimitBuilder {
    name: Option<Name>,
    policy: Option<Policy>,
    rules: Vec<Planned>,
    key: Option<Arc<dyn KeySource>>,
    trusted_key: bool,
    settle: Option<Settle>,
    limiter: Option<Limiter>,
    exempt: Exempt,
    access: Option<AccessList>,
    wire: Option<Wire>,
    on_limited: Option<Body>,
    share: bool,
    #[cfg(feature = "axum")]
    per_route: bool,
    fields: Option<(Family, Legacy)>,
    mistake: Option<LayerError>,
}

/// A rule to be.
enum Planned {
    /// From a quota: gets the builder's key.
    Quota(Rule),
    /// As the caller made it.
    Own(Rule),
}

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

    /// Paths that are not counted and carry no fields: `/health`, or all below one, `/static/*`.
    ///
    /// They are compared byte by byte with the path that the service sees and, under axum, with the
    /// path before a router took a prefix off.
    pub fn exempt<I>(mut self, paths: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        for path in paths {
            if let Err(error) = self.exempt.add(path.as_ref()) {
                self.note(error.into());
            }
        }
        self
    }

    /// Methods that are not counted and carry no fields.
    pub fn exempt_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        methods.into_iter().for_each(|method| self.exempt.add_method(method));
        self
    }

    /// Routes that are not counted and carry no fields, as they are declared and with the prefixes
    /// of the routers they are nested in: `/api/users/{id}`.
    #[cfg(feature = "axum")]
    pub fn exempt_routes<I>(mut self, routes: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        for route in routes {
            if let Err(error) = self.exempt.add_route(route.as_ref()) {
                self.note(error.into());
            }
        }
        self
    }

    /// Clients that are not limited here, and clients that never get in here, beside those of the
    /// limiter's own list. Keep a clone to replace the list while it is in use.
    ///
    /// Who never gets in gets neither to what is exempt; the answer is the list's, not that of
    /// [`on_limited`](RateLimitBuilder::on_limited).
    pub fn access(mut self, list: AccessList) -> Self {
        self.access = Some(list);
        self
    }

    /// What responses say: which fields, and what refusals look like. Without this it is what a
    /// [`LimiterLayer`](crate::LimiterLayer) further out says, or else the default.
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Lets handlers know what was decided: puts a [`CurrentDecision`](crate::CurrentDecision) into
    /// each request that passes. Annotated handlers which take one need nothing said.
    pub fn share_decision(mut self) -> Self {
        self.share = true;
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

    /// Answers refused requests in your own way, but for gRPC calls. The fields of a refusal are
    /// added to the answer, and its status takes the place of a 200.
    pub fn on_limited<F, B>(mut self, answer: F) -> Self
    where
        F: Fn(&Decision, &Parts) -> Response<B> + Send + Sync + 'static,
        B: Into<Bytes>,
    {
        let answer = Arc::new(move |denial: &Denial<'_>| answer(denial.decision(), denial.request()).map(Into::into));
        self.on_limited = Some(Body::Custom(answer));
        self
    }

    /// As `on_limited`, for an answer that is made of the refusal.
    #[cfg(feature = "axum")]
    pub(crate) fn refuse_with(mut self, body: Body) -> Self {
        self.on_limited = Some(body);
        self
    }

    /// Sends these fields and no others. All else is as the wire says that applies, this layer's own
    /// or that of the application.
    pub fn headers(mut self, family: Family, legacy: Legacy) -> Self {
        self.fields = Some((family, legacy));
        self
    }

    /// Checks everything and makes the layer.
    ///
    /// # Errors
    ///
    /// When a quota, a key or a path could not be read, when there are no rules, when the rules do
    /// not make a policy, or when the limiter's store cannot count them.
    pub fn build(self) -> Result<RateLimitLayer, LayerError> {
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
                let (key, settle) = (&self.key, &self.settle);
                let rules = self.rules.into_iter().map(|planned| match planned {
                    Planned::Quota(rule) => settled(keyed(rule, key), settle),
                    Planned::Own(rule) => rule,
                });
                let trusted = self.trusted_key;
                let rules: Vec<Rule> = rules.map(|rule| if trusted { rule.trusted_key() } else { rule }).collect();
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

    fn quotas(mut self, quotas: &str, class: MethodClass) -> Self {
        match quotas.parse::<QuotaList>() {
            Ok(quotas) => {
                self.rules.extend(quotas.into_iter().map(|quota| Planned::Quota(Rule::new(quota).class(class))));
            }
            Err(error) => self.note(PolicyError::from(error).into()),
        }
        self
    }

    fn note(&mut self, mistake: LayerError) {
        self.mistake.get_or_insert(mistake);
    }
}

fn keyed(rule: Rule, key: &Option<Arc<dyn KeySource>>) -> Rule {
    match key {
        Some(key) => rule.key_source(Arc::clone(key)),
        None => rule,
    }
}

fn settled(rule: Rule, settle: &Option<Settle>) -> Rule {
    match settle {
        Some(settle) => rule.settle(settle.clone()),
        None => rule,
    }
}

impl fmt::Debug for RateLimitBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitBuilder")
            .field("name", &self.name)
            .field("policy", &self.policy)
            .field("rules", &self.rules.len())
            .field("key", &self.key.as_ref().map(|key| key.describe()))
            .field("exempt", &self.exempt)
            .field("mistake", &self.mistake)
            .finish_non_exhaustive()
    }
}

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
