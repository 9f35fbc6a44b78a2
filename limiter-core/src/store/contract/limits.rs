//! The limits that promises are checked on: all of capacity 5, slow enough that a store with a
//! clock of its own does not refill between two operations.

use std::time::Duration;

use crate::algorithm::{Algorithm, Params};
use crate::quota::{Alignment, Quota};

/// Units that a fresh key can spend at once.
pub(super) const CAPACITY: u64 = 5;
/// In which they come back.
pub(super) const PERIOD: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) name: &'static str,
    pub(super) params: Params,
}

impl Limit {
    /// Whether spent units come back by themselves.
    pub(super) fn is_timed(&self) -> bool {
        self.params.algorithm() != Algorithm::Concurrent
    }
}

/// One limit for each way in which an algorithm counts.
pub(super) fn of(algorithm: Algorithm) -> Vec<Limit> {
    let Ok(quota) = Quota::new(CAPACITY, PERIOD) else { return Vec::new() };
    let aligned = quota.with_alignment(Alignment::Epoch { offset_secs: 0 });
    let timed = |name, quota| Params::new(algorithm, quota).ok().map(|params| Limit { name, params });
    match algorithm {
        Algorithm::Bucket => timed("a bucket", quota).into_iter().collect(),
        Algorithm::Concurrent => vec![Limit { name: "a concurrent limit", params: Params::concurrent(CAPACITY) }],
        Algorithm::Interval => {
            timed("an interval", quota).into_iter().chain(timed("an aligned interval", aligned)).collect()
        }
        Algorithm::Log => timed("an exact log", quota).into_iter().collect(),
        Algorithm::Sliding => timed("a sliding window", quota).into_iter().collect(),
        Algorithm::Fixed => {
            timed("a first-hit window", quota).into_iter().chain(timed("an aligned window", aligned)).collect()
        }
    }
}
