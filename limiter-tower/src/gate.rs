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
use limiter_core::{Decision, Limiter, Policy, Receipt, Reply, Ruling, Warning};

use crate::body::ResponseBody;
use crate::exempt::Exempt;
use crate::limiter_layer::{self, Fallback};
use crate::peer::peer_of;
use crate::response::{self, OnLimited};

/// All that the copies of one layer share.
pub(crate) struct Gate {
    policy: Policy,
    /// `None`: the one that travels with the request.
    limiter: Option<Limiter>,
    exempt: Exempt,
    on_limited: Option<OnLimited>,
    /// Whether the use of the process-wide limiter was reported, so that it costs nothing later.
    warned: AtomicBool,
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
        Gate { policy, limiter, exempt, on_limited, warned: AtomicBool::new(false) }
    }

    pub(crate) fn enter(&self, parts: &Parts) -> Entry {
        if is_preflight(parts) || self.exempt.contains(parts) {
            return Entry::Uncounted;
        }
        let limiter = match self.limiter.as_ref().or_else(|| parts.extensions.get::<Limiter>()) {
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
        let context = KeyContext::new(parts, peer_of(&parts.extensions), limiter.client_ip());
        match limiter.decide(&self.policy, &context) {
            Reply::Now(ruling) => Entry::Decided(self.verdict(ruling, parts, limiter.clone())),
            Reply::Later(ruling) => Entry::Deciding(Pending { ruling, limiter: limiter.clone() }),
        }
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
        let mut response = response::denied(decision, parts, limiter, self.on_limited.as_ref());
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
