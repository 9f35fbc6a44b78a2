//! What an admitted request takes along, and what becomes of its answer.

use core::mem;
use std::sync::Arc;

use http::Response;
use limiter_core::{Receipt, Ruling};

use super::{Gate, Travelled};
use crate::body::ResponseBody;
use crate::headers::{self, Refused, Told, Wire};
use crate::outcome;
use crate::slots::Slots;

/// What an admitted request holds until it is answered: of its ruling as much as is needed then, since all of it is
/// large.
pub(crate) struct Pass {
    pub(super) gate: Arc<Gate>,
    pub(super) told: Told,
    pub(super) receipt: Receipt,
    pub(super) held: Option<Slots>,
    /// What its outcome settles, with the numbers that this changes.
    pub(super) open: Option<Box<Ruling>>,
    pub(super) travelled: Travelled,
    /// What travelled with the request, where the gate has none.
    pub(super) wire: Option<Arc<Wire>>,
    /// Whether the answer lists its fields for scripts of another origin.
    pub(super) exposed: bool,
}

/// What is settled about an admitted request before the inner service has it.
pub(crate) struct Admitted {
    pub(super) open: Option<Box<Ruling>>,
    pub(super) held: Option<Slots>,
    pub(super) wire: Option<Arc<Wire>>,
    pub(super) exposed: bool,
}

impl Pass {
    /// There is no answer: the inner service failed. The charge stands or is settled, and the slots are free.
    pub(crate) fn fail(self) {
        if let Some(open) = self.open {
            open.failed();
        }
    }

    /// Puts the numbers on the answer, and hands slots on to its body.
    #[inline(never)]
    pub(crate) fn leave<B>(&mut self, mut response: Response<B>) -> Response<ResponseBody<B>>
    where
        B: http_body::Body,
    {
        let gate = &self.gate;
        let limiter = gate.own_or(self.travelled.limiter.as_ref());
        let wire = gate.said(self.wire.as_ref());
        let shelf = self.travelled.shelf(gate);
        // Any other answer lets the charge stand, or settles it.
        if response.extensions().get::<Refused>().is_some() {
            limiter.refund(mem::take(&mut self.receipt));
            outcome::cancel(self.open.take());
        } else if let Some(mut open) = self.open.take() {
            response = outcome::settle(&mut open, response);
            self.told = Told::of(wire, &mut open.decision, shelf, limiter);
        }
        self.told.write(wire, shelf, &mut response);
        if self.exposed {
            headers::expose(wire, response.headers_mut());
        }
        let held = self.held.take();
        response.map(|body| ResponseBody::inner(body, held))
    }
}
