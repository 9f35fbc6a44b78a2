//! What an admitted request takes along, and what becomes of its answer.

use core::mem;
use std::sync::Arc;

use http::Response;
use limiter_core::{Limiter, Ruling};

use super::{DEFAULT, Gate};
use crate::body::ResponseBody;
use crate::headers::{self, Refused, Wire};
use crate::outcome;
use crate::slots::Held;

/// What an admitted request holds until it is answered. The ruling is large, so it is kept as it was made: taking it
/// apart and putting it into a verdict and a pass would copy it each time.
pub(crate) struct Pass {
    ruling: Ruling,
    with: Luggage,
}

/// What a request takes along beside its ruling.
pub(crate) struct Luggage {
    pub(super) gate: Arc<Gate>,
    pub(super) held: Option<Held>,
    /// What travelled with the request, where the gate has none.
    pub(super) limiter: Option<Limiter>,
    pub(super) wire: Option<Arc<Wire>>,
    /// Whether the answer lists its fields for scripts of another origin.
    pub(super) exposed: bool,
}

impl Pass {
    #[inline(always)]
    pub(crate) fn new(ruling: Ruling, with: Luggage) -> Self {
        Pass { ruling, with }
    }

    /// There is no answer: the inner service failed.
    pub(crate) fn fail(self) {
        self.ruling.failed();
    }

    /// Puts the numbers on the answer, and hands slots on to its body.
    ///
    /// Once, though the pass stays where it is: it is large, and a copy would be the half of what this costs.
    pub(crate) fn leave<B>(&mut self, mut response: Response<B>) -> Response<ResponseBody<B>>
    where
        B: http_body::Body,
    {
        let Pass { ruling, with: Luggage { gate, held, limiter, wire, exposed } } = self;
        let limiter = gate.own_or(limiter.as_ref());
        // Any other answer lets the charge stand, or settles it.
        if response.extensions().get::<Refused>().is_some() {
            limiter.refund(mem::take(&mut ruling.receipt));
            outcome::cancel(ruling);
        } else {
            response = outcome::settle(ruling, response);
        }
        let held = held.take();
        let wire = wire.as_deref().or(gate.wire.as_deref()).unwrap_or(&DEFAULT);
        headers::allowed(wire, &mut response, &ruling.decision, Some(&gate.shelf), limiter);
        if *exposed {
            headers::expose(wire, response.headers_mut());
        }
        response.map(|body| ResponseBody::inner(body, held))
    }
}
