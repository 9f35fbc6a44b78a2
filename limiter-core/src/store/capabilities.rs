//! What a store can do, so that a policy which needs more is refused when it is prepared.

use crate::algorithm::{Algorithm, Params};
use crate::time::Nanos;

/// What a store can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    algorithms: &'static [Algorithm],
    rules_per_decision: usize,
    local: bool,
    penalties: bool,
    one_principal: bool,
    largest: (u64, Nanos),
    most: &'static [(Algorithm, u64)],
}

impl Capabilities {
    /// Exact algorithms, and how many rules one decision may hold.
    #[must_use]
    pub const fn new(algorithms: &'static [Algorithm], rules_per_decision: usize) -> Self {
        Capabilities {
            algorithms,
            rules_per_decision,
            local: false,
            penalties: false,
            one_principal: false,
            largest: (u64::MAX, Nanos::MAX),
            most: &[],
        }
    }

    /// Says that one decision can only be about the keys of one principal: they are kept apart from
    /// those of others, as in a cluster.
    #[must_use]
    pub const fn one_principal(mut self) -> Self {
        self.one_principal = true;
        self
    }

    /// Says how large a capacity and how long a period can be counted exactly.
    #[must_use]
    pub const fn up_to(mut self, capacity: u64, period: Nanos) -> Self {
        self.largest = (capacity, period);
        self
    }

    /// Says that the state stays in this process, so that hashed subjects are enough.
    #[must_use]
    pub const fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// Says that [`Mode::Penalty`](super::Mode::Penalty) is known.
    #[must_use]
    pub const fn with_penalties(mut self) -> Self {
        self.penalties = true;
        self
    }

    /// Says that some algorithms are counted up to a capacity only.
    #[must_use]
    pub const fn with_most(mut self, most: &'static [(Algorithm, u64)]) -> Self {
        self.most = most;
        self
    }

    /// The largest capacity that this store counts by an algorithm.
    #[must_use]
    pub fn most(&self, algorithm: Algorithm) -> u64 {
        self.most.iter().find(|(limited, _)| *limited == algorithm).map_or(u64::MAX, |(_, most)| *most)
    }

    /// The algorithms that this store counts exactly as defined.
    #[must_use]
    pub const fn algorithms(&self) -> &'static [Algorithm] {
        self.algorithms
    }

    /// How many rules one atomic decision may hold.
    #[must_use]
    pub const fn rules_per_decision(&self) -> usize {
        self.rules_per_decision
    }

    /// Whether the rules of one decision must all have the same key.
    #[must_use]
    pub const fn is_one_principal(&self) -> bool {
        self.one_principal
    }

    /// Whether a limit is small enough to be counted exactly.
    #[must_use]
    pub fn counts(&self, params: &Params) -> bool {
        params.capacity() <= self.largest.0 && params.period() <= self.largest.1.get()
    }

    /// Whether refused costs can be counted.
    #[must_use]
    pub const fn penalties(&self) -> bool {
        self.penalties
    }

    /// Whether the state stays in this process.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.local
    }
}
