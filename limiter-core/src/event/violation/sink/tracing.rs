//! Rows as `tracing` events.

use super::{SinkFuture, ViolationSink};
use crate::event::violation::{Batch, Layout};

/// Writes each row as one event at level INFO, of target `limiter::violations`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingSink {
    layout: Layout,
}

impl TracingSink {
    /// With flat details.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How details are laid out.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }
}

impl ViolationSink for TracingSink {
    fn write<'a>(&'a self, batch: &'a Batch) -> SinkFuture<'a> {
        ::tracing::info!(
            target: "limiter::violations",
            instance = batch.instance(),
            total = batch.total(),
            details = %batch.details_as(self.layout),
            batch = %batch.uuid(),
            "violations",
        );
        Box::pin(core::future::ready(Ok(())))
    }
}
