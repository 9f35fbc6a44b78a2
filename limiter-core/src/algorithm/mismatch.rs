//! Why a quota and an algorithm do not go together.

use core::fmt;

use super::log;

/// A quota that its algorithm cannot count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// A bucket refills continuously: there is no window to align.
    AlignedBucket,
    /// A sliding window has no edges to align.
    AlignedSliding,
    /// A window admits its count and no burst above it.
    BurstOnWindow,
    /// What counts requests holds no slots that could run out.
    LeaseOnRate,
    /// A lease of no time.
    LeaseOfNoTime,
    /// More units than an exact log remembers.
    LogTooLong {
        /// The count asked for.
        count: u64,
    },
    /// A refusal holds no slot that could be counted.
    PenaltyOnConcurrent,
    /// A rule that counts what it refuses settles by outcome, and a refused request has none.
    PenaltyOnSettled,
    /// A concurrent limit counts slots, not requests per time.
    QuotaOnConcurrent,
    /// A slot is free when its request ends, whatever came of it.
    SettleOnConcurrent,
    /// Even spacing is a bucket that holds one request of a known cost.
    SpacedWithoutRate,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mismatch::LogTooLong { count } => {
                return write!(
                    f,
                    "a count of {count} is more than an exact log remembers; accepted: up to {}, or algorithm `sliding`",
                    log::MAX_LOG_UNITS
                );
            }
            Mismatch::AlignedSliding => "a sliding window has no edges and cannot be `aligned`; use algorithm `fixed`",
            Mismatch::AlignedBucket => "a bucket refills continuously and cannot be `aligned`; use algorithm `fixed`",
            Mismatch::BurstOnWindow => {
                "a window admits its count and has no `burst`; use algorithm `bucket`, or leave the burst out"
            }
            Mismatch::LeaseOnRate => "only slots of a concurrent limit run out; leave `lease` out",
            Mismatch::LeaseOfNoTime => "a lease of 0 holds nothing; accepted: 1 ns or more",
            Mismatch::PenaltyOnConcurrent => "a concurrent limit counts slots held, and a refusal holds none; leave `penalty` out",
            Mismatch::PenaltyOnSettled => "a rule that settles by outcome never counts what it refuses; leave `penalty` out",
            Mismatch::SettleOnConcurrent => "a slot is free when its request ends, whatever came of it; leave what is settled out",
            Mismatch::SpacedWithoutRate => "requests are evenly spaced by algorithm `bucket` with a quota per time and a constant cost alone; leave the spacing out",
            Mismatch::QuotaOnConcurrent => "a concurrent limit takes a number of slots, not a quota per time",
        })
    }
}

impl std::error::Error for Mismatch {}
