//! What an admitted request takes along, and what becomes of its answer.

use core::mem;
use std::sync::Arc;

use http::Response;
use limiter_core::Receipt;

use super::{DEFAULT, Gate, Travelled};
use crate::body::ResponseBody;
use crate::headers::{self, Refused, Told, Wire};
use crate::slots::Slots;

/// What an admitted request holds until it is answered: of its ruling as much as is needed then, since all of it is
/// large.
pub(crate) struct Pass {
    pub(super) gate: Arc<Gate>,
    pub(super) told: Told,
    pub(super) receipt: Receipt,
    pub(super) held: Option<Slots>,
    pub(super) travelled: Travelled,
    /// What travelled with the request, where the gate has none.
    pub(super) wire: Option<Arc<Wire>>,
    /// Whether the answer lists its fields for scripts of another origin.
    pub(super) exposed: bool,
}

impl Pass {
    /// Puts the numbers on the answer, and hands slots on to its body.
    pub(crate) fn leave<B>(&mut self, mut response: Response<B>) -> Response<ResponseBody<B>>
    where
        B: http_body::Body,
    {
        let gate = &self.gate;
        // Any other answer lets the charge stand.
        if response.extensions().get::<Refused>().is_some() {
            gate.own_or(self.travelled.limiter.as_ref()).refund(mem::take(&mut self.receipt));
        }
        let wire = self.wire.as_deref().or(gate.wire.as_deref()).unwrap_or(&DEFAULT);
        self.told.write(wire, self.travelled.shelf(gate), &mut response);
        if self.exposed {
            headers::expose(wire, response.headers_mut());
        }
        let held = self.held.take();
        response.map(|body| ResponseBody::inner(body, held))
    }
}
