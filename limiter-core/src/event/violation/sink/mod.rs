//! Where rows go.

mod json_lines;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod several;
#[cfg(feature = "tracing")]
mod tracing;

use core::fmt;
use core::future::Future;
use core::pin::Pin;

use super::batch::Batch;

pub use json_lines::JsonLinesSink;
pub use memory::MemorySink;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresError, PostgresSink};
pub use several::SeveralSinks;
#[cfg(feature = "tracing")]
pub use tracing::TracingSink;

/// What a sink answers, later.
pub type SinkFuture<'a> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>>;

/// Takes rows in. Called by the tracker's own task, one batch at a time; requests never wait for it.
///
/// ```
/// use limiter_core::event::violation::{Batch, SinkFuture, ViolationSink};
///
/// struct Totals;
///
/// impl ViolationSink for Totals {
///     fn write<'a>(&'a self, batch: &'a Batch) -> SinkFuture<'a> {
///         Box::pin(async move {
///             println!("{}: {} refused", batch.instance(), batch.total());
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait ViolationSink: Send + Sync + 'static {
    /// Writes one row. Dropping the future may leave it written or not.
    ///
    /// # Errors
    ///
    /// A [`SinkError`], which says whether the row may have been written and whether to try again.
    fn write<'a>(&'a self, batch: &'a Batch) -> SinkFuture<'a>;

    /// Whether a batch that comes a second time with the same [id](Batch::id) is not written again.
    /// A batch that may have been written is then kept as it is until that is known, and so is
    /// written exactly once.
    fn knows_batches(&self) -> bool {
        false
    }
}

/// A row could not be written.
#[derive(Debug)]
pub struct SinkError {
    kind: Kind,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    NotWritten,
    Rejected,
    Timeout,
    Uncertain,
}

impl SinkError {
    /// It was not written; it may be later.
    #[must_use]
    pub fn not_written(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        SinkError { kind: Kind::NotWritten, source: Some(source.into()) }
    }

    /// It will never be written, because of what it says.
    #[must_use]
    pub fn rejected(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        SinkError { kind: Kind::Rejected, source: Some(source.into()) }
    }

    /// It may have been written: the connection broke before the answer came.
    #[must_use]
    pub fn uncertain(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        SinkError { kind: Kind::Uncertain, source: Some(source.into()) }
    }

    pub(super) fn timeout() -> Self {
        SinkError { kind: Kind::Timeout, source: None }
    }

    /// Whether trying again is useless.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.kind == Kind::Rejected
    }

    /// Whether the row may have been written all the same.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        matches!(self.kind, Kind::Timeout | Kind::Uncertain)
    }

    /// Whether the sink took too long.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == Kind::Timeout
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::NotWritten => "the row was not written",
            Kind::Rejected => "the row was rejected for what it says",
            Kind::Timeout => "the sink did not answer in time",
            Kind::Uncertain => "the sink went away before it answered",
        })?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Takes every row and keeps none: for a tracker that is only asked for its numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

impl ViolationSink for NoSink {
    fn write<'a>(&'a self, _: &'a Batch) -> SinkFuture<'a> {
        Box::pin(core::future::ready(Ok(())))
    }
}
