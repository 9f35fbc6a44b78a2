//! What whoever runs the tracker should hear of.

use core::fmt;

use super::sink::SinkError;

/// Something that kept violations from being written.
#[derive(Debug)]
#[non_exhaustive]
pub enum Trouble<'a> {
    /// An attempt failed. What it would have written is kept and tried again.
    Failed {
        /// Why.
        error: &'a SinkError,
        /// How many attempts have failed since the last that did not.
        in_a_row: u32,
        /// Violations in the batch.
        total: u64,
    },
    /// Time was up at shutdown, or the tracker was dropped without one.
    Lost {
        /// Violations not known to be written.
        total: u64,
    },
    /// The sink rejected a batch for what it says. It is not tried again.
    Rejected {
        /// Why.
        error: &'a SinkError,
        /// Violations in the batch, which are lost.
        total: u64,
    },
}

impl Trouble<'_> {
    /// Whether this is news: the first failure in a row, and every hundredth.
    pub(super) fn is_news(&self) -> bool {
        match self {
            Trouble::Failed { in_a_row, .. } => *in_a_row == 1 || in_a_row.is_multiple_of(100),
            _ => true,
        }
    }
}

impl fmt::Display for Trouble<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Failed { error, in_a_row, total } => {
                write!(f, "{total} violations are kept and tried again, after {in_a_row} failures in a row: {error}")
            }
            Trouble::Lost { total } => write!(f, "{total} violations were not written before the end, and are lost"),
            Trouble::Rejected { error, total } => write!(f, "{total} violations are lost: {error}"),
        }
    }
}

/// What is told where nobody else listens.
#[expect(clippy::print_stderr, reason = "a library without a logger has no other way to be heard")]
pub(super) fn print(trouble: &Trouble<'_>) {
    if trouble.is_news() {
        eprintln!("limiter violations: {trouble}");
    }
}
