//! What replays ask of a limiter, wherever its store is.

use std::time::Duration;

use limiter_core::{Held, Policy, RateLimitExceeded, Rule};

/// A limiter, and how to ask it where its store is.
pub(crate) trait Venue {
    /// So many slots, each with a lease of this length.
    fn slots(&self, limit: u32, lease: Duration) -> Rule;

    /// Whether one request passes.
    async fn admits(&self, policy: &Policy) -> bool;

    async fn acquire(&self, policy: &Policy) -> Result<Held, RateLimitExceeded>;

    /// Leaves the scope; the slot is free afterwards.
    async fn leave(&self, held: Held);

    /// How many of so many attempts at once succeed. Nobody gives back until all have tried.
    async fn contend(&self, policy: &Policy, attempts: u64) -> u64;
}
