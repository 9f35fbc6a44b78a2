//! One annotated function: its rules, and the layer that is made of them at the first
//! request.

use core::fmt;
use std::sync::{Arc, OnceLock};

use http::request::Parts;
use limiter_core::decision::Name;
use limiter_core::{Decision, Limiter, Warning};

use axum::body::Body;
use axum::response::Response;

use super::refusal::Answer;
use crate::gate::wire_of;
use crate::headers::{Family, Legacy};
use crate::layer::RateLimitLayer;
use crate::limiter_layer;
use crate::response::{self, Denial};
use crate::spec::Spec;

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
        let policy = Spec::policy(&site, self.function, self.rules).map_err(|error| broken(error.to_string()))?;
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
        let limiter = parts.extensions.get::<Limiter>().unwrap_or_else(|| limiter_layer::of_process());
        limiter.warn(warning);
        response::denied(wire_of(parts), &Decision::default(), parts, limiter).map(Body::from)
    }
}
