//! Several processes, one store, and what lies between: limits hold whatever the network and the servers do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "fleet/doors.rs"]
mod doors;
#[path = "fleet/failover.rs"]
mod failover;
#[path = "fleet/lines.rs"]
mod lines;
#[path = "fleet/load.rs"]
mod load;
#[path = "fleet/many.rs"]
mod many;
#[path = "fleet/memory.rs"]
mod memory;
#[path = "fleet/outage.rs"]
mod outage;
#[path = "fleet/presence.rs"]
mod presence;
#[path = "fleet/processes.rs"]
mod processes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Tests that measure time run one after the other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How late this machine wakes those who sleep: what is late by as much is not the limiter's fault.
struct Hiccups(Arc<AtomicU64>);

impl Hiccups {
    fn watch() -> Self {
        let worst = Arc::new(AtomicU64::new(0));
        let noted = Arc::downgrade(&worst);
        tokio::spawn(async move {
            while let Some(worst) = noted.upgrade() {
                let began = now();
                tokio::time::sleep(Duration::from_millis(5)).await;
                worst.fetch_max(began.elapsed().as_millis() as u64, Ordering::SeqCst);
            }
        });
        Hiccups(worst)
    }

    /// What may be added to any deadline.
    fn slack(&self) -> Duration {
        SLACK + Duration::from_millis(2 * self.0.load(Ordering::SeqCst))
    }

    /// Whether nobody was woken so late that a deadline may have passed meanwhile.
    fn none(&self) -> bool {
        self.0.load(Ordering::SeqCst) < 20
    }
}

#[expect(clippy::disallowed_methods, reason = "how long real servers take is measured")]
fn now() -> Instant {
    Instant::now()
}
