//! Rows to several places.

use core::fmt;

use parking_lot::Mutex;

use super::{SinkError, SinkFuture, ViolationSink};
use crate::event::violation::Batch;

/// Writes every row to several sinks, one after the other.
///
/// A sink that fails is tried again alone; those that have the row are not given it twice. Rows keep
/// their order, so a sink that is down holds back the rows after it for all: give a sink that must
/// not be held back a tracker of its own.
#[derive(Default)]
#[must_use]
pub struct SeveralSinks {
    sinks: Vec<Box<dyn ViolationSink>>,
    /// The batch under way, and which sinks are through with it.
    under_way: Mutex<(u128, Vec<bool>)>,
}

impl SeveralSinks {
    /// No sinks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sink.
    pub fn and(mut self, sink: impl ViolationSink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Whether the sink at this place still lacks the batch.
    fn lacks(&self, batch: &Batch, at: usize) -> bool {
        let mut under_way = self.under_way.lock();
        if under_way.0 != batch.id() {
            *under_way = (batch.id(), vec![false; self.sinks.len()]);
        }
        !under_way.1.get(at).copied().unwrap_or(false)
    }

    fn through(&self, at: usize) {
        if let Some(done) = self.under_way.lock().1.get_mut(at) {
            *done = true;
        }
    }
}

impl ViolationSink for SeveralSinks {
    fn write<'a>(&'a self, batch: &'a Batch) -> SinkFuture<'a> {
        Box::pin(async move {
            let (mut failed, mut rejected) = (None, None);
            for (at, sink) in self.sinks.iter().enumerate() {
                if !self.lacks(batch, at) {
                    continue;
                }
                match sink.write(batch).await {
                    Ok(()) => self.through(at),
                    Err(error) if error.is_rejected() => {
                        self.through(at);
                        rejected = Some(error);
                    }
                    Err(error) => failed = Some(error),
                }
            }
            match (failed, rejected) {
                // Some sinks have it: the batch has to come again as it is.
                (Some(error), _) => Err(SinkError::uncertain(error)),
                (None, Some(error)) => Err(error),
                (None, None) => Ok(()),
            }
        })
    }

    fn knows_batches(&self) -> bool {
        true
    }
}

impl fmt::Debug for SeveralSinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeveralSinks").field("sinks", &self.sinks.len()).finish_non_exhaustive()
    }
}
