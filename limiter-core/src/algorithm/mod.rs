//! The algorithms: pure functions of (parameters, state, now, cost).
//!
//! No function here reads a clock, allocates or panics. A [`State`] does not embed the quota: the
//! parameters travel with every call, so a changed quota keeps the used part. An instant exactly
//! on an edge belongs to the new interval.

pub mod bucket;
pub mod concurrent;
pub mod fixed;

use core::fmt;

use crate::quota::{Alignment, Quota};
use crate::time::{Nanos, Now};

/// How a quota is counted. What each promises is said where it is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Token bucket with continuous refill (GCRA): in any stretch of time `t` at most
    /// `burst + rate x t`. So `100/min` can pass 199 in its first minute.
    #[default]
    Bucket,
    /// At most `limit` at the same time.
    Concurrent,
    /// Fixed window: at most `count` in each window, so at most twice that in a stretch as long
    /// as a window. Windows open at the first request, or at multiples of the period since the
    /// epoch when the quota says `aligned`.
    Fixed,
}

impl Algorithm {
    /// The name used in configuration: `bucket`, `fixed`, `concurrent`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Bucket => "bucket",
            Algorithm::Concurrent => "concurrent",
            Algorithm::Fixed => "fixed",
        }
    }

    /// Finds an algorithm by its [`name`](Algorithm::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Algorithm::Bucket, Algorithm::Concurrent, Algorithm::Fixed].into_iter().find(|a| a.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A quota made ready for its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    algorithm: Algorithm,
    /// Units that a fresh key can spend at once.
    capacity: u64,
    /// Nanoseconds one unit takes to come back (bucket only).
    interval: u64,
    /// Length of the window, or of the quota's period.
    period: u64,
    /// Shift of aligned windows against the epoch; `None` opens windows at the first request.
    offset: Option<i32>,
}

impl Params {
    /// Makes a quota ready for an algorithm that counts per period.
    ///
    /// # Errors
    ///
    /// When the two do not fit: a burst or no period where windows are counted, an alignment where there are
    /// no windows.
    pub fn new(algorithm: Algorithm, quota: Quota) -> Result<Self, Mismatch> {
        let offset = match quota.alignment() {
            Alignment::Epoch { offset_secs } => Some(offset_secs),
            _ => None,
        };
        match algorithm {
            Algorithm::Bucket if offset.is_some() => return Err(Mismatch::AlignedBucket),
            Algorithm::Fixed if quota.has_burst() && quota.burst() != quota.count() => {
                return Err(Mismatch::BurstOnWindow);
            }
            Algorithm::Concurrent => return Err(Mismatch::QuotaOnConcurrent),
            _ => {}
        }
        Ok(Params {
            algorithm,
            capacity: if quota.count() == 0 { 0 } else { quota.burst() },
            interval: quota.interval_nanos(),
            period: quota.period_nanos(),
            offset,
        })
    }

