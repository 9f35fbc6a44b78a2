//! The algorithms: pure functions of (parameters, state, now, cost).
//!
//! No function here reads a clock, allocates or panics. A [`State`] does not embed the quota: the
//! parameters travel with every call, so a changed quota keeps the used part. An instant exactly
//! on an edge belongs to the new interval.

pub mod bucket;
pub mod concurrent;
pub mod fixed;
pub mod interval;
mod kind;
pub(crate) mod leases;
pub mod log;
mod mismatch;
mod share;
pub mod sliding;

use crate::quota::{Alignment, Quota};
use crate::time::{Nanos, Now};
pub use kind::Algorithm;
pub use mismatch::Mismatch;

/// A quota made ready for its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    algorithm: Algorithm,
    /// Units that a fresh key can spend at once.
    capacity: u64,
    /// Units that a period brings back (interval only).
    count: u64,
    /// Nanoseconds one unit takes to come back (bucket), or after which a slot runs out (concurrent,
    /// 0 for never).
    interval: u64,
    /// Length of the window, or of the quota's period.
    period: u64,
    /// Shift of aligned windows against the epoch.
    offset_secs: i32,
    /// Without it windows open at the first request. Not an option around the shift, which would make
    /// this larger by a sixth: parameters travel with every operation.
    aligned: bool,
}

impl Params {
    /// Makes a quota ready for an algorithm that counts per period.
    ///
    /// # Errors
    ///
    /// When the two do not fit: a burst where windows are counted, an alignment where there are no
    /// edges, more than an exact log remembers.
    pub fn new(algorithm: Algorithm, quota: Quota) -> Result<Self, Mismatch> {
        let offset = match quota.alignment() {
            Alignment::Epoch { offset_secs } => Some(offset_secs),
            _ => None,
        };
        match algorithm {
            Algorithm::Bucket if offset.is_some() => return Err(Mismatch::AlignedBucket),
            Algorithm::Sliding | Algorithm::Log if offset.is_some() => return Err(Mismatch::AlignedSliding),
            Algorithm::Fixed | Algorithm::Sliding | Algorithm::Log
                if quota.has_burst() && quota.burst() != quota.count() =>
            {
                return Err(Mismatch::BurstOnWindow);
            }
            Algorithm::Log if quota.count() > log::MAX_LOG_UNITS => {
                return Err(Mismatch::LogTooLong { count: quota.count() });
            }
            Algorithm::Concurrent => return Err(Mismatch::QuotaOnConcurrent),
            _ => {}
        }
        Ok(Params {
            algorithm,
            capacity: if quota.count() == 0 { 0 } else { quota.burst() },
            count: quota.count(),
            interval: quota.interval_nanos(),
            period: quota.period_nanos(),
            offset_secs: offset.unwrap_or(0),
            aligned: offset.is_some(),
        })
    }

    /// At most `limit` units held at the same time.
    #[must_use]
    pub const fn concurrent(limit: u64) -> Self {
        Params {
            algorithm: Algorithm::Concurrent,
            capacity: limit,
            count: 0,
            interval: 0,
            period: 0,
            offset_secs: 0,
            aligned: false,
        }
    }

    /// The same, with slots that run out this long after they were taken, if nobody gives them back
    /// before. Zero is never, and other algorithms hold no slots.
    #[must_use]
    pub const fn leased(mut self, lease: Nanos) -> Self {
        if matches!(self.algorithm, Algorithm::Concurrent) {
            self.interval = lease.get();
        }
        self
    }

    /// How long after it was taken a slot runs out, if it does.
    #[must_use]
    #[inline]
    pub const fn lease(&self) -> Option<Nanos> {
        match self.algorithm {
            Algorithm::Concurrent if self.interval > 0 => Some(Nanos::new(self.interval)),
            _ => None,
        }
    }

