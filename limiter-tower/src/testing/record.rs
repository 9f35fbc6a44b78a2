//! What was decided about a request, told to whoever sent it.
//!
//! Fields of an answer can be configured away and an answer of one's own can look like anything, so
//! a driven request carries a record that every limit on its way writes to.

use std::sync::{Arc, Mutex, PoisonError};

use http::Extensions;
use limiter_core::Decision;

/// In the extensions of a driven request.
#[derive(Clone, Debug, Default)]
pub(super) struct Record(Arc<Mutex<Vec<Decision>>>);

impl Record {
    /// Takes what was decided since, outer limits first.
    pub(super) fn take(&self) -> Vec<Decision> {
        core::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a request is being driven.
pub(crate) fn is_noted(extensions: &Extensions) -> bool {
    extensions.get::<Record>().is_some()
}

/// Tells the sender of a request, if it is being driven.
pub(crate) fn note(extensions: &Extensions, decision: &Decision) {
    if let Some(Record(decisions)) = extensions.get() {
        decisions.lock().unwrap_or_else(PoisonError::into_inner).push(decision.clone());
    }
}
