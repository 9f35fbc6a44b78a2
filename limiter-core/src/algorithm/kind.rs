//! The algorithms by name, and what each promises.

use core::fmt;

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
    /// Token bucket that refills at once: each whole period brings `count` back, up to the burst.
    /// In any stretch of time `t` at most `burst + count x (t / period + 1)`, the division whole.
    /// Periods follow each other from the first use of a full quota, or lie on multiples of the
    /// period since the epoch when the quota says `aligned`.
    Interval,
    /// Exact sliding window: never more than `count` in any stretch as long as the period. It
    /// remembers each admission, so the count is at most [`MAX_LOG_UNITS`](super::log::MAX_LOG_UNITS).
    Log,
    /// Sliding window counter: at most `count` by an estimate that takes the units of the previous
    /// window for evenly spread. At most `count` in each window from the first use on, so at most
    /// twice that in a stretch as long as a window, and then only if the load was uneven; in
    /// constant memory. Who needs the exact bound says `log`.
    Sliding,
}

impl Algorithm {
    /// The name used in configuration: `bucket`, `concurrent`, `fixed`, `interval`, `log`, `sliding`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Bucket => "bucket",
            Algorithm::Concurrent => "concurrent",
            Algorithm::Fixed => "fixed",
            Algorithm::Interval => "interval",
            Algorithm::Log => "log",
            Algorithm::Sliding => "sliding",
        }
    }

    /// Finds an algorithm by its [`name`](Algorithm::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// All algorithms.
    pub const ALL: [Algorithm; 6] = [
        Algorithm::Bucket,
        Algorithm::Concurrent,
        Algorithm::Fixed,
        Algorithm::Interval,
        Algorithm::Log,
        Algorithm::Sliding,
    ];
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
