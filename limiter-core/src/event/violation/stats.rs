//! What can be seen of a tracker.

use std::sync::Arc;
use std::time::Duration;

/// What a tracker holds and has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackerStats {
    /// Pairs of rule and client that wait to be written.
    pub pending_pairs: usize,
    /// Violations that wait to be written.
    pub pending: u64,
    /// How long the oldest of those has waited.
    pub oldest: Option<Duration>,
    /// Places taken in the map of pairs; never more than the cap.
    pub places: usize,
    /// Violations counted without their client, for want of a place.
    pub folded: u64,
    /// Violations written.
    pub written: u64,
    /// Batches written.
    pub flushes: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Attempts that failed since the last one that did not.
    pub failures_in_a_row: u32,
    /// Batches that the sink rejected for what they say.
    pub rejected_batches: u64,
    /// Violations in those, which are lost.
    pub rejected: u64,
    /// Violations that came after the tracker was shut down, and were not taken.
    pub refused: u64,
    /// Violations that were not known to be written when the time to shut down was over.
    pub lost: u64,
}

/// Who violates a rule, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offender {
    /// The rule's public name.
    pub rule: Arc<str>,
    /// The client, as the tracker shows clients.
    pub client: Arc<str>,
    /// How often, as far as the tracker remembers: since the flush before the last.
    pub count: u64,
}
