//! What stands at the entrance of a limited service: which limiter decides, which requests are
//! counted, and what becomes of the answer.

mod brief;
mod fields;
mod made;
mod pass;
mod question;

use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::request::Parts;
use http::{Extensions, Method, Response};
use limiter_core::key::KeyContext;
use limiter_core::{AccessList, Applied, AppliedWatch, Decision, Limiter, MethodClass, Policy, Ruling, Warning};

#[cfg(feature = "axum")]
use crate::axum::Routes;
use crate::current::{self, Share};
use crate::denied;
use crate::exempt::Exempt;
use crate::headers::{Shelf, Told, Wire};
use crate::limiter_layer;
use crate::outcome;
use crate::peer::peer_of;
use crate::response::{self, Body};
#[cfg(feature = "axum")]
use crate::route::AxumRoute;
use crate::slots::Slots;

pub(crate) use brief::{Brief, Way, is_refused_inside};
use fields::Fields;
pub(crate) use pass::{Admitted, Pass};
pub(crate) use question::{Pending, Question, Travelled};

/// All that the copies of one layer share.
pub(crate) struct Gate {
    policy: Policy,
    /// `None`: the one that travels with the request.
    limiter: Option<Limiter>,
    exempt: Exempt,
    /// Beside the limiter's own list.
    access: Option<AccessList>,
    /// `None`: the one that travels with the request.
    wire: Option<Arc<Wire>>,
    /// This layer's own fields, in the place of the wire's.
    fields: Option<Fields>,
    /// This layer's own answer to refused requests, whatever the wire says.
    on_limited: Option<Body>,
    /// Whether handlers get to know the decision; others ask for it by the request.
    share: bool,
    /// Whether nothing here is asked about a request but whether there is room for it.
    is_plain: bool,
    /// What answers say of limits, where the gate alone says what.
    says: Option<Says>,
    #[cfg(feature = "axum")]
    routes: Option<Routes>,
    /// Whether the use of the process-wide limiter was reported, so that it costs nothing later.
    warned: AtomicBool,
    watch: AppliedWatch,
    shelf: Shelf,
}

/// What answers say of limits.
#[derive(Clone, Copy, PartialEq)]
enum Says {
    /// Numbers, and a date.
    Dated,
    Nothing,
    Undated,
}

/// What becomes of a request about which nothing is asked.
pub(crate) enum Turned {
    /// It is answered here.
    Refused(Response<Bytes>),
    /// Not counted, and may pass.
    Uncounted,
}

/// What is said where nothing else was chosen.
static DEFAULT: LazyLock<Wire> = LazyLock::new(Wire::new);

impl Gate {
    /// Whether the first requests have been looked at.
    #[inline]
    pub(crate) fn has_watched(&self) -> bool {
        self.watch.is_done()
    }

    /// Has the first requests carry what they are charged to, so that a budget charged twice is found.
    #[cold]
    pub(crate) fn watch(&self, class: MethodClass, extensions: &mut Extensions) {
        let mut applied = extensions.remove::<Applied>().unwrap_or_default();
        match self.limiter(extensions) {
            Some(limiter) => self.watch.note(limiter, limiter, &self.policy, class, &mut applied),
            None => {
                let limiter = limiter_layer::of_process();
                // Whoever runs the application does not listen to that one.
                let listener = limiter_layer::explicit().unwrap_or(limiter);
                self.watch.note(limiter, listener, &self.policy, class, &mut applied);
            }
        }
        extensions.insert(applied);
    }

    /// Lets a request in that is counted.
    #[inline]
    pub(crate) fn enter(&self, parts: &mut Parts) -> Option<Turned> {
        if is_preflight(parts) || self.exempt.contains(parts) {
            if let Some(response) = self.turned_away(parts) {
                return Some(Turned::Refused(response));
            }
            if self.is_shared(parts) {
                current::share(Decision::exempt(), parts);
            }
            return Some(Turned::Uncounted);
        }
        if !self.has_watched() {
            self.watch(MethodClass::of(parts), &mut parts.extensions);
        }
        None
    }

    /// Finds out who decides; nobody does where a limiter is demanded and there is none.
    #[inline]
    pub(crate) fn question<'a>(&'a self, parts: &'a Parts) -> Option<Question<'a>> {
        Some(Question {
            gate: self,
            parts,
            limiter: self.decider(&parts.extensions)?,
            #[cfg(feature = "axum")]
            routed: self.routes.as_ref().and_then(|routes| routes.of(parts, self.wire.as_deref())),
        })
    }

    /// Whoever decides about a request that carries this.
    #[inline]
    fn decider<'a>(&'a self, carried: &'a Extensions) -> Option<&'a Limiter> {
        self.limiter(carried).or_else(|| self.decider_of_process())
    }

    #[inline(never)]
    fn decider_of_process(&self) -> Option<&Limiter> {
        self.warn_default();
        limiter_layer::fallback()
    }

    /// The answer where nobody decides.
    #[cold]
    pub(crate) fn undecided(&self, parts: &mut Parts) -> Response<Bytes> {
        self.refuse(&Decision::default(), parts, limiter_layer::of_process(), &self.shelf)
    }

