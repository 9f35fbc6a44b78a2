//! What stands at the entrance of a limited service: which limiter decides, which requests are
//! counted, and what becomes of the answer.

use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::request::Parts;
use http::{Method, Response};
use limiter_core::key::KeyContext;
use limiter_core::store::BoxFuture;
use limiter_core::{Decision, Limiter, Policy, Receipt, Reply, Ruling, Warning};

use crate::body::ResponseBody;
use crate::exempt::Exempt;
use crate::headers::{self, Refused, Wire};
use crate::limiter_layer::{self, Fallback};
use crate::peer::peer_of;
use crate::response::{self, Body};
use crate::slots::Held;

/// All that the copies of one layer share.
pub(crate) struct Gate {
    policy: Policy,
    /// `None`: the one that travels with the request.
    limiter: Option<Limiter>,
    exempt: Exempt,
    /// `None`: the one that travels with the request.
    wire: Option<Arc<Wire>>,
    /// This layer's own answer to refused requests, whatever the wire says.
    on_limited: Option<Body>,
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
    decision: Decision,
    receipt: Receipt,
    held: Option<Held>,
    /// `None`: the default.
    wire: Option<Arc<Wire>>,
    /// Whether the answer lists its fields for scripts of another origin.
    exposed: bool,
}

/// What is said where nothing else was chosen.
static DEFAULT: LazyLock<Wire> = LazyLock::new(Wire::new);

impl Gate {
    pub(crate) fn new(policy: Policy, limiter: Option<Limiter>, exempt: Exempt) -> Self {
        Gate { policy, limiter, exempt, wire: None, on_limited: None, warned: AtomicBool::new(false) }
    }

    /// What is said about its decisions.
    pub(crate) fn telling(mut self, wire: Option<Wire>, on_limited: Option<Body>) -> Self {
        self.wire = wire.map(Arc::new);
        self.on_limited = on_limited;
        self
    }

    #[inline]
    pub(crate) fn enter(&self, parts: &mut Parts) -> Entry {
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
        let reply = limiter.decide(&self.policy, &context);
        let limiter = limiter.clone();
        match reply {
            Reply::Now(ruling) => Entry::Decided(self.verdict(ruling, parts, limiter)),
            Reply::Later(ruling) => Entry::Deciding(Pending { ruling, limiter }),
        }
    }

    /// What follows from a ruling.
    #[inline]
    pub(crate) fn verdict(&self, ruling: Ruling, parts: &mut Parts, limiter: Limiter) -> Verdict {
        if ruling.decision.is_allowed() {
            let Ruling { decision, receipt, permit } = ruling;
            let held = permit.map(|permit| Held::new(permit, parts));
            let wire = self.wire(parts);
            let exposed = wire.is_some_and(|wire| wire.exposes_to(&parts.headers));
            Verdict::Admitted(Pass { limiter, decision, receipt, held, wire: wire.cloned(), exposed })
        } else {
            Verdict::Refused(self.refuse(&ruling.decision, parts, &limiter))
        }
    }

    /// The last that happens to a request: its extensions are gone after this.
    fn refuse(&self, decision: &Decision, parts: &mut Parts, limiter: &Limiter) -> Response<Bytes> {
        let wire = self.wire(parts).map_or(&*DEFAULT, |wire| &**wire);
        let body = self.on_limited.as_ref().unwrap_or(&wire.body);
        let mut response = response::denied_with(wire, body, decision, parts, limiter);
        response::mark(&mut response, mem::take(&mut parts.extensions));
        response
    }

    fn wire<'a>(&'a self, parts: &'a Parts) -> Option<&'a Arc<Wire>> {
        self.wire.as_ref().or_else(|| parts.extensions.get())
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

/// What the application says about limits in its answers, where no layer says otherwise.
#[cfg(feature = "axum")]
pub(crate) fn wire_of(parts: &Parts) -> &Wire {
    parts.extensions.get::<Arc<Wire>>().map_or(&*DEFAULT, |wire| &**wire)
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
    ///
    /// Once, though the pass stays where it is: it is large, and a copy would be the half of what this costs.
    pub(crate) fn leave<B>(&mut self, mut response: Response<B>) -> Response<ResponseBody<B>>
    where
        B: http_body::Body,
    {
        let Pass { limiter, decision, receipt, held, wire, exposed } = self;
        let (receipt, held) = (mem::take(receipt), held.take());
        if response.extensions().get::<Refused>().is_some() {
            limiter.refund(receipt);
        } else {
            Receipt::keep(receipt);
        }
        let wire = wire.as_deref().unwrap_or(&DEFAULT);
        headers::allowed(wire, &mut response, decision, limiter);
        if *exposed {
            headers::expose(wire, response.headers_mut());
        }
        response.map(|body| ResponseBody::inner(body, held))
    }
}

/// A browser asks leave for a request that is yet to come; that one counts.
fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
