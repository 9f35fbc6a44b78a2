//! A sink in memory, for tests.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{SinkError, SinkFuture, ViolationSink};
use crate::event::violation::Batch;

/// Keeps every row, and fails on command. Clones share their rows. For tests: it never forgets.
#[derive(Clone, Debug, Default)]
pub struct MemorySink {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    rows: Vec<Batch>,
    calls: u64,
    fails: Option<Failing>,
    knows: bool,
}

#[derive(Clone, Copy, Debug)]
enum Failing {
    /// Refuses to work.
    Down,
    /// Takes a row and never answers.
    Hangs,
    /// Rejects rows for what they say.
    Rejects,
    /// Writes a row and loses the connection.
    Vanishes,
}

impl MemorySink {
    /// An empty sink that works.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, and it knows a batch when it comes again.
    #[must_use]
    pub fn that_knows_batches() -> Self {
        let sink = Self::default();
        sink.inner.lock().knows = true;
        sink
    }

    /// The rows so far.
    #[must_use]
    pub fn rows(&self) -> Vec<Batch> {
        self.inner.lock().rows.clone()
    }

    /// How often it was called, failures included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.inner.lock().calls
    }

    /// Works from now on.
    pub fn up(&self) {
        self.inner.lock().fails = None;
    }

    /// Writes nothing from now on, and says so.
    pub fn down(&self) {
        self.inner.lock().fails = Some(Failing::Down);
    }

    /// Writes nothing from now on and does not answer.
    pub fn hang(&self) {
        self.inner.lock().fails = Some(Failing::Hangs);
    }

    /// Rejects every row from now on.
    pub fn reject(&self) {
        self.inner.lock().fails = Some(Failing::Rejects);
    }

    /// Writes rows from now on, and loses the connection before it answers.
    pub fn vanish(&self) {
        self.inner.lock().fails = Some(Failing::Vanishes);
    }
}

impl ViolationSink for MemorySink {
    fn write<'a>(&'a self, batch: &'a Batch) -> SinkFuture<'a> {
        Box::pin(async move {
            let fails = {
                let mut inner = self.inner.lock();
                inner.calls += 1;
                if matches!(inner.fails, None | Some(Failing::Vanishes)) {
                    let known = inner.knows && inner.rows.iter().any(|row| row.id() == batch.id());
                    if !known {
                        inner.rows.push(batch.clone());
                    }
                }
                inner.fails
            };
            match fails {
                None => Ok(()),
                Some(Failing::Down) => Err(SinkError::not_written("the sink is down")),
                Some(Failing::Hangs) => core::future::pending().await,
                Some(Failing::Rejects) => Err(SinkError::rejected("the sink does not like it")),
                Some(Failing::Vanishes) => Err(SinkError::uncertain("the connection is gone")),
            }
        })
    }

    fn knows_batches(&self) -> bool {
        self.inner.lock().knows
    }
}