    fn limiter<'a>(&'a self, extensions: &'a Extensions) -> Option<&'a Limiter> {
        self.limiter.as_ref().or_else(|| extensions.get())
    }

    /// The limiter that decides: this one, or that which travelled, or the process-wide one.
    fn own_or<'a>(&'a self, travelled: Option<&'a Limiter>) -> &'a Limiter {
        self.limiter.as_ref().or(travelled).unwrap_or_else(|| limiter_layer::of_process())
    }

    /// Who never gets in does not get in by way of what is not counted either.
    fn turned_away(&self, parts: &mut Parts) -> Option<Response<Bytes>> {
        let limiter = self.limiter(&parts.extensions)?;
        let lists = [self.access.as_ref(), limiter.access()];
        if lists == [None, None] {
            return None;
        }
        #[cfg(feature = "axum")]
        let route = AxumRoute::of(parts);
        let context = KeyContext::new(parts, peer_of(&parts.extensions), limiter.client_ip());
        #[cfg(feature = "axum")]
        let context = context.with_route(&route);
        let rulings = lists.into_iter().flatten().filter_map(|list| limiter.standing_on(list, &context));
        let refused = { rulings }.find(|ruling| !ruling.decision.is_allowed());
        let limiter = limiter.clone();
        Some(self.refuse(&refused?.decision, parts, &limiter, &self.shelf))
    }

    /// What follows from a ruling: what an admitted request is noted with, or the answer that refuses it.
    #[inline]
    #[expect(clippy::result_large_err, reason = "a box would be an allocation for each request that is refused")]
    pub(crate) fn verdict(
        &self,
        ruling: &mut Ruling,
        parts: &mut Parts,
        travelled: &Travelled,
    ) -> Result<Admitted, Response<Bytes>> {
        if !ruling.decision.is_allowed() {
            let limiter = self.own_or(travelled.limiter.as_ref());
            return Err(self.refuse(&ruling.decision, parts, limiter, travelled.shelf(self)));
        }
        #[cfg(feature = "testing")]
        crate::testing::note(&parts.extensions, &ruling.decision);
        if self.is_shared(parts) {
            current::share(ruling.decision.clone(), parts);
        }
        let open = outcome::open(ruling, parts);
        let wire = self.wire_beside(&parts.extensions);
        let exposed = self.said(wire.as_ref()).exposes_to(&parts.headers);
        Ok(Admitted { open, held: ruling.permit.take().map(|permit| Slots::of(permit, parts)), wire, exposed })
    }

    /// What an admitted request takes along. It is large, so it is made where it stays.
    #[inline(always)]
    pub(crate) fn pass(self: &Arc<Self>, ruling: &mut Ruling, admitted: Admitted, travelled: Travelled) -> Pass {
        let Admitted { open, held, wire, exposed } = admitted;
        let limiter = self.own_or(travelled.limiter.as_ref());
        Pass {
            told: Told::of(self.said(wire.as_ref()), &mut ruling.decision, travelled.shelf(self), limiter),
            gate: Arc::clone(self),
            receipt: mem::take(&mut ruling.receipt),
            open,
            held,
            exposed,
            wire,
            travelled,
        }
    }

    /// What the answer says, given what travelled with the request.
    #[inline]
    fn said<'a>(&'a self, wire: Option<&'a Arc<Wire>>) -> &'a Wire {
        wire.or(self.wire.as_ref()).map_or_else(|| &*DEFAULT, |wire| &**wire)
    }

    /// The last that happens to a request: its extensions are gone after this.
    fn refuse(&self, decision: &Decision, parts: &mut Parts, limiter: &Limiter, shelf: &Shelf) -> Response<Bytes> {
        #[cfg(feature = "testing")]
        crate::testing::note(&parts.extensions, decision);
        if let Some(denied) = decision.denied() {
            return denied::response(denied, parts);
        }
        let wire = self.wire(&parts.extensions);
        let wire = wire.as_deref().unwrap_or(&DEFAULT);
        let body = self.on_limited.as_ref().unwrap_or(&wire.body);
        let mut response = response::denied_with(wire, body, decision, Some(shelf), parts, limiter);
        response::mark(&mut response, mem::take(&mut parts.extensions));
        response
    }

    /// What has to go along to answer by. The gate's own goes along with the gate.
    #[inline]
    fn wire_beside(&self, carried: &Extensions) -> Option<Arc<Wire>> {
        if self.wire.is_some() && self.fields.is_none() { None } else { self.wire(carried) }
    }

    fn wire(&self, carried: &Extensions) -> Option<Arc<Wire>> {
        let wire = self.wire.as_ref().or_else(|| carried.get());
        match &self.fields {
            Some(fields) => Some(fields.on(wire)),
            None => wire.cloned(),
        }
    }

    fn is_shared(&self, parts: &Parts) -> bool {
        self.share || parts.extensions.get::<Share>().is_some()
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

/// A browser asks leave for a request that is yet to come; that one counts.
fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests;