    /// At most `limit` units held at the same time.
    #[must_use]
    pub const fn concurrent(limit: u64) -> Self {
        Params { algorithm: Algorithm::Concurrent, capacity: limit, interval: 0, period: 0, offset: None }
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Units a fresh key can spend at once.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The period in nanoseconds; 0 for concurrent limits.
    #[must_use]
    pub const fn period(&self) -> u64 {
        self.period
    }

    /// Whether decisions read the wall clock.
    #[must_use]
    pub const fn needs_wall(&self) -> bool {
        self.offset.is_some()
    }

    /// Whether the state needs more than [`State::fresh_at`].
    #[must_use]
    pub const fn is_wide(&self) -> bool {
        !matches!(self.algorithm, Algorithm::Bucket)
    }

    /// How long a spent quota takes to be whole again, where that is known: the `w` of the wire.
    #[must_use]
    pub const fn window(&self) -> Option<Nanos> {
        match self.algorithm {
            Algorithm::Bucket => Some(Nanos::new(self.tau())),
            Algorithm::Concurrent => None,
            Algorithm::Fixed => Some(Nanos::new(self.period)),
        }
    }

    /// Decides about `cost` units; 0 asks without taking.
    ///
    /// The returned state is what a store keeps; a refusal and a question leave it as it was.
    #[must_use]
    #[inline]
    pub fn decide(&self, state: State, now: Now, cost: u64) -> Step {
        if cost > self.capacity {
            return Step { verdict: Verdict::TooBig, state };
        }
        match self.algorithm {
            Algorithm::Bucket => bucket::decide(self, state, now, cost),
            Algorithm::Concurrent => concurrent::decide(self, state, cost),
            Algorithm::Fixed => fixed::decide(self, state, now, cost),
        }
    }

    /// Takes (`units` > 0) or gives back (`units` < 0) without asking. Never below fresh.
    ///
    /// `until` is the [`State::fresh_at`] that the charge left behind: by then it has worn off by
    /// itself, and there is nothing left to give back.
    #[must_use]
    pub fn settle(&self, state: State, now: Now, until: Nanos, units: i64) -> State {
        match self.algorithm {
            Algorithm::Bucket => bucket::settle(self, state, now, until, units),
            Algorithm::Concurrent => concurrent::settle(state, units),
            Algorithm::Fixed => fixed::settle(self, state, now, until, units),
        }
    }

    /// Units that would be admitted now, one by one or at once.
    #[must_use]
    pub fn remaining(&self, state: State, now: Now) -> u64 {
        match self.algorithm {
            Algorithm::Bucket => bucket::remaining(self, state, now),
            Algorithm::Concurrent => self.capacity.saturating_sub(state.used),
            Algorithm::Fixed => fixed::remaining(self, state, now),
        }
    }

    /// Time until the whole quota is back; `None` where no time is known.
    #[must_use]
    pub fn reset_after(&self, state: State, now: Now) -> Option<Nanos> {
        match self.algorithm {
            Algorithm::Concurrent => None,
            Algorithm::Bucket => Some(state.fresh_at.saturating_sub(now.monotonic)),
            Algorithm::Fixed => Some(fixed::reset_after(self, state, now)),
        }
    }

    /// Time until the next unit comes back, `None` when the quota is whole or no time is known.
    #[must_use]
    pub fn next_unit_after(&self, state: State, now: Now) -> Option<Nanos> {
        match self.algorithm {
            Algorithm::Concurrent => None,
            Algorithm::Bucket => bucket::next_unit_after(self, state, now),
            Algorithm::Fixed => Some(fixed::reset_after(self, state, now)).filter(|t| *t > Nanos::ZERO),
        }
    }

    /// Time that `units` take to come back in a bucket; none elsewhere.
    pub(crate) const fn weight(&self, units: u64) -> Nanos {
        if self.is_wide() { Nanos::ZERO } else { Nanos::new(units.saturating_mul(self.interval)) }
    }

    /// Time a full bucket takes to refill from empty. Quotas are refused above 100 years, so this fits.
    const fn tau(&self) -> u64 {
        self.capacity.saturating_mul(self.interval)
    }
}

/// What is remembered of one key under one rule. The default is a key never seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// Monotonic time from which this state equals a fresh one: the cell may then be forgotten.
    pub fresh_at: Nanos,
    /// Start of an aligned window in wall time.
    pub mark: u64,
    /// Units counted.
    pub used: u64,
}

impl State {
    /// Whether forgetting this state changes nothing.
    #[must_use]
    #[inline]
    pub fn is_stale(&self, now: Nanos) -> bool {
        self.fresh_at <= now
    }
}

/// The answer of an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The cost was taken.
    Allow,
    /// The cost was not taken. It would be, were it asked again after `retry` and nothing else
    /// happened; `None` where no such time is known.
    Deny {
        /// Time to wait.
        retry: Option<Nanos>,
    },
    /// The cost is above the capacity: waiting cannot help.
    TooBig,
}

/// An answer and the state that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The answer.
    pub verdict: Verdict,
    /// The state to keep.
    pub state: State,
}

/// A quota that its algorithm cannot count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// A bucket refills continuously: there is no window to align.
    AlignedBucket,
    /// A window admits its count and no burst above it.
    BurstOnWindow,
    /// A concurrent limit counts slots, not requests per time.
    QuotaOnConcurrent,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mismatch::AlignedBucket => "a bucket refills continuously and cannot be `aligned`; use algorithm `fixed`",
            Mismatch::BurstOnWindow => {
                "a window admits its count and has no `burst`; use algorithm `bucket`, or leave the burst out"
            }
            Mismatch::QuotaOnConcurrent => "a concurrent limit takes a number of slots, not a quota per time",
        })
    }
}

impl std::error::Error for Mismatch {}
