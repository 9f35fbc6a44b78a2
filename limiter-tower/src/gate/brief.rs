//! The short way of a request through the gate: nobody takes it apart, and what it takes along is small.
//!
//! It is for requests that one rule counts, by the client's address or all together, where nothing but their head is
//! looked at. What is decided and said is the same as on the other way.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Response, StatusCode};
use limiter_core::limiter::{Found, Passed};
use limiter_core::{Decision, Limiter, MethodClass};

use super::{Gate, Says};
use crate::current::Share;
use crate::headers::{self, Refused, Wire};
use crate::peer::{lone_v4, peer_of};

/// Where the short way leads.
#[expect(clippy::large_enum_variant, reason = "a box would be an allocation for each request that is refused")]
pub(crate) enum Way {
    /// It passes, and its answer says nothing of limits.
    Quiet(Passed),
    Passed(Brief),
    Refused(Decision),
    /// Not here; and who the client is, if that was looked for.
    InFull(Found),
}

/// What a request takes along that passed by the short way, and whose answer says so.
pub(crate) struct Brief {
    gate: Arc<Gate>,
    /// The limiter that travelled with the request, where the gate has none.
    limiter: Option<Limiter>,
    /// What travelled with the request, where the gate has none.
    wire: Option<Arc<Wire>>,
    passed: Passed,
    /// Whether the answer lists its fields for scripts of another origin.
    exposed: bool,
}

impl Gate {
    /// Whether it is clear without a closer look that a request is counted.
    #[inline]
    pub(crate) fn counts(&self, method: &Method) -> bool {
        self.is_plain && *method != Method::OPTIONS
    }

    /// Decides about a request that is counted, if the short way leads there.
    pub(crate) fn in_short(self: &Arc<Self>, class: MethodClass, headers: &HeaderMap, extensions: &Extensions) -> Way {
        // Who opened the connection is often all that a request carries, and the gate has the rest: then nobody has to
        // look for more.
        let (Some(v4), Some(limiter), Some(says)) = (lone_v4(extensions), &self.limiter, self.says) else {
            return self.in_short_with(class, headers, extensions);
        };
        let Some(question) = limiter.ask_for_v4(&self.policy, class, v4) else {
            return self.in_short_with(class, headers, extensions);
        };
        match (question.ask(says == Says::Dated), says) {
            (Ok(passed), Says::Nothing) => Way::Quiet(passed),
            (Ok(passed), _) => {
                Way::Passed(Brief { gate: Arc::clone(self), limiter: None, wire: None, passed, exposed: false })
            }
            (Err(unsettled), _) => match unsettled.settle() {
                Ok(passed) => self.way(passed, None, None, says != Says::Nothing, false),
                Err(decision) => Way::Refused(decision),
            },
        }
    }

    #[inline(never)]
    fn in_short_with(self: &Arc<Self>, class: MethodClass, headers: &HeaderMap, carried: &Extensions) -> Way {
        if is_told(carried) {
            return Way::InFull(None);
        }
        let Some(limiter) = self.decider(carried) else { return Way::InFull(None) };
        let question = match limiter.ask_in_short(&self.policy, class, headers, peer_of(carried)) {
            Ok(question) => question,
            Err(client) => return Way::InFull(client),
        };
        let wire = self.wire_beside(carried);
        let said = self.said(wire.as_ref());
        let exposed = said.exposes_to(headers);
        let says = exposed || !said.is_private();
        let passed = match question.ask(said.is_dated()) {
            Ok(passed) => passed,
            Err(unsettled) => match unsettled.settle() {
                Ok(passed) => passed,
                Err(decision) => return Way::Refused(decision),
            },
        };
        self.way(passed, Some(limiter), wire, says, exposed)
    }

    fn way(
        self: &Arc<Self>,
        passed: Passed,
        limiter: Option<&Limiter>,
        wire: Option<Arc<Wire>>,
        says: bool,
        exposed: bool,
    ) -> Way {
        if !says {
            return Way::Quiet(passed);
        }
        let limiter = limiter.filter(|_| self.limiter.is_none()).cloned();
        Way::Passed(Brief { gate: Arc::clone(self), limiter, wire, passed, exposed })
    }

    /// The answer to a request that the short way refuses.
    pub(crate) fn refuse_in_short(&self, decision: &Decision, parts: &mut Parts) -> Response<Bytes> {
        let travelled: Option<Limiter> = if self.limiter.is_some() { None } else { parts.extensions.get().cloned() };
        self.refuse(decision, parts, self.own_or(travelled.as_ref()), &self.shelf)
    }
}

/// Whether somebody further out, or the handler, wants to be told the decision.
fn is_told(extensions: &Extensions) -> bool {
    #[cfg(feature = "testing")]
    if crate::testing::is_noted(extensions) {
        return true;
    }
    extensions.get::<Share>().is_some()
}

/// What becomes of the charge, given the answer: whether it is the refusal of a limit further in. The request was not
/// made then.
#[inline]
pub(crate) fn is_refused_inside<B>(passed: &Passed, response: &Response<B>) -> bool {
    let refused = response.extensions().get::<Refused>().is_some();
    if refused {
        passed.take_back();
    }
    refused
}

impl Brief {
    /// Puts the numbers on the answer.
    #[inline]
    pub(crate) fn leave<B>(&self, response: &mut Response<B>) {
        let refused_inside = is_refused_inside(&self.passed, response);
        self.tell(response.status(), refused_inside, response.headers_mut());
    }

    #[inline(never)]
    fn tell(&self, status: StatusCode, refused_inside: bool, headers: &mut HeaderMap) {
        let Brief { gate, passed, .. } = self;
        let (wire, limiter) = (gate.said(self.wire.as_ref()), gate.own_or(self.limiter.as_ref()));
        if !wire.is_private()
            && let Some(usage) = limiter.usage(passed)
        {
            let unix = passed.wall().into();
            headers::passed(wire, &usage, &gate.shelf, unix, status, refused_inside, headers);
        }
        if self.exposed {
            headers::expose(wire, headers);
        }
    }
}
