//! One annotated function: its rules as data, and the layer that is made of them at the first
//! request.

use core::fmt;
use std::sync::{Arc, OnceLock};

use http::request::Parts;
use limiter_core::decision::Name;
use limiter_core::key::parse_source;
use limiter_core::{
    Algorithm, Decision, KeySource, Limiter, MethodClass, Missing, OnStoreError, Policy, PolicyError, Quota, Rule,
    Warning,
};

use axum::body::{Body, Bytes};
use axum::response::Response;

use crate::gate::wire_of;
use crate::headers::{Family, Legacy};
use crate::layer::RateLimitLayer;
use crate::limiter_layer::{self, Fallback};
use crate::response::{self, Denial};

/// An answer to a refused request, before the fields of the refusal are added.
pub type Answer = http::Response<Bytes>;

/// The place of an attribute in the source.
pub struct Site {
    module: &'static str,
    function: &'static str,
    rules: &'static [Spec],
    exempt: &'static [&'static str],
    fields: Option<(Family, Legacy)>,
    on_limited: Option<fn(&Denial<'_>) -> Answer>,
    layer: OnceLock<Result<RateLimitLayer, Broken>>,
}

/// Why the rules, which the attribute has checked, make no policy after all.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    site: Name,
    reason: String,
}

impl Site {
    /// A function and its rules.
    #[must_use]
    pub const fn new(module: &'static str, function: &'static str, rules: &'static [Spec]) -> Self {
        Site { module, function, rules, exempt: &[], fields: None, on_limited: None, layer: OnceLock::new() }
    }

    /// Paths of a group that are not limited.
    #[must_use]
    pub const fn exempt(mut self, paths: &'static [&'static str]) -> Self {
        self.exempt = paths;
        self
    }

    /// Which fields answers carry, whatever the application's wire says.
    #[must_use]
    pub const fn headers(mut self, family: Family, legacy: Legacy) -> Self {
        self.fields = Some((family, legacy));
        self
    }

    /// Who answers refused requests.
    #[must_use]
    pub const fn on_limited(mut self, make: fn(&Denial<'_>) -> Answer) -> Self {
        self.on_limited = Some(make);
        self
    }

    /// The layer, made at the first call.
    pub(crate) fn layer(&self) -> Result<&RateLimitLayer, &Broken> {
        self.layer.get_or_init(|| self.build()).as_ref()
    }

    fn build(&self) -> Result<RateLimitLayer, Broken> {
        let site = format!("{}::{}", self.module, self.function);
        let broken = |reason: String| Broken { site: Name::from(site.as_str()), reason };
        let rules = self.rules.iter().map(Spec::rule).collect::<Result<Vec<_>, _>>();
        let policy = rules
            .and_then(|rules| Policy::identified(site.as_str(), Name::from_static(self.function), rules))
            .map_err(|error| broken(error.to_string()))?;
        let mut layer = RateLimitLayer::builder().policy(policy).exempt(self.exempt.iter().copied());
        if let Some((family, legacy)) = self.fields {
            layer = layer.headers(family, legacy);
        }
        if let Some(make) = self.on_limited {
            layer = layer.refuse_with(response::Body::Custom(Arc::new(make)));
        }
        layer.build().map_err(|error| broken(error.to_string()))
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("module", &self.module).field("function", &self.function).finish_non_exhaustive()
    }
}

impl Broken {
    /// Refuses: a limit that cannot be kept is no reason to go without one.
    pub(crate) fn refuse(&self, parts: &Parts) -> Response {
        let warning = Warning::BrokenPolicy { policy: self.site.clone(), reason: self.reason.clone() };
        let refusal = |limiter: &Limiter| {
            limiter.warn(warning);
            response::denied(wire_of(parts), &Decision::default(), parts, limiter).map(Body::from)
        };
        match parts.extensions.get::<Limiter>() {
            Some(limiter) => refusal(limiter),
            None => match limiter_layer::fallback() {
                Fallback::Refuse(limiter) | Fallback::Use(limiter) => refusal(limiter),
            },
        }
    }
}

/// One rule as data.
#[derive(Clone, Copy)]
pub struct Spec {
    name: &'static str,
    scope: Option<&'static str>,
    limit: Limit,
    quota: Option<fn(&Parts) -> Quota>,
    class: MethodClass,
    algorithm: Option<Algorithm>,
    key: Key,
    trusted_key: bool,
    missing: Option<Missing>,
    cost: Cost,
    penalty: bool,
    on_store_error: Option<OnStoreError>,
}

