//! What is asked about a request, and by what its answer is written.

use std::sync::Arc;

use http::request::Parts;
use limiter_core::key::KeyContext;
use limiter_core::limiter::Found;
use limiter_core::store::BoxFuture;
use limiter_core::{Limiter, Policy, Reply, Ruling};

use super::Gate;
#[cfg(feature = "axum")]
use crate::axum::Routed;
use crate::headers::Shelf;
use crate::peer::peer_of;
#[cfg(feature = "axum")]
use crate::route::AxumRoute;

/// Who decides about a request, and by what.
pub(crate) struct Question<'a> {
    pub(super) gate: &'a Gate,
    pub(super) parts: &'a Parts,
    pub(super) limiter: &'a Limiter,
    #[cfg(feature = "axum")]
    pub(super) routed: Option<Routed>,
}

/// A decision that is under way.
pub(crate) struct Pending {
    pub(crate) ruling: BoxFuture<Ruling>,
    pub(crate) travelled: Travelled,
}

/// By what a request is decided, where that is not the gate's own.
#[derive(Default)]
pub(crate) struct Travelled {
    pub(super) limiter: Option<Limiter>,
    /// Of the route's policy.
    shelf: Option<Arc<Shelf>>,
}

impl Question<'_> {
    /// Asks. A ruling is large: it is written where the caller keeps it. `client` is who the client is, where that
    /// was looked for before.
    #[inline]
    pub(crate) fn ask(&self, client: Found) -> Reply<Ruling> {
        #[cfg(feature = "axum")]
        let route = AxumRoute::of(self.parts);
        let context = KeyContext::new(self.parts, peer_of(&self.parts.extensions), self.limiter.client_ip());
        let context = if let Some(client) = client { context.with_client(client) } else { context };
        #[cfg(feature = "axum")]
        let context = context.with_route(&route);
        if let Some(list) = &self.gate.access
            && let Some(ruling) = self.limiter.standing_on(list, &context)
        {
            return Reply::Now(ruling);
        }
        self.limiter.decide(self.policy(), &context)
    }

    #[cfg(feature = "axum")]
    fn policy(&self) -> &Policy {
        self.routed.as_ref().map_or(&self.gate.policy, |routed| &routed.policy)
    }

    #[cfg(not(feature = "axum"))]
    fn policy(&self) -> &Policy {
        &self.gate.policy
    }

    /// What its answer is written by.
    #[inline]
    pub(crate) fn travelled(self) -> Travelled {
        Travelled {
            limiter: self.gate.limiter.is_none().then(|| self.limiter.clone()),
            #[cfg(feature = "axum")]
            shelf: self.routed.map(|routed| routed.shelf),
            #[cfg(not(feature = "axum"))]
            shelf: None,
        }
    }
}

impl Travelled {
    pub(super) fn shelf<'a>(&'a self, gate: &'a Gate) -> &'a Shelf {
        self.shelf.as_deref().unwrap_or(&gate.shelf)
    }
}
