//! What stands at the entrance of a limited service: which limiter decides, which requests are
//! counted, and what becomes of the answer.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::request::Parts;
use http::{Method, Response};
use limiter_core::key::KeyContext;
use limiter_core::store::BoxFuture;
use limiter_core::{AccessList, Applied, AppliedWatch, Decision, Limiter, Policy, Receipt, Reply, Ruling, Warning};

use crate::body::ResponseBody;
use crate::denied;
use crate::exempt::Exempt;
use crate::limiter_layer::{self, Fallback};
use crate::peer::peer_of;
use crate::response::{self, OnLimited};
#[cfg(feature = "axum")]
use crate::route::AxumRoute;

/// All that the copies of one layer share.
pub(crate) struct Gate {
    policy: Policy,
    /// `None`: the one that travels with the request.
    limiter: Option<Limiter>,
    exempt: Exempt,
    /// Beside the limiter's own list.
    access: Option<AccessList>,
    on_limited: Option<OnLimited>,
    /// Whether the use of the process-wide limiter was reported, so that it costs nothing later.
    warned: AtomicBool,
    watch: AppliedWatch,
}

/// What the gate says to a request.
#[expect(clippy::large_enum_variant, reason = "a box would be an allocation for each request that passes")]
pub(crate) enum Entry {
    /// Decided at once.
    Decided(Verdict),
    /// The store answers later.
    Deciding(Pending),
    /// Not counted, and may pass.
    Uncounted,
}

/// What is decided about a request.
#[expect(clippy::large_enum_variant, reason = "a box would be an allocation for each request that passes")]
pub(crate) enum Verdict {
    /// It may pass.
    Admitted(Pass),
    /// It is answered here.
    Refused(Response<Bytes>),
}

/// A decision that is under way.
pub(crate) struct Pending {
    pub(crate) ruling: BoxFuture<Ruling>,
    pub(crate) limiter: Limiter,
}

/// What an admitted request holds until it is answered.
pub(crate) struct Pass {
    limiter: Limiter,
    ruling: Ruling,
}

/// In a response's extensions: a limiter refused the request, so that limiters further out give
/// back what they charged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused;

impl Gate {
    pub(crate) fn new(policy: Policy, limiter: Option<Limiter>, exempt: Exempt, on_limited: Option<OnLimited>) -> Self {
        Gate {
            policy,
            limiter,
            exempt,
            access: None,
            on_limited,
            warned: AtomicBool::new(false),
            watch: AppliedWatch::default(),
        }
    }

    pub(crate) fn with_access(mut self, access: Option<AccessList>) -> Self {
        self.access = access;
        self
    }

    /// Has the first requests carry what they are charged to, so that a budget charged twice is found.
    pub(crate) fn watch(&self, parts: &mut Parts) {
        if !self.watch.is_done()
            && let Some(limiter) = self.limiter(parts).cloned()
        {
            let mut applied = parts.extensions.remove::<Applied>().unwrap_or_default();
            self.watch.note(&limiter, &self.policy, parts, &mut applied);
            parts.extensions.insert(applied);
        }
    }

    pub(crate) fn enter(&self, parts: &Parts) -> Entry {
        if is_preflight(parts) || self.exempt.contains(parts) {
            return self.turned_away(parts).map_or(Entry::Uncounted, Entry::Decided);
        }
        let limiter = match self.limiter(parts) {
            Some(limiter) => limiter,
            None => match limiter_layer::fallback() {
                Fallback::Use(limiter) => {
                    self.warn_default();
                    limiter
                }
                Fallback::Refuse(limiter) => {
                    self.warn_default();
                    return Entry::Decided(Verdict::Refused(self.refuse(&Decision::default(), parts, limiter)));
                }
            },
        };
        #[cfg(feature = "axum")]
        let route = AxumRoute::of(parts);
        let context = KeyContext::new(parts, peer_of(&parts.extensions), limiter.client_ip());
        #[cfg(feature = "axum")]
        let context = context.with_route(&route);
        if let Some(list) = &self.access
            && let Some(ruling) = limiter.standing_on(list, &context)
        {
            return Entry::Decided(self.verdict(ruling, parts, limiter.clone()));
        }
        match limiter.decide(&self.policy, &context) {
            Reply::Now(ruling) => Entry::Decided(self.verdict(ruling, parts, limiter.clone())),
            Reply::Later(ruling) => Entry::Deciding(Pending { ruling, limiter: limiter.clone() }),
        }
    }

    fn limiter<'a>(&'a self, parts: &'a Parts) -> Option<&'a Limiter> {
        self.limiter.as_ref().or_else(|| parts.extensions.get())
    }

    /// Who never gets in does not get in by way of what is not counted either.
    fn turned_away(&self, parts: &Parts) -> Option<Verdict> {
        let limiter = self.limiter(parts)?;
        let lists = [self.access.as_ref(), limiter.access()];
        if lists == [None, None] {
            return None;
        }
        #[cfg(feature = "axum")]
        let route = AxumRoute::of(parts);
        let context = KeyContext::new(parts, peer_of(&parts.extensions), limiter.client_ip());
        #[cfg(feature = "axum")]
        let context = context.with_route(&route);
        let mut rulings = lists.into_iter().flatten().filter_map(|list| limiter.standing_on(list, &context));
        let refused = rulings.find(|ruling| !ruling.decision.is_allowed())?;
        Some(self.verdict(refused, parts, limiter.clone()))
    }

    /// What follows from a ruling.
    pub(crate) fn verdict(&self, ruling: Ruling, parts: &Parts, limiter: Limiter) -> Verdict {
        if ruling.decision.is_allowed() {
            Verdict::Admitted(Pass { limiter, ruling })
        } else {
            Verdict::Refused(self.refuse(&ruling.decision, parts, &limiter))
        }
    }

    fn refuse(&self, decision: &Decision, parts: &Parts, limiter: &Limiter) -> Response<Bytes> {
        let mut response = match decision.denied() {
            Some(denied) => denied::response(denied, parts),
            None => response::denied(decision, parts, limiter, self.on_limited.as_ref()),
        };
        response.extensions_mut().insert(Refused);
        response
    }

    fn warn_default(&self) {
        if self.warned.load(Ordering::Relaxed) {
            return;
        }
        if let Some(explicit) = limiter_layer::explicit() {
            self.warned.store(true, Ordering::Relaxed);
            explicit.warn(Warning::DefaultLimiter { policy: self.policy.identity().into() });
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("policy", &self.policy)
            .field("limiter", &self.limiter)
            .field("exempt", &self.exempt)
            .finish_non_exhaustive()
    }
}

impl Pass {
    /// Puts the numbers on the answer, and hands slots on to its body.
    pub(crate) fn leave<B>(self, mut response: Response<B>) -> Response<ResponseBody<B>>
    where
        B: http_body::Body,
    {
        let Pass { limiter, ruling: Ruling { decision, receipt, permit } } = self;
        if response.extensions().get::<Refused>().is_some() {
            // The refusal shows the violated rules alone, and these were not.
            limiter.refund(receipt);
        } else {
            Receipt::keep(receipt);
            response::allowed(&mut response, &decision, &limiter);
        }
        response.map(|body| ResponseBody::inner(body, permit))
    }
}

/// A browser asks leave for a request that is yet to come; that one counts.
fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