#[derive(Clone, Copy)]
enum Limit {
    Concurrent(u32),
    Quota(&'static str),
}

#[derive(Clone, Copy)]
enum Key {
    /// The one that goes with the limit.
    Default,
    Function(fn() -> Arc<dyn KeySource>),
    Notation(&'static str),
}

#[derive(Clone, Copy)]
enum Cost {
    Fixed(u32),
    Function(fn(&Parts) -> u32),
}

/// A user's key function, or another source, as what rules take.
pub fn key_source<K: KeySource>(source: K) -> Arc<dyn KeySource> {
    Arc::new(source)
}

/// What a user's function of a refusal returns.
pub fn answer<R: Refusal>(refusal: R) -> Answer {
    refusal.into_answer()
}

/// What can answer a refused request.
#[diagnostic::on_unimplemented(
    message = "`on_limited` cannot answer with `{Self}`",
    label = "its result is no answer to a refused request",
    note = "accepted: `limiter_tower::response::Content`, or an `http::Response` whose body is `Bytes`"
)]
pub trait Refusal {
    /// The answer.
    fn into_answer(self) -> Answer;
}

#[diagnostic::do_not_recommend]
impl<R: Into<Answer>> Refusal for R {
    fn into_answer(self) -> Answer {
        self.into()
    }
}

impl Spec {
    /// So much per time.
    #[must_use]
    pub const fn quota(name: &'static str, quota: &'static str) -> Self {
        Self::new(name, Limit::Quota(quota))
    }

    /// So many at the same time.
    #[must_use]
    pub const fn concurrent(name: &'static str, slots: u32) -> Self {
        Self::new(name, Limit::Concurrent(slots))
    }

    const fn new(name: &'static str, limit: Limit) -> Self {
        Spec {
            name,
            scope: None,
            limit,
            quota: None,
            class: MethodClass::Any,
            algorithm: None,
            key: Key::Default,
            trusted_key: false,
            missing: None,
            cost: Cost::Fixed(1),
            penalty: false,
            on_store_error: None,
        }
    }

    /// Each caller's own, by the user's function; the one stated is the default.
    #[must_use]
    pub const fn quota_fn(mut self, quota: fn(&Parts) -> Quota) -> Self {
        self.quota = Some(quota);
        self
    }

    /// Counts reads alone.
    #[must_use]
    pub const fn read(mut self) -> Self {
        self.class = MethodClass::Read;
        self
    }

    /// Counts writes alone.
    #[must_use]
    pub const fn write(mut self) -> Self {
        self.class = MethodClass::Write;
        self
    }

    /// How requests per time are counted.
    #[must_use]
    pub const fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// By a key in the notation.
    #[must_use]
    pub const fn key(mut self, notation: &'static str) -> Self {
        self.key = Key::Notation(notation);
        self
    }

    /// By the user's function.
    #[must_use]
    pub const fn key_fn(mut self, source: fn() -> Arc<dyn KeySource>) -> Self {
        self.key = Key::Function(source);
        self
    }

    /// Something in front has checked the key.
    #[must_use]
    pub const fn trusted_key(mut self) -> Self {
        self.trusted_key = true;
        self
    }

    /// What becomes of requests without the key.
    #[must_use]
    pub const fn missing(mut self, missing: Missing) -> Self {
        self.missing = Some(missing);
        self
    }

    /// What each request takes.
    #[must_use]
    pub const fn cost(mut self, cost: u32) -> Self {
        self.cost = Cost::Fixed(cost);
        self
    }

    /// What a request takes, by the user's function.
    #[must_use]
    pub const fn cost_fn(mut self, cost: fn(&Parts) -> u32) -> Self {
        self.cost = Cost::Function(cost);
        self
    }

    /// Counts refused requests too.
    #[must_use]
    pub const fn penalty(mut self) -> Self {
        self.penalty = true;
        self
    }

    /// What to do when the store fails.
    #[must_use]
    pub const fn on_store_error(mut self, choice: OnStoreError) -> Self {
        self.on_store_error = Some(choice);
        self
    }

    /// Whose budget it is.
    #[must_use]
    pub const fn scope(mut self, scope: &'static str) -> Self {
        self.scope = Some(scope);
        self
    }

    fn rule(&self) -> Result<Rule, PolicyError> {
        let mut rule = match self.limit {
            Limit::Concurrent(slots) => Rule::concurrent(slots),
            Limit::Quota(quota) => Rule::new(quota.parse::<Quota>()?),
        };
        rule = rule.named(Name::from_static(self.name)).class(self.class);
        if let Some(algorithm) = self.algorithm {
            rule = rule.algorithm(algorithm);
        }
        if let Some(scope) = self.scope {
            rule = rule.scope(Name::from_static(scope));
        }
        rule = match self.key {
            Key::Default => rule,
            Key::Function(source) => rule.key_source(source()),
            Key::Notation(notation) => rule.key_source(parse_source(notation)?),
        };
        if self.trusted_key {
            rule = rule.trusted_key();
        }
        if let Some(missing) = self.missing {
            rule = rule.missing(missing);
        }
        if let Some(quota) = self.quota {
            rule = rule.quota_fn(quota);
        }
        if self.penalty {
            rule = rule.penalty();
        }
        if let Some(choice) = self.on_store_error {
            rule = rule.on_store_error(choice);
        }
        Ok(match self.cost {
            Cost::Fixed(cost) => rule.cost(cost),
            Cost::Function(cost) => rule.cost_fn(cost),
        })
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec").field("name", &self.name).finish_non_exhaustive()
    }
}
