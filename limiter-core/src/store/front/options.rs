//! What a process knows of its fleet, and how long it waits for a shared store.

use std::time::Duration;

/// How long anybody waits for a store, unless stated.
pub const DEFAULT_DEADLINE: Duration = Duration::from_millis(50);
/// How long units set aside for a process last, unless stated.
pub const DEFAULT_LEASE_TTL: Duration = Duration::from_secs(1);

/// What stands between a process and the store that it shares with others.
///
/// ```
/// use limiter_core::store::front::FleetOptions;
/// use std::time::Duration;
///
/// let options = FleetOptions::new().nodes(8).deadline(Duration::from_millis(20));
/// assert_eq!(options, FleetOptions::default().deadline(Duration::from_millis(20)).nodes(8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct FleetOptions {
    pub(in crate::store) deadline: Duration,
    pub(super) nodes: Option<u32>,
    pub(super) lease_permille: u32,
    pub(super) lease_ttl: Duration,
    pub(super) denials: bool,
    pub(super) combine: bool,
    pub(super) breaker: bool,
}

impl FleetOptions {
    /// As many processes as there are, if the store can tell; exact, with a deadline of [`DEFAULT_DEADLINE`].
    pub const fn new() -> Self {
        FleetOptions {
            deadline: DEFAULT_DEADLINE,
            nodes: None,
            lease_permille: 0,
            lease_ttl: DEFAULT_LEASE_TTL,
            denials: true,
            combine: true,
            breaker: true,
        }
    }

    /// Nothing but the deadline: every request is asked about by itself, whatever was said before and
    /// however often the store has failed. For tests of a store.
    pub const fn bare() -> Self {
        let mut bare = FleetOptions::new().nodes(1).without_denial_cache().without_combining();
        bare.breaker = false;
        bare
    }

    /// How long anybody waits for an answer, at least a millisecond. Then the store counts as having
    /// failed for this request, and each rule says what happens.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = if deadline.as_millis() == 0 { Duration::from_millis(1) } else { deadline };
        self
    }

    /// How many processes share the store, at least 1. While the store fails each of them takes its
    /// share of every quota, so a fleet that has `k` times as many may admit `k` times as much.
    ///
    /// Unless stated, those that share a store in Redis say that they live and count each other: whoever
    /// connects is counted from then on, whoever leaves is not any more, and whoever dies is until the
    /// `heartbeat` of its builder is over. While the store fails the last known number stays. At other
    /// stores nobody counts, and each process takes itself for the only one.
    pub const fn nodes(mut self, nodes: u32) -> Self {
        self.nodes = Some(if nodes == 0 { 1 } else { nodes });
        self
    }

    /// Bounded mode: sets up to `percent` of what is left of a quota aside for the fleet's processes, so
    /// that most requests need no round trip. 0, the default, is exact; more than 100 counts as 100.
    ///
    /// A process fetches `L = max(1, percent x remaining / nodes)` units at a time, rounded down, spends
    /// one at once and keeps the rest for up to `ttl`. In any stretch of time a bucket then admits at most
    /// `min(nodes x (L - 1), rate x ttl)` more than `burst + rate x t`, which is at most `percent` of the
    /// burst; over the long run it admits nothing more, since the store was charged first. What is set
    /// aside in a fixed window ends with that window and admits nothing more at all. With `k` times as
    /// many processes as stated the bound is `k` times as large. Units that are not spent in time are lost.
    pub const fn set_aside(mut self, percent: u32, ttl: Duration) -> Self {
        self.lease_permille = if percent > 100 { 1000 } else { percent * 10 };
        self.lease_ttl = ttl;
        self
    }

    /// Asks the store about every request, even about those that it has just said cannot pass yet.
    pub const fn without_denial_cache(mut self) -> Self {
        self.denials = false;
        self
    }

    /// Asks the store about each request on its own, even if others of the same key are waiting.
    pub const fn without_combining(mut self) -> Self {
        self.combine = false;
        self
    }
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self::new()
    }
}
