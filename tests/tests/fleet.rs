//! Several processes, one store, and what lies between: limits hold whatever the network and the servers do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "fleet/failover.rs"]
mod failover;
#[path = "fleet/lines.rs"]
mod lines;
#[path = "fleet/outage.rs"]
mod outage;
#[path = "fleet/processes.rs"]
mod processes;

use std::time::{Duration, Instant};

use limiter_core::key::Key;
use limiter_core::{Limiter, Policy, Reply, Ruling};

/// What a busy machine may add to any time.
const SLACK: Duration = Duration::from_millis(150);

async fn ask(limiter: &Limiter, policy: &Policy, key: u64, cost: u64) -> Ruling {
    match limiter.decide_key(policy, &Key::from(key), cost) {
        Reply::Now(ruling) => ruling,
        Reply::Later(ruling) => ruling.await,
    }
}

#[expect(clippy::disallowed_methods, reason = "how long real servers take is measured")]
fn now() -> Instant {
    Instant::now()
}
