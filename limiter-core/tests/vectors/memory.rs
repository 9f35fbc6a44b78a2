//! Replays in the memory of one process.

use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::{Held, Limiter, Policy, RateLimitExceeded, Rule};

use crate::venue::Venue;

/// What one process remembers.
pub(crate) struct InMemory(pub(crate) Limiter);

impl Venue for InMemory {
    fn slots(&self, limit: u32, lease: Duration) -> Rule {
        Rule::concurrent(limit).lease(lease)
    }

    async fn admits(&self, policy: &Policy) -> bool {
        self.0.check(policy, &Key::everyone()).is_allowed()
    }

    async fn acquire(&self, policy: &Policy) -> Result<Held, RateLimitExceeded> {
        self.0.try_acquire(policy, &Key::everyone())
    }

    async fn leave(&self, held: Held) {
        drop(held);
    }

    async fn contend(&self, policy: &Policy, attempts: u64) -> u64 {
        std::thread::scope(|scope| {
            let attempt = || self.0.try_acquire(policy, &Key::everyone());
            let started: Vec<_> = (0..attempts).map(|_| scope.spawn(attempt)).collect();
            let ended: Vec<_> = started.into_iter().map(|thread| thread.join().unwrap()).collect();
            ended.iter().map(|one| u64::from(one.is_ok())).sum()
        })
    }
}
