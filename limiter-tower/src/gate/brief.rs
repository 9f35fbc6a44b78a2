//! The short way of a request through the gate: nobody takes it apart, and what it takes along is small.
//!
//! It is for requests that one rule counts, by the client's address or all together, where nothing but their head is
//! looked at. What is decided and said is the same as on the other way.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Response, StatusCode};
use limiter_core::limiter::{Found, Passed, Unsettled};
use limiter_core::{Decision, Limiter, MethodClass};

use super::{Gate, Says};
use crate::current::Share;
use crate::headers::{self, Refused, Wire};
use crate::peer::{lone_v4, peer_of};

/// Where the short way leads.
pub(crate) enum Way {
    Passed(Brief),
    Refused(Decision),
    /// Not here; and who the client is, if that was looked for.
    InFull(Found),
}

/// What a request takes along that passed by the short way.
pub(crate) struct Brief {
    gate: Arc<Gate>,
    /// The limiter that travelled with the request, where the gate has none.
    limiter: Option<Limiter>,
    /// What travelled with the request, where the gate has none.
    wire: Option<Arc<Wire>>,
    passed: Passed,
    /// Whether there is anything to say on the answer.
    says: bool,
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
        match question.ask(says == Says::Dated) {
            Ok(passed) => {
                let (gate, says) = (Arc::clone(self), says != Says::Nothing);
                Way::Passed(Brief { gate, limiter: None, wire: None, passed, says, exposed: false })
            }
            Err(unsettled) => self.settle(unsettled, None, None, says != Says::Nothing, false),
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
        let asked = question.ask(said.is_dated());
        let limiter = self.limiter.is_none().then(|| limiter.clone());
        match asked {
            Ok(passed) => Way::Passed(Brief { gate: Arc::clone(self), limiter, wire, passed, says, exposed }),
            Err(unsettled) => self.settle(unsettled, limiter, wire, says, exposed),
        }
    }

    #[inline(never)]
    fn settle(
        self: &Arc<Self>,
        unsettled: Unsettled<'_>,
        limiter: Option<Limiter>,
        wire: Option<Arc<Wire>>,
        says: bool,
        exposed: bool,
    ) -> Way {
        match unsettled.settle() {
            Ok(passed) => Way::Passed(Brief { gate: Arc::clone(self), limiter, wire, passed, says, exposed }),
            Err(decision) => Way::Refused(decision),
        }
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

impl Brief {
    /// Whether the answer goes on as it is.
    #[inline(always)]
    pub(crate) fn leaves_alone<B>(&self, response: &Response<B>) -> bool {
        !self.says && response.extensions().get::<Refused>().is_none()
    }

    /// Puts the numbers on the answer.
    #[inline(never)]
    pub(crate) fn leave<B>(&self, response: &mut Response<B>) {
        let refused_inside = response.extensions().get::<Refused>().is_some();
        if refused_inside {
            self.take_back();
        }
        if self.says {
            self.tell(response.status(), refused_inside, response.headers_mut());
        }
    }

    fn tell(&self, status: StatusCode, refused_inside: bool, headers: &mut HeaderMap) {
        let Brief { gate, passed, .. } = self;
        let (wire, limiter) = (gate.said(self.wire.as_ref()), gate.own_or(self.limiter.as_ref()));
        if !wire.is_private()
            && let Some(usage) = limiter.usage(&gate.policy, passed)
        {
            let unix = passed.wall().into();
            headers::passed(wire, &usage, &gate.shelf, unix, status, refused_inside, headers);
        }
        if self.exposed {
            headers::expose(wire, headers);
        }
    }

    /// A limit further in refused the request: it was not made.
    #[cold]
    fn take_back(&self) {
        self.gate.own_or(self.limiter.as_ref()).take_back(&self.gate.policy, &self.passed);
    }
}
