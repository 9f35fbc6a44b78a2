//! The short way of a request through the gate: nobody takes it apart, and what it takes along is small.
//!
//! It is for requests that one rule counts, by the client's address or all together, where nothing but their head is
//! looked at. What is decided and said is the same as on the other way.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Response, StatusCode};
use limiter_core::key::client_ip::Peer;
use limiter_core::limiter::{Found, Passed};
use limiter_core::{Decision, Limiter, MethodClass};

use super::Gate;
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
        // Who opened the connection is often all that a request carries: then nobody has to look for more.
        match lone_v4(extensions) {
            Some(v4) => self.decide_in_short(class, headers, Peer::Ip(v4.into()), None),
            None => self.in_short_among_others(class, headers, extensions),
        }
    }

    #[inline(never)]
    fn in_short_among_others(
        self: &Arc<Self>,
        class: MethodClass,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Way {
        if is_told(extensions) {
            return Way::InFull(None);
        }
        self.decide_in_short(class, headers, peer_of(extensions), Some(extensions))
    }

    #[inline(always)]
    fn decide_in_short(
        self: &Arc<Self>,
        class: MethodClass,
        headers: &HeaderMap,
        peer: Peer,
        carried: Option<&Extensions>,
    ) -> Way {
        let Some(limiter) = self.decider(carried) else { return Way::InFull(None) };
        let question = match limiter.ask_in_short(&self.policy, class, headers, peer) {
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
        let limiter = self.limiter.is_none().then(|| limiter.clone());
        Way::Passed(Brief { gate: Arc::clone(self), limiter, wire, passed, says, exposed })
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
    /// Puts the numbers on the answer.
    #[inline(always)]
    pub(crate) fn leave<B>(&self, response: &mut Response<B>) {
        let refused_inside = response.extensions().get::<Refused>().is_some();
        if refused_inside {
            self.take_back();
        }
        if self.says {
            self.tell(response.status(), refused_inside, response.headers_mut());
        }
    }

    #[inline(never)]
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