    /// Whether what is remembered of a key grows with what it takes.
    #[inline]
    pub(crate) const fn grows(&self) -> bool {
        matches!(self.algorithm, Algorithm::Log) || self.lease().is_some()
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

    /// Shift of aligned edges against UTC in seconds; `None` where edges follow the first use.
    #[must_use]
    pub const fn offset(&self) -> Option<i32> {
        if self.aligned { Some(self.offset_secs) } else { None }
    }

    /// Units that a period brings back, where periods do.
    #[cfg(feature = "redis")]
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// Nanoseconds in which one unit comes back.
    #[cfg(feature = "redis")]
    pub(crate) const fn interval(&self) -> u64 {
        self.interval
    }

    /// How much later than by the wall clock an aligned window may end by the other.
    #[cfg(feature = "redis")]
    pub(crate) const fn slack(&self) -> u64 {
        if self.offset().is_some() { self.period / 1024 } else { 0 }
    }

    /// Whether decisions read the wall clock.
    #[must_use]
    pub const fn needs_wall(&self) -> bool {
        self.aligned
    }

    /// Whether the state needs more than [`State::fresh_at`].
    #[must_use]
    pub const fn is_wide(&self) -> bool {
        !matches!(self.algorithm, Algorithm::Bucket)
    }

    /// How long a spent quota takes to be whole again, where that is known: the `w` of the wire. Under
    /// [`Algorithm::Sliding`] that is the period, though the last unit of a window weighs for longer.
    #[must_use]
    pub const fn window(&self) -> Option<Nanos> {
        match self.algorithm {
            Algorithm::Bucket => Some(Nanos::new(self.tau())),
            Algorithm::Concurrent => None,
            Algorithm::Fixed | Algorithm::Log | Algorithm::Sliding => Some(Nanos::new(self.period)),
            Algorithm::Interval => {
                let periods = self.capacity.div_ceil(if self.count == 0 { 1 } else { self.count });
                Some(Nanos::new(periods.saturating_mul(self.period)))
            }
        }
    }

    /// Decides about `cost` units; 0 asks without taking.
    ///
    /// For [`Algorithm::Log`] this knows the summary alone and is stricter than the log; a store
    /// that keeps logs asks [`Log`](log::Log) instead.
    ///
    /// The returned state is what a store keeps; a refusal and a question leave it as it was.
    #[must_use]
    #[inline]
    pub fn decide(&self, state: State, now: Now, cost: u64) -> Step {
        match self.take(state, now, cost) {
            Ok(state) => Step { verdict: Verdict::Allow, state },
            Err(verdict) => Step { verdict, state },
        }
    }

    /// The same: the state to keep, or why the cost was not taken.
    #[inline]
    pub(crate) fn take(&self, state: State, now: Now, cost: u64) -> Result<State, Verdict> {
        if cost > self.capacity {
            return Err(Verdict::TooBig);
        }
        match self.algorithm {
            Algorithm::Bucket => bucket::Charge::new(self, cost).take(state, now),
            Algorithm::Concurrent => concurrent::take(self, state, now, cost),
            Algorithm::Fixed => fixed::take(self, state, now, cost),
            Algorithm::Interval => interval::take(self, state, now, cost),
            Algorithm::Log => log::take_summary(self, state, now, cost),
            Algorithm::Sliding => sliding::take(self, state, now, cost),
        }
    }

    /// Counts a refused cost, up to the capacity, and answers as of then. Where units come back one
    /// by one, whoever goes on asking stays out; where they come back at an edge, the refused take
    /// what is left until then. Whoever stops waits no longer than a spent quota takes to come back.
    ///
    /// Concurrent limits count slots, which a refusal does not hold: nothing is counted there.
    #[must_use]
    pub fn penalize(&self, state: State, now: Now, cost: u64) -> Step {
        let state = match self.algorithm {
            Algorithm::Concurrent => state,
            Algorithm::Bucket => bucket::saturate(self, state, now),
            Algorithm::Sliding => sliding::saturate(self, state, now, cost),
            _ => match i64::try_from(self.remaining(state, now)) {
                Ok(left @ 1..) => self.settle(state, now, now.monotonic, left),
                _ => state,
            },
        };
        self.decide(state, now, cost)
    }

    /// Takes (`units` > 0) or gives back (`units` < 0) without asking. Never below fresh.
    ///
    /// `until` is the [`State::fresh_at`] that the charge left behind: by then it has worn off by
    /// itself, and there is nothing left to give back.
    #[must_use]
    pub fn settle(&self, state: State, now: Now, until: Nanos, units: i64) -> State {
        match self.algorithm {
            Algorithm::Bucket => bucket::settle(self, state, now, until, units),
            Algorithm::Concurrent => concurrent::settle(self, state, now, until, units),
            Algorithm::Fixed => fixed::settle(self, state, now, until, units),
            Algorithm::Interval => interval::settle(self, state, now, until, units),
            Algorithm::Log => log::settle_summary(self, state, now, until, units),
            Algorithm::Sliding => sliding::settle(self, state, now, until, units),
        }
    }

    /// Units that would be admitted now, one by one or at once.
    #[must_use]
    pub fn remaining(&self, state: State, now: Now) -> u64 {
        match self.algorithm {
            Algorithm::Bucket => bucket::remaining(self, state, now),
            Algorithm::Concurrent => concurrent::remaining(self, state, now),
            Algorithm::Fixed => fixed::remaining(self, state, now),
            Algorithm::Interval => interval::remaining(self, state, now),
            Algorithm::Log => log::remaining(self, state, now),
            Algorithm::Sliding => sliding::remaining(self, state, now),
        }
    }

    /// Time until the whole quota is back; `None` where no time is known.
    #[must_use]
    pub fn reset_after(&self, state: State, now: Now) -> Option<Nanos> {
        match self.algorithm {
            Algorithm::Concurrent => None,
            Algorithm::Bucket => Some(state.fresh_at.saturating_sub(now.monotonic)),
            Algorithm::Fixed => Some(fixed::reset_after(self, state, now)),
            Algorithm::Interval => Some(interval::reset_after(self, state, now)),
            Algorithm::Log => Some(log::reset_after(state, now)),
            Algorithm::Sliding => Some(sliding::reset_after(self, state, now)),
        }
    }

    /// Time until the next unit comes back, `None` when the quota is whole or no time is known.
    #[must_use]
    pub fn next_unit_after(&self, state: State, now: Now) -> Option<Nanos> {
        match self.algorithm {
            Algorithm::Concurrent => None,
            Algorithm::Bucket => bucket::next_unit_after(self, state, now),
            Algorithm::Fixed => Some(fixed::reset_after(self, state, now)).filter(|t| *t > Nanos::ZERO),
            Algorithm::Interval => interval::next_unit_after(self, state, now),
            Algorithm::Log => log::next_unit_after(state, now),
            Algorithm::Sliding => sliding::next_unit_after(self, state, now),
        }
    }

    /// Time that `units` take to come back in a bucket; none elsewhere.
    pub(crate) const fn weight(&self, units: u64) -> Nanos {
        if self.is_wide() { Nanos::ZERO } else { Nanos::new(units.saturating_mul(self.interval)) }
    }

    /// Time a full bucket takes to refill from empty. Quotas are refused above 100 years, so this fits.
    #[inline(always)]
    const fn tau(&self) -> u64 {
        self.capacity.saturating_mul(self.interval)
    }
}

/// What is remembered of one key under one rule. The default is a key never seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// Monotonic time from which this state equals a fresh one: the cell may then be forgotten.
    pub fresh_at: Nanos,
    /// Start of an aligned window in wall time; each algorithm says what else it keeps here.
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
