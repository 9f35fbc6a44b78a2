//! How a gate is made.

use core::sync::atomic::AtomicBool;
use std::sync::Arc;

use limiter_core::{AccessList, AppliedWatch, Limiter, Policy};

use super::fields::Fields;
use super::{Gate, Says};
#[cfg(feature = "axum")]
use crate::axum::Routes;
use crate::exempt::Exempt;
use crate::headers::{Family, Legacy, Shelf, Wire};
use crate::response::Body;

impl Gate {
    pub(crate) fn new(policy: Policy, limiter: Option<Limiter>, exempt: Exempt) -> Self {
        Gate {
            shelf: Shelf::new(&policy, None),
            policy,
            limiter,
            exempt,
            access: None,
            wire: None,
            fields: None,
            on_limited: None,
            share: false,
            is_plain: false,
            says: None,
            #[cfg(feature = "axum")]
            routes: None,
            warned: AtomicBool::new(false),
            watch: AppliedWatch::default(),
        }
    }

    /// Puts other fields in the place of those of the wire.
    pub(crate) fn with_fields(mut self, fields: Option<(Family, Legacy)>) -> Self {
        self.fields = fields.map(|(family, legacy)| Fields::new(family, legacy));
        self
    }

    /// Lets handlers know what it decides.
    pub(crate) fn sharing(mut self, share: bool) -> Self {
        self.share = share;
        self
    }

    /// Counts each route apart.
    #[cfg(feature = "axum")]
    pub(crate) fn by_route(mut self, routes: Option<Routes>) -> Self {
        self.routes = routes;
        self
    }

    pub(crate) fn with_access(mut self, access: Option<AccessList>) -> Self {
        self.access = access;
        self
    }

    /// As it will be, now that everything has been said.
    pub(crate) fn finished(mut self) -> Self {
        self.is_plain = self.exempt.is_empty() && self.access.is_none() && !self.share;
        #[cfg(feature = "axum")]
        if self.routes.is_some() {
            self.is_plain = false;
        }
        let wire = self.said(None);
        let is_own = self.limiter.is_some() && self.fields.is_none() && !wire.expose;
        self.says = is_own.then(|| match (wire.is_private(), wire.is_dated()) {
            (true, _) => Says::Nothing,
            (false, true) => Says::Dated,
            (false, false) => Says::Undated,
        });
        self
    }

    #[cfg(test)]
    pub(crate) fn in_full(mut self) -> Self {
        self.is_plain = false;
        self
    }

    /// What is said about its decisions.
    pub(crate) fn telling(mut self, wire: Option<Wire>, on_limited: Option<Body>) -> Self {
        if wire.is_some() {
            self.shelf = Shelf::new(&self.policy, wire.as_ref());
        }
        self.wire = wire.map(Arc::new);
        self.on_limited = on_limited;
        self
    }
}
