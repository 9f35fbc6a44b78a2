//! What there is to choose for a rule: its limit, its cost, and what happens where it cannot count.

use core::fmt;
use std::sync::Arc;

use http::request::Parts;

use crate::quota::Quota;

/// How much a request takes.
#[derive(Clone)]
#[non_exhaustive]
pub enum Cost {
    /// The same for every request. 0 asks without taking.
    Fixed(u32),
    /// Worked out from the head of the request.
    Function(Arc<dyn Fn(&Parts) -> u32 + Send + Sync>),
}

impl Cost {
    pub(crate) fn of(&self, parts: &Parts) -> u64 {
        match self {
            Cost::Fixed(cost) => u64::from(*cost),
            Cost::Function(cost) => u64::from(cost(parts)),
        }
    }

    /// The cost where there is no request to work it out from.
    pub(crate) fn constant(&self) -> u64 {
        match self {
            Cost::Fixed(cost) => u64::from(*cost),
            Cost::Function(_) => 1,
        }
    }
}

impl From<u32> for Cost {
    fn from(cost: u32) -> Self {
        Cost::Fixed(cost)
    }
}

impl fmt::Debug for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cost::Fixed(cost) => write!(f, "Fixed({cost})"),
            Cost::Function(_) => f.write_str("Function"),
        }
    }
}

/// The quota of a caller, worked out from the head of the request.
pub(crate) type QuotaFn = Arc<dyn Fn(&Parts) -> Quota + Send + Sync>;

/// What to do when the store fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnStoreError {
    /// Refuse.
    Closed,
    /// A limiter in this process decides.
    #[default]
    Local,
    /// Let everything pass.
    Open,
}

/// What to do with a new key when the table of keys is full and every key in it is live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AtCeiling {
    /// Give up the cell nearest to idle among a few. A flood then forgets the flood, not the
    /// abuser. The only case in which more than the rule's promise may be admitted: at most the
    /// debt of the cells given up, which [`Stats::evicted`](crate::store::memory::Stats) counts. A
    /// key used once is one unit in debt and goes before one that is a burst in debt, so a flood has
    /// to spend about a burst for each key before abusers are forgotten: one of fifty times more keys
    /// than there is room for, each used once, gains them at most a quarter.
    #[default]
    Evict,
    /// New keys share one budget. Nobody is admitted above the quota, and all who share together
    /// are admitted no more than one of them: in a flood who is new may be refused for what others
    /// asked.
    Overflow,
    /// New keys are refused until a cell is free. Nobody is admitted above the quota, and the keys
    /// that are known go on as if there were no flood.
    Refuse,
}

/// What a rule limits by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// So many at the same time.
    Concurrent(u64),
    /// So many per time.
    Rate(Quota),
}
